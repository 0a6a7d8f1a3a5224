"""Which requests share a limit, what Close says about it, and a limiter for one process that remembers it.

A limiter keeps a request from being sent that Close would refuse. `RateLimits` is for scripts and first contacts; all
other work draws on the budget that is shared through the database, see `sync.services.allowance`.
https://developer.close.com/topics/rate-limits/
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sync.close.errors import rate_limit, retry_after
from sync.errors import RateLimitedError
from sync.transport import Answer

RECORDS = "records"
EVENTS = "event"
SEARCH = "search"


class Limiter(Protocol):
    """Decides about each request before it is sent, and hears each answer. Safe to use from several threads."""

    def admit(self, route: str) -> None:
        """Count one request. Raises RateLimitedError when it must not be sent now."""

    def note(self, answer: Answer) -> None:
        """Remember what an answer tells about its limit."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer said about its group's limit: how many requests are left, for how many seconds."""

    group: str
    remaining: float
    reset: float
    limit: float | None = None
    refused: bool = False


def said_by(answer: Answer) -> Said | None:
    """Read an answer's headers. A 429 leaves nothing, whatever its header says; None when nothing was said."""
    told = rate_limit(answer.headers)
    if answer.status == 429:
        return Said(group_of(answer.route), 0, retry_after(answer), told.get("limit"), refused=True)
    if "remaining" not in told or "reset" not in told:
        return None
    return Said(group_of(answer.route), told["remaining"], told["reset"], told.get("limit"))


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
        said = said_by(answer)
        if said is None:
            return
        with self._lock:
            heard_until = self._clock() + said.reset
            known = self._current(said.group)
            if known is None:
                self._budgets[said.group] = _Budget(said.remaining, heard_until)
                return
            known.remaining = min(known.remaining, said.remaining)
            if said.remaining < 1:
                known.until = max(known.until, heard_until)

    def _current(self, group: str) -> _Budget | None:
        budget = self._budgets.get(group)
        return budget if budget and self._clock() < budget.until else None


def group_of(route: str) -> str:
    """Return the name of the limit that a route counts against: leads and contacts share one."""
    first, _, rest = route.strip("/").partition("/")
    if first in ("lead", "contact") and not rest.startswith("merge"):
        return RECORDS
    return SEARCH if (first, rest) == ("data", "search") else first
