"""One drain, the same in both directions: take the lane, work slice by slice, write down how it ended."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError

from sync import queries
from sync.close.limits import EVENTS, RECORDS, SEARCH
from sync.engine.budget import Lane
from sync.errors import ConfigurationError, SyncError
from sync.models import Change, Connector, Run
from sync.records import Direction, SyncSettings
from sync.services import budget, lane, recording, setup

log = logging.getLogger(__name__)

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

_LANES = {
    Change.Priority.FRESH: Lane.FRESH,
    Change.Priority.RETRY: Lane.RETRY,
    Change.Priority.BULK: Lane.BACKFILL,
}

# A lane that can go on within this time is looked at again by itself; later ones are left to the sweep.
SOON = timedelta(seconds=60)
# A pull that was stopped for a limit goes on within this time; a younger one means that somebody does that already.
LOOK_AGAIN_WITHIN = timedelta(seconds=10)
# What is due at once although a drain just ended is left to the next one, with a pause between the two.
BREATH = timedelta(seconds=1)


def drain(
    connector: Connector, direction: Direction, work_slice: WorkSlice, *, trigger: str, clock: Clock,
    dry_run: bool, watch: Watch, prepare: Callable[[Work], None] = lambda work: None,
) -> Run | None:  # fmt: skip
    """Work on everything that is due in one lane.

    None when the connector is stopped, another drain has the lane, or nothing is due. A dry run writes nothing, so that a
    pause does not stop it.
    """
    if not (connector.is_active or (dry_run and connector.enabled)):
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
        try:
            work(Work(connector, remotes, settings, run, clock, watch))
        finally:
            remotes.allowance.settle()
    except ConfigurationError as error:
        connector.pause(error.message, now=clock())
        return recording.finish_run(run, remotes, now=clock(), message=error.message, stopped=True)
    except SyncError as error:
        return recording.finish_run(run, remotes, now=clock(), message=error.message, stopped=True)
    except OperationalError as error:
        # two writers waited for each other, or the database was away: what is due is still due
        log.warning("the database broke a run off: %s", error)
        busy = "The database could not be written to just now; the work goes on at the next look."
        return recording.finish_run(run, remotes, now=clock(), message=busy, stopped=True)
    return recording.finish_run(run, remotes, now=clock())


def next_look(
    connector: Connector, direction: Direction, run: Run | None, *, now: datetime
) -> datetime | None:
    """Return when a lane that was just drained can go on, if that is soon: a retry is due, or a window opens.

    None when nothing is left, when somebody else has the lane, or when trouble stopped it.
    """
    if run is None or not connector.is_active:
        return None
    due = queries.next_due(connector, [direction])
    opens = opens_at(connector, direction, now=now)
    if due is None or (run.state == Run.State.STOPPED and opens is None):
        return None
    at = max(due, opens or now + BREATH)
    return at if at - now <= SOON else None


def next_pull(connector: Connector, run: Run | None, *, now: datetime, goes_on: bool) -> datetime | None:
    """Return when a pull that a limit stopped is to go on. None when it was not, or another one goes on already.

    `goes_on` says that this pull itself went on with an earlier one.
    """
    if run is None or run.state != Run.State.STOPPED or not connector.is_active:
        return None
    at = reading_opens_at(connector, now=now)
    others = connector.runs.filter(kind=Run.Kind.PULL, finished_at__gt=now - 2 * LOOK_AGAIN_WITHIN)
    if at is None or (not goes_on and others.exclude(pk=run.pk).filter(state=Run.State.STOPPED).exists()):
        return None
    return at if at - now <= SOON else None


def reading_opens_at(connector: Connector, *, now: datetime) -> datetime | None:
    """Return when Close may be read again; None when it may at once."""
    limits = ((EVENTS, Lane.FRESH), (RECORDS, Lane.BACKFILL), (SEARCH, Lane.BACKFILL))
    opens = [budget.opens_at(connector, group, urgency, now=now) for group, urgency in limits]
    return max(filter(None, opens), default=None)


def opens_at(connector: Connector, direction: Direction, *, now: datetime) -> datetime | None:
    """Return when a lane may go on that has used up what it may ask of Close; None when it may at once."""
    urgency = _LANES[Change.Priority(queries.best_priority(connector, direction) or 0)]
    found = [
        _opens_at(connector, direction, urgency, now),
        budget.opens_at(connector, EVENTS, Lane.FRESH, now=now),
    ]
    return max(filter(None, found), default=None)


def _opens_at(connector: Connector, direction: Direction, urgency: Lane, now: datetime) -> datetime | None:
    """Return when Close may be written to again; None when it may be now. Telling Hull needs nothing of Close."""
    if direction is Direction.INBOUND:
        return None
    return budget.opens_at(connector, RECORDS, urgency, now=now)


def _slices(work: Work, direction: Direction, work_slice: WorkSlice, lease: lane.Lease) -> None:
    """Work slice by slice, until nothing is due or nothing more may be asked of Close in this window."""
    connector, allowance = work.connector, work.remotes.allowance
    if work.run.dry_run:
        return work_slice(work, lane.claim(connector, direction, now=work.clock(), limit=None))
    worked_on: set[tuple[object, ...]] = set()
    left = lane.count_due(connector, direction, now=work.clock())
    while changes := lane.claim(connector, direction, now=work.clock()):
        urgency = _LANES[Change.Priority(changes[0].priority)]
        if _opens_at(connector, direction, urgency, work.clock()):
            return allowance.queue_up(urgency, left)
        passed_over = [change for change in changes if _mark(change) in worked_on]
        if passed_over:
            recording.give_up(work.run, passed_over, now=work.clock())
            continue
        worked_on |= {_mark(change) for change in changes}
        allowance.expect(urgency, left)
        work_slice(work, changes)
        left = lane.count_due(connector, direction, now=work.clock())
        allowance.settle(expected=left)
        work.watch(work.run, left)
        if not lease.renew() or (allowance.is_short and direction is Direction.OUTBOUND):
            return None
    return None


def _mark(change: Change) -> tuple[object, ...]:
    """What changes when a change was settled, put back or replaced: the same mark twice means it was passed over."""
    return change.pk, change.revision, change.attempts, change.not_before, change.state
