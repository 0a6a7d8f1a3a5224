"""Celery tasks: ids in, one service call, dispatch of what follows.

The database is the truth and a message only a nudge: one that is lost costs the seconds until the next sweep,
one that comes twice finds the lane leased.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from sync import queries
from sync.models import Run
from sync.records import Direction
from sync.services import history, inbound, lane, outbound

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
