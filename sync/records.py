"""Frozen values that both sides speak: what Hull holds, what Close holds, what was configured.

Wire payloads are parsed once, at the door (`sync.hull.parsing`, `sync.close.parsing`), into these.
Attribute bags stay mappings, since their keys are the customer's; everything else has a name and a type.
No value here is ever changed after it was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

Attributes = Mapping[str, Any]

LONGEST_KEY = 250
_CLOSE_ID = re.compile(r"[a-z]+_[A-Za-z0-9_-]{1,100}")


class ObjectType(StrEnum):
    """What a record is, named by its Close side: a lead pairs a Hull account, a contact a Hull user."""

    LEAD = "LEAD"
    CONTACT = "CONTACT"


class Direction(StrEnum):
    """Always from Hull's point of view."""

    OUTBOUND = "OUTBOUND"
    INBOUND = "INBOUND"


class Mode(StrEnum):
    """When a mapped value may replace what Close holds."""

    ALWAYS = "always"
    IF_EMPTY = "if_empty"
    ON_CREATE = "on_create"


class OnNull(StrEnum):
    """What an attribute that Hull tells as null does to the field in Close."""

    CLEAR = "clear"
    LEAVE = "leave"


class Conflict(StrEnum):
    """Whose value stays when a field changed on both sides since they last agreed."""

    NEWEST = "newest"
    HULL = "hull"
    CLOSE = "close"
    HOLD = "hold"


class Departure(StrEnum):
    """How a record can leave one side while the other still has it."""

    LEFT_SEGMENT = "left_segment"
    DELETED_IN_CLOSE = "deleted_in_close"
    MERGED_IN_CLOSE = "merged_in_close"
    DELETED_IN_HULL = "deleted_in_hull"
    MERGED_IN_HULL = "merged_in_hull"


class DeparturePolicy(StrEnum):
    """What follows when a record has left one side."""

    IGNORE = "ignore"
    MARK = "mark"
    UNLINK = "unlink"
    FORWARD = "forward"
    DELETE = "delete"


class HullEventKind(StrEnum):
    """What happens in Close and can be told to Hull as an event."""

    STATUS_CHANGE = "status_change"
    OPPORTUNITY = "opportunity"
    NOTE = "note"
    CALL = "call"
    EMAIL = "email"
    CUSTOM_ACTIVITY = "custom_activity"


# ── Hull ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Segment:
    """A Hull segment: the gate that decides what goes out."""

    hull_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """Identifiers by which Hull resolves a person or a company. Empty ones are never sent."""

    hull_id: str | None = None
    external_id: str | None = None
    email: str | None = None
    domain: str | None = None
    anonymous_id: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Return the non-empty claims under Hull's own names (`id`, `external_id`, …)."""
        named = {
            "id": self.hull_id,
            "external_id": self.external_id,
            "email": self.email,
            "domain": self.domain,
            "anonymous_id": self.anonymous_id,
        }
        return {name: value for name, value in named.items() if value}

    def __bool__(self) -> bool:
        return bool(self.as_dict())


@dataclass(frozen=True, slots=True)
class HullAccount:
    """A company in Hull. `attributes` has Hull's names without any `traits_` prefix.

    `segment_ids` is None when the message did not say which segments the account is in.
    """

    attributes: Attributes
    segment_ids: tuple[str, ...] | None = None

    @property
    def hull_id(self) -> str | None:
        return _text(self.attributes.get("id"))

    @property
    def domain(self) -> str | None:
        return _text(self.attributes.get("domain"))

    @property
    def external_id(self) -> str | None:
        return _text(self.attributes.get("external_id"))

    @property
    def close_id(self) -> str | None:
        """The lead id that Hull already carries, from an earlier sync or from the anonymous id."""
        return _close_id(self.attributes, "lead_")

    @property
    def indexed_at(self) -> datetime | None:
        return parse_time(self.attributes.get("indexed_at"))

    @property
    def key(self) -> str | None:
        """What names this account in our queue: Hull's id, else its strongest other identifier."""
        key = self.hull_id or _prefixed("external_id", self.external_id) or _prefixed("domain", self.domain)
        return _short(key)

    @property
    def label(self) -> str:
        return (
            _text(self.attributes.get("name"))
            or self.domain
            or self.external_id
            or self.hull_id
            or "(no name)"
        )


