"""Pages as one stream. For walks that need not go on where they were interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sync.close.client import CloseClient
from sync.records import CloseEvent, Contact, Lead

LEADS, CONTACTS = 100, 100  # the most that Close surely gives


def iter_leads(client: CloseClient, *, skip: int = 0) -> Iterator[Lead]:
    """Yield all leads, in the order in which they were made."""
    while True:
        page = client.lead_page(skip=skip, limit=LEADS)
        yield from page.leads
        skip += page.received
        if not page.has_more or not page.received:
            return


def iter_contacts(client: CloseClient, *, lead_id: str | None = None) -> Iterator[Contact]:
    """Yield the contacts of one lead, or all there are."""
    skip = 0
    while True:
        page = client.contact_page(skip=skip, limit=CONTACTS, lead_id=lead_id)
        yield from page.contacts
        skip += page.received
        if not page.has_more or not page.received:
            return


def iter_events(
    client: CloseClient, *, since: datetime, object_type: str | None = None, action: str | None = None
) -> Iterator[CloseEvent]:
    """Yield the events updated since a moment, newest first."""
    cursor = None
    while True:
        page = client.event_page(since=since, cursor=cursor, object_type=object_type, action=action)
        yield from (event for event in page.events if event.date_updated >= since)
        has_passed = any(event.date_updated < since for event in page.events)
        if not page.cursor_next or page.cursor_next == cursor or has_passed:
            return
        cursor = page.cursor_next
