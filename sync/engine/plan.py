"""What can be decided about a record, as data: results, reasons, operations, plans.

The stored choices of the models are built from these enums, and each reason has its paragraph in
`docs/operations.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sync.mapping.outbound import LeftOut
from sync.records import Attributes, Claims, Conflict, Departure, HullAccount, HullUser, ObjectType


class Result(StrEnum):
    """What happened to one record."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    SKIPPED = "SKIPPED"
    PENDING = "PENDING"
    FAILED = "FAILED"
    DRY_RUN = "DRY_RUN"


class DoneReason(StrEnum):
    """Why a record needs nothing more."""

    NEW = "NEW"
    ADOPTED = "ADOPTED"
    CHANGED = "CHANGED"
    IN_SYNC = "IN_SYNC"
    DELETED = "DELETED"
    MERGED = "MERGED"
    MARKED = "MARKED"
    UNLINKED = "UNLINKED"


class SkipReason(StrEnum):
    """Why nothing was done with a record, on purpose."""

    NOT_IN_SEGMENT = "NOT_IN_SEGMENT"
    NO_SEGMENTS = "NO_SEGMENTS"
    NO_IDENTIFIER = "NO_IDENTIFIER"
    PARENT_NOT_LINKED = "PARENT_NOT_LINKED"
    ECHO = "ECHO"
    STALE = "STALE"
    NOTHING_MAPPED = "NOTHING_MAPPED"
    DIRECTION_OFF = "DIRECTION_OFF"
    DELETED_REMOTELY = "DELETED_REMOTELY"
    MERGED_INTO_OTHER = "MERGED_INTO_OTHER"
    DELETED_IN_HULL = "DELETED_IN_HULL"
    ANOTHER_CONTACT = "ANOTHER_CONTACT"
    FLIPPING = "FLIPPING"
    NO_USER = "NO_USER"


class WaitReason(StrEnum):
    """Why a record is not done yet."""

    AMBIGUOUS_MATCH = "AMBIGUOUS_MATCH"
    TRANSIENT = "TRANSIENT"
    RATE_LIMITED = "RATE_LIMITED"
    UNKNOWN_RESULT = "UNKNOWN_RESULT"
    PARENT_PENDING = "PARENT_PENDING"
    TWIN_PENDING = "TWIN_PENDING"
    CONFLICT = "CONFLICT"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    PAUSED = "PAUSED"


class FailureMode(StrEnum):
    """Why a change needs a person."""

    CONFIGURATION = "CONFIGURATION"
    REJECTED = "REJECTED"
    EXHAUSTED = "EXHAUSTED"
    TIMED_OUT = "TIMED_OUT"
    INTERNAL = "INTERNAL"


Reason = DoneReason | SkipReason | WaitReason | FailureMode
REASONS: tuple[Reason, ...] = (*DoneReason, *SkipReason, *WaitReason, *FailureMode)


class Verb(StrEnum):
    """What one operation does in Close."""

    CREATE_LEAD = "CREATE_LEAD"
    UPDATE_LEAD = "UPDATE_LEAD"
    CREATE_CONTACT = "CREATE_CONTACT"
    UPDATE_CONTACT = "UPDATE_CONTACT"
    DELETE_LEAD = "DELETE_LEAD"
    DELETE_CONTACT = "DELETE_CONTACT"


@dataclass(frozen=True, slots=True)
class BaseValue:
    """The last reconciled value of one Close field: what we meant to send, and what Close kept of it.

    Comparing each side with its own form makes a conflict visible and a normalised echo harmless.
    """

    sent: Any
    stored: Any


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """What we know of one Close record and of the Hull record it is paired with.

    `close` holds the fields as Close last told them; `current` says that they were read just now.
    `hull_id` is None while no Hull record is paired. `sent` holds the attributes Hull last got from us. `departed`
    names the departure that was acted upon last; it is empty again once the record is back. `flips` holds per field
    what we wrote lately, `paused` the fields that went back and forth; see `sync.engine.flips`.
    `extra` are attributes that come from other objects of Close; None where they were not looked up.
    """

    close_id: str
    close: Attributes = field(default_factory=dict)
    hull_id: str | None = None
    parent_close_id: str | None = None
    base: Mapping[str, BaseValue] = field(default_factory=dict)
    sent: Attributes = field(default_factory=dict)
    updated_at: datetime | None = None
    deleted: bool = False
    merged_into: str | None = None
    current: bool = False
    seen: bool = True
    is_further: bool = False
    departed: str = ""
    flips: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    paused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sent_at: datetime | None = None
    extra: Attributes | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A person's choice for one field: whose value stays, and the two values that the person saw."""

    side: Conflict
    hull: Any
    close: Any


