"""Celery tasks: ids in, one service call, dispatch of what follows.

The database is the truth and a message only a nudge: one that is lost costs the seconds until the next sweep,
one that comes twice finds the lane leased.
"""

from __future__ import annotations

import logging
import math
import random
from datetime import datetime
from typing import Any

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from sync import queries
from sync.models import Connector, Run
from sync.records import Direction
from sync.services import (
    affected,
    alerting,
    backfill,
    batches,
    deliveries,
    drain,
    first_sync,
    history,
    hull_pull,
    inbound,
    lane,
    outbound,
    sandboxes,
    status,
    webhook_removal,
)

logger = logging.getLogger(__name__)


@shared_task
def pull(
    *,
    connector_id: int,
    trigger: str = Run.Trigger.SCHEDULE,
    full: bool = False,
    goes_on: bool = False,
    **kwargs: Any,
) -> None:
    """Read what changed in Close, then have it told to Hull. One that a limit stops goes on when it may."""
    connector = queries.find_connector(connector_id)
    if connector is None:
        return
    was_read = connector.backfilled_at is not None
    run = inbound.pull(connector, trigger=trigger, clock=timezone.now, full=full, is_piece=True)
    if run is None:
        _come_back(connector, trigger)
        return
    nudge(connector_id, Direction.INBOUND)
    if connector.backfilled_at and not was_read:
        nudge(connector_id, Direction.OUTBOUND)
    now = timezone.now()
    at = drain.next_pull(connector, run, now=now, goes_on=goes_on) or backfill.next_piece(
        connector, run, now=now
    )
    if at:
        dispatch(pull, after=_seconds_to(at), connector_id=connector_id, goes_on=True)


def _come_back(connector: Connector, trigger: str) -> None:
    """Close told that there is news while somebody reads it: it is looked at again, since that may have been too late."""
    at = deliveries.next_pull(connector, now=timezone.now()) if trigger == Run.Trigger.NOTIFICATION else None
    if at and connector.is_active:
        dispatch(pull, after=max(_seconds_to(at), 2), connector_id=connector.pk, trigger=trigger)


@shared_task
def drain_inbound(*, connector_id: int, trigger: str = Run.Trigger.SCHEDULE, **kwargs: Any) -> None:
    """Tell Hull what is due."""
    connector = queries.find_connector(connector_id)
    if connector:
        run = inbound.drain(connector, trigger=trigger, clock=timezone.now)
        look_again(connector, Direction.INBOUND, run)


@shared_task
def drain_outbound(*, connector_id: int, trigger: str = Run.Trigger.SCHEDULE, **kwargs: Any) -> None:
    """Write to Close what is due; where Close was never read, that comes first."""
    connector = queries.find_connector(connector_id)
    if connector and connector.is_active and not connector.backfilled_at:
        dispatch(pull, connector_id=connector_id, trigger=trigger)
    elif connector:
        run = outbound.drain(connector, trigger=trigger, clock=timezone.now)
        look_again(connector, Direction.OUTBOUND, run)


@shared_task
def keep_sandbox(*, connector_id: int, **kwargs: Any) -> None:
    """Start the simulated remotes of a sandbox connector again, if they do not run."""
    connector = queries.find_connector(connector_id)
    if connector:
        sandboxes.keep_running(connector)


@shared_task
def read_batch(*, batch_id: int, **kwargs: Any) -> None:
    """Read an extract that Hull sent, then have its records written to Close."""
    batch = queries.find_batch(batch_id)
    if batch and batches.read(batch, batches.fetcher(batch), clock=timezone.now, jitter=random.random):
        nudge(batch.connector_id, Direction.OUTBOUND, trigger=Run.Trigger.NOTIFICATION)


@shared_task
def read_due_batches(*, connector_id: int, **kwargs: Any) -> None:
    """Read on where an extract's line broke, or where nobody was told of it."""
    for batch in queries.due_batches(connector_id, now=timezone.now()):
        dispatch(read_batch, batch_id=batch.pk)