@dataclass(frozen=True, slots=True)
class HullUser:
    """A person in Hull, with the account it belongs to as far as the message told."""

    attributes: Attributes
    segment_ids: tuple[str, ...] | None = None
    account: HullAccount | None = None

    @property
    def hull_id(self) -> str | None:
        return _text(self.attributes.get("id"))

    @property
    def email(self) -> str | None:
        return _text(self.attributes.get("email"))

    @property
    def close_id(self) -> str | None:
        """The contact id that Hull already carries."""
        return _close_id(self.attributes, "cont_")

    @property
    def indexed_at(self) -> datetime | None:
        return parse_time(self.attributes.get("indexed_at"))

    @property
    def key(self) -> str | None:
        external_id = _text(self.attributes.get("external_id"))
        return _short(self.hull_id or _prefixed("external_id", external_id) or _prefixed("email", self.email))

    @property
    def name(self) -> str | None:
        """Full name as Hull has it, else first and last name joined."""
        parts = (
            _text(self.attributes.get("first_name")),
            _text(self.attributes.get("last_name")),
        )
        return _text(self.attributes.get("name")) or " ".join(part for part in parts if part) or None

    @property
    def label(self) -> str:
        return self.name or self.email or self.hull_id or "(no name)"


# ── Close ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in Close. `fields` is the object as the API returns it."""

    close_id: str
    fields: Attributes
    lead_id: str | None = None

    @property
    def updated_at(self) -> datetime | None:
        return parse_time(self.fields.get("date_updated"))


@dataclass(frozen=True, slots=True)
class Lead:
    """A company in Close. `fields` is the object without its nested contacts, tasks and opportunities.

    `contacts` is None when the answer did not hold them.
    """

    close_id: str
    fields: Attributes
    contacts: tuple[Contact, ...] | None = None

    @property
    def updated_at(self) -> datetime | None:
        return parse_time(self.fields.get("date_updated"))


@dataclass(frozen=True, slots=True)
class LeadStatus:
    """One of the organization's lead statuses, in the organization's order; the first is the default."""

    close_id: str
    label: str


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field's definition; `close_id` is the bare id (`cf_…`), the mapped name `custom.cf_…`."""

    close_id: str
    label: str
    type: str = "text"
    choices: tuple[str, ...] = ()
    multiple: bool = False

    @property
    def path(self) -> str:
        return f"custom.{self.close_id}"


@dataclass(frozen=True, slots=True)
class CloseUser:
    """A sales rep of the Close organization."""

    close_id: str
    email: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class CloseIdentity:
    """Who a Close key belongs to."""

    user_id: str
    email: str
    organization_id: str
    organization_name: str


@dataclass(frozen=True, slots=True)
class CloseEvent:
    """One entry of Close's event log. `data` is None for deletions and for keys that may not see it."""

    close_id: str
    object_type: str
    action: str
    object_id: str
    date_updated: datetime
    lead_id: str | None = None
    data: Attributes | None = None
    previous_data: Attributes = field(default_factory=dict)
    changed_fields: tuple[str, ...] = ()
    api_key_id: str | None = None
    user_id: str | None = None
    meta: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription to Close's events. `signature_key` is told when it is made, and must not be lost."""

    close_id: str
    url: str
    status: str = "active"
    signature_key: str | None = None
    events: frozenset[tuple[str, str]] = frozenset()
    is_healthy: bool = True
    latest_error: str = ""


