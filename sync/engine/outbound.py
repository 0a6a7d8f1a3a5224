"""What to do in Close about a Hull account and its users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sync.engine import departures, segments
from sync.engine.identity import creation_identifier
from sync.engine.patch import Patch, build_body, build_patch
from sync.engine.placement import PLACE, wants_another_lead
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
from sync.records import HullAccount, HullUser, SyncSettings


def plan_family(family: Family, settings: SyncSettings) -> FamilyPlan:
    """Decide about one Hull account and those of its users that are due. Contacts follow their lead."""
    return plan_contacts(family, plan_lead(family.lead, settings) if family.lead else None, settings)


def plan_contacts(family: Family, lead: Decision | None, settings: SyncSettings) -> FamilyPlan:
    """Decide about the users of a family whose lead was decided about."""
    contacts = [plan_contact(contact, lead, settings) for contact in family.contacts]
    further = [again for contact in contacts for again in _further_contacts(contact, settings)]
    return FamilyPlan(lead, (*contacts, *further))


# ── Leads ────────────────────────────────────────────────────────────────────────────────────────


def plan_lead(record: OutboundRecord, settings: SyncSettings) -> Decision:
    """Decide about one account: skip, hold, adopt, create, update or leave."""
    assert isinstance(record.hull, HullAccount)
    if record.gone:
        return departures.deleted_in_hull(record, settings)
    if not record.batch and not segments.matches(record.hull.segment_ids, settings.account_segments):
        if not settings.account_segments:
            return _skip(record, SkipReason.NO_SEGMENTS)
        return departures.left_segment(record, settings, is_told=record.hull.segment_ids is not None)
    decision = _plan_lead(departures.after_merge(record, settings), settings)
    return departures.with_losers(decision, record, settings)


def _plan_lead(record: OutboundRecord, settings: SyncSettings) -> Decision:
    assert isinstance(record.hull, HullAccount)
    known = record.link or _only(record.candidates)
    blocked = _blocked(record, known)
    if blocked:
        return blocked
    desired = build_lead(record.hull, settings)
    if known:
        return _update(record, known, desired, Verb.UPDATE_LEAD)
    if not identifier(record.hull, settings):
        return _skip(record, SkipReason.NO_IDENTIFIER)
    return _look_up(record) or _create_lead(record, desired, settings)


def _create_lead(record: OutboundRecord, desired: Desired, settings: SyncSettings) -> Decision:
    body, base = build_body(desired)
    body.setdefault("name", record.hull.label)
    if settings.lead_status and "status_id" not in body:
        status_id = find_status(settings.lead_status, settings)
        if status_id is None:
            note = f"“{settings.lead_status}” is not a lead status in Close. Choose another one on the connector."
            return Decision(record, Result.FAILED, FailureMode.CONFIGURATION, notes=(note,))
        body["status_id"] = status_id
    return _creating(record, Verb.CREATE_LEAD, body, base, desired, settings)


# ── Contacts ─────────────────────────────────────────────────────────────────────────────────────


def plan_contact(record: OutboundRecord, lead: Decision | None, settings: SyncSettings) -> Decision:
    """Decide about one user, given what was decided about its account."""
    assert isinstance(record.hull, HullUser)
    if record.gone:
        return departures.deleted_in_hull(record, settings)
    if lead is None:
        return _skip(
            record,
            SkipReason.PARENT_NOT_LINKED,
            "The user belongs to no account in Hull.",
        )
    refused = _contact_gate(record, lead, settings)
    if refused:
        return refused
    decision = _plan_contact(departures.after_merge(record, settings), lead, settings)
    return departures.with_losers(decision, record, settings)


def _plan_contact(record: OutboundRecord, lead: Decision, settings: SyncSettings) -> Decision:
    assert isinstance(record.hull, HullUser)
    known = record.link or _only(record.candidates)
    blocked = _blocked(record, known)
    if blocked:
        return blocked
    desired = build_contact(record.hull, settings)
    if known is None:
        return _look_up(record) or _create_contact(record, lead, desired, settings)
    return _placed(record, known, lead, desired, settings)


def _placed(
    record: OutboundRecord, known: KnownRecord, lead: Decision, desired: Desired, settings: SyncSettings
) -> Decision:
    """Decide about a contact that is there, also when Hull wants it in another lead."""
    lead_id = _lead_id(lead)
    if lead_id is None:
        return _without_lead(record, known, lead, desired)
    if not wants_another_lead(known, lead_id, record.hull.indexed_at):
        return replace(_update(record, known, desired, Verb.UPDATE_CONTACT), lead_id=lead_id)
    there = _only(record.candidates)
    if len(record.candidates) > 1 or there:
        blocked = _blocked(replace(record, link=None), there)
        return blocked or replace(
            _update(record, there or known, desired, Verb.UPDATE_CONTACT), lead_id=lead_id
        )
    if settings.moves_contacts:
        return _moved(_update(record, known, desired, Verb.UPDATE_CONTACT), lead_id)
    return _blocked(record, None) or _create_contact(record, lead, desired, settings)


def _without_lead(record: OutboundRecord, known: KnownRecord, lead: Decision, desired: Desired) -> Decision:
    """A user's new account is not in Close yet: its contact waits for it, since it belongs there."""
    if PLACE in known.base and (
        lead.verb is Verb.CREATE_LEAD or lead.result in (Result.PENDING, Result.FAILED)
    ):
        note = "Its new account is not in Close yet."
        return Decision(
            record, Result.PENDING, WaitReason.PARENT_PENDING, close_id=known.close_id, notes=(note,)
        )
    return _update(record, known, desired, Verb.UPDATE_CONTACT)


