"""How much of one of Close's rate limits may be used now, and by whom.

Close counts requests per window: so many until a moment, then as many again. A window here is what we know of
Close's; tokens are granted out of it in blocks, and what answers tell corrects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# What may be asked before an answer told the limit.
UNLEARNED = 10
# Close rounds the seconds to a window's end up to whole ones.
ROUNDING = timedelta(seconds=1)


class Lane(StrEnum):
    """What requests are for, the most urgent first."""

    FRESH = "FRESH"
    RETRY = "RETRY"
    BACKFILL = "BACKFILL"


_RANKS = {lane: rank for rank, lane in enumerate(Lane)}


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a limit: `remaining` requests are neither made nor promised to anybody. `length` is in seconds.

    Without a limit nothing was learned yet; with an end all the same, Close refused and named it.
    """

    limit: int | None = None
    remaining: int = 0
    ends_at: datetime | None = None
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What one connector's lane had of the window (`used`), and how much more it would take (`wanted`)."""

    connector: int
    lane: Lane
    wanted: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer told of a window. `ends_at` is late by up to a second, never early."""

    remaining: int
    ends_at: datetime
    heard_at: datetime
    limit: int | None = None
    refused: bool = False


def tell(
    *, remaining: float, reset: float, heard_at: datetime, limit: float | None = None, refused: bool = False
) -> Told:
    """Return what an answer told, from its numbers; `reset` is in seconds. A refusal leaves nothing."""
    left = 0 if refused else max(int(remaining), 0)
    ends_at = heard_at + timedelta(seconds=reset)
    return Told(left, ends_at, heard_at, int(limit) if limit else None, refused)


def both(first: Told | None, second: Told) -> Told:
    """Return what two answers tell together: of one window the least, of two windows the later one's."""
    if first is None or second.heard_at >= first.ends_at:
        return second
    return Told(
        min(first.remaining, second.remaining),
        min(first.ends_at, second.ends_at),
        max(first.heard_at, second.heard_at),
        second.limit or first.limit,
        first.refused or second.refused,
    )


# ── A window's life ──────────────────────────────────────────────────────────────────────────────


def current(window: Window, now: datetime) -> Window:
    """Return the window as it is at a moment: one that has ended is full again.

    When the new one ends is not known before its first answer; until then it is taken to end late.
    """
    if window.ends_at is None or now < window.ends_at:
        return window
    if window.limit is None or window.length is None:
        return Window()
    return replace(window, remaining=window.limit, ends_at=now + timedelta(seconds=window.length) + ROUNDING)


def learn(window: Window, told: Told) -> Window:
    """Return the window with what an answer told of it: the least that is left, the earliest end.

    A refusal says when to go on, whatever was believed before.
    """
    limit = told.limit or window.limit
    if told.refused:
        return Window(limit, 0, told.ends_at, window.length)
    remaining = told.remaining if window.limit is None else min(window.remaining, told.remaining)
    return Window(limit, remaining, end_of(window, told), _length(window, told))


def end_of(window: Window, told: Told) -> datetime:
    """Return when a window ends: the earliest that was heard, unless even that is certainly later than believed."""
    if window.ends_at is None or told.refused or told.ends_at - ROUNDING > window.ends_at:
        return told.ends_at
    return min(window.ends_at, told.ends_at)


def _length(window: Window, told: Told) -> float:
    """Return the longest way to an end that was heard: that of a window's first answer."""
    heard = (told.ends_at - told.heard_at).total_seconds()
    return max(heard, window.length or 0.0) if told.limit == window.limit else heard


def settle(window: Window, granted: Window, *, unused: int, told: Told | None, now: datetime) -> Window:
    """Return the window after tokens came back, with what was told while they were used.

    `granted` is the window as it was when they were granted. What is about a window that is over counts no more.
    """
    if is_another(window, granted):
        return window
    if granted.limit is not None:
        window = replace(window, remaining=window.remaining + unused)
    if told is None:
        return window
    if window.ends_at is not None and now >= window.ends_at:
        if told.heard_at < window.ends_at:
            return window
        window = current(window, now)
    return learn(window, told)


def is_another(window: Window, earlier: Window) -> bool:
    """Tell whether a new window was opened since: learning moves an end by a second or so, opening by a whole length."""
    if window.ends_at is None or earlier.ends_at is None:
        return False
    return window.ends_at - earlier.ends_at > timedelta(seconds=(window.length or 0.0) / 2)


# ── Who gets how much ────────────────────────────────────────────────────────────────────────────


def allot(window: Window, mine: Demand, others: Iterable[Demand], reserve_share: int) -> int:
    """Return how many requests may be made now out of a current window, at most `mine.wanted`.

    `others` are the demands of this window's other connectors and lanes. What the more urgent lanes still want
    is left to them in full; connectors of one lane get equal shares, and what one does not want goes to the
    others. `reserve_share` percent of the limit are left to other tools.
    """
    if window.limit is None:
        return 0 if window.ends_at else min(mine.wanted, UNLEARNED)
    others = list(others)
    used = mine.used + sum(one.used for one in others)
    free = min(window.remaining, usable(window.limit, reserve_share) - used)
    free -= sum(one.wanted for one in others if _RANKS[one.lane] < _RANKS[mine.lane])
    peers = [one for one in others if one.lane == mine.lane]
    return max(min(mine.wanted, _fair(mine, peers, free), free), 0)


def usable(limit: int, reserve_share: int) -> int:
    """Return how much of a limit is ours when some percent are left to others, at least one request."""
    return max(limit * (100 - reserve_share) // 100, 1)


def _fair(mine: Demand, peers: Sequence[Demand], free: int) -> int:
    """Return what is left of my share when all peers rise to one level, as far as they want to."""
    all_of_us = [mine, *peers]
    capacity = max(free, 0) + sum(one.used for one in all_of_us)
    low, high = 0, max(one.used + one.wanted for one in all_of_us)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _filled(all_of_us, middle) <= capacity else (low, middle - 1)
    rest = capacity - _filled(all_of_us, low)
    return low - mine.used + (1 if rest > 0 else 0)


def _filled(demands: Iterable[Demand], level: int) -> int:
    return sum(max(one.used, min(one.used + one.wanted, level)) for one in demands)


def finish_in(pending_calls: float, window: Window, reserve_share: int) -> float | None:
    """Return the seconds that some requests take at the limit's pace; None while the limit is not known."""
    pace = per_second(window, reserve_share)
    return pending_calls / pace if pace else None


def per_second(window: Window, reserve_share: int) -> float | None:
    """Return how many requests a second the limit allows us; None while it is not known."""
    if window.limit is None or not window.length:
        return None
    return usable(window.limit, reserve_share) / window.length
