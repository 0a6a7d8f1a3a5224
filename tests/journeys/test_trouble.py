"""The network fails in the middle of everything, and Close and Hull say no."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync.models import Change, Lane, Run
from sync.records import Direction
from sync.services import lane, outbound
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="moves the clock, to see what is tried again and when")

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "ada@acme.com"}
BOB = {"id": "u-bob", "name": "Bob Example", "email": "bob@acme.com"}


def wait(world: World, **amount: float) -> None:
    """Let time pass, and the product do what is due then."""
    world.clock.advance(**amount)
    world.settle()


@pytest.mark.parametrize(
    "kind", ["drop_after", "timeout_after", "status_after:500", "drop_before", "status:502", "html"]
)
def test_a_lead_whose_answer_got_lost_is_made_once(world: World, kind: str) -> None:
    world.close.fail_next("POST", "/lead/", kind)
    world.tell_user(ACME, **ADA)

    world.settle()
    for _ in range(8):
        wait(world, seconds=20)

    assert world.contact("Ada Example")["lead_id"] == world.lead("Acme")["id"]
    assert world.told("a-acme")["closeio/id"] == world.lead("Acme")["id"]
    assert not Change.objects.exclude(state="DONE").exists()


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after", "status_after:500", "drop_before"])
def test_a_contact_whose_answer_got_lost_is_made_once(world: World, kind: str) -> None:
    world.tell_account(**ACME)
    world.settle()
    world.close.fail_next("POST", "/contact/", kind)
    world.tell_user(ACME, id="u-noname", name="No Mail")

    world.settle()
    for _ in range(8):
        wait(world, seconds=20)

    assert world.contact("No Mail")["lead_id"] == world.lead("Acme")["id"]
    assert world.told("u-noname")["closeio/id"] == world.contact("No Mail")["id"]


@pytest.mark.parametrize(
    "kind", ["status:429", "status:503", "status:500", "drop_before", "timeout_after", "html"]
)
def test_an_update_that_failed_is_made_later(world: World, kind: str) -> None:
    world.tell_account(**ACME, description="before")
    world.settle()
    world.close.fail_next("PUT", "/lead/.*", kind, times=2)

    world.tell_account(**ACME, description="after")
    world.settle()
    for _ in range(6):
        wait(world, seconds=20)

    assert world.lead("Acme")["description"] == "after"


def test_a_contact_that_close_refuses_does_not_hold_up_its_family(world: World) -> None:
    world.close.refuse_email("bob@acme.com")
    world.notify("user:update", [world.user_message(ACME, **ADA), world.user_message(ACME, **BOB)])

    world.settle()

    assert world.contact("Ada Example")["lead_id"] == world.lead("Acme")["id"]
    refused = Change.objects.get(key="u-bob")
    assert (refused.state, refused.reason) == ("FAILED", "REJECTED")
    assert "Invalid email address." in refused.message


def test_a_refused_key_pauses_the_connector_and_loses_nothing(world: World) -> None:
    world.close.fail_next("GET", "/me/", "status:401")
    world.tell_account(**ACME)

    world.pull()
    world.drain()
    assert world.connector.paused_at is not None
    assert Change.objects.get(key="a-acme").state == "PENDING"

    world.connector.resume()
    world.settle()
    assert world.lead("Acme")


def test_what_hull_does_not_take_is_told_again(world: World) -> None:
    world.hull.fail_next("POST", ".*", "status:503", times=2)
    world.tell_account(**ACME)

    world.settle()
    for _ in range(4):
        wait(world, seconds=30)

    assert world.told("a-acme")["closeio/id"] == world.lead("Acme")["id"]
    assert world.writes_to_close() == [("POST", "/lead/")]


@pytest.mark.parametrize("kind", ["status:500", "status:429", "html", "drop_before"])
def test_a_page_that_fails_does_not_move_the_position(world: World, kind: str) -> None:
    for number in range(130):
        world.close.rep_create_lead({"name": f"Lead {number}", "url": f"l{number}.com"})
    world.close.fail_next("GET", "/lead/", kind, times=2)

    world.settle()
    for _ in range(4):
        wait(world, seconds=30)

    assert len(world.hull.accounts) == 130


def test_another_organizations_key_is_refused(world: World) -> None:
    world.settle()
    world.connector.refresh_from_db()
    world.connector.close_organization_id = "orga_other"
    world.connector.schema_read_at = None
    world.connector.save()

    world.tell_account(**ACME)
    world.drain()

    assert "belongs to" in world.connector.pause_reason
    assert world.writes_to_close() == []


def test_two_drains_of_one_lane_never_overlap(world: World) -> None:
    world.tell_account(**ACME)
    with lane.leased(world.connector, Direction.OUTBOUND, clock=world.clock) as lease:
        assert lease is not None
        assert outbound.drain(world.connector, trigger="COMMAND", clock=world.clock) is None
    assert not Run.objects.filter(direction="OUTBOUND").exists()

    world.settle()
    assert world.lead("Acme")


@pytest.mark.parametrize(
    ("holder", "is_taken_over"),
    [("another-machine|1|1", False), ("{host}|4194305|1", True), ("{host}|1|1", False)],
)
def test_the_lane_of_a_killed_process_is_taken_over_at_once(
    world: World, holder: str, is_taken_over: bool
) -> None:
    world.settle()
    world.tell_account(**ACME)
    until = world.clock() + timedelta(minutes=4)
    name = holder.format(host=lane.owner().partition("|")[0])
    Lane.objects.filter(direction="OUTBOUND").update(leased_by=name, leased_until=until)

    world.drain()
    assert bool(world.close.leads) is is_taken_over

    world.clock.advance(minutes=5)
    world.settle()
    assert world.lead("Acme")


def test_a_stored_change_that_cannot_be_worked_on_is_given_to_a_person(world: World) -> None:
    world.settle()
    world.tell_account(**ACME)
    Change.objects.update(key="another-than-its-payload-says", family="another-than-its-payload-says")

    world.drain()

    stuck = Change.objects.get()
    assert (stuck.state, stuck.reason) == ("FAILED", "INTERNAL")
    assert world.outcome("another-than-its-payload-says").reason == "INTERNAL"


@pytest.mark.parametrize("side", ["close", "hull"])
def test_a_key_that_is_refused_midway_loses_nothing(world: World, side: str) -> None:
    world.tell_account(**ACME, description="before")
    world.settle()
    lead = world.lead("Acme")
    if side == "close":
        world.close.fail_next("PUT", "/lead/.*", "status:401")
        world.tell_account(**ACME, description="after")
    else:
        world.hull.fail_next("POST", ".*", "status:401")
        world.close.rep_update_lead(lead["id"], {"description": "after"})
        world.clock.advance(minutes=1)

    world.pull()
    world.drain()
    assert world.connector.paused_at is not None
    assert not Change.objects.filter(state="FAILED").exists()

    world.connector.resume()
    world.settle()
    assert world.lead("Acme")["description"] == "after"
    assert world.told("a-acme")["closeio/description"] == "after"
