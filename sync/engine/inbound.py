"""What to tell Hull about a Close record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sync.engine import departures
from sync.engine.contested import as_told_before, attributes_of, contested
from sync.engine.doubt import knows_some
from sync.engine.echo import says_something
from sync.engine.identity import account_claims, anonymous_id, shared_identifiers, user_claims
from sync.engine.merging import one_account
from sync.engine.opportunities import told_names
from sync.engine.plan import (
    DoneReason,
    HullWrite,
    InboundDecision,
    InboundRecord,
    KnownRecord,
    Reason,
    Result,
    SkipReason,
    WaitReason,
)
from sync.mapping.inbound import (
    DELETED_AT,
    SET_IF_NULL,
    build_attributes,
    changed_attributes,
    is_in_doubt,
    is_told,
    parked_attributes,
)
from sync.mapping.limits import within_limits
from sync.mapping.paths import GROUP
from sync.records import Attributes, Claims, Departure, DeparturePolicy, ObjectType, SyncSettings

DELETED = "deleted"
MERGED = "merged"
UPSERT = "upsert"


def plan_inbound(record: InboundRecord, settings: SyncSettings) -> InboundDecision:
    """Decide about one Close record: tell Hull what changed, or nothing, and why."""
    if record.paused:
        return InboundDecision(record, Result.PENDING, WaitReason.PAUSED, notes=(record.paused,))
    if record.link.is_further:
        return InboundDecision(record, Result.SKIPPED, SkipReason.ANOTHER_CONTACT)
    silent = departures.silence(record.link)
    if silent:
        return InboundDecision(record, Result.SKIPPED, silent)
    if record.action == MERGED:
        return _merged(record, settings)
    if record.action == DELETED:
        return _deleted(record, settings)
    return _upserted(record, settings)


def _upserted(record: InboundRecord, settings: SyncSettings) -> InboundDecision:
    known = record.link
    if record.ours and record.create_in_flight and not known.hull_id and not known.sent:
        return InboundDecision(record, Result.PENDING, WaitReason.UNKNOWN_RESULT)
    attributes = _built(known, record.object_type, settings)
    mine = contested(record, settings)
    parked = parked_attributes(record.object_type, settings, known.sent)
    attributes = as_told_before(attributes, (*mine, *parked), known.sent)
    changed = changed_attributes(attributes, known.sent)
    if known.sent and not says_something(changed):
        return replace(_nothing_new(record), notes=tuple(mine.values()))
    fitting, unfit = within_limits(changed)
    left_out = (*mine.values(), *unfit)
    sent = remembered(attributes, known.sent)  # what did not fit too, so that it is tried once, not for ever
    if known.sent and not says_something(fitting):
        return InboundDecision(record, Result.UNCHANGED, DoneReason.IN_SYNC, sent=sent, notes=left_out)
    is_new = not knows_some(known.sent)
    result, reason = (Result.CREATED, DoneReason.NEW) if is_new else (Result.UPDATED, DoneReason.CHANGED)
    write = _write(record, fitting, settings)
    return InboundDecision(
        record, result, reason, write, sent, left_out + _no_identity(record, is_new, settings)
    )


def _built(known: KnownRecord, object_type: ObjectType, settings: SyncSettings) -> dict[str, Any]:
    """Return what Hull should hold, with what other objects of Close add; where those were not looked up it stays."""
    built = build_attributes(object_type, known.close_id, known.close, settings, known.parent_close_id)
    if known.extra is not None:
        return built | dict(known.extra)
    return as_told_before(built, told_names(known.sent), known.sent)


def _no_identity(record: InboundRecord, is_new: bool, settings: SyncSettings) -> tuple[str, ...]:
    """Say of a new record which of its values could not name it in Hull."""
    if not is_new or record.link.hull_id:
        return ()
    shared = shared_identifiers(record.link, record.object_type, settings)
    return tuple(f"{one} is shared by many and does not identify it in Hull." for one in shared)


def _nothing_new(record: InboundRecord) -> InboundDecision:
    """Our own write coming back, or somebody's edit of what Hull is not told."""
    if record.ours:
        return InboundDecision(record, Result.SKIPPED, SkipReason.ECHO, sent=record.link.sent)
    return InboundDecision(record, Result.UNCHANGED, DoneReason.IN_SYNC, sent=record.link.sent)


def _deleted(record: InboundRecord, settings: SyncSettings) -> InboundDecision:
    chosen = departures.after_deletion(record.link, record.object_type, settings)
    if chosen is DeparturePolicy.IGNORE or not _is_in_hull(record.link):
        return InboundDecision(record, Result.SKIPPED, SkipReason.DELETED_REMOTELY)
    if chosen is DeparturePolicy.UNLINK:
        return _unlinked(record, Departure.DELETED_IN_CLOSE, settings)
    if is_told(DELETED_AT, record.link.sent):
        return InboundDecision(record, Result.UNCHANGED, DoneReason.IN_SYNC, sent=record.link.sent)
    return _told(record, {DELETED_AT: record.at.isoformat()}, DoneReason.DELETED, settings)


