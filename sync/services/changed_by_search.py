"""What changed in Close, for a key that may not read the event log: two searches a pull, and once a day what is gone.

Who made a change is not told this way: our own writes come back, and are recognised by their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from sync.engine import cursor as position
from sync.engine.inbound import UPSERT
from sync.models import Change, Cursor
from sync.models.choices import EITHER
from sync.records import Direction
from sync.services import backfill, links, readers
from sync.services.drain import Work
from sync.services.intake import Heard, queue
from sync.services.links import Seen

METHOD = "search"
# How often the event log is tried again, and how often deletions are looked for.
DAILY = timedelta(days=1)


def begin(cursor: Cursor, why: str, *, now: datetime) -> None:
    """Go over to searching. The caller saves the cursor."""
    cursor.method, cursor.started_at, cursor.page, cursor.high = METHOD, now, "", None
    cursor.detail = {**cursor.detail, "refused": why}


def is_due_for_the_log(cursor: Cursor, now: datetime) -> bool:
    """Tell whether it is time to try the event log again: the key may have got another role."""
    return cursor.started_at is None or now - cursor.started_at >= DAILY


def pull(work: Work, cursor: Cursor) -> int:
    """Queue what was updated since the watermark, and return how many records that is.

    The watermark moves once both searches are read to their end; what they find twice is news only once.
    """
    assert cursor.watermark is not None
    began, queued = work.clock(), 0
    since = (cursor.watermark - position.OVERLAP).isoformat()
    place: readers.Position | None = {"since": since, "high": since}
    while place is not None:
        portion = readers.read_hits(work.remotes.close, place, work.settings, now=work.clock())
        with transaction.atomic():
            queued += _accept(work, portion.seen)
        place = portion.position
    cursor.watermark, cursor.read_at = max(cursor.watermark, began - position.QUIET), began
    _look_for_deletions(work, cursor, began)
    cursor.save()
    return queued


def _accept(work: Work, items: Sequence[Seen]) -> int:
    links.remember(work.connector, items, work.settings)
    known = {
        (row.object_type, row.key): row.record_at
        for row in Change.objects.filter(
            connector=work.connector,
            direction=Direction.INBOUND,
            object_type__in=EITHER,
            key__in=[item.close_id for item in items],
        )
    }
    fresh = [item for item in items if _is_news(item, known.get((item.object_type.value, item.close_id)))]
    payload = {"action": UPSERT, "ours": False}
    heard = [
        Heard(item.object_type, item.close_id, payload, item.parent_close_id, item.label, item.updated_at)
        for item in fresh
    ]
    return queue(work.connector, Direction.INBOUND, heard, now=work.clock())[0]


def _is_news(item: Seen, before: datetime | None) -> bool:
    return before is None or item.updated_at is None or item.updated_at > before


def _look_for_deletions(work: Work, cursor: Cursor, now: datetime) -> None:
    """Once a day have the names of all that is there read, which shows what is gone."""
    if cursor.swept_at is None:
        cursor.swept_at = now
    elif now - cursor.swept_at >= DAILY and backfill.progress(work.connector) is None:
        cursor.swept_at = now
        backfill.start(work.connector, now=now, since=now)
