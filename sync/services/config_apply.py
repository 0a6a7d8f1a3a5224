"""Brings the database in line with a configuration file, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Agency, Organization
from sync.models import Connector
from sync.services.config_connectors import FILE, ConnectorPair
from sync.services.config_file import ConfigFile, GivenAgency, GivenConnector, GivenOrganization
from sync.services.config_steps import Step, differing, field_steps
from sync.services.config_yaml import ConfigFileError, Mistake
from sync.services.configuration import configuration_changed


def plan(config: ConfigFile) -> tuple[Step, ...]:
    """Return what an apply would change, without changing it. Nothing to change gives nothing.

    Raises ConfigFileError with every mistake of the file, those of reading it included.
    """
    return tuple(step for pair in _paired(config) for step in pair.steps())


def apply(config: ConfigFile, *, now: datetime) -> tuple[Step, ...]:
    """Create and update what the file names, and return what was changed. What it does not name stays untouched.

    A setting that the file leaves out gets its default, with two exceptions: a Close key that is left out stays
    as it is stored, and so do mapping rows. A list of rows in the file replaces that list.
    Raises ConfigFileError as `plan` does, and changes nothing then.
    """
    try:
        with transaction.atomic():
            pairs = _paired(config)
            steps = tuple(step for pair in pairs for step in pair.steps())
            for pair in pairs:
                pair.write(now)
    except IntegrityError:
        raise ConfigFileError(
            [Mistake(1, "somebody changed the same records meanwhile; try again.")]
        ) from None
    return steps


# ── Agencies and organizations beside their rows ─────────────────────────────────────────────────


@dataclass(slots=True)
class _AgencyPair:
    given: GivenAgency
    row: Agency
    organizations: list[_OrganizationPair]

    def steps(self) -> Iterator[Step]:
        yield from _record_steps("agency", self.given, self.row)
        for organization in self.organizations:
            yield from organization.steps()

    def write(self, now: datetime) -> None:
        _save(self.given, self.row)
        for organization in self.organizations:
            organization.row.agency = self.row
            organization.write(now)


@dataclass(slots=True)
class _OrganizationPair:
    given: GivenOrganization
    row: Organization
    connectors: list[ConnectorPair]

    def steps(self) -> Iterator[Step]:
        yield from _record_steps("organization", self.given, self.row)
        for connector in self.connectors:
            yield from connector.steps()

    def write(self, now: datetime) -> None:
        """Save the organization and its connectors; another Hull domain concerns those too that the file leaves out."""
        domain = (
            {"hull_domain"} & differing(self.row, self.given.values).keys()
            if not self.row._state.adding
            else set()
        )
        _save(self.given, self.row)
        for connector in self.connectors:
            connector.row.organization = self.row
            connector.write(domain, now)
        named = [connector.given.slug for connector in self.connectors]
        for other in self.row.connectors.exclude(slug__in=named) if domain else ():
            configuration_changed(other, domain, by=FILE, now=now)


def _record_steps(
    kind: str, given: GivenAgency | GivenOrganization, row: Agency | Organization
) -> Iterator[Step]:
    if row._state.adding:
        yield Step("create", kind, given.slug)
    else:
        yield from field_steps(kind, given.slug, row, given.values)


def _save(given: GivenAgency | GivenOrganization, row: Agency | Organization) -> None:
    changed = differing(row, given.values)
    for name, value in changed.items():
        setattr(row, name, value)
    if changed or row._state.adding:
        row.save()


# ── Finding the rows ─────────────────────────────────────────────────────────────────────────────


def _paired(config: ConfigFile) -> list[_AgencyPair]:
    """Put each record of the file beside its row. Raises ConfigFileError when anything is wrong."""
    pairs = [_pair_agency(config, given) for given in config.agencies]
    if config.report.mistakes:
        raise ConfigFileError(config.report.mistakes)
    return pairs


def _pair_agency(config: ConfigFile, given: GivenAgency) -> _AgencyPair:
    row = Agency.objects.filter(slug=given.slug).first() or Agency(slug=given.slug)
    return _AgencyPair(given, row, [_pair_organization(config, each, row) for each in given.organizations])


def _pair_organization(config: ConfigFile, given: GivenOrganization, agency: Agency) -> _OrganizationPair:
    known = agency.organizations.filter(slug=given.slug).first() if not agency._state.adding else None
    row = known or Organization(slug=given.slug)
    return _OrganizationPair(given, row, [_pair_connector(config, each, row) for each in given.connectors])


def _pair_connector(config: ConfigFile, given: GivenConnector, organization: Organization) -> ConnectorPair:
    row = Connector.objects.select_related("organization__agency").filter(slug=given.slug).first()
    if row and row.organization_id != organization.pk:
        message = f"the slug {given.slug} belongs to a connector of {row.organization} already."
        config.report.mistake(given.slug_line, message)
    if row and row.is_sandbox:
        message = f"the slug {given.slug} belongs to a sandbox connector, which is changed in the admin only."
        config.report.mistake(given.slug_line, message)
    _check_twin(config, given, organization)
    if row and row.home == Connector.Home.HULL:
        message = f"{given.slug} takes its settings from Hull's dashboard, which overrides this file."
        config.report.warning(given.slug_line, message)
    return ConnectorPair(given, row or Connector(slug=given.slug))


def _check_twin(config: ConfigFile, given: GivenConnector, organization: Organization) -> None:
    """Note a Hull connector id that another connector of the organization has."""
    hull_id = given.values["hull_connector_id"]
    if not hull_id or organization._state.adding:
        return
    twin = organization.connectors.filter(hull_connector_id=hull_id).exclude(slug=given.slug).first()
    if twin:
        config.report.mistake(
            given.hull_id_line, f"hull.connector_id {hull_id} belongs to the connector {twin.slug} already."
        )
