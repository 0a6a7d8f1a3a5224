"""Who may ask Close how much, and what its answers teach."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.engine.budget import (
    UNLEARNED,
    Demand,
    Lane,
    Told,
    Window,
    allot,
    both,
    current,
    finish_in,
    learn,
    per_second,
    settle,
    tell,
    usable,
)

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FULL = Window(limit=160, remaining=160, ends_at=NOW + timedelta(seconds=8), length=8.0)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def demand(connector: int = 1, lane: Lane = Lane.FRESH, *, wanted: int = 0, used: int = 0) -> Demand:
    return Demand(connector, lane, wanted, used)


def told(remaining: int, reset: float, heard: float = 0.0, **values: object) -> Told:
    return tell(remaining=remaining, reset=reset, heard_at=at(heard), limit=160, **values)  # type: ignore[arg-type]


# ── A window's life ──────────────────────────────────────────────────────────────────────────────


def test_a_window_stays_until_its_end_and_is_full_again_then() -> None:
    spent = replace(FULL, remaining=0)

    assert current(spent, at(7.9)) == spent
    # the first answer tells the end; until then it is taken to come a second late
    assert current(spent, at(8)) == Window(160, 160, at(8 + 8 + 1), 8.0)


@pytest.mark.parametrize("window", [Window(), Window(limit=160), Window(ends_at=at(-1))])
def test_what_was_not_learned_stays_unknown(window: Window) -> None:
    assert current(window, NOW).remaining == 0
    assert current(Window(ends_at=at(-1)), NOW) == Window()


@pytest.mark.parametrize(
    ("window", "heard", "after"),
    [
        (Window(), told(159, 8), Window(160, 159, at(8), 8.0)),
        (FULL, told(100, 6, 2), replace(FULL, remaining=100)),
        # an answer that was overtaken raises nothing
        (replace(FULL, remaining=90), told(100, 6, 2), replace(FULL, remaining=90)),
        # of ends that are rounded up the earliest is the best
        (replace(FULL, ends_at=at(9)), told(100, 8), replace(FULL, remaining=100)),
        (FULL, told(100, 8, 0.5), replace(FULL, remaining=100)),
        # but what is certainly later is later
        (FULL, told(100, 8, 1.5), replace(FULL, remaining=100, ends_at=at(9.5))),
        # the longest way to an end is the length
        (Window(160, 10, at(3), 3.0), told(9, 8, -5), Window(160, 9, at(3), 8.0)),
    ],
)
def test_an_answer_corrects_what_is_known(window: Window, heard: Told, after: Window) -> None:
    assert learn(window, heard) == after


@pytest.mark.parametrize(
    ("window", "after"),
    [
        (FULL, Window(160, 0, at(3), 8.0)),
        (Window(), Window(160, 0, at(3), None)),
        (replace(FULL, ends_at=at(1)), Window(160, 0, at(3), 8.0)),
    ],
)
def test_a_refusal_says_when_to_go_on(window: Window, after: Window) -> None:
    assert learn(window, told(7, 3, refused=True)) == after


def test_of_one_window_the_least_counts_and_of_two_the_later_one() -> None:
    first, second, next_window = told(100, 8), told(101, 7, 0.2), told(159, 8, 8.1)

    assert both(None, first) == first
    assert both(first, second) == Told(100, at(7.2), at(0.2), 160)
    assert both(first, next_window) == next_window
    assert both(first, told(0, 3, 1, refused=True)) == Told(0, at(4), at(1), 160, refused=True)


@pytest.mark.parametrize(
    ("window", "granted", "unused", "heard", "now", "after"),
    [
        (replace(FULL, remaining=140), FULL, 5, None, 1, replace(FULL, remaining=145)),
        # Close knows better: another tool has used some
        (replace(FULL, remaining=140), FULL, 5, told(120, 7, 1), 1, replace(FULL, remaining=120)),
        # somebody opened the next window meanwhile
        (replace(FULL, remaining=9), replace(FULL, ends_at=at(0)), 5, told(3, 1, -1), 1, replace(FULL, remaining=9)),
        # heard within a window that is over by now
        (replace(FULL, remaining=0), FULL, 2, told(50, 1, 7), 9, replace(FULL, remaining=2)),
        # heard after it: this is how the next one stands
        (replace(FULL, remaining=0), FULL, 0, told(150, 8, 8.5), 9, Window(160, 150, at(16.5), 8.0)),
        # the first block was granted out of nothing
        (Window(), Window(), 7, told(157, 8), 1, Window(160, 157, at(8), 8.0)),
    ],
)  # fmt: skip
def test_tokens_come_back(
    window: Window, granted: Window, unused: int, heard: Told | None, now: float, after: Window
) -> None:
    assert settle(window, granted, unused=unused, told=heard, now=at(now)) == after


# ── Who gets how much ────────────────────────────────────────────────────────────────────────────

OTHER, THIRD = 2, 3


@pytest.mark.parametrize(
    ("window", "mine", "others", "share", "granted"),
    [
        # nothing learned yet: a few, to learn by
        (Window(), demand(wanted=100), [], 0, UNLEARNED),
        (Window(), demand(wanted=3), [], 0, 3),
        # nobody else asks: all of it, except for what is left to other tools
        (FULL, demand(wanted=1000), [], 0, 160),
        (FULL, demand(wanted=1000), [], 10, 144),
        (FULL, demand(wanted=7), [], 10, 7),
        # another tool has used 30 of its share and of ours
        (replace(FULL, remaining=130), demand(wanted=1000), [], 10, 130),
        (replace(FULL, remaining=40), demand(wanted=1000, used=120), [], 10, 24),
        (replace(FULL, remaining=0), demand(wanted=1000), [], 0, 0),
        # two that want everything get half each, whoever comes first
        (FULL, demand(wanted=1000), [demand(OTHER, wanted=1000)], 0, 80),
        (replace(FULL, remaining=80), demand(wanted=1000), [demand(OTHER, wanted=900, used=80)], 0, 80),
        (replace(FULL, remaining=60), demand(wanted=1000, used=80), [demand(OTHER, wanted=900, used=20)], 0, 0),
        # what one does not want goes to the other
        (FULL, demand(wanted=1000), [demand(OTHER, wanted=20)], 0, 140),
        (FULL, demand(wanted=1000), [demand(OTHER, wanted=0)], 0, 160),
        # one that had more than its share before the others asked keeps it, and gets no more
        (replace(FULL, remaining=40), demand(OTHER, wanted=100), [demand(wanted=9, used=120)], 0, 40),
        (replace(FULL, remaining=40), demand(wanted=9, used=120), [demand(OTHER, wanted=100)], 0, 0),
        # three with a rest
        (replace(FULL, limit=80, remaining=80), demand(wanted=99), [demand(OTHER, wanted=99), demand(THIRD, wanted=99)], 0, 27),
        # the more urgent lanes get what they want
        (FULL, demand(lane=Lane.RETRY, wanted=1000), [demand(OTHER, wanted=100)], 0, 60),
        (FULL, demand(lane=Lane.BACKFILL, wanted=1000), [demand(wanted=100), demand(OTHER, Lane.RETRY, wanted=50)], 0, 10),
        (FULL, demand(lane=Lane.BACKFILL, wanted=1000), [demand(wanted=500)], 0, 0),
        (FULL, demand(wanted=1000), [demand(OTHER, Lane.BACKFILL, wanted=500)], 0, 160),
    ],
)  # fmt: skip
def test_shares(window: Window, mine: Demand, others: list[Demand], share: int, granted: int) -> None:
    assert allot(window, mine, others, share) == granted


def test_after_a_refusal_nothing_is_granted_before_the_end() -> None:
    closed = learn(Window(), Told(0, at(3), NOW, None, refused=True))

    assert allot(current(closed, at(2.9)), demand(wanted=5), [], 0) == 0
    assert allot(current(closed, at(3)), demand(wanted=5), [], 0) == 5


_WISHES = st.lists(
    st.tuples(st.sampled_from(list(Lane)), st.integers(0, 200)), min_size=1, max_size=5
)  # fmt: skip


@given(_WISHES, st.integers(1, 300), st.integers(0, 90), st.randoms(use_true_random=False))
def test_all_is_used_none_too_many_and_everybody_gets_a_fair_part(
    wishes: list[tuple[Lane, int]], limit: int, share: int, order: object
) -> None:
    demands = {number: Demand(number, lane, wanted) for number, (lane, wanted) in enumerate(wishes)}
    window = Window(limit, limit, at(8), 8.0)
    asked = sorted(demands) * 3
    order.shuffle(asked)  # type: ignore[attr-defined]

    for number in asked:
        others = [one for name, one in demands.items() if name != number]
        granted = allot(window, demands[number], others, share)
        assert 0 <= granted <= min(demands[number].wanted, window.remaining)
        window = replace(window, remaining=window.remaining - granted)
        mine = demands[number]
        demands[number] = replace(mine, used=mine.used + granted, wanted=mine.wanted - granted)

    ours = usable(limit, share)
    assert sum(one.used for one in demands.values()) == min(ours, sum(wanted for _, wanted in wishes))
    left = ours
    for lane in Lane:
        peers = [(one.used, wishes[number][1]) for number, one in demands.items() if one.lane is lane]
        assert sum(used for used, _ in peers) == min(left, sum(wanted for _, wanted in peers))
        for used, wanted in peers:
            assert used >= min(wanted, left // len(peers))
        left -= sum(used for used, _ in peers)


@pytest.mark.parametrize(
    ("limit", "share", "ours"), [(160, 0, 160), (160, 10, 144), (16, 10, 14), (5, 90, 1), (1, 90, 1)]
)
def test_something_is_always_ours(limit: int, share: int, ours: int) -> None:
    assert usable(limit, share) == ours


def test_the_time_to_finish() -> None:
    assert finish_in(1116, FULL, 10) == 62
    assert per_second(FULL, 10) == 18
    assert finish_in(1116, Window(), 10) is None
