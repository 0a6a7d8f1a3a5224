"""A mass change waits for a person, and everyday work goes on."""

from __future__ import annotations

import pytest

from sync.models import Approval, Change, Connector, Run
from sync.services import brake, replay
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="a person decides in between")


def companies(world: World, numbers: range, **attributes: object) -> None:
    world.notify(
        "account:update",
        [
            world.account_message(id=f"a-{n}", name=f"Company {n}", domain=f"c{n}.com", **attributes)
            for n in numbers
        ],
    )


def limits(**values: int | None) -> None:
    Connector.objects.update(**values)


def decide(world: World, how: object) -> int:
    return how(Approval.objects.get(state="WAITING"), by=None, now=world.clock())  # type: ignore[operator]


def test_a_first_sync_that_is_too_large_writes_nothing_until_it_is_approved(world: World) -> None:
    limits(brake_creates=20)
    companies(world, range(30))
    world.settle()

    assert world.close.leads == {}
    approval = Approval.objects.get()
    assert (approval.counts, approval.limits) == ({"creates": 30}, {"creates": 20})
    assert approval.sample[0]["values"]["name"] == [None, "Company 0"]
    assert set(Change.objects.filter(direction="OUTBOUND").values_list("state", "reason", "approval")) == {
        ("HELD", "NEEDS_APPROVAL", approval.pk)
    }

    assert decide(world, brake.approve) == 30
    world.settle()
    assert len(world.close.leads) == 30
    assert brake.approve(approval, by=None, now=world.clock()) == 0


def test_the_report_tells_what_a_first_sync_will_do_before_its_first_write(world: World) -> None:
    world.close.rep_create_lead({"name": "There", "url": "c0.com"})
    world.close.rep_create_lead({"name": "Twice", "url": "c1.com"})
    world.close.rep_create_lead({"name": "Twice again", "url": "c1.com"})
    world.settle()
    world.close.fail_next("POST", "/lead/", "status:401", times=9)
    companies(world, range(5))

    world.drain()

    run = Run.objects.filter(direction="OUTBOUND", kind="DRAIN").latest("pk")
    told = {(row["object"], row["reason"]): row["count"] for row in run.report["records"]}
    assert told == {("LEAD", "ADOPTED"): 1, ("LEAD", "AMBIGUOUS_MATCH"): 1, ("LEAD", "NEW"): 3}
    assert run.report["requests"] == 4
    assert len(world.close.leads) == 3


def test_many_small_pieces_of_a_mass_change_count_together(world: World) -> None:
    limits(brake_creates=20)
    world.settle()
    for start in range(0, 40, 8):
        companies(world, range(start, start + 8))
        world.settle()

    assert len(world.close.leads) == 16
    assert Change.objects.filter(state="HELD", reason="NEEDS_APPROVAL").count() == 24

    # what is not counted goes on, and so does everything an hour later
    companies(world, range(4), description="Rockets")
    world.settle()
    assert world.lead("Company 3")["description"] == "Rockets"
    decide(world, brake.reject)
    world.clock.advance(minutes=61)
    companies(world, range(100, 110))
    world.settle()
    assert len(world.close.leads) == 26
    assert Change.objects.filter(state="IGNORED").count() == 24


def test_fields_that_would_be_emptied_by_the_hundred_wait(world: World) -> None:
    limits(brake_clears=3)
    companies(world, range(10), description="Rockets")
    world.settle()

    companies(world, range(6), description=None)
    companies(world, range(6, 10), description="Planes")
    world.settle()

    kept = [lead["description"] for lead in world.close.leads.values()]
    assert sorted(kept) == ["Planes"] * 4 + ["Rockets"] * 6
    assert Approval.objects.get().counts == {"clears": 6}

    decide(world, brake.approve)
    world.settle()
    assert (
        sorted(lead["description"] or "" for lead in world.close.leads.values()) == [""] * 6 + ["Planes"] * 4
    )


def test_a_newer_message_joins_the_batch_that_waits(world: World) -> None:
    limits(brake_creates=2)
    companies(world, range(5))
    world.settle()
    companies(world, range(1), description="Newer")
    companies(world, range(9, 10))
    world.settle()

    assert world.close.leads == {}
    assert Change.objects.filter(approval=Approval.objects.get(), state="HELD").count() == 6
    decide(world, brake.approve)
    world.settle()
    assert world.lead("Company 0")["description"] == "Newer"
    assert len(world.close.leads) == 6


def test_replaying_by_hand_does_not_get_around_the_brake(world: World) -> None:
    limits(brake_creates=2)
    companies(world, range(5))
    world.settle()

    replay.replay(Change.objects.filter(state="HELD"), now=world.clock())
    world.settle()

    assert world.close.leads == {}
    assert Change.objects.filter(state="HELD", reason="NEEDS_APPROVAL").count() == 5


def test_without_limits_nothing_waits(world: World) -> None:
    limits(brake_creates=None, brake_clears=None, brake_deletes=None, brake_share=None)
    companies(world, range(60))
    world.settle()

    assert len(world.close.leads) == 60
    assert not Approval.objects.exists()