def _merged(record: InboundRecord, settings: SyncSettings) -> InboundDecision:
    if record.survivor and record.survivor.deleted:
        return _deleted(record, settings)  # what it went into is gone as well
    # the last of a chain of merges
    survivor = record.survivor.close_id if record.survivor else record.link.merged_into
    chosen = departures.policy_of(settings, ObjectType.LEAD, Departure.MERGED_IN_CLOSE)
    if chosen is DeparturePolicy.IGNORE or not survivor or not _is_in_hull(record.link):
        return InboundDecision(record, Result.SKIPPED, SkipReason.MERGED_INTO_OTHER)
    if chosen is DeparturePolicy.UNLINK:
        return _unlinked(record, Departure.MERGED_IN_CLOSE, settings)
    if record.link.sent.get(f"{GROUP}/id") == survivor:
        return InboundDecision(record, Result.UNCHANGED, DoneReason.IN_SYNC, sent=record.link.sent)
    attributes: dict[str, Any] = {f"{GROUP}/id": survivor}
    if record.link.sent.get(DELETED_AT):
        attributes[DELETED_AT] = None
    told = _told(record, attributes, DoneReason.MERGED, settings)
    one = one_account(record.link, record.survivor)
    if one is None:
        return replace(told, notes=_two_accounts(record))
    stays, alias = one
    write = HullWrite(ObjectType.LEAD, attributes, account=account_claims(stays, settings), alias=alias)
    return replace(told, write=write, notes=("The accounts of both leads become one in Hull.",))


def _two_accounts(record: InboundRecord) -> tuple[str, ...]:
    """Say where two accounts stay two because both are linked."""
    if not (record.link.hull_id and record.survivor and record.survivor.hull_id):
        return ()
    return (
        f"Both leads are linked, this one to {record.link.hull_id}: their accounts stay two. Merge them in Hull if they are one.",
    )


def _unlinked(record: InboundRecord, departure: Departure, settings: SyncSettings) -> InboundDecision:
    """The Close record is gone and its pair with it: Hull holds no id of it any more."""
    names = ("id", "lead_id") if record.object_type is ObjectType.CONTACT else ("id",)
    told = _told(record, {f"{GROUP}/{name}": None for name in names}, DoneReason.UNLINKED, settings)
    return replace(told, departure=departure)


def _told(
    record: InboundRecord,
    attributes: dict[str, Any],
    reason: Reason,
    settings: SyncSettings,
) -> InboundDecision:
    write = _write(record, attributes, settings)
    return InboundDecision(
        record,
        Result.UPDATED,
        reason,
        write,
        remembered(attributes, record.link.sent, whole=False),
    )


def _is_in_hull(known: KnownRecord) -> bool:
    return bool(known.hull_id or known.sent)


def _write(record: InboundRecord, changed: Attributes, settings: SyncSettings) -> HullWrite:
    attributes = {name: as_operation(name, value) for name, value in changed.items()}
    if record.object_type is ObjectType.LEAD:
        return HullWrite(ObjectType.LEAD, attributes, account=account_claims(record.link, settings))
    account = _home(record, settings) if changed.get(f"{GROUP}/lead_id") else None
    return HullWrite(
        ObjectType.CONTACT,
        attributes,
        user=user_claims(record.link, settings, record.shared_emails),
        account=account,
    )


def _home(record: InboundRecord, settings: SyncSettings) -> Claims | None:
    """Return the account that a contact's user belongs to. A lead that was not heard of yet is known by its id alone.

    None for a lead that is gone: nothing is made for it any more.
    """
    if record.account is None:
        lead_id = record.link.parent_close_id
        return Claims(anonymous_id=anonymous_id(lead_id)) if lead_id else None
    return None if record.account.deleted else account_claims(record.account, settings)


def as_operation(name: str, value: Any) -> Any:
    """Return an attribute's value as the firehose takes it: a few names only fill what Hull has empty."""
    return {"operation": "setIfNull", "value": value} if name in SET_IF_NULL else value


def remembered(attributes: Attributes, sent: Attributes, *, whole: bool = True) -> dict[str, Any]:
    """Return what Hull holds from us after a write: all attributes, or those plus what it had before.

    A value that Hull takes only once stays as it was first sent.
    """
    first = {name: sent[name] for name in SET_IF_NULL if is_told(name, sent)}
    return (dict(attributes) if whole else dict(sent) | dict(attributes)) | first


def write_back(
    known: KnownRecord, object_type: ObjectType, settings: SyncSettings, *, undecided: Iterable[str] = ()
) -> tuple[HullWrite | None, Attributes]:
    """Return what Hull is told after we wrote to Close: the new id and what Close made of the values.

    The claim is the Hull record that the change came from, so that nothing else can be created or merged.
    Returns no write when Hull holds everything already. `undecided` names Close fields in which the two sides
    differ until a person acts: Hull keeps its own value of them.
    """
    attributes = _built(known, object_type, settings)
    kept = attributes_of(undecided, object_type, settings) | parked_attributes(
        object_type, settings, known.sent
    )
    attributes = as_told_before(attributes, kept, known.sent)
    changed = changed_attributes(attributes, known.sent)
    if known.sent and not says_something(changed):
        return None, known.sent
    fitting, _ = within_limits(changed)
    operations = {name: as_operation(name, value) for name, value in fitting.items()}
    if object_type is ObjectType.LEAD:
        write = HullWrite(object_type, operations, account=account_claims(known, settings))
    else:
        write = HullWrite(object_type, operations, user=user_claims(known, settings))
    return write, remembered(attributes, known.sent)


def values_before_and_after(decision: InboundDecision) -> dict[str, list[Any]]:
    """Return what a decision tells Hull as `{attribute: [before, after]}`, as far as we told what was before."""
    if decision.write is None:
        return {}
    sent = decision.record.link.sent
    before = {name: None if is_in_doubt(value) else value for name, value in sent.items()}
    return {name: [before.get(name), _plain(value)] for name, value in decision.write.attributes.items()}


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and value.get("operation") == "setIfNull" else value
