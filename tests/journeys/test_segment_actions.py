"""Tasks and custom activities in Close when a Hull account or user enters a segment: once an entry."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import SegmentAction, SegmentEntry
from tests.journeys.world import SEGMENT, World

pytestmark = pytest.mark.inline(reason="it counts requests and moves the clock between them")

HOT = "5a0000000000000000000abc"


def tell(world: World, is_hot: bool | None, **attributes: Any) -> None:
    named = {"id": "a1", "name": "Acme", "domain": "acme.com"} | attributes
    message = world.account_message(True, **named)
    segments = [{"id": SEGMENT, "name": "Prospects"}] + ([{"id": HOT, "name": "Hot"}] if is_hot else [])
    world.notify("account:update", [message | {"account_segments": segments}])
    world.settle()
    world.clock.advance(minutes=1)


@pytest.fixture
def action(world: World) -> SegmentAction:
    world.settle()
    tell(world, is_hot=False)
    made = SegmentAction.objects.create(
        connector=world.connector, object_type="LEAD", segment=HOT, text="Call {name}", due_in_days=2
    )
    world.settle()
    return made


def tasks(world: World) -> list[tuple[str, str]]:
    return [(task["text"], task["lead_id"]) for task in world.close.store.tasks.values()]


def test_entering_makes_a_task_once(world: World, action: SegmentAction) -> None:
    for _ in range(3):
        tell(world, is_hot=True)

    lead = world.lead("Acme")
    assert tasks(world) == [("Call Acme", lead["id"])]
    (task,) = world.close.store.tasks.values()
    assert task["date"] == "2026-03-04"
    entry = SegmentEntry.objects.get()
    assert (entry.state, entry.close_id) == ("DONE", task["id"])


def test_leaving_and_entering_again_makes_another(world: World, action: SegmentAction) -> None:
    for is_hot in (True, False, True):
        tell(world, is_hot=is_hot)

    assert len(tasks(world)) == 2


def test_who_was_in_it_before_did_not_enter(world: World) -> None:
    world.settle()
    tell(world, is_hot=True)
    SegmentAction.objects.create(
        connector=world.connector, object_type="LEAD", segment=HOT, text="Call {name}"
    )
    world.settle()

    tell(world, is_hot=True, description="changed")

    assert tasks(world) == []
    assert SegmentEntry.objects.get().state == "BEFORE"


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before", "status:503"])
def test_it_is_never_made_twice_and_never_lost(world: World, action: SegmentAction, kind: str) -> None:
    world.close.fail_next("POST", "^/task", kind)

    tell(world, is_hot=True)
    for _ in range(4):
        world.clock.advance(minutes=2)
        world.settle()

    assert len(tasks(world)) == 1
    assert SegmentEntry.objects.get().state == "DONE"


def test_what_close_refuses_needs_a_person_and_says_why(world: World, action: SegmentAction) -> None:
    SegmentAction.objects.update(assigned_to="nobody@acme.com")

    tell(world, is_hot=True)

    entry = SegmentEntry.objects.get()
    assert entry.state == "FAILED"
    assert "nobody@acme.com" in entry.message
    assert tasks(world) == []
    assert world.outcome("a1").result != "FAILED"


def test_a_custom_activity_of_a_user_is_filled_from_its_attributes(world: World) -> None:
    world.settle()
    from tests.journeys.rep import ask

    kind = ask(world, "POST", "/custom_activity/", name="Signal")["id"]
    field = ask(
        world, "POST", "/custom_field/activity/", name="Plan", type="text", custom_activity_type_id=kind
    )
    account = {"id": "a1", "name": "Acme", "domain": "acme.com"}
    world.tell_user(account, id="u1", name="Ann", email="ann@acme.com", plan="pro")
    world.settle()
    SegmentAction.objects.create(
        connector=world.connector, object_type="CONTACT", segment=HOT, makes="CUSTOM_ACTIVITY", activity_type=kind,
        fields={f"custom.{field['id']}": "plan"},
    )  # fmt: skip
    world.settle()
    world.clock.advance(minutes=1)

    message = world.user_message(account, id="u1", name="Ann", email="ann@acme.com", plan="pro")
    world.notify("user:update", [message | {"segments": [{"id": HOT, "name": "Hot"}]}])
    world.settle()

    made = [one for one in world.close.store.activities.values() if one["_type"] == "CustomActivity"]
    assert [(one["lead_id"], one[f"custom.{field['id']}"]) for one in made] == [
        (world.lead("Acme")["id"], "pro")
    ]
