"""A person's moves on the queue: again, never mind, everything once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from sync.engine.plan import WaitReason
from sync.models import Change, Connector, Link
from sync.records import Conflict

_CLOSED = (
    Change.State.FAILED,
    Change.State.HELD,
    Change.State.DONE,
    Change.State.IGNORED,
    Change.State.WAITING,
    Change.State.PAUSED,
)


def replay(
    changes: QuerySet[Change], *, now: datetime, priority: Change.Priority = Change.Priority.RETRY
) -> int:
    """Put changes back into the queue. Those that are queued already stay as they are. Returns how many moved."""
    return changes.filter(state__in=_CLOSED).update(
        state=Change.State.PENDING, reason="", message="", attempts=0, not_before=now, queued_at=now,
        revision=F("revision") + 1, priority=priority,
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


def choose_none(change: Change, *, now: datetime) -> bool:
    """Settle an ambiguous match by a person's word that a new record is to be made. False when it is not held any more."""
    held = Change.objects.filter(pk=change.pk, state=Change.State.HELD, reason=WaitReason.AMBIGUOUS_MATCH)
    with transaction.atomic():
        return bool(held.update(makes_new=True)) and replay(held, now=now) == 1


def choose_values(change: Change, sides: Mapping[str, str], *, now: datetime) -> bool:
    """Say whose value stays in fields that both sides changed: `hull` or `close` per field.

    False, and nothing changed, when the change is not held for this any more or the fields are not those shown.
    """
    known = {Conflict.HULL.value, Conflict.CLOSE.value}
    if not sides or not set(sides) <= set(change.conflicts) or not set(sides.values()) <= known:
        return False
    held = Change.objects.filter(
        pk=change.pk, state=Change.State.HELD, reason=WaitReason.CONFLICT, revision=change.revision
    )
    with transaction.atomic():
        return bool(held.update(chosen=dict(sides))) and replay(held, now=now) == 1


def replay_configuration_failures(connector: Connector, *, now: datetime) -> int:
    """After the configuration changed, try again what had failed because of it, wholly or in some fields."""
    rows = Change.objects.filter(connector=connector)
    partly = ~Q(left_out=[]) & ~Q(state=Change.State.IGNORED)
    return replay(rows.filter(Q(reason="CONFIGURATION") | partly), now=now)


def resync(connector: Connector, *, now: datetime, directions: Iterable[str]) -> int:
    """Queue everything we know of again, in some directions."""
    rows = Change.objects.filter(connector=connector, direction__in=list(directions))
    return replay(rows.exclude(state=Change.State.IGNORED), now=now, priority=Change.Priority.BULK)
