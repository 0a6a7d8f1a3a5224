"""Plans as a dry run shows them: what would be created has an id, so that what depends on it can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from sync.engine.contacts import plan_contact
from sync.engine.placement import PLACE
from sync.engine.plan import Decision, FamilyPlan, Verb, WaitReason
from sync.records import SyncSettings

PREFIX = "virtual_"


def with_virtual_ids(plans: Iterable[FamilyPlan], settings: SyncSettings) -> list[FamilyPlan]:
    """Give every record that would be created an id of its own, and name its lead in each of its contacts.

    A contact that waits only for its user's new lead is decided about as if that lead were there.
    """
    leads, contacts = count(1), count(1)
    rehearsed = []
    for plan in plans:
        lead = plan.lead
        if lead and lead.verb is Verb.CREATE_LEAD:
            lead = replace(lead, close_id=f"lead_{PREFIX}{next(leads)}")
        decided = [_with_lead(contact, lead, settings) for contact in plan.contacts]
        named = [
            replace(one, close_id=f"cont_{PREFIX}{next(contacts)}")
            if one.verb is Verb.CREATE_CONTACT
            else one
            for one in decided
        ]
        rehearsed.append(FamilyPlan(lead, tuple(named)))
    return rehearsed


def _with_lead(contact: Decision, lead: Decision | None, settings: SyncSettings) -> Decision:
    if lead is None or lead.verb is not Verb.CREATE_LEAD:
        return contact
    if contact.verb is Verb.CREATE_CONTACT and PLACE not in contact.body:
        return replace(contact, body={PLACE: lead.close_id, **contact.body}, lead_id=lead.close_id)
    if contact.reason is WaitReason.PARENT_PENDING:
        return plan_contact(contact.record, lead, settings)
    return contact
