"""What can be decided about a record, as data: results, reasons, operations, plans.

The stored choices of the models are built from these enums, and each reason has its paragraph in
`docs/operations.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sync.records import Attributes, Claims, HullAccount, HullUser, ObjectType


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
    `hull_id` is None while no Hull record is paired. `sent` holds the attributes Hull last got from us.
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


@dataclass(frozen=True, slots=True)
class OutboundRecord:
    """One Hull record to consider, with everything the decision needs.

    `link` is its paired Close record, `candidates` the Close records that it may be when it has none.
    `create_blocked` is set while the result of an earlier POST for it is unknown. An account that only came
    along with its user is not `due`: its lead may be made or linked, but it is not updated.
    """

    key: str
    object_type: ObjectType
    hull: HullAccount | HullUser
    link: KnownRecord | None = None
    candidates: tuple[KnownRecord, ...] = ()
    batch: bool = False
    create_blocked: bool = False
    due: bool = True


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
    sentences about values that were left out. `read_first` asks the shell to read the record and to
    plan again, because a list would be replaced whole.
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


@dataclass(frozen=True, slots=True)
class FamilyPlan:
    """The decisions for one family, the lead's first. Contacts of a new lead travel in its POST."""

    lead: Decision | None
    contacts: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """One Close record to consider: its latest state, or that it was deleted or merged.

    `action` is `upsert`, `deleted` or `merged`; `account` is the known record of a contact's lead.
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


@dataclass(frozen=True, slots=True)
class HullWrite:
    """One traits message for Hull. With both claims the subject decides whose attributes these are."""

    subject: ObjectType
    attributes: Attributes
    user: Claims | None = None
    account: Claims | None = None


@dataclass(frozen=True, slots=True)
class InboundDecision:
    """What to tell Hull about one Close record. `sent` is the full attribute set Hull holds afterwards."""

    record: InboundRecord
    result: Result
    reason: Reason
    write: HullWrite | None = None
    sent: Attributes = field(default_factory=dict)
    notes: tuple[str, ...] = ()
