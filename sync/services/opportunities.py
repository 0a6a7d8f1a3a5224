"""Keeps the opportunities of leads as Close tells them: from the event log, and all of them when that is switched on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from sync.engine.budget import Lane
from sync.engine.inbound import UPSERT
from sync.engine.opportunities import add_up
from sync.errors import NotFoundError
from sync.models import Connector, Cursor, Link, Opportunity
from sync.records import CloseEvent, Direction, ObjectType, parse_time
from sync.services import changed_by_search
from sync.services.drain import Work
from sync.services.intake import Heard, queue

PAGE, PROOFS = 100, 50
PIECE = timedelta(seconds=20)
DAILY = timedelta(days=1)


def heard(connector: Connector, events: Sequence[CloseEvent], *, now: datetime) -> list[Heard]:
    """Store what events say of opportunities, and return their leads as news. Must run inside a transaction."""
    newest = {event.object_id: event for event in events if event.object_type == "opportunity"}
    if not newest or not connector.reads_opportunities:
        return []
    rows = [dict(event.data) for event in newest.values() if event.data and event.action != "deleted"]
    leads = _store(connector, rows, now)
    gone = [event.object_id for event in newest.values() if event.action == "deleted"]
    leads |= _mark_gone(connector, gone, now)
    return _news(connector, leads, again=False)


def totals(connector: Connector, lead_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the attributes that the opportunities of some leads add up to. A lead that never had one has none."""
    by_lead: dict[str, list[dict[str, Any]]] = {}
    for row in Opportunity.objects.filter(connector=connector, lead_close_id__in=list(lead_ids)):
        held = by_lead.setdefault(row.lead_close_id, [])
        held += [row.fields] if row.deleted_at is None else []
    return {lead_id: add_up(fields) for lead_id, fields in by_lead.items()}


def read_on(work: Work, *, is_piece: bool) -> None:
    """Read all opportunities where that was just switched on, page by page, each stored with its position."""
    connector, began = work.connector, work.clock()
    if not connector.reads_opportunities or not _is_due(connector, began):
        return
    cursor, _ = Cursor.objects.get_or_create(connector=connector, stream=Cursor.Stream.OPPORTUNITIES)
    cursor.started_at = cursor.started_at or began
    while True:
        with work.remotes.allowance.during(Lane.BACKFILL):
            rows, has_more = work.remotes.close.opportunity_page(skip=cursor.done, limit=PAGE)
        with transaction.atomic():
            leads = _store(connector, rows, work.clock())
            queue(connector, Direction.INBOUND, _news(connector, leads, again=True), now=work.clock())
            cursor.done += len(rows)
            cursor.save()
        if not has_more or not rows:
            break
        if is_piece and work.clock() - began >= PIECE:
            return
    _prove(work, cursor.started_at)
    cursor.done, cursor.started_at = 0, None
    cursor.save()
    connector.opportunities_read_at = work.clock()
    connector.save(update_fields=["opportunities_read_at", "updated_at"])


def _is_due(connector: Connector, now: datetime) -> bool:
    """Once, and daily where no event log tells what changes."""
    read_at = connector.opportunities_read_at
    if read_at is None:
        return True
    searches = connector.cursors.filter(stream=Cursor.Stream.EVENTS, method=changed_by_search.METHOD)
    return now - read_at >= DAILY and searches.exists()


def _prove(work: Work, started_at: datetime) -> None:
    """Ask for what was known and was not found; what Close does not have any more is gone."""
    unseen = Opportunity.objects.filter(connector=work.connector, deleted_at=None, read_at__lt=started_at)
    gone = []
    for row in unseen.order_by("pk")[:PROOFS]:
        try:
            work.remotes.close.get_opportunity(row.close_id)
        except NotFoundError:
            gone.append(row.close_id)
    with transaction.atomic():
        leads = _mark_gone(work.connector, gone, work.clock())
        queue(work.connector, Direction.INBOUND, _news(work.connector, leads, again=True), now=work.clock())


def _store(connector: Connector, rows: Sequence[dict[str, Any]], now: datetime) -> set[str]:
    """Store opportunities unless something newer is known. Returns the leads of those that changed."""
    known = {
        row.close_id: row
        for row in Opportunity.objects.select_for_update().filter(
            connector=connector, close_id__in=[row["id"] for row in rows]
        )
    }
    changed: dict[str, Opportunity] = {}
    leads: set[str] = set()
    for fields in rows:
        updated_at = parse_time(fields.get("date_updated"))
        row = known.get(fields["id"]) or Opportunity(connector=connector, close_id=fields["id"])
        is_old = row.close_updated_at and updated_at and updated_at < row.close_updated_at
        if not is_old and (row.fields != fields or row.deleted_at):
            leads |= {row.lead_close_id, str(fields.get("lead_id") or "")} - {""}
            row.fields, row.close_updated_at, row.deleted_at = fields, updated_at, None
            row.lead_close_id = str(fields.get("lead_id") or "")
        row.read_at = now
        changed[row.close_id] = row
    Opportunity.objects.bulk_create(
        changed.values(), update_conflicts=True, unique_fields=["connector", "close_id"],
        update_fields=["lead_close_id", "fields", "close_updated_at", "read_at", "deleted_at"],
    )  # fmt: skip
    return leads


def _mark_gone(connector: Connector, close_ids: Sequence[str], now: datetime) -> set[str]:
    rows = Opportunity.objects.filter(connector=connector, close_id__in=close_ids, deleted_at=None)
    leads = set(rows.values_list("lead_close_id", flat=True))
    rows.update(deleted_at=now)
    return leads


def _news(connector: Connector, lead_ids: Iterable[str], *, again: bool) -> list[Heard]:
    """Return leads as news; one that was never seen is told when it is."""
    links = Link.objects.live().filter(
        connector=connector, object_type=ObjectType.LEAD, close_id__in=list(lead_ids)
    )
    payload = {"action": UPSERT, "ours": False}
    return [Heard(ObjectType.LEAD, link.close_id, payload, "", link.label, again=again) for link in links]
