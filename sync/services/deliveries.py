"""Webhook deliveries come in bursts, and each says only that there is news: one pull at once, then one every two seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from sync.models import Connector, Cursor

APART = timedelta(seconds=2)


def next_pull(connector: Connector, *, now: datetime) -> datetime | None:
    """Return when a delivery is to have the event log read; None when that is arranged already.

    A bulk edit of ten thousand leads brings ten thousand deliveries.
    """
    cursor, _ = Cursor.objects.get_or_create(connector=connector, stream=Cursor.Stream.DELIVERIES)
    if cursor.high and cursor.high > now:
        return None
    at = max(now, cursor.high + APART) if cursor.high else now
    same = Q(high=cursor.high) if cursor.high else Q(high=None)
    return at if Cursor.objects.filter(same, pk=cursor.pk).update(high=at) else None
