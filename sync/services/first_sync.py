"""The look before the first sync: both sides are read and every record is decided about, and neither side is written to.

It works while a connector is paused, which is what a new one is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sync.models import Change, Connector, Run
from sync.records import Direction, ObjectType
from sync.services import backfill, hull_pull, inbound, outbound

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of both sides, and what the first sync would do in Close; `run` is None while that was not decided."""

    leads: int
    contacts: int
    accounts: int
    users: int
    is_read: bool
    reading: str
    percent: int | None
    run: Run | None


def read_on(connector: Connector, *, clock: Clock) -> bool:
    """Read some more of Close, then Hull's segments, then decide. Returns whether there is more to do."""
    run = inbound.pull(connector, trigger=Run.Trigger.PERSON, clock=clock, dry_run=True, is_piece=True)
    if run is None or run.state == Run.State.STOPPED:
        return False
    if backfill.told(connector, now=clock()):
        return True
    hull_pull.pull(connector, clock=clock, for_first_sync=True)
    outbound.drain(connector, trigger=Run.Trigger.PERSON, clock=clock, dry_run=True)
    return False


def report(connector: Connector, *, now: datetime) -> Report:
    """Say how far the look is, and what it found."""
    links = connector.links.live()
    told = backfill.told(connector, now=now)
    heard = Change.objects.filter(connector=connector, direction=Direction.OUTBOUND)
    decided = connector.runs.filter(
        kind=Run.Kind.DRAIN, direction=Direction.OUTBOUND, dry_run=True, state=Run.State.FINISHED
    )
    return Report(
        leads=links.filter(object_type=ObjectType.LEAD).count(),
        contacts=links.filter(object_type=ObjectType.CONTACT).count(),
        accounts=heard.filter(object_type=ObjectType.LEAD).count(),
        users=heard.filter(object_type=ObjectType.CONTACT).count(),
        is_read=connector.backfilled_at is not None and told is None,
        reading=told.sentence if told else "",
        percent=told.percent if told else None,
        run=decided.order_by("-started_at").first(),
    )
