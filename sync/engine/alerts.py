"""When somebody is told that a connector needs them, and when that it is over: facts in, changes of state out."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

# So many failures within an hour are trouble of the connector, not of single records.
MANY_FAILURES = 10
# Silence is told of when it lasts this many times longer than the longest one lately, and never before an hour or two.
LONGER_THAN_USUAL = 2
SHORTEST_SILENCE = timedelta(hours=2)
# Fewer changes than this say nothing about what is usual.
KNOWN_FROM = 20
# What waits this long for Close's rate limit is worth a word.
LONG_QUEUE = timedelta(hours=1)


class AlertKind(StrEnum):
    """What a connector may be in, and come out of."""

    FAILING = "FAILING"
    SILENT = "SILENT"
    BUDGET = "BUDGET"
    BRAKE = "BRAKE"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one connector. `moments` are the hours in which something changed lately, in order."""

    is_running: bool
    stopped_by: str = ""
    failed: int = 0
    not_read_since: datetime | None = None
    moments: Sequence[datetime] = field(default_factory=tuple)
    changes: int = 0
    seconds_to_finish: float | None = None
    waits: int = 0
    held_back: int = 0


def conditions(facts: Facts, now: datetime) -> dict[AlertKind, str]:
    """Return what a connector is in now, each with its sentence. One that a person paused is in nothing."""
    found = {
        AlertKind.FAILING: _failing(facts),
        AlertKind.SILENT: _silent(facts, now) if facts.is_running else "",
        AlertKind.BUDGET: _budget(facts) if facts.is_running else "",
        AlertKind.BRAKE: _brake(facts),
    }
    return {kind: sentence for kind, sentence in found.items() if sentence}


def _failing(facts: Facts) -> str:
    if facts.stopped_by:
        return f"It stopped: {facts.stopped_by}"
    if facts.failed >= MANY_FAILURES:
        return f"{facts.failed:,} records failed within an hour. Open “Needs attention”."
    return ""


def _silent(facts: Facts, now: datetime) -> str:
    if facts.not_read_since:
        return f"Close was last read {_span(now - facts.not_read_since)} ago. See that a worker and the scheduler run."
    usual = usual_silence(facts.moments)
    if facts.changes < KNOWN_FROM or usual is None:
        return ""
    length = now - facts.moments[-1] - timedelta(hours=1)  # a moment is the beginning of its hour
    if length <= max(LONGER_THAN_USUAL * usual, SHORTEST_SILENCE):
        return ""
    return f"Nothing changed on either side for {_span(length)}, longer than usual ({_span(usual)}). Is Hull still sending?"


def usual_silence(moments: Sequence[datetime]) -> timedelta | None:
    """Return the longest time without a change lately; None when too little is known."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return max(gaps, default=None)


def _budget(facts: Facts) -> str:
    if facts.seconds_to_finish is None or facts.seconds_to_finish <= LONG_QUEUE.total_seconds():
        return ""
    lasts = _span(timedelta(seconds=facts.seconds_to_finish))
    return f"{facts.waits:,} records wait for Close's rate limit: about {lasts} at the present pace."


def _brake(facts: Facts) -> str:
    if not facts.held_back:
        return ""
    return f"{facts.held_back:,} records wait for approval: more than the brake allows. Open “Approvals”."


def raised(opened: Collection[AlertKind], found: Mapping[AlertKind, str]) -> dict[AlertKind, str]:
    """Return what is new."""
    return {kind: sentence for kind, sentence in found.items() if kind not in opened}


def recovered(opened: Collection[AlertKind], found: Mapping[AlertKind, str]) -> list[AlertKind]:
    """Return what is over."""
    return [kind for kind in AlertKind if kind in opened and kind not in found]


def _span(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    if hours < 1:
        return f"{max(round(hours * 60), 1)} minutes"
    if hours < 1.5:
        return "an hour"
    return f"{round(hours)} hours" if hours < 48 else f"{round(hours / 24)} days"
