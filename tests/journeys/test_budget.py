"""Close allows so many requests in eight seconds: all of them are used, none too many, and everybody gets a fair part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from sync.models import BudgetUse, Change, Connector, Outcome, Run
from sync.records import Direction
from sync.services import drain, inbound, outbound, replay
from tests.journeys.meter import Meter, work_off
from tests.journeys.world import SEGMENT, World, map_rows

pytestmark = pytest.mark.inline(reason="counts every request under a clock of its own")

LIMIT = 20
WINDOW = timedelta(seconds=8)


@pytest.fixture
def meter(world: World) -> Meter:
    """Close with a tiny limit, and a connector that leaves nothing of it to others."""
    world.settle()
    unbraked(world.connector)
    return Meter(world.clock).watch(world.close, records=LIMIT)


def unbraked(connector: Connector, share_left: int = 0) -> Connector:
    connector.brake_creates = connector.brake_clears = connector.brake_deletes = connector.brake_share = None
    connector.rate_share_left = share_left
    connector.save()
    return connector


def tell_accounts(world: World, number: int, prefix: str = "a", **attributes: str) -> None:
    messages = [
        world.account_message(
            id=f"{prefix}-{n}", name=f"Company {prefix} {n}", domain=f"{prefix}{n}.com", **attributes
        )
        for n in range(number)
    ]
    assert world.notify("account:update", messages).status_code == 200


def test_a_long_queue_uses_the_whole_limit_and_never_more(world: World, meter: Meter) -> None:
    tell_accounts(world, 300)

    work_off([world.connector], world.clock)

    assert len(world.close.leads) == 300
    assert meter.refused() == 0
    assert all(count == LIMIT for _, count in meter.windows()[:-1])
    assert meter.share_used(LIMIT) > 0.99
    assert not Change.objects.filter(direction="OUTBOUND").exclude(state="DONE", attempts=0).exists()


def test_what_got_no_token_waits_for_the_window_and_nothing_is_sent(world: World, meter: Meter) -> None:
    tell_accounts(world, 30)

    run = outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)

    waiting = Change.objects.filter(direction="OUTBOUND", state="PENDING")
    assert {(one.reason, one.attempts, one.priority) for one in waiting} == {("RATE_LIMITED", 0, 0)}
    assert len(world.close.leads) == LIMIT
    assert not world.connector.intents.filter(state="OPEN").exists()
    again = drain.next_look(world.connector, Direction.OUTBOUND, run, now=world.clock.now)
    assert again == max(one.not_before for one in waiting)
    assert again - meter.windows()[-1][0] <= WINDOW + timedelta(seconds=1)


def test_a_drain_in_a_spent_window_looks_at_nothing(world: World, meter: Meter) -> None:
    tell_accounts(world, 30)
    outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)
    before = Outcome.objects.count()

    tell_accounts(world, 3, prefix="later")
    run = outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)

    assert (Outcome.objects.count(), meter.refused()) == (before, 0)
    assert drain.next_look(world.connector, Direction.OUTBOUND, run, now=world.clock.now)


@pytest.mark.parametrize(("share_left", "most"), [(0, 20), (10, 18), (50, 10)])
def test_a_share_is_left_to_other_tools(world: World, meter: Meter, share_left: int, most: int) -> None:
    unbraked(world.connector, share_left)
    tell_accounts(world, 70)

    work_off([world.connector], world.clock)

    assert len(world.close.leads) == 70
    assert {count for _, count in meter.windows()[1:-1]} == {most}


def test_two_connectors_of_one_close_organization_share_fairly(
    world: World, meter: Meter, second: Connector
) -> None:
    tell_accounts(world, 240)
    move(second, 60)
    started = world.clock.now

    work_off([world.connector, second], world.clock)

    assert len(world.close.leads) == 240
    assert meter.refused() == 0
    # 60 at half of 20 per window, after a first window that the other one had alone; then the other gets all of it
    assert last_creation(second) - started < WINDOW * 8
    assert last_creation(world.connector) - started < WINDOW * 13
    counted = dict(BudgetUse.objects.filter(group="records", lane="FRESH").values_list("connector", "calls"))
    assert counted == {world.connector.pk: 180, second.pk: 60}


@pytest.fixture
def second(world: World, meter: Meter) -> Connector:
    """Another connector with the same Close organization and key."""
    mine = world.connector
    other = Connector.objects.create(
        organization=mine.organization, slug="second", name="Second", hull_connector_id="6b43ce781f6d9f471d005d45",
        hull_secret="other", hull_api_url=mine.hull_api_url, hull_firehose_url=mine.hull_firehose_url,
        close_api_url=mine.close_api_url, close_api_key=world.close.api_key, account_segments=[SEGMENT],
    )  # fmt: skip
    map_rows(other, "LEAD", "OUTBOUND", [("name", "name")])
    inbound.pull(unbraked(other), trigger="COMMAND", clock=world.clock)
    return unbraked(Connector.objects.get(pk=other.pk))


def move(connector: Connector, number: int) -> None:
    """Have some of the queue be another connector's."""
    keys = Change.objects.filter(direction="OUTBOUND").order_by("-pk").values_list("pk", flat=True)[:number]
    Change.objects.filter(pk__in=list(keys)).update(connector=connector)


