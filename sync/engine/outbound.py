"""What to do in Close about a Hull account and its users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sync.engine import segments
from sync.engine.patch import build_body, build_patch
from sync.engine.plan import (
    Decision,
    DoneReason,
    FailureMode,
    Family,
    FamilyPlan,
    KnownRecord,
    OutboundRecord,
    Reason,
    Result,
    SkipReason,
    Verb,
    WaitReason,
)
from sync.mapping.outbound import (
    Desired,
    build_contact,
    build_lead,
    find_status,
    identifier,
)
from sync.mapping.paths import LISTS
from sync.records import HullAccount, HullUser, SyncSettings


def plan_family(family: Family, settings: SyncSettings) -> FamilyPlan:
    """Decide about one Hull account and those of its users that are due. Contacts follow their lead."""
    lead = plan_lead(family.lead, settings) if family.lead else None
    return FamilyPlan(
        lead,
        tuple(plan_contact(contact, lead, settings) for contact in family.contacts),
    )


# ── Leads ────────────────────────────────────────────────────────────────────────────────────────


def plan_lead(record: OutboundRecord, settings: SyncSettings) -> Decision:
    """Decide about one account: skip, hold, adopt, create, update or leave."""
    assert isinstance(record.hull, HullAccount)
    if not record.batch and not segments.matches(record.hull.segment_ids, settings.account_segments):
        return _skip(
            record,
            SkipReason.NOT_IN_SEGMENT if settings.account_segments else SkipReason.NO_SEGMENTS,
        )
    known = record.link or _only(record.candidates)
    blocked = _blocked(record, known)
    if blocked:
        return blocked
    desired = build_lead(record.hull, settings)
    if known:
        return _update(record, known, desired, Verb.UPDATE_LEAD)
    if not identifier(record.hull, settings):
        return _skip(record, SkipReason.NO_IDENTIFIER)
    return _create_lead(record, desired, settings)


def _create_lead(record: OutboundRecord, desired: Desired, settings: SyncSettings) -> Decision:
    body, base = build_body(desired)
    body.setdefault("name", record.hull.label)
    if settings.lead_status and "status_id" not in body:
        status_id = find_status(settings.lead_status, settings)
        if status_id is None:
            note = f"“{settings.lead_status}” is not a lead status in Close. Choose another one on the connector."
            return Decision(record, Result.FAILED, FailureMode.CONFIGURATION, notes=(note,))
        body["status_id"] = status_id
    return _creating(record, Verb.CREATE_LEAD, body, base, desired)


# ── Contacts ─────────────────────────────────────────────────────────────────────────────────────


def plan_contact(record: OutboundRecord, lead: Decision | None, settings: SyncSettings) -> Decision:
    """Decide about one user, given what was decided about its account."""
    assert isinstance(record.hull, HullUser)
    if lead is None:
        return _skip(
            record,
            SkipReason.PARENT_NOT_LINKED,
            "The user belongs to no account in Hull.",
        )
    refused = _contact_gate(record, lead, settings)
    if refused:
        return refused
    known = record.link or _only(record.candidates)
    blocked = _blocked(record, known)
    if blocked:
        return blocked
    desired = build_contact(record.hull, settings)
    if known:
        return _update(record, known, desired, Verb.UPDATE_CONTACT)
    return _create_contact(record, lead, desired)


def _contact_gate(record: OutboundRecord, lead: Decision, settings: SyncSettings) -> Decision | None:
    assert isinstance(record.hull, HullUser)
    if record.batch:
        allowed = True
    elif settings.user_segments:
        allowed = segments.matches(record.hull.segment_ids, settings.user_segments)
    else:
        allowed = lead.reason not in (SkipReason.NOT_IN_SEGMENT, SkipReason.NO_SEGMENTS)
    if not allowed:
        return _skip(
            record,
            SkipReason.NO_SEGMENTS if _names_none(settings) else SkipReason.NOT_IN_SEGMENT,
        )
    return None


def _names_none(settings: SyncSettings) -> bool:
    return not settings.account_segments and not settings.user_segments


def _create_contact(record: OutboundRecord, lead: Decision, desired: Desired) -> Decision:
    body, base = build_body(desired)
    if not body:
        return _skip(
            record,
            SkipReason.NO_IDENTIFIER,
            "The user has neither a name nor a usable e-mail address.",
        )
    parent = _lead_id(lead)
    if parent:
        return _creating(record, Verb.CREATE_CONTACT, {"lead_id": parent} | body, base, desired)
    if lead.verb is Verb.CREATE_LEAD:
        return _creating(record, Verb.CREATE_CONTACT, body, base, desired)
    if lead.result in (Result.PENDING, Result.FAILED) or lead.read_first:
        note = "Its account is not in Close yet."
        return Decision(record, Result.PENDING, WaitReason.PARENT_PENDING, notes=(note,))
    return _skip(record, SkipReason.PARENT_NOT_LINKED, "Its account is not a lead in Close.")


def _lead_id(lead: Decision) -> str | None:
    """Return the lead that new contacts go to: the one decided about, else the linked one of a skipped account."""
    link = lead.record.link
    if lead.reason is SkipReason.DELETED_REMOTELY:
        return None
    if lead.close_id or link is None or link.deleted or link.merged_into:
        return lead.close_id
    return link.close_id if lead.reason in (SkipReason.NOT_IN_SEGMENT, SkipReason.NO_SEGMENTS) else None


# ── Shared steps ─────────────────────────────────────────────────────────────────────────────────


def _blocked(record: OutboundRecord, known: KnownRecord | None) -> Decision | None:
    """Return why nothing can be done about a record although it qualifies."""
    if known and known.hull_id not in (None, record.key):
        if record.link:
            return _skip(record, SkipReason.MERGED_INTO_OTHER)
        return _held(
            record,
            (known,),
            f"{known.close_id} is already linked to Hull record {known.hull_id}.",
        )
    if known and (known.deleted or known.merged_into):
        return replace(_skip(record, SkipReason.DELETED_REMOTELY), close_id=known.close_id)
    if known:
        return None
    if len(record.candidates) > 1:
        names = ", ".join(candidate.close_id for candidate in record.candidates)
        return _held(record, record.candidates, f"Several records in Close fit: {names}.")
    if record.create_blocked:
        note = "An earlier attempt to create it got no answer; Close is asked whether it was carried out."
        return Decision(record, Result.PENDING, WaitReason.UNKNOWN_RESULT, notes=(note,))
    return None


def _held(record: OutboundRecord, candidates: tuple[KnownRecord, ...], note: str) -> Decision:
    ids = tuple(candidate.close_id for candidate in candidates)
    return Decision(
        record,
        Result.PENDING,
        WaitReason.AMBIGUOUS_MATCH,
        candidates=ids,
        notes=(note,),
    )


def _update(record: OutboundRecord, known: KnownRecord, desired: Desired, verb: Verb) -> Decision:
    if not known.seen:
        return Decision(
            record,
            Result.PENDING,
            WaitReason.TRANSIENT,
            close_id=known.close_id,
            read_first=True,
        )
    patch, base = build_patch(desired, known, record.hull.indexed_at) if record.due else ({}, {})
    adopted = known.hull_id is None
    replaces_list = not known.current and any(name in LISTS for name in patch)
    result, reason = _updated(patch, adopted)
    return Decision(
        record, result, reason, verb if patch else None, known.close_id, patch, base, desired.notes, replaces_list, adopted
    )  # fmt: skip


def _updated(patch: Mapping[str, Any], adopted: bool) -> tuple[Result, Reason]:
    reason: Reason = DoneReason.ADOPTED if adopted else DoneReason.CHANGED if patch else DoneReason.IN_SYNC
    return (Result.UPDATED if patch else Result.UNCHANGED), reason


def _creating(
    record: OutboundRecord,
    verb: Verb,
    body: dict[str, Any],
    base: dict[str, Any],
    desired: Desired,
) -> Decision:
    return Decision(record, Result.CREATED, DoneReason.NEW, verb, None, body, base, desired.notes)


def _skip(record: OutboundRecord, reason: SkipReason, note: str = "") -> Decision:
    return Decision(record, Result.SKIPPED, reason, notes=(note,) if note else ())


def _only(candidates: tuple[KnownRecord, ...]) -> KnownRecord | None:
    return candidates[0] if len(candidates) == 1 else None
