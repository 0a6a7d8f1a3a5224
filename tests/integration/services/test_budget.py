"""The rows of the budget: right for any number of workers, and the ledger adds up."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from requests.structures import CaseInsensitiveDict

from sync import queries, tasks
from sync.engine import budget as rules
from sync.engine.budget import Lane, Window
from sync.errors import RateLimitedError
from sync.models import Budget, BudgetDemand, BudgetUse, Change, Connector, Run
from sync.records import Direction
from sync.services import apply, budget, drain, history, lane
from sync.services.allowance import Allowance
from sync.services.budget import Report
from sync.transport import Answer
from tests.conftest import NOW
from tests.journeys.world import make_connector

ORGANIZATION = "orga_1"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def connect(**values: Any) -> Connector:
    return make_connector(**{"close_organization_id": ORGANIZATION, "rate_share_left": 0} | values)


@pytest.fixture
def connector(db: None) -> Connector:
    return connect()


@pytest.fixture
def second(connector: Connector) -> Connector:
    return Connector.objects.create(
        organization=connector.organization, slug="second", name="Second", hull_connector_id="6b43",
        close_organization_id=ORGANIZATION, rate_share_left=0,
    )  # fmt: skip


def learned(limit: int = 40, remaining: int = 40, ends: float = 8) -> Budget:
    return Budget.objects.create(
        close_organization_id=ORGANIZATION, group="records", limit=limit, remaining=remaining, length=8.0,
        ends_at=later(ends),
    )  # fmt: skip


def take(connector: Connector, wanted: int, at: float = 1, lane: Lane = Lane.FRESH) -> int:
    report = Report(Window())
    return budget.exchange(connector, "records", lane, report, wanted=wanted, share=0, now=later(at)).tokens


def give_back(connector: Connector, at: float, **report: Any) -> None:
    window = report.pop("window", Window(40, 40, later(8), 8.0))
    budget.exchange(
        connector, "records", Lane.FRESH, Report(window, **report), wanted=0, share=0, now=later(at), takes=False
    )  # fmt: skip


# ── The rows ─────────────────────────────────────────────────────────────────────────────────────


def test_blocks_come_out_of_the_window_until_it_is_spent(connector: Connector) -> None:
    learned()

    assert [take(connector, 100) for _ in range(3)] == [budget.BLOCK, 20, 0]
    assert Budget.objects.get().remaining == 0
    assert (BudgetDemand.objects.get().used, BudgetDemand.objects.get().wanted) == (40, 100)


def test_a_window_that_ended_is_full_again(connector: Connector) -> None:
    learned(remaining=0)

    assert take(connector, 5, at=7.9) == 0
    assert take(connector, 5, at=8) == 5
    row = Budget.objects.get()
    assert (row.remaining, row.ends_at) == (35, later(8 + 8 + 1))
    assert BudgetDemand.objects.get().used == 5


def test_what_is_not_used_comes_back(connector: Connector) -> None:
    learned()
    take(connector, 10)

    give_back(connector, 2, unused=7, calls=3)

    assert Budget.objects.get().remaining == 37
    assert BudgetDemand.objects.get().used == 3


def test_what_comes_back_after_the_window_is_worth_nothing(connector: Connector, second: Connector) -> None:
    learned()
    take(connector, 10)
    take(second, 5, at=9)

    give_back(connector, 10, unused=7, calls=3)

    assert Budget.objects.get().remaining == 35
    assert {one.connector_id: one.used for one in BudgetDemand.objects.all()} == {
        connector.pk: 0,
        second.pk: 5,
    }


def test_half_is_kept_for_the_other_connector(connector: Connector, second: Connector) -> None:
    learned(remaining=0)
    take(second, 100, at=7)

    assert [take(connector, 100, at=8.1) for _ in range(2)] == [20, 0]
    assert take(second, 100, at=8.2) == 20


def test_a_wish_whose_owner_does_not_come_back_is_forgotten(connector: Connector, second: Connector) -> None:
    learned(remaining=0)
    take(second, 100, at=7)

    assert sum(take(connector, 100, at=23.5) for _ in range(3)) == 40


def test_organizations_do_not_share(connector: Connector) -> None:
    learned(remaining=0)
    connector.close_organization_id = "orga_2"

    assert take(connector, 100) == rules.UNLEARNED


@pytest.mark.parametrize(("shares", "left"), [((10, 30), 30), ((0, 0), 0)])
def test_the_largest_share_counts(
    connector: Connector, second: Connector, shares: tuple[int, int], left: int
) -> None:
    for one, share in zip((connector, second), shares, strict=True):
        Connector.objects.filter(pk=one.pk).update(rate_share_left=share)

    assert budget.share_left(ORGANIZATION) == left


@pytest.mark.parametrize(
    ("remaining", "ends", "opens"), [(0, 8, 8), (0, 1, None), (1, 8, None)]
)  # fmt: skip
def test_when_a_lane_may_go_on(
    connector: Connector, remaining: int, ends: float, opens: float | None
) -> None:
    learned(remaining=remaining, ends=ends)

    found = budget.opens_at(connector, "records", Lane.FRESH, now=later(2))

    assert found == (later(opens) if opens else None)


def test_the_ledger_adds_up_by_hour_and_is_pruned(connector: Connector) -> None:
    learned()
    for at, calls, refused in ((1, 10, 0), (2, 5, 1), (3700, 7, 0)):
        give_back(connector, at, calls=calls, refused=refused)

    lines = BudgetUse.objects.order_by("hour").values_list("calls", "refused", "lane")
    assert list(lines) == [(15, 1, "FRESH"), (7, 0, "FRESH")]
    assert history.prune(now=later(90 * 86400))["ledger lines"] == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_ask_at_once_never_get_more_than_there_is() -> None:
    connector = connect()
    learned(limit=100, remaining=100)
    granted: list[int] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        granted.extend(take(connector, 1000) for _ in range(3))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(granted) == 100
    assert Budget.objects.get().remaining == 0


@pytest.mark.django_db(transaction=True)
def test_the_first_two_that_ask_make_one_row() -> None:
    connector = connect()
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        take(connector, 3)
        give_back(connector, 1, window=Window(), calls=2)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert Budget.objects.count() == 1
    assert BudgetUse.objects.get().calls == 8


# ── The allowance ────────────────────────────────────────────────────────────────────────────────


def answer(remaining: int, reset: float = 8, status: int = 200) -> Answer:
    header = f"limit=40, remaining={remaining}, reset={reset}"
    return Answer(status, CaseInsensitiveDict({"RateLimit": header}), b"{}", "GET", "/lead/")


class Close:
    """A limit of 40, seen from one process."""

    def __init__(self, connector: Connector) -> None:
        self.now, self.left, self.lock = NOW, 40, threading.Lock()
        self.allowance = Allowance(connector, lambda: self.now)

    def ask(self, number: int = 0) -> bool:
        try:
            self.allowance.admit("/lead/")
        except RateLimitedError:
            return False
        with self.lock:
            self.left -= 1
            told = answer(max(self.left, 0), status=200 if self.left >= 0 else 429)
        self.allowance.note(told)
        return told.status == 200


def test_threads_draw_all_there_is_and_no_more(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "THREADS", 8)
    close = Close(connector)
    close.allowance.expect(Lane.FRESH, 100)

    asked = apply.in_parallel(close.ask, range(100))
    close.allowance.settle(expected=60)

    assert (sum(asked), close.left, close.allowance.is_short) == (40, 0, True)
    assert (BudgetUse.objects.get().calls, BudgetUse.objects.get().refused) == (40, 0)
    assert Budget.objects.get().remaining == 0


def test_a_refusal_is_asked_about_once(connector: Connector, django_assert_num_queries: Any) -> None:
    learned(remaining=0)
    close = Close(connector)
    assert not close.ask()

    with django_assert_num_queries(0):
        assert not any(close.ask() for _ in range(50))


def test_the_time_to_go_on_is_told(connector: Connector) -> None:
    learned(remaining=0)
    close = Close(connector)

    with pytest.raises(RateLimitedError) as caught:
        close.allowance.admit("/contact/{id}/")

    assert (caught.value.retry_after, caught.value.until) == (8, later(8))


def test_tokens_of_a_window_that_ended_are_not_drawn(connector: Connector) -> None:
    learned()
    close = Close(connector)
    close.allowance.expect(Lane.FRESH, 10)
    close.ask()

    close.now, close.left = later(8.5), 40
    assert all(close.ask() for _ in range(10))

    close.allowance.settle()
    assert Budget.objects.get().remaining == 30


def test_a_429_closes_the_window_for_everybody(connector: Connector, second: Connector) -> None:
    learned()
    close = Close(connector)
    close.left = 0

    assert [close.ask(), close.ask()] == [False, False]
    close.allowance.settle()

    assert close.left == -1  # only one was sent
    assert take(second, 5) == 0
    assert BudgetUse.objects.get().refused == 1


def test_where_close_tells_no_limit_nobody_waits(connector: Connector) -> None:
    free = Allowance(connector, lambda: NOW)

    for _ in range(100):
        free.admit("/lead/")
        free.note(Answer(200, CaseInsensitiveDict(), b"{}", "GET", "/lead/"))
    free.settle()

    assert BudgetUse.objects.get().calls == 100


def test_before_the_organization_is_known_it_goes_by_what_it_hears(db: None) -> None:
    close = Close(connect(close_organization_id=""))
    close.left = 2

    assert [close.ask() for _ in range(4)] == [True, True, False, False]
    assert not Budget.objects.exists()


def test_what_is_for_another_lane_is_counted_there(connector: Connector) -> None:
    close = Close(connector)

    close.ask()
    with close.allowance.during(Lane.BACKFILL):
        close.ask()
    close.ask()
    close.allowance.settle()

    counted = dict(BudgetUse.objects.values_list("lane", "calls"))
    assert counted == {"FRESH": 2, "BACKFILL": 1}


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────


def queued(connector: Connector, due: float, **values: Any) -> Change:
    return Change.objects.create(
        connector=connector, direction="OUTBOUND", object_type="LEAD", key="a", not_before=later(due), queued_at=NOW,
        **values,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due", "left", "state", "look"),
    [
        (None, 0, "FINISHED", None),
        (-5, 0, "FINISHED", 8),
        (5, 0, "FINISHED", 8),
        (20, 0, "FINISHED", 20),
        (20, 40, "FINISHED", 20),
        (-5, 40, "FINISHED", 1),
        (61, 40, "FINISHED", None),
        (-5, 40, "STOPPED", None),
        (-5, 0, "STOPPED", 8),
    ],
)
def test_when_a_lane_is_looked_at_again(
    connector: Connector, due: float | None, left: int, state: str, look: float | None
) -> None:
    learned(remaining=left)
    if due is not None:
        queued(connector, due)
    run = Run(connector=connector, state=state)

    found = drain.next_look(connector, Direction.OUTBOUND, run, now=NOW)

    assert found == (later(look) if look else None)


def test_nobody_comes_back_to_a_lane_that_another_drain_has(connector: Connector) -> None:
    queued(connector, -5)

    assert drain.next_look(connector, Direction.OUTBOUND, None, now=NOW) is None


@pytest.mark.parametrize(
    ("nudged", "at", "wakes"),
    [
        (None, None, True),
        (-1, None, False),
        (-301, None, True),  # the broker lost it
        (8, None, False),  # the next window is soon enough
        (40, None, True),  # a retry that comes later is not
        (None, 8, True),
        (8, 8, False),
        (8.5, 8, False),
        (40, 8, True),
    ],
)
def test_one_nudge_is_on_its_way(
    connector: Connector, nudged: float | None, at: float | None, wakes: bool
) -> None:
    row = connector.lanes.create(direction="OUTBOUND", nudged_at=None if nudged is None else later(nudged))

    assert lane.wake(connector, Direction.OUTBOUND, now=NOW, at=None if at is None else later(at)) is wakes

    row.refresh_from_db()
    assert row.nudged_at == (later(at or 0) if wakes else later(nudged or 0))


@pytest.mark.parametrize(("nudged", "kept"), [(-1, False), (0.5, False), (8, True)])
def test_a_nudge_for_later_outlives_a_drain(connector: Connector, nudged: float, kept: bool) -> None:
    row = connector.lanes.create(direction="OUTBOUND", nudged_at=later(nudged))

    with lane.leased(connector, Direction.OUTBOUND, clock=lambda: NOW):
        row.refresh_from_db()
        assert bool(row.nudged_at) is kept


def test_the_worker_is_told_when_to_come_back(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    learned(remaining=0)
    queued(connector, -5)
    sent: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(tasks.timezone, "now", lambda: NOW)
    monkeypatch.setattr(tasks.drain_outbound, "apply_async", lambda **options: sent.append(options))
    run = Run(connector=connector, state="FINISHED")

    told = [tasks.look_again(connector, Direction.OUTBOUND, run) for _ in range(3)]

    assert told == [True, False, False]
    assert sent == [{"kwargs": {"connector_id": connector.pk}, "retry": False, "countdown": 8.0}]


@pytest.mark.parametrize(
    ("state", "left", "goes_on", "others", "again"),
    [
        ("STOPPED", 0, False, [], 8),
        ("STOPPED", 40, False, [], None),  # stopped by other trouble
        ("FINISHED", 0, False, [], None),
        ("STOPPED", 0, False, [-9], None),  # that one goes on
        ("STOPPED", 0, False, [-60], 8),
        ("STOPPED", 0, True, [-9], 8),
    ],
)
def test_a_pull_that_a_limit_stopped_goes_on_once(
    connector: Connector, state: str, left: int, goes_on: bool, others: list[float], again: float | None
) -> None:
    learned(remaining=left)
    Budget.objects.update(group="event")
    made = [
        Run.objects.create(
            connector=connector, kind="PULL", direction="INBOUND", trigger="SCHEDULE", state=run_state,
            started_at=NOW, finished_at=later(at),
        )
        for at, run_state in [*((at, "STOPPED") for at in others), (0.0, state)]
    ]  # fmt: skip

    found = drain.next_pull(connector, made[-1], now=NOW, goes_on=goes_on)

    assert found == (later(again) if again else None)


# ── How long it takes ────────────────────────────────────────────────────────────────────────────


def test_the_outlook_goes_by_what_recent_runs_took(connector: Connector) -> None:
    learned()
    Connector.objects.update(rate_share_left=10)
    queued(connector, 0)
    Run.objects.create(
        connector=connector, kind="DRAIN", direction="OUTBOUND", trigger="COMMAND", started_at=NOW, considered=10,
        close_calls={"POST /lead/": 3, "PUT /contact/{id}/": 2, "GET /me/": 9},
    )  # fmt: skip

    found = queries.outlook(connector)

    assert (found.waiting, found.per_second) == (1, 36 / 8)
    assert found.seconds == pytest.approx(0.5 / 4.5)


def test_without_a_known_limit_there_is_no_outlook(connector: Connector) -> None:
    assert queries.outlook(connector) == queries.Outlook(0, None, None)
