"""The database as a configuration file: secrets as references, always in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from accounts.models import Agency, Organization
from sync.models import Connector, Mapping
from sync.records import Conflict, Direction, Mode, ObjectType, OnNull
from sync.services.config_secrets import placeholder
from sync.services.config_settings import (
    exported_close,
    exported_identity,
    exported_inbound,
    exported_outbound,
)


class _OneLine(dict):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes lists indented below their key, as people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _OneLine, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def export(connector: Connector | None = None) -> str:
    """Return the file of the whole installation without its sandboxes, or of one connector with its organization."""
    agencies = Agency.objects.order_by("slug")
    if connector:
        agencies = agencies.filter(organizations=connector.organization_id)
    tree = {"agencies": [_agency(agency, connector) for agency in agencies]}
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


def _agency(agency: Agency, only: Connector | None) -> dict[str, Any]:
    organizations = agency.organizations.order_by("slug")
    if only:
        organizations = organizations.filter(pk=only.organization_id)
    listed = [_organization(organization, only) for organization in organizations]
    return {"slug": agency.slug, "name": agency.name} | _unless_empty(organizations=listed)


def _organization(organization: Organization, only: Connector | None) -> dict[str, Any]:
    connectors = organization.connectors.order_by("slug").prefetch_related("mappings")
    if only:
        connectors = connectors.filter(pk=only.pk)
    else:
        connectors = connectors.filter(is_sandbox=False)  # its remotes are processes of this machine
    own = {"slug": organization.slug, "name": organization.name, "hull_domain": organization.hull_domain}
    return own | _unless_empty(connectors=[_connector(connector) for connector in connectors])


def _connector(connector: Connector) -> dict[str, Any]:
    key, url = _reference(connector, "close_api_key"), connector.close_api_url
    close = _unless_empty(api_key=key, api_url=url) | exported_close(connector)
    return {
        "slug": connector.slug,
        "name": connector.name,
        "enabled": connector.enabled,
        "hull": {"connector_id": connector.hull_connector_id}
        | {
            "secret": _reference(connector, "hull_secret")
            or _OneLine(placeholder(connector.slug, "hull_secret"))
        }
        | _unless_empty(api_url=connector.hull_api_url, firehose_url=connector.hull_firehose_url),
        **_unless_empty(close=close),
        "outbound": {
            "account_segments": list(connector.account_segments),
            "user_segments": list(connector.user_segments),
        }
        | _unless_empty(lead_status=connector.lead_status)
        | exported_outbound(connector),
        **_unless_empty(inbound=exported_inbound(connector)),
        "identity": {"hull": connector.identity_hull, "close": connector.identity_close}
        | exported_identity(connector),
        "mappings": _mappings(connector),
    }


def _reference(connector: Connector, name: str) -> dict[str, str]:
    """Return where a secret is to be found; empty when there is no secret."""
    if not getattr(connector, name):
        return {}
    return _OneLine(getattr(connector, f"{name}_ref") or placeholder(connector.slug, name))


def _mappings(connector: Connector) -> dict[str, Any]:
    """Return every list of rows, empty ones too, since an absent list would leave rows of another place alone."""
    rows = list(connector.mappings.all())
    return {
        object_type.value.lower(): {
            direction.value.lower(): list(_rows(rows, object_type, direction)) for direction in Direction
        }
        for object_type in ObjectType
    }


def _rows(
    rows: list[Mapping], object_type: ObjectType, direction: Direction
) -> Iterator[dict[str | None, str]]:
    for row in rows:
        if (row.object_type, row.direction) != (object_type, direction):
            continue
        names = {"hull": row.hull, "close": row.close}
        if direction is Direction.INBOUND:
            names = {"close": row.close} | _unless_empty(hull=row.hull)
        shown: dict[str | None, str] = dict(names.items())
        yield _OneLine(shown | _options(row, direction))


def _options(row: Mapping, direction: Direction) -> dict[str | None, str]:
    """Return what a row says beside what it pairs, without what goes without saying. YAML's null is a bare word."""
    said: dict[str | None, str] = {"mode": "" if row.mode == Mode.ALWAYS else row.mode}
    if direction is Direction.OUTBOUND:
        said[None] = "" if row.on_null == OnNull.CLEAR else row.on_null
        said["conflict"] = "" if row.conflict == Conflict.NEWEST else row.conflict
        said["transform"] = row.transform
    return {name: value for name, value in said.items() if value}


def _unless_empty(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
