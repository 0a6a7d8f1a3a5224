"""Tells Hull what happens in Close as events of users: noted with the event log's page, told after, each once.

Hull takes no events of accounts. What is about a lead is told as an event of the contact that it names, else of the
lead's first contact; without any contact it is left out, with that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F

from sync.engine.hull_events import Happened, happened
from sync.engine.identity import user_claims
from sync.engine.plan import SkipReason
from sync.errors import ConfigurationError, SyncError
from sync.hull.firehose import FirehoseMessage
from sync.models import Connector, HullEvent, Link
from sync.records import CloseEvent, ObjectType
from sync.services.drain import Work

AT_ONCE = 500
# A contact that Hull does not have yet is waited for, and for how long.
WAIT = timedelta(seconds=30)
MOST_ATTEMPTS = 20


def note(connector: Connector, events: Sequence[CloseEvent], *, now: datetime) -> None:
    """Put down what Hull is to be told of some events. Must run inside the transaction that stores their page."""
    since = connector.hull_events_since
    if not connector.hull_events or since is None:
        return
    found = [one for event in events if (one := happened(event, connector.hull_events, since))]
    HullEvent.objects.bulk_create([_row(connector, one, now) for one in found], ignore_conflicts=True)


def _row(connector: Connector, one: Happened, now: datetime) -> HullEvent:
    return HullEvent(
        connector=connector, event_id=one.event_id, kind=one.kind, name=one.name, lead_close_id=one.lead_id,
        contact_close_id=one.contact_id, properties=dict(one.properties), happened_at=one.at, not_before=now,
    )  # fmt: skip


def follow_switch(connector: Connector, *, now: datetime) -> None:
    """Note from when on events are told: what happened before they were switched on is not."""
    is_on, since = bool(connector.hull_events), connector.hull_events_since
    if is_on != (since is not None):
        connector.hull_events_since = now if is_on else None
        connector.save(update_fields=["hull_events_since", "updated_at"])


def tell(work: Work) -> int:
    """Tell Hull what is due. Returns how many events it took; those that it did not take are told again later."""
    now = work.clock()
    due = HullEvent.objects.filter(
        connector=work.connector, state=HullEvent.State.PENDING, not_before__lte=now
    )
    rows = list(due.order_by("happened_at", "pk")[:AT_ONCE])
    if not rows or work.run.dry_run:
        return 0
    people = _people(work.connector, rows)
    ready = [(row, link) for row in rows if (link := people.get(row.pk)) and (link.sent or link.hull_id)]
    _put_off_or_leave_out(rows, people, {row.pk for row, _ in ready}, now)
    messages = [_message(work, row, link) for row, link in ready]
    accepted, error = len(messages), None
    try:
        work.remotes.firehose.send(messages)
    except SyncError as refused:
        accepted, error = int(getattr(refused, "accepted", 0)), refused
    told = [row.pk for row, _ in ready[:accepted]]
    HullEvent.objects.filter(pk__in=told).update(state=HullEvent.State.DONE, told_at=now)
    later = [row.pk for row, _ in ready[accepted:]]
    HullEvent.objects.filter(pk__in=later).update(attempts=F("attempts") + 1, not_before=now + WAIT)
    if isinstance(error, ConfigurationError):
        raise error
    return len(told)


def _people(connector: Connector, rows: Sequence[HullEvent]) -> dict[int, Link]:
    """Return the contact that each event is told of: the one that it names, else the first of its lead."""
    contacts = Link.objects.live().filter(connector=connector, object_type=ObjectType.CONTACT)
    named = {
        link.close_id: link for link in contacts.filter(close_id__in=[row.contact_close_id for row in rows])
    }
    first: dict[str, Link] = {}
    for link in contacts.filter(parent_close_id__in=[row.lead_close_id for row in rows if row.lead_close_id]):
        held = first.setdefault(link.parent_close_id, link)
        if link.pk < held.pk:
            first[link.parent_close_id] = link
    found = {row.pk: named.get(row.contact_close_id) or first.get(row.lead_close_id) for row in rows}
    return {pk: link for pk, link in found.items() if link}


def _put_off_or_leave_out(
    rows: Sequence[HullEvent], people: dict[int, Link], ready: set[int], now: datetime
) -> None:
    """Wait for a contact that is on its way to Hull, or that the event log may still bring; then leave the event out."""
    waiting = [row for row in rows if row.pk not in ready]
    over = [row.pk for row in waiting if row.attempts + 1 >= (MOST_ATTEMPTS if row.pk in people else 3)]
    HullEvent.objects.filter(pk__in=over).update(
        state=HullEvent.State.SKIPPED, reason=SkipReason.NO_USER, told_at=now
    )
    rest = [row.pk for row in waiting if row.pk not in over]
    HullEvent.objects.filter(pk__in=rest).update(attempts=F("attempts") + 1, not_before=now + WAIT)


def _message(work: Work, row: HullEvent, link: Link) -> FirehoseMessage:
    body = {
        "ip": None, "url": None, "referer": None, "source": "closeio", "event_id": row.event_id, "event": row.name,
        "type": row.kind, "created_at": row.happened_at.isoformat(), "properties": row.properties,
    }  # fmt: skip
    return FirehoseMessage(
        ObjectType.CONTACT, user_claims(link.as_known(), work.settings), None, body, kind="track"
    )
