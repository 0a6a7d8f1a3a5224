"""Remembers what Close said about its rate limits, so that a request it would refuse is not sent.

https://developer.close.com/topics/rate-limits/
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sync.close.errors import rate_limit, retry_after
from sync.errors import RateLimitedError
from sync.transport import Answer

_RECORDS = "records"


@dataclass(slots=True)
class _Budget:
    """What is left of one group's requests until a moment of the clock."""

    remaining: float
    until: float


class RateLimits:
    """The budgets of one API key by endpoint group. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._budgets: dict[str, _Budget] = {}
        self._lock = threading.Lock()

    def admit(self, route: str) -> None:
        """Take one request from the budget, also for those under way in other threads.

        Raises RateLimitedError when nothing is left until the reset.
        """
        with self._lock:
            budget = self._current(group_of(route))
            if budget is None:
                return
            if budget.remaining < 1:
                wait = budget.until - self._clock()
                raise RateLimitedError(f"Close's rate limit is used up for {wait:.1f} s.", retry_after=wait)
            budget.remaining -= 1

    def note(self, answer: Answer) -> None:
        """Remember what an answer tells. Within one window the least that was heard counts."""
        told = rate_limit(answer.headers)
        if answer.status == 429:
            told = {"remaining": 0, "reset": retry_after(answer)}
        if "remaining" not in told or "reset" not in told:
            return
        with self._lock:
            group, heard_until = group_of(answer.route), self._clock() + told["reset"]
            known = self._current(group)
            if known is None:
                self._budgets[group] = _Budget(told["remaining"], heard_until)
                return
            known.remaining = min(known.remaining, told["remaining"])
            if told["remaining"] < 1:
                known.until = max(known.until, heard_until)

    def _current(self, group: str) -> _Budget | None:
        budget = self._budgets.get(group)
        return budget if budget and self._clock() < budget.until else None


def group_of(route: str) -> str:
    """Return the name of the limit that a route counts against: leads and contacts share one."""
    first, _, rest = route.strip("/").partition("/")
    if first in ("lead", "contact") and not rest.startswith("merge"):
        return _RECORDS
    return "search" if (first, rest) == ("data", "search") else first
