"""Celery tasks: ids in, one service call, dispatch of what follows.

The database is the truth and a message only a nudge: one that is lost costs the seconds until the next sweep,
one that comes twice finds the lane leased.
"""

from __future__ import annotations

import logging
import random
from typing import Any

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from sync import queries
from sync.models import Run
from sync.records import Direction
from sync.services import batches, history, hull_pull, inbound, lane, outbound, sandboxes, status

logger = logging.getLogger(__name__)


@shared_task
def pull(
    *,
    connector_id: int,
    trigger: str = Run.Trigger.SCHEDULE,
    full: bool = False,
    **kwargs: Any,
) -> None:
    """Read what changed in Close, then have it told to Hull."""
    connector = queries.find_connector(connector_id)
    if connector and inbound.pull(connector, trigger=trigger, clock=timezone.now, full=full):
        nudge(connector_id, Direction.INBOUND)


@shared_task
def drain_inbound(*, connector_id: int, trigger: str = Run.Trigger.SCHEDULE, **kwargs: Any) -> None:
    """Tell Hull what is due."""
    connector = queries.find_connector(connector_id)
    if connector:
        inbound.drain(connector, trigger=trigger, clock=timezone.now)


@shared_task
def drain_outbound(*, connector_id: int, trigger: str = Run.Trigger.SCHEDULE, **kwargs: Any) -> None:
    """Write to Close what is due."""
    connector = queries.find_connector(connector_id)
    if connector:
        outbound.drain(connector, trigger=trigger, clock=timezone.now)


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


def dispatch(task: Any, **kwargs: Any) -> bool:
    """Send a task, and say whether the broker took it."""
    try:
        task.apply_async(kwargs=kwargs, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("broker unreachable, the next sweep does it: %s", error)
        return False
    return True
