"""Users who change account, reps who move contacts, and people who are contacts of several leads."""

from __future__ import annotations

import pytest

from sync.models import Connector, Link
from tests.journeys.world import World

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
OTHER = {"id": "a-other", "name": "Other", "domain": "other.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "ada@acme.com"}


def settings(**values: bool) -> None:
    Connector.objects.update(**values)


def test_a_contact_moves_with_its_user_to_a_lead_that_is_there(world: World) -> None:
    world.tell_account(**OTHER)
    world.tell_user(ACME, **ADA)
    world.settle()
    contact = world.contact("Ada Example")

    world.tell_user(OTHER, **ADA)
    world.settle()

    moved = world.contact("Ada Example")
    assert (moved["id"], moved["lead_id"]) == (contact["id"], world.lead("Other")["id"])
    assert world.told("u-ada")["closeio/lead_id"] == world.lead("Other")["id"]
    writes = len(world.writes_to_close())
    world.tell_user(OTHER, **ADA)
    world.settle()
    assert len(world.writes_to_close()) == writes


def test_a_contact_moves_to_a_lead_that_is_made_for_it(world: World) -> None:
    world.tell_user(ACME, **ADA)
    world.settle()

    world.tell_user(OTHER, **ADA, title="CTO")
    world.settle()

    assert len(world.close.contacts) == 1
    moved = world.contact("Ada Example")
    assert (moved["lead_id"], moved["title"]) == (world.lead("Other")["id"], "CTO")


@pytest.mark.inline(reason="changes a setting in this process")
def test_where_contacts_do_not_move_the_old_one_stays_with_all_it_holds(world: World) -> None:
    settings(moves_contacts=False)
    world.tell_account(**OTHER)
    world.tell_user(ACME, **ADA)
    world.settle()
    old = world.contact("Ada Example")

    world.tell_user(OTHER, **ADA)
    world.settle()
    world.tell_user(OTHER, **ADA, title="CTO")
    world.settle()

    assert world.close.contacts[old["id"]] == old
    new = next(one for one in world.close.contacts.values() if one["id"] != old["id"])
    assert (new["lead_id"], new["title"]) == (world.lead("Other")["id"], "CTO")
    assert len(world.close.contacts) == 2
    assert Link.objects.get(hull_id="u-ada").close_id == new["id"]


def test_a_contact_that_a_rep_moved_stays_moved(world: World) -> None:
    world.tell_account(**OTHER)
    world.tell_user(ACME, **ADA)
    world.settle()
    contact, other = world.contact("Ada Example"), world.lead("Other")

    world.close.rep_update_contact(contact["id"], {"lead_id": other["id"]})
    world.tell_user(ACME, **ADA, title="CTO")  # Hull does not know of the move yet
    world.settle()

    held = world.contact("Ada Example")
    assert (held["lead_id"], held["title"]) == (other["id"], "CTO")


def test_a_contact_found_in_another_lead_is_adopted_where_it_is(world: World) -> None:
    partner = world.close.rep_create_lead({"name": "Partner", "url": "partner.com"})
    there = world.close.rep_create_contact(
        {"lead_id": partner["id"], "name": "Ada", "emails": [{"email": "ada@acme.com", "type": "office"}]}
    )

    world.tell_user(ACME, **ADA)
    world.settle()

    assert list(world.close.contacts) == [there["id"]]
    assert world.contact("Ada Example")["lead_id"] == partner["id"]


@pytest.mark.inline(reason="changes a setting in this process")
@pytest.mark.parametrize("keeps", [False, True])
def test_a_person_in_several_leads(world: World, keeps: bool) -> None:
    settings(keeps_every_contact=keeps)
    emails = [{"email": "ada@acme.com", "type": "office"}]
    partner = world.close.rep_create_lead({"name": "Partner", "url": "partner.com"})
    acme = world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    own = world.close.rep_create_contact({"lead_id": acme["id"], "name": "Ada E.", "emails": emails})
    further = world.close.rep_create_contact({"lead_id": partner["id"], "name": "Ada P.", "emails": emails})

    world.tell_account(**ACME)
    world.settle()
    world.tell_user(ACME, **ADA, title="CTO")
    world.settle()

    assert len(world.close.contacts) == 2
    assert world.close.contacts[own["id"]]["title"] == "CTO"
    assert world.close.contacts[further["id"]]["title"] == ("CTO" if keeps else "")
    assert world.close.contacts[further["id"]]["lead_id"] == partner["id"]
    assert Link.objects.get(hull_id="u-ada", is_further=False).close_id == own["id"]

    # a rep edits the further contact: the user in Hull is told by its own contact only
    world.close.rep_update_contact(further["id"], {"title": "Board"})
    world.settle()
    if keeps:
        assert world.outcome(further["id"]).reason == "ANOTHER_CONTACT"
        assert world.told("u-ada")["closeio/title"] == "CTO"


@pytest.mark.inline(reason="changes a setting in this process")
def test_trouble_with_a_further_contact_is_tried_again(world: World) -> None:
    settings(keeps_every_contact=True)
    emails = [{"email": "ada@acme.com", "type": "office"}]
    partner = world.close.rep_create_lead({"name": "Partner", "url": "partner.com"})
    further = world.close.rep_create_contact({"lead_id": partner["id"], "name": "Ada P.", "emails": emails})
    acme = world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    world.close.rep_create_contact({"lead_id": acme["id"], "name": "Ada E.", "emails": emails})
    world.tell_account(**ACME)
    world.settle()
    world.close.fail_next("PUT", f"/contact/{further['id']}/", "status:500")
    world.tell_user(ACME, **ADA, title="CTO")

    world.settle()
    world.clock.advance(seconds=30)
    world.settle()

    assert {contact["title"] for contact in world.close.contacts.values()} == {"CTO"}
