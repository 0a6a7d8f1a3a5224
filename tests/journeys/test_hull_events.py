"""What happens in Close, as events of users in Hull: from the moment it is switched on, each once."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Connector, HullEvent
from tests.journeys.rep import ask
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it counts messages and moves the clock between them")

ALL = ["status_change", "opportunity", "note", "call", "email", "custom_activity"]


@pytest.fixture
def lead(world: World) -> str:
    people = [
        {"name": "Ann", "emails": [{"email": "ann@acme.com"}]},
        {"name": "Bob", "emails": [{"email": "bob@acme.com"}]},
    ]
    made = str(world.close.rep_create_lead({"name": "Acme", "url": "acme.com", "contacts": people})["id"])
    ask(world, "POST", "/activity/note/", lead_id=made, note="before")
    world.settle()
    world.clock.advance(minutes=30)
    Connector.objects.update(hull_events=ALL)
    world.settle()
    world.clock.advance(minutes=1)
    return made


def told(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Return who was told to have done what, with its properties, in order."""
    found = []
    for message in world.hull.firehose_messages:
        if message["type"] == "track":
            who = (message["asUser"] or {}).get("email")
            found.append((who, message["body"]["event"], message["body"]["properties"]))
    return found


def later(world: World) -> None:
    for _ in range(4):
        world.clock.advance(seconds=40)
        world.settle()


def test_each_is_told_once_of_the_contact_it_is_about(world: World, lead: str) -> None:
    bob = world.contact("Bob")["id"]
    ask(world, "POST", "/activity/note/", lead_id=lead, note="Wants a demo")
    ask(world, "POST", "/activity/call/", lead_id=lead, contact_id=bob, direction="outbound", duration=60)
    ask(
        world,
        "POST",
        "/activity/email/",
        lead_id=lead,
        contact_id=bob,
        status="sent",
        direction="outgoing",
        subject="Hi",
        body_text="secret",
    )
    later(world)

    names = [(who, name) for who, name, _ in told(world)]
    assert sorted(names) == [
        ("ann@acme.com", "Note added"),
        ("bob@acme.com", "Call logged"),
        ("bob@acme.com", "Email sent"),
    ]
    by_name = {name: properties for _, name, properties in told(world)}
    assert by_name["Note added"]["note"] == "Wants a demo"
    assert by_name["Note added"]["lead_id"] == lead
    assert by_name["Email sent"]["subject"] == "Hi"
    assert "secret" not in str(by_name)
    assert set(HullEvent.objects.values_list("state", flat=True)) == {"DONE"}


def test_status_changes_and_opportunities(world: World, lead: str) -> None:
    other = world.close.settings.create_status("Qualified")["id"]
    world.close.rep_update_lead(lead, {"status_id": other})
    stages = [one for pipeline in world.close.store.pipelines for one in pipeline["statuses"]]
    won = next(one["id"] for one in stages if one["type"] == "won")
    world.clock.advance(minutes=1)
    deal = ask(world, "POST", "/opportunity/", lead_id=lead, value=1000)["id"]
    world.clock.advance(minutes=1)
    ask(world, "PUT", f"/opportunity/{deal}/", status_id=won)
    later(world)

    assert [name for _, name, _ in told(world)] == [
        "Lead status changed",
        "Opportunity created",
        "Opportunity status changed",
    ]
    assert told(world)[0][2]["new_status_label"] == "Qualified"


def test_a_draft_is_told_when_it_is_sent_and_a_later_edit_is_not(world: World, lead: str) -> None:
    mail = ask(world, "POST", "/activity/email/", lead_id=lead, status="draft", subject="Hi")["id"]
    note = ask(world, "POST", "/activity/note/", lead_id=lead, note="one")["id"]
    later(world)
    assert [name for _, name, _ in told(world)] == ["Note added"]

    ask(world, "PUT", f"/activity/email/{mail}/", status="sent")
    ask(world, "PUT", f"/activity/note/{note}/", note="two")
    later(world)

    assert [name for _, name, _ in told(world)] == ["Note added", "Email sent"]


def test_without_a_contact_it_is_left_out_with_its_reason(world: World, lead: str) -> None:
    alone = world.close.rep_create_lead({"name": "Alone"})["id"]
    ask(world, "POST", "/activity/note/", lead_id=alone, note="nobody there")
    later(world)

    assert told(world) == []
    row = HullEvent.objects.get()
    assert (row.state, row.reason) == ("SKIPPED", "NO_USER")


def test_what_hull_does_not_take_is_told_later_under_the_same_id(world: World, lead: str) -> None:
    ask(world, "POST", "/activity/note/", lead_id=lead, note="Wants a demo")
    world.hull.fail_next("POST", ".*", "status:503", times=2)
    world.pull()
    assert told(world) == []

    later(world)
    (event,) = [one for one in world.hull.firehose_messages if one["type"] == "track"]
    assert event["body"]["event_id"] == HullEvent.objects.get().event_id


def test_switched_off_nothing_is_told(world: World, lead: str) -> None:
    Connector.objects.update(hull_events=[])
    ask(world, "POST", "/activity/note/", lead_id=lead, note="Wants a demo")
    later(world)

    assert told(world) == []
    assert Connector.objects.get().hull_events_since is None
