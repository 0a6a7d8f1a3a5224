"""Hull → Close: what a marketer does in Hull, and what is in Close afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Change, Intent, Link
from sync.services import outbound
from tests.journeys.world import World, map_rows

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "Ada@Acme.com", "phone": "(415) 555-0100"}


def test_an_account_and_its_user_become_a_lead_with_a_contact_in_one_request(world: World) -> None:
    world.tell_account(**ACME, description="Rockets")
    world.tell_user(ACME, **ADA)

    world.settle()

    lead = world.lead("Acme")
    assert (lead["url"], lead["description"]) == ("https://acme.com", "Rockets")
    contact = world.contact("Ada Example")
    assert contact["lead_id"] == lead["id"]
    assert [(one["email"], one["type"]) for one in contact["emails"]] == [("ada@acme.com", "office")]
    assert [(one["phone"], one["type"]) for one in contact["phones"]] == [("+14155550100", "mobile")]
    assert world.writes_to_close() == [("POST", "/lead/")]
    assert world.told("a-acme")["closeio/id"] == lead["id"]
    assert world.told("u-ada")["closeio/id"] == contact["id"]


def test_the_lead_comes_before_its_contact_even_when_the_user_is_told_first(world: World) -> None:
    world.tell_user(ACME, **ADA)

    world.settle()

    assert world.contact("Ada Example")["lead_id"] == world.lead("Acme")["id"]
    world.tell_account(**ACME)
    world.settle()
    assert world.writes_to_close() == [("POST", "/lead/")]


def test_a_company_that_is_in_close_under_another_spelling_is_adopted(world: World) -> None:
    there = world.close.rep_create_lead({"name": "ACME Inc", "url": "http://WWW.Acme.com/about?x=1"})

    world.tell_account(**ACME)
    world.settle()

    assert list(world.close.leads) == [there["id"]]
    assert world.lead("Acme")["url"] == "http://WWW.Acme.com/about?x=1"
    assert world.outcome("a-acme").reason == "ADOPTED"
    assert world.told("a-acme")["closeio/id"] == there["id"]


def test_the_lead_status_is_for_new_leads_only(world: World) -> None:
    world.connector.lead_status = "qualified"
    world.connector.save()
    there = world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    before = world.close.leads[there["id"]]["status_id"]

    world.tell_account(**ACME)
    world.tell_account(id="a-new", name="New", domain="new.com")
    world.settle()

    assert world.close.leads[there["id"]]["status_id"] == before
    assert world.lead("New")["status_label"] == "Qualified"


def test_several_leads_that_fit_are_held_for_a_person(world: World) -> None:
    first = world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com"})
    second = world.close.rep_create_lead({"name": "Acme (old)", "url": "www.acme.com"})

    world.tell_account(**ACME)
    world.settle()

    held = Change.objects.get(key="a-acme")
    assert (held.state, set(held.candidates)) == ("HELD", {first["id"], second["id"]})
    assert world.writes_to_close() == []


def test_nothing_goes_out_until_segments_are_named(world: World) -> None:
    world.connector.account_segments = []
    world.connector.save()

    world.tell_account(**ACME)
    world.tell_user(ACME, **ADA)
    world.settle()

    assert world.close.leads == {}
    assert world.outcome("a-acme").reason == "NO_SEGMENTS"
    assert world.outcome("u-ada").reason == "NO_SEGMENTS"


def test_users_wait_for_their_account_to_enter_a_segment(world: World) -> None:
    world.tell_account(in_segment=False, **ACME)
    world.tell_user(ACME, in_segment=False, **ADA)
    world.settle()
    assert world.close.leads == {}
    assert world.outcome("a-acme").reason == "NOT_IN_SEGMENT"

    world.tell_account(**ACME)
    world.settle()

    assert world.contact("Ada Example")["lead_id"] == world.lead("Acme")["id"]


def test_one_user_without_an_account_harms_no_other(world: World) -> None:
    world.notify(
        "user:update", [world.user_message(None, id="u-lost", name="Lost"), world.user_message(ACME, **ADA)]
    )

    world.settle()

    assert world.outcome("u-lost").reason == "PARENT_NOT_LINKED"
    assert world.contact("Ada Example")


@pytest.mark.inline(reason="counts every request; the scheduler reads Close meanwhile")
def test_an_unchanged_record_costs_no_request(world: World) -> None:
    world.tell_account(**ACME)
    world.settle()
    world.close.requests.clear()

    world.tell_account(**ACME)
    world.drain()

    assert world.close.requests == []
    assert world.outcome("a-acme").reason == "IN_SYNC"


def test_only_what_changed_is_written(world: World) -> None:
    world.tell_account(**ACME, description="Rockets")
    world.settle()

    world.tell_account(**ACME, description="Rockets and trains")
    world.settle()

    bodies = [body for method, _, _, body, _ in world.close.requests if method == "PUT"]
    assert bodies == [{"description": "Rockets and trains"}]


def test_what_a_rep_wrote_stays_while_hull_does_not_change_it(world: World) -> None:
    world.tell_account(**ACME, description="Rockets")
    world.settle()
    lead = world.lead("Acme")
    world.close.rep_update_lead(lead["id"], {"description": "Also trains"})
    world.clock.advance(minutes=1)
    world.settle()

    world.tell_account(**ACME, description="Rockets", industry="Transport")
    world.settle()

    assert world.lead("Acme")["description"] == "Also trains"


def test_when_both_sides_changed_a_field_the_later_change_wins(world: World) -> None:
    world.tell_account(**ACME, description="first")
    world.settle()
    lead = world.lead("Acme")
    world.close.rep_update_lead(lead["id"], {"description": "the rep's"})
    world.clock.advance(minutes=1)
    world.settle()

    world.tell_account(**ACME, description="Hull's, later")
    world.settle()

    assert world.lead("Acme")["description"] == "Hull's, later"


def test_a_reps_entries_in_a_list_stay(world: World) -> None:
    world.tell_user(ACME, **ADA)
    world.settle()
    contact = world.contact("Ada Example")
    theirs = [{"email": "ada@home.example", "type": "home"}, *contact["emails"]]
    world.close.rep_update_contact(contact["id"], {"emails": theirs})
    world.clock.advance(minutes=1)

    world.tell_user(ACME, **ADA | {"email": "ada.new@acme.com"})
    world.settle()

    emails = [(one["email"], one["type"]) for one in world.contact("Ada Example")["emails"]]
    assert emails == [("ada@home.example", "home"), ("ada.new@acme.com", "office")]


def test_modes_say_when_hull_may_replace_what_close_holds(world: World) -> None:
    world.connector.mappings.filter(object_type="LEAD", direction="OUTBOUND", close="description").update(
        mode="if_empty"
    )
    filled = world.close.rep_create_lead({"name": "Acme", "url": "acme.com", "description": "a rep's words"})

    world.tell_account(**ACME, description="Hull's words")
    world.tell_account(id="a-new", name="New", domain="new.com", description="Hull's words")
    world.settle()

    assert world.close.leads[filled["id"]]["description"] == "a rep's words"
    assert world.lead("New")["description"] == "Hull's words"


def test_a_bad_phone_leaves_out_the_phone_and_nothing_else(world: World) -> None:
    world.tell_user(ACME, **ADA | {"phone": "call me"})

    world.settle()

    assert world.contact("Ada Example")["phones"] == []
    assert "phone" in " ".join(world.outcome("u-ada").notes)


def test_a_lead_that_was_deleted_in_close_is_not_made_again(world: World) -> None:
    world.tell_account(**ACME)
    world.settle()
    world.close.rep_delete_lead(world.lead("Acme")["id"])
    world.clock.advance(minutes=1)
    world.settle()

    world.tell_account(**ACME, description="still here")
    world.settle()

    assert world.close.leads == {}
    assert world.outcome("a-acme").reason == "DELETED_REMOTELY"
    assert world.told("a-acme")["closeio/deleted_at"]


def test_a_merged_lead_forwards_to_its_survivor(world: World) -> None:
    world.tell_account(**ACME)
    world.settle()
    loser = world.lead("Acme")
    survivor = world.close.rep_create_lead({"name": "Acme Group", "url": "https://acme.group"})
    world.clock.advance(minutes=1)
    world.close.rep_merge(loser["id"], survivor["id"])
    world.clock.advance(minutes=1)
    world.settle()

    world.tell_account(**ACME, description="after the merge")
    world.settle()

    assert list(world.close.leads) == [survivor["id"]]
    assert world.close.leads[survivor["id"]]["description"] == "after the merge"
    assert world.told("a-acme")["closeio/id"] == survivor["id"]


def test_an_older_message_that_arrives_later_changes_nothing(world: World) -> None:
    late = world.account_message(**ACME, description="old")
    world.clock.advance(minutes=1)
    world.tell_account(**ACME, description="new")
    world.settle()

    world.notify("account:update", [late])
    world.settle()

    assert world.lead("Acme")["description"] == "new"


def test_a_notification_that_comes_twice_is_stored_once(world: World) -> None:
    message = world.account_message(**ACME)
    world.notify("account:update", [message], notification_id="same")
    world.settle()
    revision = Change.objects.get(key="a-acme").revision

    answer = world.notify("account:update", [message], notification_id="same")

    assert answer.status_code == 200
    assert Change.objects.get(key="a-acme").revision == revision


def test_hundred_new_accounts_become_hundred_leads(world: World) -> None:
    accounts = [
        world.account_message(id=f"a-{n}", name=f"Company {n}", domain=f"c{n}.com") for n in range(100)
    ]
    world.notify("account:update", accounts)

    world.settle()

    assert len(world.close.leads) == 100
    assert Link.objects.exclude(hull_id=None).count() == 100


@pytest.mark.parametrize("identity", ["custom", "url"])
def test_an_external_id_identifies_an_account_in_a_custom_field(world: World, identity: str) -> None:
    if identity == "custom":
        field = world.close.create_custom_field("lead", "Company ID", "text")
        world.connector.identity_hull, world.connector.identity_close = "external_id", f"custom.{field['id']}"
        world.connector.save()
        there = world.close.rep_create_lead({"name": "Other", f"custom.{field['id']}": "c-1"})
    else:
        there = world.close.rep_create_lead({"name": "Other", "url": "acme.com"})

    world.tell_account(**ACME, external_id="c-1")
    world.settle()

    assert list(world.close.leads) == [there["id"]]


def test_a_row_for_a_field_that_does_not_exist_is_told_and_the_rest_runs(world: World) -> None:
    map_rows(world.connector, "LEAD", "OUTBOUND", [("industry", "custom.cf_gone")])

    world.tell_account(**ACME, industry="Transport")
    world.settle()

    assert world.lead("Acme")
    assert "custom.cf_gone" in world.connector.problems[0]


def test_no_intent_is_left_open(world: World) -> None:
    world.tell_user(ACME, **ADA)
    world.settle()

    assert set(Intent.objects.values_list("state", flat=True)) == {"DONE"}


@pytest.mark.inline(reason="counts the queries of this process")
def test_a_slice_costs_few_queries(world: World, django_assert_max_num_queries: Any) -> None:
    world.settle()
    accounts = [
        world.account_message(id=f"a-{n}", name=f"Company {n}", domain=f"c{n}.com") for n in range(100)
    ]
    with django_assert_max_num_queries(25):
        world.notify("account:update", accounts)

    with django_assert_max_num_queries(107):
        outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)

    assert len(world.close.leads) == 100


@pytest.mark.inline(reason="lets Hull's message arrive between a rep's edit and its telling")
def test_a_reps_edit_is_not_undone_by_the_return_of_what_hull_was_told(world: World) -> None:
    map_rows(world.connector, "LEAD", "INBOUND", [("description", "description")])
    lead = world.close.rep_create_lead({"name": "Acme", "url": "acme.com", "description": "first"})
    world.settle()
    account = next(iter(world.hull.accounts.values()))
    assert account["description"] == "first"

    world.close.rep_update_lead(lead["id"], {"description": "second", "url": "acme.io"})
    world.pull()
    world.tell_account(
        id=account["id"], name="Acme", domain="acme.com", description="first", closeio__id=lead["id"]
    )
    outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)
    world.settle()

    assert (world.lead("Acme")["description"], world.lead("Acme")["url"]) == ("second", "acme.io")
    assert next(iter(world.hull.accounts.values()))["description"] == "second"
