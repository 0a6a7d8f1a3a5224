"""Reads everything in Close once: into the match index, and into the queue for Hull."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from sync.engine.cursor import is_lost
from sync.engine.inbound import UPSERT
from sync.models import Connector, Cursor, Run
from sync.records import Direction, Lead, SyncSettings
from sync.services import links
from sync.services.intake import Heard, queue
from sync.services.links import Seen, seen_contact, seen_lead
from sync.services.setup import Remotes

Clock = Callable[[], datetime]
Progress = Callable[[int, int | None], None]

PAGE = 100


def ensure(
    connector: Connector,
    remotes: Remotes,
    settings: SyncSettings,
    *,
    clock: Clock,
    run: Run | None = None,
) -> int:
    """Run the first backfill if it has not been completed: nothing is written before Close was read once.

    Returns how many records were queued; 0 when nothing was to be done.
    """
    if connector.backfilled_at:
        return 0
    return read_everything(connector, remotes, settings, clock=clock, run=run)


def read_everything(
    connector: Connector, remotes: Remotes, settings: SyncSettings, *, clock: Clock, run: Run | None = None
) -> int:  # fmt: skip
    """Page through all leads with their contacts. Each page and the position are stored in one transaction.

    A backfill that was interrupted goes on at its page; What
    changes meanwhile is told by the event log, whose watermark is set before the first page.
    """
    cursor, _ = Cursor.objects.get_or_create(
        connector=connector, stream=Cursor.Stream.BACKFILL
    )
    _set_watermark(connector, remotes, clock)
    queued = 0
    while True:
        skip = int(cursor.page or 0)
        page = remotes.close.lead_page(skip=skip, limit=PAGE)
        seen = _seen(page.leads, remotes)
        with transaction.atomic():
            queued += _accept_page(connector, seen, settings, now=clock())
            cursor.page, cursor.total, cursor.read_at = (
                str(skip + len(page.leads)),
                page.total,
                clock(),
            )
            cursor.save()
            _report(run, int(cursor.page), page.total)
        if not page.has_more or not page.leads:
            break
    _finish(connector, cursor, clock())
    return queued


def _set_watermark(connector: Connector, remotes: Remotes, clock: Clock) -> None:
    """Remember where the event log stands before reading, by Close's clock if the log holds anything."""
    events, _ = Cursor.objects.get_or_create(
        connector=connector, stream=Cursor.Stream.EVENTS
    )
    now = clock()
    if not is_lost(events.watermark, now):
        return
    newest = remotes.close.event_page(since=now - timedelta(days=1), limit=1).events
    events.watermark = (
        min(newest[0].date_updated, now) if newest else now - timedelta(minutes=5)
    )
    events.page, events.high = "", None
    events.save()


def _seen(leads: Sequence[Lead], remotes: Remotes) -> list[Seen]:
    """Return the leads and their contacts; a lead whose answer held none of its contacts is asked for them."""
    seen: list[Seen] = []
    for lead in leads:
        seen.append(seen_lead(lead))
        contacts = lead.contacts
        if contacts is None and lead.fields.get("contact_ids"):
            contacts = tuple(remotes.close.contact_page(lead_id=lead.close_id).contacts)
        seen += [seen_contact(contact, lead.close_id) for contact in contacts or ()]
    return seen


def _accept_page(
    connector: Connector, seen: Sequence[Seen], settings: SyncSettings, *, now: datetime
) -> int:
    links.remember(connector, seen, settings)
    payload = {"action": UPSERT, "ours": False}
    heard = [
        Heard(
            item.object_type,
            item.close_id,
            payload,
            item.parent_close_id,
            item.label,
            item.updated_at,
        )
        for item in seen
    ]
    return queue(connector, Direction.INBOUND, heard, now=now)[0]


def _report(run: Run | None, done: int, total: int | None) -> None:
    if run:
        run.considered, run.total = done, total
        run.save(update_fields=["considered", "total"])


def _finish(connector: Connector, cursor: Cursor, now: datetime) -> None:
    cursor.page = ""
    cursor.save(update_fields=["page"])
    connector.backfilled_at = now
    connector.save(update_fields=["backfilled_at", "updated_at"])
