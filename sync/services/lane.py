"""Who may work on a connector's direction now, and what is due there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from sync.models import Change, Connector, Lane
from sync.records import Direction

Clock = Callable[[], datetime]

LEASE = timedelta(minutes=5)
SLICE = 100


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drain one lane until it runs out; `renew` it between slices."""

    lane_id: int
    owner: str
    clock: Clock

    def renew(self) -> bool:
        """Extend the lease. False when somebody else took the lane after it ran out."""
        mine = Lane.objects.filter(pk=self.lane_id, leased_by=self.owner)
        return mine.update(leased_until=self.clock() + LEASE) == 1


@contextmanager
def leased(connector: Connector, direction: Direction, *, clock: Clock) -> Iterator[Lease | None]:
    """Take the lane for as long as the block runs; None when another drain has it.

    A lease ends by itself. One whose process on this machine is gone, as after a kill, is taken over at once.
    """
    lane, _ = Lane.objects.get_or_create(connector=connector, direction=direction)
    me, now = owner(), clock()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    if is_gone(lane.leased_by):
        free |= Q(leased_by=lane.leased_by)
    mine = Lane.objects.filter(free, pk=lane.pk)
    if mine.update(leased_by=me, leased_until=now + LEASE, nudged_at=None) != 1:
        yield None
        return
    try:
        yield Lease(lane.pk, me, clock)
    finally:
        held = Lane.objects.filter(pk=lane.pk, leased_by=me)
        held.update(leased_by="", leased_until=None, drained_at=clock())


def owner() -> str:
    """Return who works here: machine, process and thread."""
    return f"{socket.gethostname()[:40]}|{os.getpid()}|{threading.get_ident()}"


def is_gone(holder: str) -> bool:
    """Tell whether a lease's holder was a process of this machine that no longer runs."""
    host, _, rest = holder.partition("|")
    pid = rest.partition("|")[0]
    if host != socket.gethostname()[:40] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def wake(connector: Connector, direction: Direction, *, now: datetime) -> bool:
    """Mark a lane as having work. True when nobody was told yet, so that the caller dispatches one nudge."""
    lane, _ = Lane.objects.get_or_create(connector=connector, direction=direction)
    unaware = Lane.objects.filter(pk=lane.pk).filter(Q(nudged_at=None) | Q(nudged_at__lt=now - LEASE))
    return unaware.update(nudged_at=now) == 1


def claim(connector: Connector, direction: Direction, *, now: datetime, limit: int = SLICE) -> list[Change]:
    """Return the next due changes, oldest first, with whole families: an account and its waiting users together."""
    due = list(_due(connector, direction, now)[:limit])
    if direction is Direction.INBOUND or not due:
        return due
    return due + _kin(connector, due, now)


def _kin(connector: Connector, due: list[Change], now: datetime) -> list[Change]:
    """Return the other members of the families at hand: those that are due and those that wait for their account."""
    families = {change.family for change in due if change.family}
    ready = Q(state=Change.State.WAITING) | Q(state=Change.State.PENDING, not_before__lte=now)
    kin = Change.objects.filter(ready, connector=connector, direction=Direction.OUTBOUND, family__in=families)
    return list(kin.exclude(pk__in=[change.pk for change in due]))


def _due(connector: Connector, direction: Direction, now: datetime) -> QuerySet[Change]:
    mine = Change.objects.filter(connector=connector, direction=direction).due(now)
    return mine.order_by("queued_at", "pk")


def is_due(connector: Connector, direction: Direction, *, now: datetime) -> bool:
    """Tell whether a lane has anything to do now."""
    return _due(connector, direction, now).exists()


def count_due(connector: Connector, direction: Direction, *, now: datetime) -> int:
    """Return how many changes of a lane are due now."""
    return _due(connector, direction, now).count()
