"""Everything in Close is read: by three ways, in pieces, past a kill, and past what happens meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sync.models import Connector, Cursor, Link, Run
from sync.services import backfill, inbound, outbound
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it counts requests and moves the clock between them")

WAYS = ("pages", "search", "export")


def fill(world: World, leads: int) -> None:
    """Put leads with two contacts each into Close, one a second."""
    for number in range(leads):
        people = [
            {
                "name": f"{who} {number}",
                "emails": [{"email": f"{who}{number}@x{number}.com", "type": "office"}],
            }
            for who in ("ann", "bob")
        ]
        world.close.rep_create_lead({"name": f"Lead {number}", "url": f"x{number}.com", "contacts": people})
        world.clock.advance(seconds=1)
    world.clock.advance(hours=1)
    world.close.requests.clear()


def forget_events(world: World) -> None:
    """Have Close's event log lose what it holds."""
    world.close.store.forget_events()


def choose(world: World, way: str) -> None:
    Connector.objects.update(backfill_by=way)


def calls(world: World) -> list[str]:
    """Return the requests that read records, by their path."""
    paths = [path for _, path, *_ in world.close.requests]
    return [path for path in paths if path.startswith(("/lead", "/contact", "/data", "/export"))]


def read_all(world: World) -> None:
    """Pull until nothing is under way, as the worker does."""
    for _ in range(30):
        world.pull()
        world.connector.refresh_from_db()
        if world.connector.backfilled_at and backfill.progress(world.connector) is None:
            return
        world.clock.advance(seconds=5)
    raise AssertionError(
        f"the reading does not end: {[(r.message, r.considered) for r in Run.objects.all()][-3:]} {world.close.requests[-4:]}"
    )


def assert_hull_equals_close(world: World) -> None:
    world.settle()
    assert {
        one["closeio/id"]: one["name"] for one in world.hull.accounts.values() if "closeio/id" in one
    } == {lead["id"]: lead["name"] for lead in world.close.leads.values()}
    assert {one["traits_closeio/id"]: one["traits_closeio/lead_id"] for one in world.hull.users.values()} == {
        contact["id"]: contact["lead_id"] for contact in world.close.contacts.values()
    }


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_in_by_each_way(world: World, way: str) -> None:
    fill(world, 130)
    choose(world, way)

    read_all(world)

    asked = calls(world)
    assert len(asked) <= {"pages": 4, "search": 5, "export": 5}[way]
    assert Link.objects.filter(object_type="LEAD").count() == 130
    assert Link.objects.filter(object_type="CONTACT").count() == 260
    assert_hull_equals_close(world)
    run = Run.objects.filter(kind="PULL").order_by("-considered")[0]
    assert run.considered > 0


@pytest.mark.parametrize("way", WAYS)
def test_one_that_dies_goes_on_at_its_last_committed_page(
    world: World, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, 250)
    choose(world, way)
    stored: list[int] = []
    store = backfill._store

    def dying(work: Any, cursor: Cursor, portion: Any) -> None:
        if len(stored) == 2:
            stored.append(-1)
            raise KeyboardInterrupt
        store(work, cursor, portion)
        stored.append(len(portion.seen))

    monkeypatch.setattr(backfill, "_store", dying)
    with pytest.raises(KeyboardInterrupt):
        read_all(world)
    before = Link.objects.count()
    assert 0 < before < 750
    world.close.requests.clear()

    read_all(world)

    again = [size for size in stored[3:] if size > 0]
    assert sum(again) <= 750 - before + 15, "what was stored is not read again, but for the anchors"
    assert_hull_equals_close(world)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_deleted_meanwhile_hides_nothing(
    world: World, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, 250)
    choose(world, way)
    store = backfill._store
    ids = list(world.close.leads)
    deleted: list[str] = []

    def deleting(work: Any, cursor: Cursor, portion: Any) -> None:
        store(work, cursor, portion)
        if portion.leads and len(deleted) < 40:
            for close_id in ids[len(deleted) : len(deleted) + 20]:
                world.close.rep_delete_lead(close_id)
                deleted.append(close_id)

    monkeypatch.setattr(backfill, "_store", deleting)
    read_all(world)

    left = set(world.close.leads)
    assert len(left) == 210
    assert left <= set(
        Link.objects.filter(object_type="LEAD", deleted_at=None).values_list("close_id", flat=True)
    )
    world.clock.advance(minutes=1)
    world.settle()
    told = {one["closeio/id"] for one in world.hull.accounts.values() if not one.get("closeio/deleted_at")}
    assert told == left


