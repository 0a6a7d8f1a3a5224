"""A person's moves on the queue: again, never mind, everything once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, QuerySet

from sync.models import Change, Connector, Link

_CLOSED = (
    Change.State.FAILED,
    Change.State.HELD,
    Change.State.DONE,
    Change.State.IGNORED,
    Change.State.WAITING,
)


def replay(changes: QuerySet[Change], *, now: datetime) -> int:
    """Put changes back into the queue. Those that are queued already stay as they are. Returns how many moved."""
    return changes.filter(state__in=_CLOSED).update(
        state=Change.State.PENDING, reason="", message="", attempts=0, not_before=now, queued_at=now,
        revision=F("revision") + 1,
    )  # fmt: skip


def ignore(changes: QuerySet[Change], *, now: datetime) -> int:
    """Close dead letters and held changes by hand; a newer message opens them again. Returns how many moved."""
    stuck = changes.filter(state__in=[Change.State.FAILED, Change.State.HELD])
    return stuck.update(state=Change.State.IGNORED, finished_at=now, revision=F("revision") + 1)


def choose(change: Change, close_id: str, *, now: datetime) -> bool:
    """Settle an ambiguous match by a person's choice. False when the change is not held any more."""
    held = Change.objects.filter(pk=change.pk, state=Change.State.HELD)
    link = Link.objects.live().filter(
        connector=change.connector,
        object_type=change.object_type,
        close_id=close_id,
        hull_id=None,
    )
    if (
        close_id not in change.candidates
        or not held.exists()
        or not link.update(hull_id=change.key, paired_at=now)
    ):
        return False
    return replay(held, now=now) == 1


def replay_configuration_failures(connector: Connector, *, now: datetime) -> int:
    """After the configuration changed, try again what had failed because of it."""
    return replay(Change.objects.filter(connector=connector, reason="CONFIGURATION"), now=now)


def resync(connector: Connector, *, now: datetime, directions: Iterable[str]) -> int:
    """Queue everything we know of again, in some directions."""
    rows = Change.objects.filter(connector=connector, direction__in=list(directions))
    return replay(rows.exclude(state=Change.State.IGNORED), now=now)
