"""One drain, the same in both directions: take the lane, work slice by slice, write down how it ended."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.errors import ConfigurationError, SyncError
from sync.models import Change, Connector, Run
from sync.records import Direction, SyncSettings
from sync.services import lane, recording, setup

Clock = Callable[[], datetime]
Watch = Callable[[Run, int], None]


def nobody_watches(run: Run, left: int) -> None:
    """Whoever shows progress passes a function of his own: it gets the run and how much is left."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the steps of one drain or pull share."""

    connector: Connector
    remotes: setup.Remotes
    settings: SyncSettings
    run: Run
    clock: Clock
    watch: Watch = nobody_watches
    jitter: Callable[[], float] = random.random


WorkSlice = Callable[[Work, Sequence[Change]], None]

# More than a queue holds: a dry run looks at everything once and consumes nothing.
_EVERYTHING = 1_000_000


def drain(
    connector: Connector, direction: Direction, work_slice: WorkSlice, *, trigger: str, clock: Clock,
    dry_run: bool, watch: Watch, prepare: Callable[[Work], None] = lambda work: None,
) -> Run | None:  # fmt: skip
    """Work on everything that is due in one lane.

    None when the connector is stopped, another drain has the lane, or nothing is due.
    """
    if not connector.is_active:
        return None
    with lane.leased(connector, direction, clock=clock) as lease:
        if lease is None or not lane.is_due(connector, direction, now=clock()):
            return None
        run = recording.start_run(connector, Run.Kind.DRAIN, direction, trigger, now=clock(), dry_run=dry_run)

        def work_off(work: Work) -> None:
            prepare(work)
            _slices(work, direction, work_slice, lease)

        return run_safely(connector, run, work_off, clock=clock, watch=watch)


def run_safely(
    connector: Connector,
    run: Run,
    work: Callable[[Work], None],
    *,
    clock: Clock,
    watch: Watch = nobody_watches,
) -> Run:
    """Connect, do the work and close the run. A configuration error pauses the connector, with its reason."""
    remotes = None
    try:
        remotes = setup.connect(connector, clock=clock, dry_run=run.dry_run)
        settings = setup.prepare(connector, remotes, now=clock(), dry_run=run.dry_run)
        work(Work(connector, remotes, settings, run, clock, watch))
    except ConfigurationError as error:
        connector.pause(error.message, now=clock())
        return recording.finish_run(run, remotes, now=clock(), message=error.message, stopped=True)
    except SyncError as error:
        return recording.finish_run(run, remotes, now=clock(), message=error.message, stopped=True)
    return recording.finish_run(run, remotes, now=clock())


def _slices(work: Work, direction: Direction, work_slice: WorkSlice, lease: lane.Lease) -> None:
    if work.run.dry_run:
        return work_slice(work, lane.claim(work.connector, direction, now=work.clock(), limit=_EVERYTHING))
    worked_on: set[tuple[object, ...]] = set()
    while changes := lane.claim(work.connector, direction, now=work.clock()):
        left = [change for change in changes if _mark(change) in worked_on]
        if left:
            recording.give_up(work.run, left, now=work.clock())
            continue
        worked_on |= {_mark(change) for change in changes}
        work_slice(work, changes)
        work.watch(work.run, lane.count_due(work.connector, direction, now=work.clock()))
        if not lease.renew():
            return None
    return None


def _mark(change: Change) -> tuple[object, ...]:
    """What changes when a change was settled, put back or replaced: the same mark twice means it was passed over."""
    return change.pk, change.revision, change.attempts, change.not_before, change.state
