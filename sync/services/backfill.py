"""Reads everything in Close once: into the match index, and into the queue for Hull."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from sync.close.pagination import iter_contacts
from sync.close.parsing import LeadPage
from sync.engine.budget import Lane
from sync.engine.cursor import is_lost
from sync.engine.inbound import UPSERT
from sync.models import Connector, Cursor
from sync.records import Direction, Lead
from sync.services import links
from sync.services.drain import Work
from sync.services.intake import Heard, queue
from sync.services.links import Seen, seen_contact, seen_lead

PAGE = 100


def ensure(work: Work) -> None:
    """Run the first backfill if it has not been completed: nothing is written before Close was read once."""
    if not work.connector.backfilled_at:
        read_everything(work)


def read_everything(work: Work) -> int:
    """Page through all leads with their contacts. Each page and the position are stored in one transaction.

    Returns how many records were queued. A backfill that was interrupted goes on at its page. What changes
    meanwhile is told by the event log, whose watermark is set before the first page.
    """
    cursor, _ = Cursor.objects.get_or_create(connector=work.connector, stream=Cursor.Stream.BACKFILL)
    _set_watermark(work)
    queued, has_more = 0, True
    while has_more:
        with work.remotes.allowance.during(Lane.BACKFILL):
            page = work.remotes.close.lead_page(skip=int(cursor.page or 0), limit=PAGE)
            queued += _accept_page(work, cursor, page)
        has_more = page.has_more and page.received > 0
    _finish(work.connector, cursor, work.clock())
    return queued


def _set_watermark(work: Work) -> None:
    """Remember where the event log stands before reading, by Close's clock if the log holds anything."""
    events, _ = Cursor.objects.get_or_create(connector=work.connector, stream=Cursor.Stream.EVENTS)
    now = work.clock()
    if not is_lost(events.watermark, now):
        return
    newest = work.remotes.close.event_page(since=now - timedelta(days=1), limit=1).events
    events.watermark = min(newest[0].date_updated, now) if newest else now - timedelta(minutes=5)
    events.page, events.high = "", None
    events.save()


def _accept_page(work: Work, cursor: Cursor, page: LeadPage) -> int:
    seen = _seen(page.leads, work)
    with transaction.atomic():
        links.remember(work.connector, seen, work.settings)
        queued, _ = queue(
            work.connector, Direction.INBOUND, [_heard(item) for item in seen], now=work.clock()
        )
        done = int(cursor.page or 0) + page.received
        cursor.page, cursor.total, cursor.read_at = str(done), page.total, work.clock()
        cursor.save()
        work.run.total = page.total
        work.run.save(update_fields=["total"])
    work.watch(work.run, max((page.total or done) - done, 0))
    return queued


def _heard(item: Seen) -> Heard:
    payload = {"action": UPSERT, "ours": False}
    return Heard(
        item.object_type,
        item.close_id,
        payload,
        item.parent_close_id,
        item.label,
        item.updated_at,
        again=True,
    )


def _seen(leads: Sequence[Lead], work: Work) -> list[Seen]:
    """Return the leads and their contacts; a lead whose answer held none of its contacts is asked for them."""
    seen: list[Seen] = []
    for lead in leads:
        seen.append(seen_lead(lead))
        contacts = lead.contacts
        if contacts is None and lead.fields.get("contact_ids"):
            contacts = tuple(iter_contacts(work.remotes.close, lead_id=lead.close_id))
        seen += [seen_contact(contact, lead.close_id) for contact in contacts or ()]
    return seen


def _finish(connector: Connector, cursor: Cursor, now: datetime) -> None:
    cursor.page = ""
    cursor.save(update_fields=["page"])
    connector.backfilled_at = now
    connector.save(update_fields=["backfilled_at", "updated_at"])
