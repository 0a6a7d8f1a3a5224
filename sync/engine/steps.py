"""The steps that decisions about leads and contacts share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sync.engine.identity import creation_identifier
from sync.engine.patch import Patch, build_patch
from sync.engine.plan import (
    Decision,
    DoneReason,
    KnownRecord,
    OutboundRecord,
    Reason,
    Result,
    SkipReason,
    Verb,
    WaitReason,
)
from sync.mapping.outbound import Desired
from sync.records import SyncSettings


def blocked(record: OutboundRecord, known: KnownRecord | None) -> Decision | None:
    """Return why nothing can be done about a record although it qualifies."""
    if known and known.hull_id not in (None, record.key):
        if record.link:
            return skip(record, SkipReason.MERGED_INTO_OTHER)
        return held(
            record,
            (known,),
            f"{known.close_id} is already linked to Hull record {known.hull_id}.",
        )
    if known and (known.deleted or known.merged_into):
        reason = SkipReason.DELETED_REMOTELY if known.deleted else SkipReason.MERGED_INTO_OTHER
        return replace(skip(record, reason), close_id=known.close_id)
    if known:
        return None
    if len(record.candidates) > 1:
        names = ", ".join(candidate.close_id for candidate in record.candidates)
        return held(record, record.candidates, f"Several records in Close fit: {names}.")
    if record.create_blocked:
        note = "An earlier attempt to create it got no answer; Close is asked whether it was carried out."
        return Decision(record, Result.PENDING, WaitReason.UNKNOWN_RESULT, notes=(note,))
    return None


def paused(record: OutboundRecord) -> Decision:
    """Leave a record that a person took out of the sync. Its contacts still belong to its lead."""
    close_id = record.link.close_id if record.link else None
    return Decision(record, Result.PENDING, WaitReason.PAUSED, close_id=close_id, notes=(record.paused,))


def held(record: OutboundRecord, candidates: tuple[KnownRecord, ...], note: str) -> Decision:
    """Hold a record for a person, with the Close records that it may be."""
    ids = tuple(candidate.close_id for candidate in candidates)
    return Decision(
        record,
        Result.PENDING,
        WaitReason.AMBIGUOUS_MATCH,
        candidates=ids,
        notes=(note,),
    )


def update_of(record: OutboundRecord, known: KnownRecord, desired: Desired, verb: Verb) -> Decision:
    """Decide about a record that Close has: the changed fields only, or a read before anything is replaced."""
    if not known.seen:
        return Decision(
            record,
            Result.PENDING,
            WaitReason.TRANSIENT,
            close_id=known.close_id,
            read_first=True,
        )
    patch = build_patch(desired, known, record.hull.indexed_at, record.chosen) if record.due else Patch()
    adopted = known.hull_id is None
    result, reason = _updated(patch, adopted)
    return Decision(
        record, result, reason, verb if patch.body else None, known.close_id, patch.body, patch.base,
        (*desired.notes, *patch.notes), patch.read_first, adopted, left_out=desired.left_out,
        conflicts=patch.conflicts, paused=patch.paused,
    )  # fmt: skip


def _updated(patch: Patch, adopted: bool) -> tuple[Result, Reason]:
    if patch.conflicts:
        return Result.PENDING, WaitReason.CONFLICT
    if patch.paused and not patch.body and not adopted:
        return Result.SKIPPED, SkipReason.FLIPPING
    reason: Reason = (
        DoneReason.ADOPTED if adopted else DoneReason.CHANGED if patch.body else DoneReason.IN_SYNC
    )
    return (Result.UPDATED if patch.body else Result.UNCHANGED), reason


def creation_of(
    record: OutboundRecord,
    verb: Verb,
    body: dict[str, Any],
    base: dict[str, Any],
    desired: Desired,
    settings: SyncSettings,
) -> Decision:
    """Decide to create a record, under the name that everybody who writes to the same organization knows it by."""
    known_as = creation_identifier(record.hull, settings)
    return Decision(
        record, Result.CREATED, DoneReason.NEW, verb, None, body, base, desired.notes, identifier=known_as,
        left_out=desired.left_out,
    )  # fmt: skip


def look_up(record: OutboundRecord) -> Decision | None:
    """Where our index may lag behind Close, Close is asked before anything is made."""
    if record.is_index_current:
        return None
    return Decision(record, Result.PENDING, WaitReason.TRANSIENT, look_up=True)


def skip(record: OutboundRecord, reason: SkipReason, note: str = "") -> Decision:
    """Leave a record out, with the reason."""
    return Decision(record, Result.SKIPPED, reason, notes=(note,) if note else ())


def only(candidates: tuple[KnownRecord, ...]) -> KnownRecord | None:
    """Return the one record that fits; None when there is none or more than one."""
    return candidates[0] if len(candidates) == 1 else None
