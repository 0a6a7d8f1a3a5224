"""The configuration file as values: read whole, every mistake noted with its line, nothing looked up in the database."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from sync.records import Direction, MappingRow, ObjectType
from sync.services.config_rows import read_rows
from sync.services.config_secrets import GivenSecret, read_secret
from sync.services.config_settings import (
    CLOSE_KEYS,
    IDENTITY_KEYS,
    INBOUND_KEYS,
    OUTBOUND_KEYS,
    read_rules,
)
from sync.services.config_yaml import ConfigFileError, Mistake, Report, Section, compose

Place = tuple[ObjectType, Direction]

_SLUG = (r"[-a-zA-Z0-9_]{1,80}", "letters, digits, - and _ only, 80 at most")
_HOST = (r"(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+", "a host name in lower case, such as acme.hullapp.io")
_HULL_ID = (r"[0-9A-Za-z_-]{1,64}", "letters and digits only, 64 at most")
_IDENTITY_CLOSE = (r"url|custom\.\w{1,110}", "url or custom.cf_…")
_CONNECTOR = ("slug", "name", "enabled", "hull", "close", "outbound", "inbound", "identity", "mappings")


@dataclass(frozen=True, slots=True)
class GivenConnector:
    """A connector of the file. `values` has its fields by the model's names.

    A place that `rows` does not name was not in the file: its rows stay as they are.
    """

    slug: str
    values: Mapping[str, Any]
    secrets: Mapping[str, GivenSecret]
    rows: Mapping[Place, tuple[MappingRow, ...]]
    slug_line: int
    hull_id_line: int


@dataclass(frozen=True, slots=True)
class GivenOrganization:
    slug: str
    values: Mapping[str, Any]
    connectors: tuple[GivenConnector, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenAgency:
    slug: str
    values: Mapping[str, Any]
    organizations: tuple[GivenOrganization, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Everything that a file says, with the report of reading it."""

    agencies: tuple[GivenAgency, ...] = ()
    report: Report = field(default_factory=Report)