@dataclass(frozen=True, slots=True)
class OutboundRecord:
    """One Hull record to consider, with everything the decision needs.

    `link` is its paired Close record, `candidates` the Close records that it may be when it has none.
    `create_blocked` is set while the result of an earlier POST for it is unknown. An account that only came
    along with its user is not `due`: its lead may be made or linked, but it is not updated. Where the match index
    may lag behind Close, `is_index_current` is not set, and Close is asked before anything is made. `further` are
    contacts of other leads that are the same user. `gone` says that Hull told of its deletion. `named` are the Close
    records whose anonymous ids Hull holds on it, whoever they are paired with. `chosen` holds what a person said about
    fields that both sides changed, `paused` who took the record out of the sync.
    """

    key: str
    object_type: ObjectType
    hull: HullAccount | HullUser
    link: KnownRecord | None = None
    candidates: tuple[KnownRecord, ...] = ()
    batch: bool = False
    create_blocked: bool = False
    due: bool = True
    is_index_current: bool = True
    further: tuple[KnownRecord, ...] = ()
    gone: bool = False
    named: tuple[KnownRecord, ...] = ()
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A Hull account and those of its users that are due, planned together. `lead` may be unknown."""

    lead: OutboundRecord | None
    contacts: tuple[OutboundRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one record.

    `verb` is None when Close needs no request. `body` is the POST body or the patch. `base` holds, per
    Close field, the Hull value that is reconciled once the decision was carried out. `notes` are
    sentences about values that were left out, `left_out` those of them that another configuration heals.
    `read_first` asks the shell to read the record and to plan again, because a list would be replaced whole; `look_up` to search Close for it and to plan again.
    `identifier` names a new record for everybody who writes to the same Close organization. `lead_id` is the lead
    that Hull wants a contact in, as far as it is known. `is_further` marks another contact of the same user.
    `departure` is the one that is acted upon. `losers` are records whose Hull record was merged into this one.
    `conflicts` are the fields that wait for a person, as Hull's and Close's value, `paused` those that would have been
    written but went back and forth too often; Hull is not told of either.
    """

    record: OutboundRecord
    result: Result
    reason: Reason
    verb: Verb | None = None
    close_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read_first: bool = False
    adopted: bool = False
    candidates: tuple[str, ...] = ()
    look_up: bool = False
    identifier: str = ""
    lead_id: str | None = None
    is_further: bool = False
    departure: Departure | None = None
    losers: tuple[KnownRecord, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    conflicts: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    paused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FamilyPlan:
    """The decisions for one family, the lead's first. Contacts of a new lead travel in its POST."""

    lead: Decision | None
    contacts: tuple[Decision, ...] = ()

    @property
    def decisions(self) -> list[Decision]:
        return [*([self.lead] if self.lead else []), *self.contacts]


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """One Close record to consider: its latest state, or that it was deleted or merged.

    `action` is `upsert`, `deleted` or `merged`; `account` is the known record of a contact's lead. `queued` is what
    Hull told of the paired record and was not carried out yet, `survivor` the lead that a merged one went into.
    `paused` says who took the record out of the sync.
    """

    key: str
    object_type: ObjectType
    action: str
    link: KnownRecord
    at: datetime
    account: KnownRecord | None = None
    ours: bool = False
    shared_emails: frozenset[str] = frozenset()
    create_in_flight: bool = False
    queued: OutboundRecord | None = None
    survivor: KnownRecord | None = None
    paused: str = ""


@dataclass(frozen=True, slots=True)
class HullWrite:
    """One traits message for Hull. With both claims the subject decides whose attributes these are.

    `alias` is an anonymous id that the subject takes over first; whoever had it becomes one with the subject.
    """

    subject: ObjectType
    attributes: Attributes
    user: Claims | None = None
    account: Claims | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class InboundDecision:
    """What to tell Hull about one Close record. `sent` is the full attribute set Hull holds afterwards.

    `departure` is the one for which the pair is dissolved.
    """

    record: InboundRecord
    result: Result
    reason: Reason
    write: HullWrite | None = None
    sent: Attributes = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    departure: Departure | None = None
