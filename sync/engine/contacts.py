"""What to do in Close about a Hull user, given what was decided about its account."""

from __future__ import annotations

from dataclasses import replace

from sync.engine import departures, segments
from sync.engine.patch import build_body
from sync.engine.placement import PLACE, wants_another_lead
from sync.engine.plan import (
    Decision,
    DoneReason,
    KnownRecord,
    OutboundRecord,
    Result,
    SkipReason,
    Verb,
    WaitReason,
)
from sync.engine.steps import blocked, creation_of, look_up, only, paused, skip, update_of
from sync.mapping.outbound import Desired, build_contact
from sync.records import HullUser, SyncSettings


def plan_contact(record: OutboundRecord, lead: Decision | None, settings: SyncSettings) -> Decision:
    """Decide about one user, given what was decided about its account."""
    assert isinstance(record.hull, HullUser)
    if record.paused:
        return paused(record)
    if record.gone:
        return departures.deleted_in_hull(record, settings)
    if lead is None:
        return skip(
            record,
            SkipReason.PARENT_NOT_LINKED,
            "The user belongs to no account in Hull.",
        )
    refused = _gate(record, lead, settings)
    if refused:
        return refused
    decision = _plan_contact(departures.after_merge(record, settings), lead, settings)
    return departures.with_losers(decision, record, settings)


def _plan_contact(record: OutboundRecord, lead: Decision, settings: SyncSettings) -> Decision:
    assert isinstance(record.hull, HullUser)
    known = record.link or only(record.candidates)
    refused = blocked(record, known)
    if refused:
        return refused
    desired = build_contact(record.hull, settings)
    if known is None:
        return look_up(record) or _create_contact(record, lead, desired, settings)
    return _placed(record, known, lead, desired, settings)


def _placed(
    record: OutboundRecord, known: KnownRecord, lead: Decision, desired: Desired, settings: SyncSettings
) -> Decision:
    """Decide about a contact that is there, also when Hull wants it in another lead."""
    lead_id = _lead_id(lead)
    if lead_id is None:
        return _without_lead(record, known, lead, desired)
    if not wants_another_lead(known, lead_id, record.hull.indexed_at):
        return replace(update_of(record, known, desired, Verb.UPDATE_CONTACT), lead_id=lead_id)
    there = only(record.candidates)
    if len(record.candidates) > 1 or there:
        refused = blocked(replace(record, link=None), there)
        return refused or replace(
            update_of(record, there or known, desired, Verb.UPDATE_CONTACT), lead_id=lead_id
        )
    if settings.moves_contacts:
        return _moved(update_of(record, known, desired, Verb.UPDATE_CONTACT), lead_id)
    return blocked(record, None) or _create_contact(record, lead, desired, settings)


def _without_lead(record: OutboundRecord, known: KnownRecord, lead: Decision, desired: Desired) -> Decision:
    """A user's new account is not in Close yet: its contact waits for it, since it belongs there."""
    if PLACE in known.base and (
        lead.verb is Verb.CREATE_LEAD or lead.result in (Result.PENDING, Result.FAILED)
    ):
        note = "Its new account is not in Close yet."
        return Decision(
            record, Result.PENDING, WaitReason.PARENT_PENDING, close_id=known.close_id, notes=(note,)
        )
    return update_of(record, known, desired, Verb.UPDATE_CONTACT)


def _moved(update: Decision, lead_id: str) -> Decision:
    if update.read_first:
        return update
    moved = replace(update, verb=Verb.UPDATE_CONTACT, body={**update.body, PLACE: lead_id}, lead_id=lead_id)
    if update.conflicts:
        return moved
    return replace(moved, result=Result.UPDATED, reason=DoneReason.CHANGED)


def further_contacts(contact: Decision, settings: SyncSettings) -> list[Decision]:
    """The user's contacts in other leads are kept in step with it, where that is chosen."""
    record = contact.record
    if not settings.keeps_every_contact or record.paused or contact.result in (Result.SKIPPED, Result.FAILED):
        return []
    assert isinstance(record.hull, HullUser)
    if contact.departure:
        paired = [one for one in record.further if one.hull_id == record.key]
        return [departures.unlink_further(contact, one) for one in paired]
    desired = build_contact(record.hull, settings)
    updates = [
        update_of(replace(record, link=one), one, desired, Verb.UPDATE_CONTACT) for one in record.further
    ]
    return [replace(update, is_further=True) for update in updates]


def _gate(record: OutboundRecord, lead: Decision, settings: SyncSettings) -> Decision | None:
    assert isinstance(record.hull, HullUser)
    if lead.verb is Verb.DELETE_LEAD:
        return skip(record, SkipReason.PARENT_NOT_LINKED, "Its lead is deleted, and the contact with it.")
    if record.batch:
        allowed = True
    elif settings.user_segments:
        allowed = segments.matches(record.hull.segment_ids, settings.user_segments)
    else:
        allowed = not departures.has_left_segment(lead)
    if allowed:
        return None
    if _names_none(settings):
        return skip(record, SkipReason.NO_SEGMENTS)
    deciding = record.hull if settings.user_segments else lead.record.hull
    return departures.left_segment(record, settings, is_told=deciding.segment_ids is not None)


def _names_none(settings: SyncSettings) -> bool:
    return not settings.account_segments and not settings.user_segments


def _create_contact(
    record: OutboundRecord, lead: Decision, desired: Desired, settings: SyncSettings
) -> Decision:
    body, base = build_body(desired)
    if not body:
        return skip(
            record,
            SkipReason.NO_IDENTIFIER,
            "The user has neither a name nor a usable e-mail address.",
        )
    parent = _lead_id(lead)
    if parent:
        made = creation_of(record, Verb.CREATE_CONTACT, {PLACE: parent} | body, base, desired, settings)
        return replace(made, lead_id=parent)
    if lead.verb is Verb.CREATE_LEAD:
        return creation_of(record, Verb.CREATE_CONTACT, body, base, desired, settings)
    if lead.result in (Result.PENDING, Result.FAILED) or lead.read_first:
        note = "Its account is not in Close yet."
        return Decision(record, Result.PENDING, WaitReason.PARENT_PENDING, notes=(note,))
    return skip(record, SkipReason.PARENT_NOT_LINKED, "Its account is not a lead in Close.")


def _lead_id(lead: Decision) -> str | None:
    """Return the lead that new contacts go to: the one decided about, else the linked one of a skipped account."""
    link = lead.record.link
    if lead.reason is SkipReason.DELETED_REMOTELY or not departures.takes_contacts(lead):
        return None
    if lead.close_id or link is None or link.deleted or link.merged_into:
        return lead.close_id
    return link.close_id if lead.reason in (SkipReason.NOT_IN_SEGMENT, SkipReason.NO_SEGMENTS) else None