def _moved(update: Decision, lead_id: str) -> Decision:
    if update.read_first:
        return update
    moved = replace(update, verb=Verb.UPDATE_CONTACT, body={**update.body, PLACE: lead_id}, lead_id=lead_id)
    if update.conflicts:
        return moved
    return replace(moved, result=Result.UPDATED, reason=DoneReason.CHANGED)


def _further_contacts(contact: Decision, settings: SyncSettings) -> list[Decision]:
    """The user's contacts in other leads are kept in step with it, where that is chosen."""
    record = contact.record
    if not settings.keeps_every_contact or contact.result in (Result.SKIPPED, Result.FAILED):
        return []
    assert isinstance(record.hull, HullUser)
    if contact.departure:
        paired = [one for one in record.further if one.hull_id == record.key]
        return [departures.unlink_further(contact, one) for one in paired]
    desired = build_contact(record.hull, settings)
    updates = [
        _update(replace(record, link=one), one, desired, Verb.UPDATE_CONTACT) for one in record.further
    ]
    return [replace(update, is_further=True) for update in updates]


def _contact_gate(record: OutboundRecord, lead: Decision, settings: SyncSettings) -> Decision | None:
    assert isinstance(record.hull, HullUser)
    if lead.verb is Verb.DELETE_LEAD:
        return _skip(record, SkipReason.PARENT_NOT_LINKED, "Its lead is deleted, and the contact with it.")
    if record.batch:
        allowed = True
    elif settings.user_segments:
        allowed = segments.matches(record.hull.segment_ids, settings.user_segments)
    else:
        allowed = not departures.has_left_segment(lead)
    if allowed:
        return None
    if _names_none(settings):
        return _skip(record, SkipReason.NO_SEGMENTS)
    deciding = record.hull if settings.user_segments else lead.record.hull
    return departures.left_segment(record, settings, is_told=deciding.segment_ids is not None)


def _names_none(settings: SyncSettings) -> bool:
    return not settings.account_segments and not settings.user_segments


def _create_contact(
    record: OutboundRecord, lead: Decision, desired: Desired, settings: SyncSettings
) -> Decision:
    body, base = build_body(desired)
    if not body:
        return _skip(
            record,
            SkipReason.NO_IDENTIFIER,
            "The user has neither a name nor a usable e-mail address.",
        )
    parent = _lead_id(lead)
    if parent:
        made = _creating(record, Verb.CREATE_CONTACT, {PLACE: parent} | body, base, desired, settings)
        return replace(made, lead_id=parent)
    if lead.verb is Verb.CREATE_LEAD:
        return _creating(record, Verb.CREATE_CONTACT, body, base, desired, settings)
    if lead.result in (Result.PENDING, Result.FAILED) or lead.read_first:
        note = "Its account is not in Close yet."
        return Decision(record, Result.PENDING, WaitReason.PARENT_PENDING, notes=(note,))
    return _skip(record, SkipReason.PARENT_NOT_LINKED, "Its account is not a lead in Close.")


def _lead_id(lead: Decision) -> str | None:
    """Return the lead that new contacts go to: the one decided about, else the linked one of a skipped account."""
    link = lead.record.link
    if lead.reason is SkipReason.DELETED_REMOTELY or not departures.takes_contacts(lead):
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
        reason = SkipReason.DELETED_REMOTELY if known.deleted else SkipReason.MERGED_INTO_OTHER
        return replace(_skip(record, reason), close_id=known.close_id)
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


def _creating(
    record: OutboundRecord,
    verb: Verb,
    body: dict[str, Any],
    base: dict[str, Any],
    desired: Desired,
    settings: SyncSettings,
) -> Decision:
    known_as = creation_identifier(record.hull, settings)
    return Decision(
        record, Result.CREATED, DoneReason.NEW, verb, None, body, base, desired.notes, identifier=known_as,
        left_out=desired.left_out,
    )  # fmt: skip


def _look_up(record: OutboundRecord) -> Decision | None:
    """Where our index may lag behind Close, Close is asked before anything is made."""
    if record.is_index_current:
        return None
    return Decision(record, Result.PENDING, WaitReason.TRANSIENT, look_up=True)


def _skip(record: OutboundRecord, reason: SkipReason, note: str = "") -> Decision:
    return Decision(record, Result.SKIPPED, reason, notes=(note,) if note else ())


def _only(candidates: tuple[KnownRecord, ...]) -> KnownRecord | None:
    return candidates[0] if len(candidates) == 1 else None
