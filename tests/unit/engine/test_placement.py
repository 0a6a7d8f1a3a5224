"""Which lead a contact is in: users who change account, reps who move contacts, and both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.engine.outbound import plan_family
from sync.engine.plan import Decision, KnownRecord
from sync.records import SyncSettings
from tests.unit.engine.families import SETTINGS, account, contact, family, lead, user

NEW = replace(account("a1"), link=lead("lead_new"))
MOVING = replace(SETTINGS, moves_contacts=True)
STAYING = replace(SETTINGS, moves_contacts=False)


def planned(held: KnownRecord, settings: SyncSettings = MOVING, *there: KnownRecord) -> Decision:
    ada = replace(user("u1", NEW), link=held, candidates=there)
    return plan_family(family(NEW, ada), settings).contacts[0]


@pytest.mark.parametrize(
    ("held_in", "agreed", "verb", "body"),
    [
        # the account is the same
        ("lead_new", ("lead_new", "lead_new"), None, {}),
        # the user changed account
        ("lead_old", ("lead_old", "lead_old"), "UPDATE_CONTACT", {"lead_id": "lead_new"}),
        # a rep moved the contact, Hull still says the same
        ("lead_rep", ("lead_new", "lead_new"), None, {}),
        # found in Close, in another lead: it stays where it was found
        ("lead_rep", None, None, {}),
        # it was found elsewhere, then the user changed account
        ("lead_rep", ("lead_before", "lead_rep"), "UPDATE_CONTACT", {"lead_id": "lead_new"}),
        # both moved it, at the same time: Close keeps it
        ("lead_rep", ("lead_before", "lead_before"), None, {}),
    ],
)
def test_a_contact_moves_with_its_user(
    held_in: str, agreed: tuple[str, str] | None, verb: str | None, body: dict[str, str]
) -> None:
    decision = planned(contact(lead_id=held_in, place=agreed))

    assert (decision.verb, dict(decision.body)) == (verb, body)
    assert decision.lead_id == "lead_new"


def test_where_contacts_do_not_move_the_user_gets_a_new_one() -> None:
    decision = planned(contact(lead_id="lead_old", place=("lead_old", "lead_old")), STAYING)

    assert decision.verb == "CREATE_CONTACT"
    assert decision.body["lead_id"] == "lead_new"
    assert decision.body["emails"] == [{"email": "u1@acme.com", "type": "office"}]


@pytest.mark.parametrize("settings", [MOVING, STAYING])
def test_a_contact_that_the_new_lead_has_already_is_taken(settings: SyncSettings) -> None:
    there = contact("cont_there", "lead_new", hull_id=None)

    decision = planned(contact(lead_id="lead_old", place=("lead_old", "lead_old")), settings, there)

    assert (decision.verb, decision.close_id, decision.adopted) == (None, "cont_there", True)


def test_several_contacts_in_the_new_lead_are_held() -> None:
    there = [contact(name, "lead_new", hull_id=None) for name in ("cont_2", "cont_3")]

    decision = planned(contact(lead_id="lead_old", place=("lead_old", "lead_old")), MOVING, *there)

    assert (decision.reason, decision.candidates) == ("AMBIGUOUS_MATCH", ("cont_2", "cont_3"))


def test_a_contact_whose_new_lead_is_being_made_waits_for_it() -> None:
    fresh = account("a2")
    ada = replace(user("u1", fresh), link=contact(lead_id="lead_old", place=("lead_old", "lead_old")))

    plan = plan_family(family(fresh, ada), MOVING)

    assert plan.lead and plan.lead.verb == "CREATE_LEAD"
    assert (plan.contacts[0].reason, plan.contacts[0].verb) == ("PARENT_PENDING", None)


def test_an_unanswered_creation_in_the_new_lead_blocks_a_second_one() -> None:
    held = contact(lead_id="lead_old", place=("lead_old", "lead_old"))
    ada = replace(user("u1", NEW), link=held, create_blocked=True)

    decision = plan_family(family(NEW, ada), STAYING).contacts[0]

    assert (decision.reason, decision.verb) == ("UNKNOWN_RESULT", None)


@pytest.mark.parametrize(("keeps", "written"), [(False, ["cont_1"]), (True, ["cont_1", "cont_2", "cont_3"])])
def test_further_contacts_follow_where_that_is_chosen(keeps: bool, written: list[str]) -> None:
    further = (contact("cont_2", "lead_2", hull_id=None), contact("cont_3", "lead_3", hull_id="u1"))
    held = contact(lead_id="lead_new", place=("lead_new", "lead_new"))
    ada = replace(user("u1", NEW, title="CTO"), link=held, further=further)

    contacts = plan_family(family(NEW, ada), replace(SETTINGS, keeps_every_contact=keeps)).contacts

    assert [(one.close_id, dict(one.body)) for one in contacts] == [
        (name, {"title": "CTO"}) for name in written
    ]
    assert [one.is_further for one in contacts] == [name != "cont_1" for name in written]
