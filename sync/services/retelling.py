"""Has Hull told again what our own store says of many records: after a rename in Close, without asking Close.

Where it stands is stored with each few hundred records, so that a killed process loses nothing. Fresh changes come first.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sync.engine import drift
from sync.engine.drift import Drift
from sync.engine.inbound import UPSERT
from sync.models import Connector, Cursor, Link
from sync.records import CloseSchema, Direction, ObjectType
from sync.services.intake import Heard, queue

AT_ONCE = 500
_ON = "on"


def begin(connector: Connector, what: Drift) -> None:
    """Have the records that something concerns told again. One that is under way begins anew, with both."""
    if not what:
        return
    cursor, _ = Cursor.objects.get_or_create(connector=connector, stream=Cursor.Stream.RETELLING)
    if cursor.method:
        what = what | drift.stored(cursor.detail)
    cursor.method, cursor.detail, cursor.done = _ON, what.as_dict(), 0
    cursor.save()


def go_on(connector: Connector, schema: CloseSchema, *, now: datetime) -> int:
    """Queue the records that are concerned, up to the last one. Returns how many were queued."""
    cursor = Cursor.objects.filter(connector=connector, stream=Cursor.Stream.RETELLING, method=_ON).first()
    queued = 0
    while cursor and cursor.method:
        queued += _some(cursor, schema, now)
    return queued


def _some(cursor: Cursor, schema: CloseSchema, now: datetime) -> int:
    """Look at the next few hundred records. `done` is the last one that was looked at."""
    what = drift.stored(cursor.detail)
    with transaction.atomic():
        rows = list(
            Link.objects.live()
            .filter(connector=cursor.connector, pk__gt=cursor.done)
            .order_by("pk")[:AT_ONCE]
        )
        heard = [_heard(link) for link in rows if _is_concerned(link, what, schema)]
        queue(cursor.connector, Direction.INBOUND, heard, now=now)
        cursor.done = rows[-1].pk if rows else cursor.done
        if len(rows) < AT_ONCE:
            cursor.method, cursor.detail = "", {}
        cursor.save()
    return len(heard)


def _is_concerned(link: Link, what: Drift, schema: CloseSchema) -> bool:
    return drift.is_concerned(link.close, link.sent, ObjectType(link.object_type), what, schema)


def _heard(link: Link) -> Heard:
    payload = {"action": UPSERT, "ours": False}
    return Heard(
        ObjectType(link.object_type), link.close_id, payload, link.parent_close_id, link.label, again=True
    )