# ── Configuration ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MappingRow:
    """The configured pairing of one Hull attribute and one Close field.

    `hull` may be empty on an inbound row: the standard name is used then.
    """

    object_type: ObjectType
    direction: Direction
    hull: str
    close: str
    mode: Mode = Mode.ALWAYS
    on_null: OnNull = OnNull.CLEAR
    conflict: Conflict = Conflict.NEWEST
    transform: str = ""
    # The type that the custom field had when the row was made, `text` or `choices, several`; empty while not known.
    close_type: str = ""


@dataclass(frozen=True, slots=True)
class CloseSchema:
    """What can be set in one Close organization, and the Hull attribute that each custom field comes in as.

    `names` maps a custom field's path (`custom.cf_…`) to an attribute without its group (`industry`).
    """

    statuses: tuple[LeadStatus, ...] = ()
    lead_fields: tuple[CustomField, ...] = ()
    contact_fields: tuple[CustomField, ...] = ()
    lead_names: Mapping[str, str] = field(default_factory=dict)
    contact_names: Mapping[str, str] = field(default_factory=dict)
    users: tuple[CloseUser, ...] = ()

    def fields(self, object_type: ObjectType) -> dict[str, CustomField]:
        """Return the custom fields of an object by their path."""
        fields = self.lead_fields if object_type is ObjectType.LEAD else self.contact_fields
        return {custom_field.path: custom_field for custom_field in fields}

    def names(self, object_type: ObjectType) -> Mapping[str, str]:
        return self.lead_names if object_type is ObjectType.LEAD else self.contact_names

    def status_label(self, status_id: Any) -> str | None:
        return next(
            (status.label for status in self.statuses if status.close_id == status_id),
            None,
        )


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """Everything a decision needs to know of a connector's configuration."""

    account_segments: tuple[str, ...] = ()
    user_segments: tuple[str, ...] = ()
    lead_status: str = ""
    identity_hull: str = "domain"
    identity_close: str = "url"
    rows: tuple[MappingRow, ...] = ()
    schema: CloseSchema = field(default_factory=CloseSchema)
    close_api_key_id: str | None = None
    lead_hull_id_field: str = ""
    contact_hull_id_field: str = ""
    moves_contacts: bool = True
    keeps_every_contact: bool = False
    departures: Mapping[tuple[ObjectType, Departure], DeparturePolicy] = field(default_factory=dict)
    mark_status: str = ""
    flip_limit: int = 5
    flip_window: timedelta = timedelta(hours=1)
    never_identities: tuple[str, ...] = ()
    always_identities: tuple[str, ...] = ()
    # Rows that cannot run now: what Hull holds by them stays as it is.
    parked: tuple[MappingRow, ...] = ()

    def mapped(self, object_type: ObjectType, direction: Direction) -> tuple[MappingRow, ...]:
        return tuple(row for row in self.rows if (row.object_type, row.direction) == (object_type, direction))


def parse_time(value: Any) -> datetime | None:
    """Read an ISO-8601 time from either platform; Close leaves out the offset on events and means UTC.

    Returns an aware datetime, or None for anything that is not such a text.
    """
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    """Return an identifier or a name as text. A number with a fraction or an exponent is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _prefixed(name: str, value: str | None) -> str | None:
    return f"{name}:{value}" if value else None


def _short(key: str | None) -> str | None:
    """No identifier is longer than this; what is, names nothing."""
    return key if key and len(key) <= LONGEST_KEY else None


def _close_id(attributes: Attributes, prefix: str) -> str | None:
    """Return the Close id that Hull holds, in its own attribute or as anonymous id; None for anything else."""
    listed = attributes.get("anonymous_ids")
    anonymous = [one for one in listed if isinstance(one, str)] if isinstance(listed, list | tuple) else []
    named = [one.removeprefix("closeio:") for one in anonymous if one.startswith("closeio:")]
    held = attributes.get("closeio/id")
    candidates = [held, *named] if isinstance(held, str) else named
    return next((one for one in candidates if _CLOSE_ID.fullmatch(one) and one.startswith(prefix)), None)
