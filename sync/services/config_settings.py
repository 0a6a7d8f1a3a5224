"""The rules of a connector in the configuration file: contacts, departures, brakes, flips, what comes in. Both ways, by one table.

A rule that a file leaves out has its default, and one that has its default is left out of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync.engine.departures import ALLOWED, policies
from sync.mapping.shared import as_identity
from sync.models import Connector
from sync.records import Departure, DeparturePolicy, HullEventKind, ObjectType
from sync.services.config_yaml import Section

_MOST = 2_147_483_647
_OBJECTS = {object_type.value.lower(): object_type for object_type in ObjectType}


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting: where the file has it, and the model's field. Numbers have bounds; `optional` ones may be null."""

    place: str
    key: str
    field: str
    least: int = 0
    most: int = _MOST
    optional: bool = False
    options: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        return Connector._meta.get_field(self.field).get_default()  # type: ignore[union-attr]


_RULES = (
    Rule("", "keep_hull_id", "keeps_hull_id"),
    Rule("contacts", "move", "moves_contacts"),
    Rule("contacts", "every", "keeps_every_contact"),
    Rule("", "mark_status", "mark_status", most=120),
    Rule("", "departures", "departures"),
    Rule("brake", "creates", "brake_creates", optional=True),
    Rule("brake", "clears", "brake_clears", optional=True),
    Rule("brake", "deletes", "brake_deletes", optional=True),
    Rule("brake", "share", "brake_share", most=100, optional=True),
    Rule("flips", "limit", "flip_limit", least=2, most=32767),
    Rule("flips", "minutes", "flip_minutes", least=1, most=32767),
)
_SHARE_LEFT = Rule("", "share_left", "rate_share_left", most=90)
_INBOUND = (
    Rule("", "backfill", "backfill_by", options=tuple(Connector.BackfillBy.values)),
    Rule("", "follow_renames", "follows_renames"),
    Rule("", "opportunities", "reads_opportunities"),
    Rule("", "events", "hull_events", options=tuple(HullEventKind)),
)
_IDENTITY = (
    Rule("", "never", "never_identities"),
    Rule("", "always", "always_identities"),
)

OUTBOUND_KEYS = tuple(dict.fromkeys(rule.place or rule.key for rule in _RULES))
CLOSE_KEYS = (_SHARE_LEFT.key,)
INBOUND_KEYS = tuple(rule.key for rule in _INBOUND)
IDENTITY_KEYS = tuple(rule.key for rule in _IDENTITY)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def read_rules(outbound: Section, close: Section, inbound: Section, identity: Section) -> dict[str, Any]:
    """Return the rules by the model's names, with defaults for what the file leaves out."""
    parts = {"": outbound}
    for place in dict.fromkeys(rule.place for rule in _RULES if rule.place):
        keys = tuple(rule.key for rule in _RULES if rule.place == place)
        parts[place] = outbound.section(place, keys) or Section.absent(outbound, place)
    values = {rule.field: _value(parts[rule.place], rule) for rule in _RULES}
    values |= {rule.field: _value(inbound, rule) for rule in _INBOUND}
    values |= {rule.field: _value(identity, rule) for rule in _IDENTITY}
    return values | {_SHARE_LEFT.field: _value(close, _SHARE_LEFT)}


def _value(part: Section, rule: Rule) -> Any:
    if rule.field == "departures":
        return _departures(part)
    if isinstance(rule.default, bool):
        return part.flag(rule.key, default=rule.default)
    if isinstance(rule.default, list):
        return _listed(part, rule)
    if rule.options:
        return part.choice(rule.key, rule.options, rule.default)
    if isinstance(rule.default, str):
        return part.short(rule.key, rule.most)
    return part.number(rule.key, rule.default, rule.least, rule.most, optional=rule.optional)


def _listed(part: Section, rule: Rule) -> list[str]:
    """Return a list of texts, in the order of its options where it has some."""
    given = list(part.texts(rule.key))
    unknown = [one for one in given if rule.options and one not in rule.options]
    if unknown:
        part.mistake(rule.key, f"names {unknown[0]}, which is none of {', '.join(rule.options)}.")
    if rule in _IDENTITY:
        return _identities(part, rule, given)
    return [one for one in rule.options if one in given] if rule.options else given


def _identities(part: Section, rule: Rule, given: list[str]) -> list[str]:
    """Return domains and addresses as they are compared."""
    read = {one: as_identity(one) for one in given}
    for one in [one for one, identity in read.items() if identity is None]:
        part.mistake(rule.key, f"names {one}, which is neither a domain nor an e-mail address.")
    return list(dict.fromkeys(identity for identity in read.values() if identity))


def _departures(outbound: Section) -> dict[str, dict[str, str]]:
    """Return the stored form, without what is the default anyway."""
    section = outbound.section("departures", tuple(_OBJECTS))
    found: dict[str, dict[str, str]] = {}
    for name, object_type in _OBJECTS.items() if section else ():
        allowed = {departure: ALLOWED[key, departure] for key, departure in ALLOWED if key is object_type}
        part = section and section.section(name, tuple(allowed))
        chosen = dict(_chosen(part, allowed)) if part else {}
        found |= {object_type.value: chosen} if chosen else {}
    return found


def _chosen(
    part: Section, allowed: Mapping[Departure, tuple[DeparturePolicy, ...]]
) -> Iterator[tuple[str, str]]:
    for departure, options in allowed.items():
        found = part.choice(departure.value, [option.value for option in options], options[0].value)
        if found != options[0]:
            yield departure.value, found


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────


def exported_outbound(connector: Connector) -> dict[str, Any]:
    """Return the rules that differ from their defaults, as the file has them under `outbound`."""
    parts: dict[str, Any] = {}
    for rule in _RULES:
        value = _plain_departures(connector) if rule.field == "departures" else getattr(connector, rule.field)
        if value == rule.default:
            continue
        if rule.place:
            parts.setdefault(rule.place, {})[rule.key] = value
        else:
            parts[rule.key] = value
    return parts


def exported_inbound(connector: Connector) -> dict[str, Any]:
    """Return what the file has under `inbound`."""
    return _differing(connector, _INBOUND)


def exported_identity(connector: Connector) -> dict[str, Any]:
    """Return the rules that the file has under `identity`."""
    return _differing(connector, _IDENTITY)


def _differing(connector: Connector, rules: Iterable[Rule]) -> dict[str, Any]:
    values = {rule: getattr(connector, rule.field) for rule in rules}
    return {rule.key: value for rule, value in values.items() if value != rule.default}


def exported_close(connector: Connector) -> dict[str, Any]:
    """Return what the file has of the rules under `close`."""
    value = getattr(connector, _SHARE_LEFT.field)
    return {} if value == _SHARE_LEFT.default else {_SHARE_LEFT.key: value}


def same_departures(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Tell whether two stored forms mean the same, one of them possibly naming defaults."""
    return policies(first) == policies(second)


def _plain_departures(connector: Connector) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (object_type, departure), policy in policies(connector.departures).items():
        if policy != ALLOWED[object_type, departure][0]:
            found.setdefault(object_type.value.lower(), {})[departure.value] = policy.value
    return found