@shared_task
def ask_hull(*, connector_id: int, **kwargs: Any) -> None:
    """Look in Hull for what changed, where Hull cannot tell it."""
    connector = queries.find_connector(connector_id)
    if connector and hull_pull.pull(connector, clock=timezone.now):
        nudge(connector_id, Direction.OUTBOUND)


@shared_task
def report_to_hull(*, connector_id: int, **kwargs: Any) -> None:
    """Tell Hull how the connector is doing, and see once a day what Hull has to choose from."""
    connector = queries.find_connector(connector_id)
    if connector:
        status.publish(connector, status.check(connector, clock=timezone.now))
        hull_pull.refresh_old_schema(connector, clock=timezone.now)


@shared_task
def remove_webhook(*, connector_id: int, **kwargs: Any) -> None:
    """Have Close deliver nothing more to a connector that was switched off."""
    connector = queries.find_connector(connector_id)
    if connector:
        webhook_removal.switch_off(connector)


@shared_task
def remove_leftover_webhook(*, webhook_id: str, api_url: str, key: str, **kwargs: Any) -> None:
    """Have Close deliver nothing more to a connector that was deleted."""
    webhook_removal.remove_leftover(webhook_removal.Leftover(webhook_id, api_url, key))


@shared_task
def look_before_first_sync(*, connector_id: int, **kwargs: Any) -> None:
    """Read both sides and decide about every record, a piece at a time, without writing to either."""
    connector = queries.find_connector(connector_id)
    if connector and first_sync.read_on(connector, clock=timezone.now):
        dispatch(look_before_first_sync, connector_id=connector_id)


@shared_task
def look_through(*, connector_id: int, **kwargs: Any) -> None:
    """Count the records that an edit of the settings affects, or queue them when a person said so, a piece at a time."""
    connector = queries.find_connector(connector_id)
    if connector is None:
        return
    if affected.look_on(connector, now=timezone.now()):
        dispatch(look_through, connector_id=connector_id)
    else:
        nudge(connector_id, Direction.INBOUND)
        nudge(connector_id, Direction.OUTBOUND)


@shared_task
def watch_connectors(**kwargs: Any) -> None:
    """Notice trouble and tell of it, and go on with what was counted or queued when a message was lost."""
    now = timezone.now()
    alerting.watch(now=now)
    alerting.send_due(now=now, jitter=random.random)
    for connector_id in affected.forgotten(now=now):
        dispatch(look_through, connector_id=connector_id)


@shared_task
def prune_history(**kwargs: Any) -> None:
    """Delete history that is older than it is kept."""
    history.prune(now=timezone.now())


_DRAINS = {Direction.INBOUND: drain_inbound, Direction.OUTBOUND: drain_outbound}


def nudge(connector_id: int, direction: Direction, *, trigger: str = Run.Trigger.SCHEDULE) -> bool:
    """Have a lane drained soon, unless it was told already. False when the broker cannot be reached.

    What is due is in the database by then, so that an unreachable broker only costs time.
    """
    connector = queries.find_connector(connector_id)
    if connector is None or not lane.wake(connector, direction, now=timezone.now()):
        return True
    return dispatch(_DRAINS[direction], connector_id=connector_id, trigger=trigger)


def look_again(connector: Connector, direction: Direction, run: Run | None) -> bool:
    """Have a lane that stopped for a limit, or has a retry coming, drained when it can go on. No worker waits for it."""
    now = timezone.now()
    at = drain.next_look(connector, direction, run, now=now)
    if at is None or not lane.wake(connector, direction, now=now, at=at):
        return False
    return dispatch(_DRAINS[direction], after=_seconds_to(at), connector_id=connector.pk)


def _seconds_to(at: datetime) -> float:
    """Return the seconds until a moment, rounded up to milliseconds, so that nobody comes too early."""
    return max(math.ceil((at - timezone.now()).total_seconds() * 1000) / 1000, 0.0)


def dispatch(task: Any, *, after: float = 0, **kwargs: Any) -> bool:
    """Send a task, to be run after some seconds, and say whether the broker took it."""
    try:
        task.apply_async(kwargs=kwargs, retry=False, countdown=after or None)
    except (OperationalError, OSError) as error:
        logger.warning("broker unreachable, the next sweep does it: %s", error)
        return False
    return True