@pytest.mark.parametrize(
    ("refused", "taken"),
    [(["^/export"], "search"), (["^/export", "^/data"], "pages")],
)
def test_what_a_key_may_not_use_is_left_out(
    world: World, refused: list[str], taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.engine.reading.FEW", 20)
    fill(world, 120)
    choose(world, "export")
    for path in refused:
        world.close.faults.fail_next("POST", path, "status:403", 99)

    read_all(world)

    used = {path.split("/")[1] for path in calls(world)}
    assert {"search": "data", "pages": "lead"}[taken] in used
    assert_hull_equals_close(world)


def test_few_leads_are_read_by_pages_and_many_by_an_export(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, 30)
    monkeypatch.setattr("sync.engine.reading.FEW", 20)

    read_all(world)
    assert "/export/lead/" in calls(world)

    Connector.objects.update(backfilled_at=None)
    Link.objects.all().delete()
    monkeypatch.setattr("sync.engine.reading.FEW", 3000)
    world.close.requests.clear()
    read_all(world)
    assert set(calls(world)) == {"/lead/"}


def test_nothing_is_written_before_everything_was_read(world: World) -> None:
    fill(world, 1)
    world.tell_account(id="a1", name="Lead 0", domain="x0.com")

    assert outbound.drain(world.connector, trigger="COMMAND", clock=world.clock) is None
    assert world.writes_to_close() == []

    world.settle()
    assert len(world.close.leads) == 1, "the lead that was there is the account's"
    assert world.outcome("a1").reason == "ADOPTED"


def test_a_piece_ends_after_a_while_and_fresh_changes_do_not_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, 250)
    choose(world, "search")
    store = backfill._store

    def slow(work: Any, cursor: Cursor, portion: Any) -> None:
        store(work, cursor, portion)
        world.clock.advance(seconds=25)

    monkeypatch.setattr(backfill, "_store", slow)
    first = next(iter(world.close.leads))
    world.connector.refresh_from_db()
    run = inbound.pull(world.connector, trigger="SCHEDULE", clock=world.clock, is_piece=True)

    assert run is not None
    under_way = backfill.progress(world.connector)
    assert under_way is not None
    assert 0 < under_way.done < 250
    assert under_way.total == 250
    assert backfill.next_piece(world.connector, run, now=world.clock()) is not None

    world.close.rep_update_lead(first, {"description": "fresh"})
    inbound.pull(world.connector, trigger="SCHEDULE", clock=world.clock, is_piece=True)
    world.drain()
    assert world.told(f"closeio:{first}")["closeio/description"] == "fresh"

    read_all(world)
    assert_hull_equals_close(world)
    assert Connector.objects.get().backfilled_at


@pytest.mark.parametrize("way", WAYS)
def test_a_full_reading_finds_what_was_deleted_unheard(world: World, way: str) -> None:
    fill(world, 30)
    read_all(world)
    world.settle()
    lost = next(iter(world.close.leads))
    world.close.rep_delete_lead(lost)
    forget_events(world)
    world.clock.advance(minutes=20)
    choose(world, way)

    world.pull(full=True)
    read_all(world)
    world.settle()

    account = next(one for one in world.hull.accounts.values() if one["closeio/id"] == lost)
    assert account["closeio/deleted_at"]
    assert world.outcome(lost).reason == "DELETED"
    others = [one for one in world.hull.accounts.values() if one["closeio/id"] != lost]
    assert not any(one.get("closeio/deleted_at") for one in others)


def test_where_most_is_missing_nothing_is_concluded(world: World) -> None:
    fill(world, 60)
    read_all(world)
    for close_id in list(world.close.leads)[:50]:
        world.close.rep_delete_lead(close_id)
    forget_events(world)
    world.clock.advance(minutes=20)

    world.pull(full=True)
    world.settle()

    assert not Link.objects.exclude(deleted_at=None).exists()


def test_a_full_reading_tells_hull_nothing_that_it_knows(world: World) -> None:
    fill(world, 30)
    read_all(world)
    world.settle()
    for way in WAYS:
        world.clock.advance(minutes=5)
        world.hull.firehose_messages.clear()
        choose(world, way)
        world.pull(full=True)
        read_all(world)
        world.settle()
        assert world.hull.firehose_messages == [], way


def test_an_export_that_was_made_before_a_change_does_not_undo_it(world: World) -> None:
    fill(world, 20)
    choose(world, "export")
    world.pull()
    edited, deleted = list(world.close.leads)[:2]
    world.clock.advance(seconds=3)
    world.close.rep_update_lead(edited, {"description": "newer"})
    world.close.rep_delete_lead(deleted)
    world.clock.advance(seconds=3)

    read_all(world)
    world.settle()

    assert world.told(f"closeio:{edited}")["closeio/description"] == "newer"
    gone = Link.objects.get(close_id=deleted)
    assert gone.deleted_at


def test_two_pulls_never_read_at_once(world: World) -> None:
    fill(world, 1)
    from sync.models import Lane
    from sync.services import lane

    with lane.leased(world.connector, Lane.READING, clock=world.clock):
        assert inbound.pull(world.connector, trigger="COMMAND", clock=world.clock) is None
    assert calls(world) == []


def test_memory_does_not_grow_with_an_export(world: World) -> None:
    """A file is parsed as it comes: no more than a chunk of leads is held at once."""
    from sync.close.exports import iter_export

    taken: list[int] = []

    def chunks() -> Any:
        yield b"["
        for number in range(1000):
            taken.append(number)
            yield b'{"id": "lead_%d", "name": "x"}%s' % (number, b"," if number < 999 else b"]")

    leads = iter_export(chunks())
    assert next(leads).close_id == "lead_0"
    assert len(taken) < 10
    assert sum(1 for _ in leads) == 999


def test_an_export_whose_line_breaks_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync.errors import TransientError
    from sync.services import readers

    fill(world, 250)
    choose(world, "export")
    fetch = readers._bytes_of
    broken: list[bool] = []

    def breaking(connector: Connector, url: str) -> Any:
        data = b"".join(fetch(connector, url))
        if not broken:
            broken.append(True)
            yield data[: len(data) // 2]
            raise TransientError("the line broke")
        yield data

    monkeypatch.setattr(readers, "_bytes_of", breaking)
    read_all(world)

    assert broken
    assert Run.objects.filter(state="STOPPED", message__contains="the line broke").count() == 1
    assert_hull_equals_close(world)


def test_the_time_that_is_left_is_told_from_the_pace() -> None:
    from sync.engine import reading
    from tests.journeys.world import START

    now = START + timedelta(seconds=60)
    assert reading.left(100, 400, START, now) == timedelta(seconds=180)
    assert reading.left(0, 400, START, now) is None
    assert reading.left(100, None, START, now) is None
