"""Who may work on a connector's direction now, and what is due there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, QuerySet, When

from sync.models import Change, Connector, Lane
from sync.records import Direction

Clock = Callable[[], datetime]

LEASE = timedelta(minutes=5)
SLICE = 100
# A nudge that comes within one of Close's windows is as good as one at once.
SOON_ENOUGH = timedelta(seconds=10)


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
def leased(connector: Connector, direction: str, *, clock: Clock) -> Iterator[Lease | None]:
    """Take the lane for as long as the block runs; None when another drain has it.

    A lease ends by itself. One whose process on this machine is gone, as after a kill, is taken over at once.
    """
    lane, _ = Lane.objects.get_or_create(connector=connector, direction=direction)
    me, now = owner(), clock()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    if is_gone(lane.leased_by):
        free |= Q(leased_by=lane.leased_by)
    mine = Lane.objects.filter(free, pk=lane.pk)
    if mine.update(leased_by=me, leased_until=now + LEASE, nudged_at=_still_to_come(now)) != 1:
        yield None
        return
    try:
        yield Lease(lane.pk, me, clock)
    finally:
        held = Lane.objects.filter(pk=lane.pk, leased_by=me)
        now = clock()
        held.update(leased_by="", leased_until=None, drained_at=now, nudged_at=_still_to_come(now))


def _still_to_come(now: datetime) -> Case:
    """Keep a nudge that is on its way for later; the others have arrived."""
    return Case(When(nudged_at__gt=now + timedelta(seconds=1), then=F("nudged_at")), default=None)


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


def wake(connector: Connector, direction: Direction, *, now: datetime, at: datetime | None = None) -> bool:
    """Mark a lane as having work, now or at a time. True when the caller has to dispatch a nudge for it.

    False when one that comes soon enough is on its way: the one for the next window is soon enough for everything.
    """
    lane, _ = Lane.objects.get_or_create(connector=connector, direction=direction)
    unaware = Q(nudged_at=None) | Q(nudged_at__lt=now - LEASE) | Q(nudged_at__gt=(at or now) + SOON_ENOUGH)
    return Lane.objects.filter(unaware, pk=lane.pk).update(nudged_at=at or now) == 1


def claim(
    connector: Connector, direction: Direction, *, now: datetime, limit: int | None = SLICE
) -> list[Change]:
    """Return the next due changes, all of the best priority there is, oldest first, with whole families.

    A family is an account and its waiting users; they come along whatever their own priority is. Without a limit
    it is everything.
    """
    due = list(_due(connector, direction, now)[:limit])
    if limit:
        due = [change for change in due if change.priority == due[0].priority]
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
    return mine.order_by("priority", "queued_at", "pk")


def is_due(connector: Connector, direction: Direction, *, now: datetime) -> bool:
    """Tell whether a lane has anything to do now."""
    return _due(connector, direction, now).exists()


def count_due(connector: Connector, direction: Direction, *, now: datetime) -> int:
    """Return how many changes of a lane are due now."""
    return _due(connector, direction, now).count()
