"""What one piece of work may ask of Close now: tokens out of the shared budget, drawn by its threads.

The threads draw from memory. When nothing is left, the thread that has the database fetches the next block; when
there is none, the request is refused with the time at which it may be made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync.close.limits import RECORDS, RateLimits, Said, group_of, said_by
from sync.engine import budget as rules
from sync.engine.budget import Lane, Told, Window
from sync.errors import RateLimitedError
from sync.models import Connector
from sync.services import budget
from sync.services.budget import Grant, Report
from sync.services.errands import run_by_owner
from sync.transport import Answer


@dataclass(slots=True)
class _Held:
    """The tokens of one group in this process, and what was done with them since the last exchange."""

    tokens: int = 0
    granted: Window = field(default_factory=Window)
    ends_at: datetime | None = None
    closed_until: datetime | None = None
    calls: int = 0
    refused: int = 0
    told: Told | None = None
    silent: int = 0  # answers that told nothing, in a row
    under_way: int = 0

    def draw(self, now: datetime) -> bool:
        """Take a token. Raises RateLimitedError when there is none before a known time."""
        if self.closed_until and now < self.closed_until:
            wait, until = (self.closed_until - now).total_seconds(), self.closed_until
            raise RateLimitedError(
                f"Close's rate limit is used up for {wait:.1f} s.", retry_after=wait, until=until
            )
        # there is no limit to keep to, as far as anybody says
        is_free = self.granted.limit is None and self.silent >= rules.UNLEARNED
        if not is_free and (self.tokens < 1 or (self.ends_at and now >= self.ends_at)):
            return False
        self.tokens = max(self.tokens - 1, 0)
        self.calls, self.under_way = self.calls + 1, self.under_way + 1
        return True

    def answered(self, told: Told | None) -> None:
        """Count an answer. Where ten in a row told nothing, nobody waits."""
        self.under_way = max(self.under_way - 1, 0)
        self.silent += 1
        if told:
            self.hear(told)

    def take(self, grant: Grant) -> None:
        """Hold the tokens of a grant; an empty one says until when there is nothing."""
        self.tokens, self.granted, self.ends_at = grant.tokens, grant.window, grant.window.ends_at
        self.closed_until = None if grant.tokens else grant.window.ends_at

    def hear(self, told: Told) -> None:
        """Remember what an answer told; tokens that Close does not have are worth nothing."""
        self.told = rules.both(self.told, told)
        self.refused, self.silent = self.refused + told.refused, 0
        if self.granted.limit is not None or told.refused:
            self.tokens = min(self.tokens, told.remaining)
        if self.ends_at or told.refused:
            self.ends_at = rules.end_of(Window(ends_at=self.ends_at), told)

    def report(self) -> Report:
        """Hand everything over to the shared budget; nothing is held afterwards.

        The first answers do not know of those that are under way, and no window knows of them yet.
        """
        told = self.told
        if told and self.granted.limit is None:
            told = replace(told, remaining=max(told.remaining - self.under_way, 0))
        report = Report(self.granted, self.tokens, self.calls, self.refused, told)
        self.tokens, self.calls, self.refused, self.told = 0, 0, 0, None
        return report


class Allowance:
    """The limiter of everything that one connector's drain or pull asks of Close.

    Until the Close organization is known, as in the first call with a key, it goes by what it hears itself.
    """

    def __init__(self, connector: Connector, clock: Callable[[], datetime]) -> None:
        self._connector, self._clock = connector, clock
        self._alone = RateLimits(lambda: clock().timestamp())
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._lane, self._expected = Lane.FRESH, 0
        self._share: int | None = None
        self.is_short = False

    # ── Called from any thread ───────────────────────────────────────────────────────────────────

    def admit(self, route: str) -> None:
        """Take a token for one request. Raises RateLimitedError when there is none before the window ends."""
        if not self._connector.close_organization_id:
            return self._alone.admit(route)
        group = group_of(route)
        if not self._draw(group):
            run_by_owner(lambda: self._fetch(group))
        return None

    def note(self, answer: Answer) -> None:
        """Keep what an answer tells until the next exchange with the shared budget."""
        if not self._connector.close_organization_id:
            return self._alone.note(answer)
        said = said_by(answer)
        told = _told(said, self._clock()) if said else None
        with self._lock:
            self._of(group_of(answer.route)).answered(told)
        return None

    # ── Called by whoever does the work ──────────────────────────────────────────────────────────

    def expect(self, lane: Lane, requests: int) -> None:
        """Say what the next requests are for, and about how many there will be."""
        if lane != self._lane:
            self.settle()
        self._lane, self._expected, self.is_short = lane, requests, False

    def queue_up(self, lane: Lane, requests: int) -> None:
        """Have the next window keep a fair part for what could not be asked in this one."""
        self.expect(lane, requests)
        self._exchange(RECORDS, Report(Window()), wanted=requests, takes=False)

    @contextmanager
    def during(self, lane: Lane) -> Iterator[None]:
        """Make requests of another urgency for as long as the block runs."""
        before = (self._lane, self._expected)
        self.expect(lane, 1)
        try:
            yield
        finally:
            self.expect(*before)

    def settle(self, *, expected: int = 0) -> None:
        """Give back what was not used and tell what was heard. `expected` is what this lane still has before it."""
        for group, held in list(self._held.items()):
            with self._lock:
                report = held.report()
            if not report.is_empty:
                self._exchange(group, report, wanted=expected if group == RECORDS else 0, takes=False)

    # ── Blocks ───────────────────────────────────────────────────────────────────────────────────

    def _draw(self, group: str) -> bool:
        with self._lock:
            held = self._of(group)
            is_drawn = held.draw(self._clock())
            self._expected = max(self._expected - is_drawn, 0)
        return is_drawn

    def _fetch(self, group: str) -> None:
        """Get a block and draw from it, unless another thread's errand brought some already."""
        if self._draw(group):
            return
        with self._lock:
            report = self._of(group).report()
        grant = self._exchange(group, report, wanted=max(self._expected, 1), takes=True)
        with self._lock:
            self._of(group).take(grant)
            self.is_short |= group == RECORDS and not grant.tokens
            self._of(group).draw(self._clock())

    def _exchange(self, group: str, report: Report, *, wanted: int, takes: bool) -> Grant:
        if self._share is None:
            self._share = budget.share_left(self._connector.close_organization_id)
        return budget.exchange(
            self._connector, group, self._lane, report,
            wanted=wanted, share=self._share, now=self._clock(), takes=takes,
        )  # fmt: skip

    def _of(self, group: str) -> _Held:
        return self._held.setdefault(group, _Held())


def _told(said: Said, heard_at: datetime) -> Told:
    return rules.tell(
        remaining=said.remaining, reset=said.reset, heard_at=heard_at, limit=said.limit, refused=said.refused
    )
