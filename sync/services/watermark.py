"""Where reading what changed in Close begins: set before anything is read whole, so that nothing falls in between."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.engine import cursor as position
from sync.errors import REFUSALS
from sync.models import Cursor
from sync.services import changed_by_search
from sync.services.drain import Work


def events_cursor(work: Work) -> Cursor:
    """Return the position in what changed, made if there is none."""
    cursor, _ = Cursor.objects.get_or_create(connector=work.connector, stream=Cursor.Stream.EVENTS)
    return cursor


def is_lost(cursor: Cursor, now: datetime) -> bool:
    """Tell whether what changed since cannot be asked for any more. A search has no end to its memory."""
    if cursor.method == changed_by_search.METHOD:
        return cursor.watermark is None
    return position.is_lost(cursor.watermark, now)


def set_anew(work: Work) -> datetime | None:
    """Set it to where Close stands now, by Close's clock if its log holds anything. Returns what it was before."""
    cursor, now = events_cursor(work), work.clock()
    before = cursor.watermark
    cursor.watermark = min(_newest(work, cursor, now), now) - timedelta(microseconds=1)
    cursor.page, cursor.high, cursor.swept_at = "", None, None
    cursor.save()
    return before


def _newest(work: Work, cursor: Cursor, now: datetime) -> datetime:
    behind = now - position.QUIET
    try:
        events = work.remotes.close.event_page(since=now - timedelta(days=1), limit=1).events
    except REFUSALS as error:
        changed_by_search.begin(cursor, error.message, now=now)
        return behind
    return max(min(events[0].date_updated, now), behind) if events else behind
