"""Which records the settings would now change: counted after an edit, and queued when a person says so.

Looked through in pieces, each with its position in one transaction, so that a killed process goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from sync import queries
from sync.engine.inbound import UPSERT
from sync.engine.preview import WRITES, Line
from sync.models import Change, Connector, Link, Resync
from sync.records import Direction, ObjectType, SyncSettings
from sync.services import pausing, preview, replay, setup
from sync.services.intake import Heard, queue

AT_ONCE = 200
# How many pieces one task looks through before it lets others have the worker.
PIECES = 25
# A look through that has not moved for so long has lost its message.
FORGOTTEN_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What queueing the affected records would take: requests to Close, and seconds at its limit; None while unknown."""

    calls: int
    seconds: float | None


def begin(connector: Connector, *, now: datetime) -> Resync:
    """Count anew, under the settings that are in force now."""
    fresh = {
        "version": connector.version, "state": Resync.State.COUNTING, "looked_at": 0, "total": preview.total(connector),
        "outbound": 0, "inbound": 0, "outbound_at": 0, "inbound_at": 0, "started_at": now, "finished_at": None,
    }  # fmt: skip
    found, _ = Resync.objects.update_or_create(connector=connector, defaults=fresh)
    return found


def queue_them(connector: Connector, *, now: datetime) -> bool:
    """Begin to queue what was counted. False when it was not counted, or is being queued already."""
    counted = Resync.objects.filter(connector=connector, state=Resync.State.COUNTED)
    return bool(
        counted.update(
            state=Resync.State.QUEUEING, looked_at=0, outbound=0, inbound=0, outbound_at=0, inbound_at=0, started_at=now,
            finished_at=None,
        )
    )  # fmt: skip


def dismiss(connector: Connector, *, now: datetime) -> bool:
    """Leave the records as they are. False when nothing was counted."""
    counted = Resync.objects.filter(connector=connector, state=Resync.State.COUNTED)
    return bool(counted.update(state=Resync.State.DISMISSED, finished_at=now))


def queue_one(
    connector: Connector, object_type: ObjectType, hull_id: str, close_id: str, *, now: datetime
) -> int:
    """Have one record looked at again in both directions, before everything else. Returns how many ways were not queued."""
    rows = pausing.changes_of(connector, object_type, hull_id, close_id)
    with transaction.atomic():
        count = replay.replay(rows, now=now, priority=Change.Priority.FRESH)
        link = (
            Link.objects.live()
            .filter(connector=connector, object_type=object_type, close_id=close_id)
            .first()
        )
        if link and not rows.filter(direction=Direction.INBOUND).exists():
            told = {"action": UPSERT, "ours": False}
            heard = Heard(
                object_type, close_id, told, link.parent_close_id, link.label, link.close_updated_at
            )
            count += queue(connector, Direction.INBOUND, [heard], now=now)[0]
    return count


def estimate(resync: Resync) -> Estimate:
    """Estimate what it takes to write the affected records."""
    calls = round(resync.outbound * queries.calls_per_change(resync.connector))
    return Estimate(calls, queries.seconds_for(resync.connector, calls))


def forgotten(*, now: datetime) -> list[int]:
    """Return the connectors whose look through all records stands still, since its next message was lost."""
    states = [Resync.State.COUNTING, Resync.State.QUEUEING]
    rows = Resync.objects.filter(state__in=states, updated_at__lt=now - FORGOTTEN_AFTER)
    return list(rows.values_list("connector_id", flat=True))


def look_on(connector: Connector, *, now: datetime) -> bool:
    """Look through some more records. Returns whether there are more."""
    settings, _ = setup.load_settings(connector)
    return all(_piece(connector, settings, now) for _ in range(PIECES))


def _piece(connector: Connector, settings: SyncSettings, now: datetime) -> bool:
    """Look at the next few hundred records, Hull's first. False when none is left, or nobody wants to know any more."""
    with transaction.atomic():
        row = Resync.objects.select_for_update().filter(connector=connector).first()
        if row is None or not row.is_under_way:
            return False
        if (
            row.version != connector.version
        ):  # the settings changed meanwhile: whoever changed them has counted anew
            row.state, row.finished_at = Resync.State.DISMISSED, now
            row.save()
            return False
        changes = list(
            preview.all_outbound(connector).filter(pk__gt=row.outbound_at).order_by("pk")[:AT_ONCE]
        )
        known = [] if changes else list(_next_links(connector, row))
        if changes:
            row.outbound += _outbound(connector, changes, settings, row, now)
            row.outbound_at = changes[-1].pk
        elif known:
            row.inbound += _inbound(connector, known, settings, row, now)
            row.inbound_at = known[-1].pk
        else:
            is_counted = row.state == Resync.State.COUNTING
            row.state = Resync.State.COUNTED if is_counted else Resync.State.QUEUED
            row.finished_at = now
        row.looked_at += len(changes) + len(known)
        row.save()
    return bool(changes or known)


def _next_links(connector: Connector, row: Resync) -> list[Link]:
    return list(preview.all_inbound(connector).filter(pk__gt=row.inbound_at).order_by("pk")[:AT_ONCE])


def _outbound(
    connector: Connector, changes: Sequence[Change], settings: SyncSettings, row: Resync, now: datetime
) -> int:
    keys = _written(preview.outbound(connector, changes, settings))
    pks = [change.pk for change in changes if (change.object_type, change.key) in keys]
    if row.state == Resync.State.QUEUEING:
        rows = Change.objects.filter(pk__in=pks).exclude(state=Change.State.IGNORED)
        replay.replay(rows, now=now, priority=Change.Priority.BULK)
    return len(pks)


def _inbound(
    connector: Connector, known: Sequence[Link], settings: SyncSettings, row: Resync, now: datetime
) -> int:
    keys = _written(preview.inbound(connector, known, settings))
    links = [link for link in known if (link.object_type, link.close_id) in keys]
    if row.state == Resync.State.QUEUEING:
        queue(connector, Direction.INBOUND, [_heard(link) for link in links], now=now)
    return len(links)


def _written(lines: Sequence[Line]) -> set[tuple[str, str]]:
    return {(line.object_type.value, line.key) for line in lines if line.effect in WRITES}


def _heard(link: Link) -> Heard:
    payload = {"action": UPSERT, "ours": False}
    return Heard(
        ObjectType(link.object_type), link.close_id, payload, link.parent_close_id, link.label, again=True
    )
