"""Watches Close's own limiter, and plays the worker that comes back when a lane can go on."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.close.limits import WINDOW, _group
from sync.models import Connector
from sync.records import Direction
from sync.services import drain, inbound, outbound
from tests.journeys.world import Clock

PULL_EVERY = timedelta(seconds=60)


class QuickClock(Clock):
    """A clock at which a look takes a microsecond, so that next to nothing but requests takes time."""

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass
class Meter:
    """Every request that Close counted: when, in which group, whether it was refused. Each takes `seconds`."""

    clock: Clock
    seconds: float = 0.025
    seen: list[tuple[datetime, str, bool]] = field(default_factory=list)

    def watch(self, close: Any, **limits: int) -> Meter:
        """Switch Close's limits on, with other numbers for some groups, and count what comes."""
        close.limits.enabled = True
        close.limits.limits |= limits
        admit = close.limits.admit

        def counted(method: str, path: str, key_id: str) -> Any:
            self.clock.advance(seconds=self.seconds)
            refused, headers = admit(method, path, key_id)
            self.seen.append((self.clock.now, _group(method, path), refused is not None))
            return refused, headers

        close.limits.admit = counted
        return self

    def refused(self) -> int:
        """Count the requests that Close refused with 429."""
        return sum(is_refused for _, _, is_refused in self.seen)

    def windows(self, group: str = "records") -> list[tuple[datetime, int]]:
        """Return Close's windows, each with its start and how many requests it took."""
        found: list[tuple[datetime, int]] = []
        for at, of, is_refused in self.seen:
            if of != group or is_refused:
                continue
            if not found or at - found[-1][0] >= timedelta(seconds=WINDOW):
                found.append((at, 0))
            found[-1] = (found[-1][0], found[-1][1] + 1)
        return found

    def share_used(self, limit: int, group: str = "records") -> float:
        """Return which part of the limit was used between the start of the second window and that of the last.

        The first window is where the limit is learned and the last one is not filled. In between every second
        counts, also those in which nothing was asked although a new window could have begun.
        """
        windows = self.windows(group)[1:]
        assert len(windows) > 1, "too few windows to measure"
        elapsed = (windows[-1][0] - windows[0][0]).total_seconds()
        return sum(count for _, count in windows[:-1]) / (limit * elapsed / WINDOW)


def work_off(connectors: Sequence[Connector], clock: Clock) -> None:
    """Drain each connector's outbound lane whenever it says that it can go on, as the worker does, until all are done.

    Close's event log is read every minute, by another worker: that takes no time of this one.
    """
    start = clock.now
    turns = [(start, number) for number in range(len(connectors))]
    pulled = [start] * len(connectors)
    while turns:
        at, number = heapq.heappop(turns)
        connector = connectors[number]
        clock.now = max(clock.now, at)
        if clock.now - pulled[number] >= PULL_EVERY:
            pulled[number] = now = clock.now
            inbound.pull(connector, trigger="COMMAND", clock=clock)
            clock.now = now
        connector.refresh_from_db()
        run = outbound.drain(connector, trigger="COMMAND", clock=clock)
        again = drain.next_look(connector, Direction.OUTBOUND, run, now=clock.now)
        if again:
            heapq.heappush(turns, (again, number))