def read_file(path: Path) -> ConfigFile:
    """Read a file. Raises ConfigFileError when it cannot be read or is not YAML; other mistakes are in the report."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigFileError([Mistake(line, "this is not UTF-8 text.")]) from None
    return read_text(text, path.parent)


def read_text(text: str, directory: Path) -> ConfigFile:
    """Read the text of a file that lies in a directory."""
    report, node = Report(), compose(text)
    if node is None:
        raise ConfigFileError([Mistake(1, "the file is empty; it must begin with agencies.")])
    top = Section(node, "", report, ("agencies",))
    if not top.has("agencies"):
        top.require("agencies")
    reader = _Reader(report, directory)
    return ConfigFile(tuple(reader.agencies(top)), report)


class _Reader:
    """Reads sections downwards, and remembers names that may be used only once."""

    def __init__(self, report: Report, directory: Path) -> None:
        self.report, self.directory = report, directory
        self._used: dict[tuple[str, ...], Section] = {}

    def agencies(self, top: Section) -> Iterator[GivenAgency]:
        for section in top.sections("agencies", ("slug", "name", "organizations")):
            slug = self._slug(section, "agency")
            organizations = tuple(self._organizations(section, slug))
            yield GivenAgency(slug, {"name": _name(section)}, organizations)

    def _organizations(self, agency: Section, agency_slug: str) -> Iterator[GivenOrganization]:
        known = ("slug", "name", "hull_domain", "connectors")
        for section in agency.sections("organizations", known):
            slug = self._slug(section, "organization", agency_slug)
            domain = section.matching("hull_domain", *_HOST, required=True)
            connectors = tuple(
                self._connector(each, section.path) for each in section.sections("connectors", _CONNECTOR)
            )
            values = {"name": _name(section), "hull_domain": domain}
            yield GivenOrganization(slug, values, connectors)

    def _connector(self, section: Section, organization: str) -> GivenConnector:
        slug = self._slug(section, "connector")
        hull = _part(section, "hull", ("connector_id", "secret", "api_url", "firehose_url"), required=True)
        close = _part(section, "close", ("api_key", "api_url", *CLOSE_KEYS))
        hull_id = hull.matching("connector_id", *_HULL_ID, required=True, numbers=True)
        self._once(hull, "connector_id", "Hull connector", organization, hull_id)
        values = {
            "hull_connector_id": hull_id,
            **_own_values(section),
            **_urls(hull, close),
            **_choices(section, close),
        }
        lines = section.line_of("slug"), hull.line_of("connector_id")
        return GivenConnector(slug, values, self._secrets(hull, close), read_rows(section), *lines)

    def _secrets(self, hull: Section, close: Section) -> dict[str, GivenSecret]:
        given = {
            "hull_secret": read_secret(hull, "secret", self.directory, required=True),
            "close_api_key": read_secret(close, "api_key", self.directory),
        }
        return {name: secret for name, secret in given.items() if secret}

    def _slug(self, section: Section, kind: str, *within: str) -> str:
        slug = section.matching("slug", *_SLUG, required=True)
        self._once(section, "slug", kind, *within, slug)
        return slug

    def _once(self, section: Section, key: str, kind: str, *name: str) -> None:
        """Note a name that was used before. An empty one was noted already."""
        first = self._used.setdefault((kind, *name), section)
        if name[-1] and first is not section:
            section.mistake(key, f"is {name[-1]}, like the {kind} on line {first.line_of(key)}.")


def _part(section: Section, key: str, known: tuple[str, ...], *, required: bool = False) -> Section:
    """Return a part of a connector; an empty one when it is absent, so that its defaults hold."""
    found = section.section(key, known)
    if required:
        section.require(key)
    return found or Section.absent(section, key)


def _own_values(connector: Section) -> dict[str, Any]:
    return {"name": _name(connector), "enabled": connector.flag("enabled", default=True)}


def _urls(hull: Section, close: Section) -> dict[str, Any]:
    return {
        "hull_api_url": _url(hull, "api_url"),
        "hull_firehose_url": _url(hull, "firehose_url"),
        "close_api_url": _url(close, "api_url"),
    }


def _choices(connector: Section, close: Section) -> dict[str, Any]:
    known = ("account_segments", "user_segments", "lead_status", *OUTBOUND_KEYS)
    outbound = _part(connector, "outbound", known)
    identity = _part(connector, "identity", ("hull", "close", *IDENTITY_KEYS))
    inbound = _part(connector, "inbound", INBOUND_KEYS)
    return {
        "account_segments": list(outbound.texts("account_segments")),
        "user_segments": list(outbound.texts("user_segments")),
        "lead_status": outbound.short("lead_status", 120),
        "identity_hull": identity.choice("hull", ("domain", "external_id"), "domain"),
        "identity_close": identity.matching("close", *_IDENTITY_CLOSE, default="url"),
        **read_rules(outbound, close, inbound, identity),
    }


def _name(section: Section) -> str:
    return section.short("name", 200, required=True)


def _url(section: Section, key: str) -> str:
    """Return a remote's address. What may not be one is not repeated whole: it may hold a password."""
    found = section.text(key)
    if not found:
        return ""
    try:
        parts = urlsplit(found)
        host, is_usable = parts.hostname or "", parts.port != 0 and len(found) <= 200
    except ValueError:
        host, is_usable = "", False
    if is_bad := not (is_usable and host and parts.scheme in ("http", "https")):
        section.mistake(key, "must be a URL that starts with https:// or http://.")
    elif not settings.ALLOW_INSECURE_REMOTES and (parts.scheme == "http" or _is_this_machine(host)):
        section.mistake(
            key, f"leads to {parts.scheme}://{host}: remotes must be https:// and not this machine. "
            "ALLOW_INSECURE_REMOTES permits it for the sandbox and tests.",
        )  # fmt: skip
    return "" if is_bad else found


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