def last_creation(connector: Connector):  # type: ignore[no-untyped-def]
    return Outcome.objects.filter(connector=connector, result="CREATED").latest("pk").created_at


def test_another_tool_that_uses_up_the_window_costs_one_429_and_no_attempt(
    world: World, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_accounts(world, 50)
    after(world, monkeypatch, 5, lambda: other_tool(world, LIMIT))

    work_off([world.connector], world.clock)

    assert len(world.close.leads) == 50
    assert BudgetUse.objects.get(group="records", lane="FRESH").refused == 1
    assert Outcome.objects.filter(reason="RATE_LIMITED").exists()
    assert not Change.objects.filter(direction="OUTBOUND").exclude(state="DONE").exists()
    assert not Outcome.objects.filter(result="FAILED").exists()


def test_another_tool_that_works_beside_us_is_seen_in_the_headers(
    world: World, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_accounts(world, 50)
    after(world, monkeypatch, 5, lambda: other_tool(world, 8))

    work_off([world.connector], world.clock)

    assert len(world.close.leads) == 50
    assert meter.refused() == 0


def after(world: World, monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Have something happen right after so many leads were made."""
    create = world.close.records.create_lead

    def counted(*args: object, **options: object) -> object:
        made = create(*args, **options)
        if len(world.close.leads) == number:
            act()
        return made

    monkeypatch.setattr(world.close.records, "create_lead", counted)


def other_tool(world: World, requests: int) -> None:
    """Somebody else's script reads leads with the same key."""
    key = world.close.store.keys[world.close.api_key]
    for _ in range(requests):
        world.close.limits.admit("GET", "/lead/", key.key_id)


def test_what_just_happened_goes_before_everything_once_more(world: World, meter: Meter) -> None:
    tell_accounts(world, 100)
    work_off([world.connector], world.clock)
    world.clock.advance(seconds=20)
    world.close.requests.clear()
    for number in range(100):
        close_id = world.lead(f"Company a {number}")["id"]
        world.close.rep_update_lead(close_id, {"description": ""})
    tell_accounts(world, 100, description="all of them")
    Change.objects.filter(direction="OUTBOUND").update(priority=Change.Priority.BULK)

    tell_accounts(world, 5, prefix="news")
    work_off([world.connector], world.clock)

    written = [(method, path) for method, path, *_ in world.close.requests if method != "GET"]
    assert written[:5] == [("POST", "/lead/")] * 5
    assert len(written) == 105


@pytest.mark.parametrize(
    ("again", "priority"),
    [
        (lambda world, now: replay.resync(world.connector, now=now, directions=["OUTBOUND"]), Change.Priority.BULK),
        (lambda world, now: replay.replay(Change.objects.all(), now=now), Change.Priority.RETRY),
        (lambda world, now: tell_accounts(world, 1), Change.Priority.FRESH),
    ],
)  # fmt: skip
def test_how_urgent_a_change_is(
    world: World, again: Callable[[World, object], object], priority: int
) -> None:
    tell_accounts(world, 1)
    world.settle()

    again(world, world.clock())

    assert Change.objects.get(key="a-0").priority == priority


def test_a_change_that_failed_for_a_moment_is_less_urgent(world: World) -> None:
    world.settle()
    world.close.fail_next("POST", "/lead/", "status:503")
    tell_accounts(world, 1)

    world.drain()

    assert (Change.objects.get(key="a-0").state, Change.objects.get(key="a-0").priority) == ("PENDING", 1)


def test_each_urgency_gets_its_turn_within_one_drain(world: World) -> None:
    tell_accounts(world, 9)
    world.pull()
    for number, priority in enumerate(Change.Priority.values * 3):
        Change.objects.filter(key=f"a-{number}").update(priority=priority)

    world.drain()

    assert len(world.close.leads) == 9
    created = Outcome.objects.filter(result="CREATED").order_by("pk").values_list("key", flat=True)
    assert [int(key.removeprefix("a-")) % 3 for key in created] == [0] * 3 + [1] * 3 + [2] * 3


def test_the_first_backfill_counts_in_its_own_lane(world: World) -> None:
    world.pull()
    Meter(world.clock).watch(world.close)
    world.close.rep_create_lead({"name": "Other"})

    world.pull(full=True)

    assert BudgetUse.objects.get(group="records").lane == "BACKFILL"
    assert Run.objects.filter(state="STOPPED").count() == 0
