"""Asks Hull instead of being told: for organizations that cannot send notifications here.

Accounts and users of the whitelisted segments that changed since last time are looked for in Hull's search and go
into the same queue as notifications do. What is also read here, once a day: Hull's segments and attributes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from sync.errors import ConfigurationError, SyncError
from sync.hull.client import SEARCH_PAGE, HullClient
from sync.hull.parsing import Message
from sync.models import Change, Connector, Cursor, HullAttribute, HullSegment
from sync.models.choices import EITHER
from sync.records import Direction, ObjectType
from sync.services import intake, setup
from sync.services.intake import Heard

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# Hull's search is an index: what was written a moment ago may appear in it later.
OVERLAP = timedelta(minutes=5)
SCHEMA_AGE = timedelta(days=1)
# So many pages are read in one go; the next run reads on.
MOST_PAGES = 200
_STREAMS = {ObjectType.LEAD: Cursor.Stream.HULL_ACCOUNTS, ObjectType.CONTACT: Cursor.Stream.HULL_USERS}


def pull(connector: Connector, *, clock: Clock, for_first_sync: bool = False) -> int:
    """Read what changed in the whitelisted segments into the queue. Returns how many records were queued.

    When Hull cannot be asked, what was read until then is kept, and the next run goes on. Credentials that Hull
    refuses pause the connector, with the reason. For the look before the first sync Hull is asked whoever tells later.
    """
    if not for_first_sync and not (connector.is_active and connector.asks_hull):
        return 0
    queued = 0
    try:
        hull = setup.connect_hull(connector)
        for object_type in ObjectType:
            for count in _read(connector, hull, object_type, clock):
                queued += count
    except ConfigurationError as error:
        connector.pause(error.message, now=clock())
    except SyncError as error:
        log.warning("Hull cannot be asked for changes: %s", error.message)
    return queued


def _in_whitelist(connector: Connector, object_type: ObjectType) -> dict[str, Any] | None:
    """Return the condition that a record is in a whitelisted segment; None when nothing of the kind is sent."""
    if object_type is ObjectType.LEAD:
        return {"terms": {"segment_ids": connector.account_segments}} if connector.account_segments else None
    if connector.user_segments:
        return {"terms": {"segment_ids": connector.user_segments}}
    # contacts follow their account's segments
    return (
        {"terms": {"account.segment_ids": connector.account_segments}} if connector.account_segments else None
    )


def _read(connector: Connector, hull: HullClient, object_type: ObjectType, clock: Clock) -> Iterator[int]:
    """Read page by page, and yield how many records each put into the queue."""
    wanted = _in_whitelist(connector, object_type)
    if wanted is None:
        return
    cursor, _ = Cursor.objects.get_or_create(connector=connector, stream=_STREAMS[object_type])
    since = cursor.watermark - OVERLAP if cursor.watermark else None
    page = 1
    for _ in range(MOST_PAGES):
        rows = hull.search(object_type, _query(wanted, since), page=page)
        with transaction.atomic():
            queued = _accept(connector, rows, clock())
            newest = _advance(cursor, rows, clock())
        yield queued
        if len(rows) < SEARCH_PAGE:
            return
        # The next page begins at the newest record of this one, so that what changes meanwhile moves nothing.
        page, since = (1, newest) if newest and newest != since else (page + 1, since)


def _query(wanted: dict[str, Any], since: datetime | None) -> dict[str, Any]:
    conditions = [wanted]
    if since:
        conditions.append({"range": {"indexed_at": {"gte": since.isoformat()}}})
    return {"bool": {"filter": conditions}}


def _accept(connector: Connector, rows: Sequence[Message], now: datetime) -> int:
    heard = [item for row in rows if (item := intake.heard_of(row))]
    queued, _ = intake.queue(connector, Direction.OUTBOUND, _news(connector, heard), now=now)
    return queued


def _news(connector: Connector, heard: list[Heard]) -> list[Heard]:
    """Leave out what the overlap told before: the same record as new as we know it."""
    rows = Change.objects.filter(
        connector=connector,
        direction=Direction.OUTBOUND,
        object_type__in=EITHER,
        key__in=[item.key for item in heard],
    )
    known = {
        (object_type, key): at for object_type, key, at in rows.values_list("object_type", "key", "record_at")
    }
    return [
        item for item in heard if item.at is None or known.get((item.object_type.value, item.key)) != item.at
    ]


def _advance(cursor: Cursor, rows: Sequence[Message], now: datetime) -> datetime | None:
    """Move the watermark to the newest record of a page, and return how new that is."""
    records = [row.user or row.account for row in rows]
    newest = max((record.indexed_at for record in records if record and record.indexed_at), default=None)
    if newest and (cursor.watermark is None or newest > cursor.watermark):
        cursor.watermark = min(newest, now)
    cursor.read_at = now
    cursor.save()
    return newest


# ── What can be chosen ───────────────────────────────────────────────────────────────────────────


def refresh_schema(connector: Connector, *, now: datetime) -> None:
    """Read Hull's segments and attributes, for people to choose from. Raises SyncError."""
    hull = setup.connect_hull(connector)
    segments = hull.account_segments(), hull.user_segments()
    kinds = HullSegment.Kind
    attributes = [
        HullAttribute(connector=connector, kind=kind, name=found.key[:250], type=found.type[:40], seen_at=now)
        for kind, listed in ((kinds.ACCOUNT, hull.account_attributes()), (kinds.USER, hull.user_attributes()))
        for found in {one.key: one for one in listed if "\x00" not in one.key}.values()
    ]
    with transaction.atomic():
        intake.remember_segments(connector, *segments, now=now)
        HullAttribute.objects.bulk_create(
            attributes, update_conflicts=True, unique_fields=["connector", "kind", "name"], update_fields=["type", "seen_at"]
        )  # fmt: skip
        Connector.objects.filter(pk=connector.pk).update(hull_schema_read_at=now)


def refresh_old_schema(connector: Connector, *, clock: Clock) -> str:
    """Read Hull's segments and attributes if that was a day ago. Returns an empty text, or why it could not be done."""
    read_at = connector.hull_schema_read_at
    if read_at and clock() - read_at <= SCHEMA_AGE:
        return ""
    try:
        refresh_schema(connector, now=clock())
    except SyncError as error:
        return error.message
    return ""
