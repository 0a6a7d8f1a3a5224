"""Reads Close's event log into the queue: what the events say of records, and who has to be looked at."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from sync.close.parsing import EventPage, parse_contact, parse_lead
from sync.engine import cursor as position
from sync.engine.inbound import DELETED, MERGED, UPSERT
from sync.errors import REFUSALS, RejectedError
from sync.models import Change, Connector, Cursor, Link
from sync.models.choices import EITHER
from sync.records import CloseEvent, Direction, ObjectType, SyncSettings
from sync.services import changed_by_search, hull_events, links, opportunities, watermark
from sync.services.drain import Work
from sync.services.intake import Heard, queue
from sync.services.links import Seen, seen_contact, seen_lead

log = logging.getLogger(__name__)

_OBJECTS = {"lead": ObjectType.LEAD, "contact": ObjectType.CONTACT}
# Events that tell that statuses, custom fields or users changed.
_SCHEMA_EVENTS = ("status.lead", "custom_fields.", "membership")


def pull_events(work: Work) -> int:
    """Read the event log from the watermark, newest page first, each page and its position in one transaction.

    Returns how many records were queued. The watermark moves when the last page is stored; a pull that was
    interrupted goes on at its page. Where the key may not read the log, what changed is searched for.
    """
    cursor = watermark.events_cursor(work)
    if cursor.watermark is None:
        return 0
    if cursor.method == changed_by_search.METHOD and not changed_by_search.is_due_for_the_log(
        cursor, work.clock()
    ):
        return changed_by_search.pull(work, cursor)
    try:
        return _pull_log(work, cursor, cursor.watermark)
    except REFUSALS as error:
        log.info("the event log of %s cannot be read: %s", work.connector.slug, error.message)
        changed_by_search.begin(cursor, error.message, now=work.clock())
        cursor.save()
        return changed_by_search.pull(work, cursor)


def _pull_log(work: Work, cursor: Cursor, begin: datetime) -> int:
    queued = 0
    since, is_sweep = position.read_from(begin, swept_at=cursor.swept_at, now=work.clock())
    if not cursor.page:
        cursor.detail = {**cursor.detail, "is_sweep": is_sweep}
    while True:
        page = _event_page(work, cursor, since)
        if cursor.method:
            cursor.method, cursor.started_at = "", None  # the key may read the log again
        with transaction.atomic():
            queued += _accept_events(work.connector, page.events, work.settings, now=work.clock())
            _advance(cursor, page.events, page.cursor_next, work.clock())
        if not cursor.page:
            return queued


def _event_page(work: Work, cursor: Cursor, since: datetime) -> EventPage:
    """Read the next page; a page position that ran out of time starts the window again at its newest page."""
    try:
        return work.remotes.close.event_page(since=since, cursor=cursor.page or None)
    except RejectedError:
        if not cursor.page:
            raise
        return work.remotes.close.event_page(since=since, cursor=None)


def _advance(cursor: Cursor, events: Sequence[CloseEvent], next_page: str | None, now: datetime) -> None:
    newest = max((event.date_updated for event in events), default=None)
    if newest and (cursor.high is None or newest > cursor.high):
        cursor.high = newest
    cursor.page, cursor.read_at = next_page or "", now
    if not next_page and cursor.watermark:
        cursor.watermark, cursor.high = position.advanced(cursor.watermark, cursor.high, now), None
        cursor.swept_at = now if cursor.detail.get("is_sweep") else cursor.swept_at
    cursor.save()


def _accept_events(
    connector: Connector,
    events: Sequence[CloseEvent],
    settings: SyncSettings,
    *,
    now: datetime,
) -> int:
    """Store a page of events: what they say of records, and one queued change per record."""
    oldest_first = sorted(events, key=lambda event: event.date_updated)
    if any(event.object_type.startswith(_SCHEMA_EVENTS) for event in events):
        _mark_schema_old(connector, oldest_first)
    heard: dict[tuple[str, str], Heard] = {}
    seen: list[Seen] = []
    links.find(connector, _names(events))  # locked in one order before any of them is written to
    for event in oldest_first:
        for item in _heard(connector, event, settings, now):
            heard[item.object_type.value, item.key] = item
        seen += _seen(event)
    fresh = _news(connector, heard.values())
    links.remember(connector, seen, settings)
    queued, _ = queue(connector, Direction.INBOUND, fresh, now=now)
    added = opportunities.heard(connector, oldest_first, now=now)
    queued += queue(connector, Direction.INBOUND, added, now=now)[0]
    hull_events.note(connector, oldest_first, now=now)
    return queued


def _names(events: Sequence[CloseEvent]) -> list[tuple[str, str]]:
    """Return the names of the links that a page of events is about."""
    named = [(_OBJECTS.get(event.object_type), event.object_id) for event in events]
    merged = [close_id for event in events for close_id in _merge_of(event) or ()]
    found = [(object_type.value, close_id) for object_type, close_id in named if object_type]
    return found + [(ObjectType.LEAD.value, close_id) for close_id in merged]


def _mark_schema_old(connector: Connector, events: Sequence[CloseEvent]) -> None:
    """Have statuses and fields read again, once for each time they changed."""
    newest = max(event.date_updated for event in events if event.object_type.startswith(_SCHEMA_EVENTS))
    Connector.objects.filter(pk=connector.pk, schema_read_at__lt=newest).update(schema_read_at=None)


def _news(connector: Connector, heard: Iterable[Heard]) -> list[Heard]:
    """Leave out what the overlap told before: the same record at the same time."""
    items = list(heard)
    known = {
        (row.object_type, row.key): row.record_at
        for row in Change.objects.filter(
            connector=connector,
            direction=Direction.INBOUND,
            object_type__in=EITHER,
            key__in=[item.key for item in items],
        )
    }

    def is_news(item: Heard) -> bool:
        before = known.get((item.object_type.value, item.key))
        return before is None or item.at is None or item.at > before

    return [item for item in items if is_news(item)]


def _heard(connector: Connector, event: CloseEvent, settings: SyncSettings, now: datetime) -> list[Heard]:
    object_type = _OBJECTS.get(event.object_type)
    if object_type is None:
        return []
    merged = _merge_of(event)
    if merged:
        return _heard_merge(connector, event, *merged, now=now)
    if event.action == "deleted":
        links.mark_deleted(connector, object_type, event.object_id, at=event.date_updated)
        gone = _item(object_type, event.object_id, DELETED, event, settings)
        return [gone, *_heard_losers(connector, event)]
    return [_item(object_type, event.object_id, UPSERT, event, settings)]


def _merge_of(event: CloseEvent) -> tuple[str, str] | None:
    source, survivor = (
        event.meta.get("merge_source_lead_id"),
        event.meta.get("merge_destination_lead_id"),
    )
    is_about_lead = event.object_type == "lead" and event.object_id in (
        source,
        survivor,
    )
    if not (source and survivor and is_about_lead):
        return None
    return (str(source), str(survivor)) if event.action in ("merged", "deleted") else None


def _heard_merge(
    connector: Connector,
    event: CloseEvent,
    source: str,
    survivor: str,
    *,
    now: datetime,
) -> list[Heard]:
    """A merged lead forwards to its survivor; Hull is told about both, and waiting accounts are looked at again."""
    link = links.mark_merged(connector, source, survivor)
    Link.objects.get_or_create(connector=connector, object_type=ObjectType.LEAD, close_id=survivor)
    if link.hull_id:
        mine = Change.objects.filter(connector=connector, direction=Direction.OUTBOUND, family=link.hull_id)
        mine.filter(state=Change.State.DONE).update(state=Change.State.PENDING, not_before=now)
    loser = Heard(
        ObjectType.LEAD,
        source,
        {"action": MERGED, "ours": False},
        label=link.label,
        at=event.date_updated,
    )
    payload = {
        "action": UPSERT,
        "ours": False,
        "read": event.data is None or event.object_id != survivor,
    }
    return [loser, Heard(ObjectType.LEAD, survivor, payload, at=event.date_updated)]


def _heard_losers(connector: Connector, event: CloseEvent) -> list[Heard]:
    """Return the leads that were merged into one that is gone now: their accounts may be others."""
    if event.object_type != "lead":
        return []
    losers = Link.objects.filter(connector=connector, merged_into=event.object_id).exclude(sent={})
    payload = {"action": MERGED, "ours": False}
    return [
        Heard(ObjectType.LEAD, link.close_id, payload, label=link.label, at=event.date_updated)
        for link in losers
    ]


def _item(
    object_type: ObjectType,
    close_id: str,
    action: str,
    event: CloseEvent,
    settings: SyncSettings,
) -> Heard:
    ours = event.api_key_id is not None and event.api_key_id == settings.close_api_key_id
    payload: dict[str, Any] = {
        "action": action,
        "ours": ours,
        "read": action == UPSERT and event.data is None,
    }
    if not ours:
        payload |= {"changed_fields": list(event.changed_fields)} | _writer(event)
    label = str((event.data or event.previous_data).get("name") or "")
    return Heard(object_type, close_id, payload, event.lead_id or "", label, event.date_updated)


def _writer(event: CloseEvent) -> dict[str, str]:
    """Return who made an event: a key, or a person of Close."""
    told = {"api_key_id": event.api_key_id, "user_id": event.user_id}
    return {name: value for name, value in told.items() if value}


def _seen(event: CloseEvent) -> list[Seen]:
    if event.data is None or event.action == "deleted" or event.object_type not in _OBJECTS:
        return []
    if event.object_type == "lead":
        return [seen_lead(parse_lead(event.data))]
    return [seen_contact(parse_contact(event.data), event.lead_id)]
