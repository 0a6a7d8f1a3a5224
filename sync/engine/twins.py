"""The same company or person under two Hull ids: only one of them may be created, and only once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sync.engine.plan import Decision, FamilyPlan, Result, Verb, WaitReason
from sync.records import ObjectType

Name = tuple[ObjectType, str]

CREATING = (Verb.CREATE_LEAD, Verb.CREATE_CONTACT)
_NOTE = "Another record with the same identifier is being created just now."
_NO_LEAD = "Its account is not in Close yet."


def name_of(decision: Decision) -> Name:
    """Return the object type and key by which a decision is told from others of its plan."""
    return decision.record.object_type, decision.record.key


def without_twins(plans: Iterable[FamilyPlan]) -> list[FamilyPlan]:
    """Let only the first of several new records with one identifier be created; the others wait for it."""
    taken: set[tuple[ObjectType, str]] = set()
    return [hold(plan, _later_twins(plan, taken)) for plan in plans]


def _later_twins(plan: FamilyPlan, taken: set[tuple[ObjectType, str]]) -> set[Name]:
    later = set()
    for decision in plan.decisions:
        if decision.verb not in CREATING or not decision.identifier:
            continue
        identifier = (decision.record.object_type, decision.identifier)
        if identifier in taken:
            later.add(name_of(decision))
        taken.add(identifier)
    return later


def hold(plan: FamilyPlan, names: Collection[Name]) -> FamilyPlan:
    """Have some creations of a family wait for their twins, and the contacts of a lead that waits with it."""
    if not names:
        return plan
    lead = (
        _held(plan.lead, WaitReason.TWIN_PENDING, _NOTE)
        if plan.lead and name_of(plan.lead) in names
        else plan.lead
    )
    contacts = [
        _held(contact, WaitReason.TWIN_PENDING, _NOTE) if name_of(contact) in names else contact
        for contact in plan.contacts
    ]
    if lead is not plan.lead:
        contacts = [
            _held(contact, WaitReason.PARENT_PENDING, _NO_LEAD)
            if travels_with_lead(contact, plan.lead)
            else contact
            for contact in contacts
        ]
    return FamilyPlan(lead, tuple(contacts))


def travels_with_lead(contact: Decision, lead: Decision | None) -> bool:
    """Tell whether a new contact goes into the POST of its new lead."""
    is_new = lead is not None and lead.verb is Verb.CREATE_LEAD and contact.verb is Verb.CREATE_CONTACT
    return is_new and contact.body.get("lead_id") in (None, lead.close_id if lead else None)


def _held(decision: Decision, reason: WaitReason, note: str) -> Decision:
    return replace(decision, result=Result.PENDING, reason=reason, verb=None, body={}, base={}, notes=(note,))
