"""What to do in Close about a Hull account and its users."""

from __future__ import annotations

from sync.engine import departures, segments
from sync.engine.contacts import further_contacts, plan_contact
from sync.engine.patch import build_body
from sync.engine.plan import (
    Decision,
    FailureMode,
    Family,
    FamilyPlan,
    OutboundRecord,
    Result,
    SkipReason,
    Verb,
)
from sync.engine.steps import blocked, creation_of, look_up, only, paused, skip, update_of
from sync.mapping.outbound import LONGEST_TEXT, Desired, build_lead, find_status, identifier
from sync.records import HullAccount, SyncSettings


def plan_family(family: Family, settings: SyncSettings) -> FamilyPlan:
    """Decide about one Hull account and those of its users that are due. Contacts follow their lead."""
    return plan_contacts(family, plan_lead(family.lead, settings) if family.lead else None, settings)


def plan_contacts(family: Family, lead: Decision | None, settings: SyncSettings) -> FamilyPlan:
    """Decide about the users of a family whose lead was decided about."""
    contacts = [plan_contact(contact, lead, settings) for contact in family.contacts]
    further = [again for contact in contacts for again in further_contacts(contact, settings)]
    return FamilyPlan(lead, (*contacts, *further))


# ── Leads ────────────────────────────────────────────────────────────────────────────────────────


def plan_lead(record: OutboundRecord, settings: SyncSettings) -> Decision:
    """Decide about one account: skip, hold, adopt, create, update or leave."""
    assert isinstance(record.hull, HullAccount)
    if record.paused:
        return paused(record)
    if record.gone:
        return departures.deleted_in_hull(record, settings)
    if not record.batch and not segments.matches(record.hull.segment_ids, settings.account_segments):
        if not settings.account_segments:
            return skip(record, SkipReason.NO_SEGMENTS)
        return departures.left_segment(record, settings, is_told=record.hull.segment_ids is not None)
    decision = _plan_lead(departures.after_merge(record, settings), settings)
    return departures.with_losers(decision, record, settings)


def _plan_lead(record: OutboundRecord, settings: SyncSettings) -> Decision:
    assert isinstance(record.hull, HullAccount)
    known = record.link or only(record.candidates)
    refused = blocked(record, known)
    if refused:
        return refused
    desired = build_lead(record.hull, settings)
    if known:
        return update_of(record, known, desired, Verb.UPDATE_LEAD)
    if not identifier(record.hull, settings):
        return skip(record, SkipReason.NO_IDENTIFIER)
    return look_up(record) or _create_lead(record, desired, settings)


def _create_lead(record: OutboundRecord, desired: Desired, settings: SyncSettings) -> Decision:
    body, base = build_body(desired)
    body.setdefault("name", record.hull.label[:LONGEST_TEXT])
    if settings.lead_status and "status_id" not in body:
        status_id = find_status(settings.lead_status, settings)
        if status_id is None:
            note = f"“{settings.lead_status}” is not a lead status in Close. Choose another one on the connector."
            return Decision(record, Result.FAILED, FailureMode.CONFIGURATION, notes=(note,))
        body["status_id"] = status_id
    return creation_of(record, Verb.CREATE_LEAD, body, base, desired, settings)
