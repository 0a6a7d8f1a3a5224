"""What changed in Close: from its event log, from a search where the log may not be read, and after a long silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync.models import Cursor, Link
from sync.services import backfill
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it counts requests and moves the clock between them")


def calls(world: World) -> list[str]:
    return [path for _, path, *_ in world.close.requests]


def lead(world: World, name: str) -> str:
    world.clock.advance(seconds=1)
    return str(world.close.rep_create_lead({"name": name, "url": f"{name.lower()}.com"})["id"])


def told(world: World, close_id: str, name: str) -> object:
    held = (one for one in world.hull.accounts.values() if one.get("closeio/id") == close_id)
    return next(held, {}).get(f"closeio/{name}")


# ── The overlap ──────────────────────────────────────────────────────────────────────────────────


def since(world: World) -> timedelta:
    """Return how far before the watermark the last pull began."""
    cursor = Cursor.objects.get(stream="EVENTS")
    assert cursor.watermark
    asked = [params for _, path, params, *_ in world.close.requests if path == "/event/"]
    from sync.records import parse_time

    began = parse_time(asked[-1]["date_updated__gte"][0])
    assert began
    return cursor.watermark - began


def test_five_minutes_are_read_again_once_a_minute_and_thirty_seconds_in_between(world: World) -> None:
    lead(world, "Acme")
    world.settle()
    seen = []
    for _ in range(8):
        world.clock.advance(seconds=15)
        world.pull()
        seen.append(round(since(world).total_seconds()))

    assert set(seen) == {30, 300}
    assert seen.count(300) == 2


def test_an_event_that_shows_up_late_is_found_by_the_next_sweep(world: World) -> None:
    lead(world, "Acme")
    world.settle()
    world.clock.advance(minutes=20)
    late = lead(world, "Late")
    hidden = world.close.store.log.pop()
    world.clock.advance(minutes=2)
    other = lead(world, "Bluth")
    world.settle()
    assert told(world, late, "name") is None
    assert told(world, other, "name") == "Bluth"

    world.clock.advance(minutes=2)
    world.close.store.log.insert(len(world.close.store.log) - 1, hidden)
    world.close.store.log_times.insert(-1, world.close.store.log_times[-2])
    world.close.store.places = {event: place for place, event in enumerate(world.close.store.log)}
    world.settle()

    assert told(world, late, "name") == "Late"


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(minutes=-4)])
def test_clocks_that_differ_lose_nothing(world: World, ahead: timedelta) -> None:
    world.settle()
    close_clock = world.close.store.clock
    world.close.store.clock = lambda: close_clock() - ahead
    made = []
    for number in range(6):
        world.clock.advance(minutes=3)
        world.settle()
        made.append(lead(world, f"Lead{number}"))
        world.clock.advance(seconds=5)
        world.settle()

    assert [told(world, close_id, "name") for close_id in made] == [f"Lead{number}" for number in range(6)]


def test_nothing_new_is_one_call_and_fifty_changes_are_one(world: World) -> None:
    ids = [lead(world, f"Lead{number}") for number in range(50)]
    world.settle()
    world.clock.advance(minutes=15)
    world.pull()
    world.close.requests.clear()
    world.clock.advance(minutes=1)
    world.pull()
    assert calls(world) == ["/event/"]

    world.clock.advance(minutes=30)
    world.pull()
    world.clock.advance(minutes=1)
    for close_id in ids:
        world.close.rep_update_lead(close_id, {"description": "new"})
    world.close.requests.clear()
    world.hull.firehose_messages.clear()
    world.pull()
    assert calls(world) == ["/event/"]
    world.drain()
    assert len(world.hull.firehose_messages) == 50


# ── A key that may not read the log ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [400, 403])
def test_a_key_without_the_log_searches(world: World, status: int) -> None:
    world.close.faults.fail_next("GET", "^/event", f"status:{status}", 10_000)
    first = lead(world, "Acme")
    world.settle()
    assert told(world, first, "name") == "Acme"
    assert world.connector.paused_at is None

    world.clock.advance(minutes=1)
    world.close.rep_update_lead(first, {"description": "edited"})
    second = lead(world, "Bluth")
    world.close.rep_create_contact({"lead_id": second, "name": "Gob"})
    world.clock.advance(minutes=1)
    world.close.requests.clear()
    world.pull()
    assert calls(world) == ["/data/search/"] * 2
    world.settle()

    assert told(world, first, "description") == "edited"
    assert told(world, second, "name") == "Bluth"
    assert [user["traits_closeio/name"] for user in world.hull.users.values()] == ["Gob"]


def test_without_the_log_deletions_are_found_once_a_day(world: World) -> None:
    world.close.faults.fail_next("GET", "^/event", "status:403", 10_000)
    gone, there = lead(world, "Acme"), lead(world, "Bluth")
    world.settle()
    world.clock.advance(hours=1)
    world.close.rep_delete_lead(gone)
    world.settle()
    assert not told(world, gone, "deleted_at")

    for _ in range(3):
        world.clock.advance(hours=9)
        world.settle()

    assert told(world, gone, "deleted_at")
    assert not told(world, there, "deleted_at")


def test_the_log_is_tried_again_once_a_day(world: World) -> None:
    world.close.faults.fail_next("GET", "^/event", "status:403", 1)
    lead(world, "Acme")
    world.settle()
    assert Cursor.objects.get(stream="EVENTS").method == "search"

    for _ in range(4):
        world.clock.advance(hours=9)
        world.settle()
    assert Cursor.objects.get(stream="EVENTS").method == ""
    second = lead(world, "Bluth")
    world.close.requests.clear()
    world.settle()
    assert set(calls(world)) == {"/event/"}
    assert told(world, second, "name") == "Bluth"


def test_our_own_writes_are_not_told_back_where_nobody_says_who_wrote(world: World) -> None:
    world.close.faults.fail_next("GET", "^/event", "status:403", 10_000)
    world.settle()
    world.tell_account(id="a1", name="Acme", domain="acme.com", description="Rockets")
    world.settle()
    world.clock.advance(minutes=1)
    world.hull.firehose_messages.clear()

    world.settle()

    assert world.hull.firehose_messages == []
    assert len(world.close.leads) == 1


def test_the_page_says_why_so_much_is_read(world: World) -> None:
    world.settle()
    backfill.start(world.connector, now=world.clock(), since=world.clock())

    said = backfill.told(world.connector, now=world.clock())

    assert said is not None
    assert said.sentence.startswith("What changed since 2026-03-02")


# ── A long silence ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_searchable", [True, False])
def test_after_a_month_of_silence_what_changed_is_read(
    world: World, is_searchable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [lead(world, f"Lead{number}") for number in range(8)]
    world.settle()
    world.clock.advance(days=5)
    world.close.rep_update_lead(ids[0], {"description": "edited"})
    world.close.rep_delete_lead(ids[1])
    late = lead(world, "New")
    world.clock.advance(days=35)
    world.close.store.forget_events()
    if not is_searchable:
        world.close.faults.fail_next("POST", "^/data", "status:403", 99)
    world.close.requests.clear()
    world.hull.firehose_messages.clear()

    world.settle()

    assert told(world, ids[0], "description") == "edited"
    assert told(world, ids[1], "deleted_at")
    assert told(world, late, "name") == "New"
    assert "its event log does not reach back so far" in caplog.text
    assert backfill.progress(world.connector) is None
    changed = {message["asAccount"]["anonymous_id"] for message in world.hull.firehose_messages}
    assert changed == {f"closeio:{one}" for one in (ids[0], ids[1], late)}
    if is_searchable:
        assert "/lead/" not in calls(world)
        assert Link.objects.filter(object_type="LEAD", deleted_at=None).count() == 8
