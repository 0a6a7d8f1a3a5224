"""Read-only questions."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncHour

from sync.engine.plan import Result
from sync.models import Change, Connector, Cursor, Link, Outcome, Run
from sync.records import Direction


def find_connector(connector_id: int) -> Connector | None:
    """Return a connector with its organization, or None when it was deleted."""
    return Connector.objects.select_related("organization").filter(pk=connector_id).first()


def find_connector_by_slug(slug: str) -> Connector | None:
    return Connector.objects.select_related("organization").filter(slug=slug).first()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in one lane: how much, since when, and what needs a person."""

    waiting: int
    oldest: datetime | None
    held: int
    failed: int


def backlog(connector: Connector, direction: Direction) -> Backlog:
    """Count one lane's queue."""
    rows = Change.objects.filter(connector=connector, direction=direction)
    pending = Q(state=Change.State.PENDING)
    found = rows.aggregate(
        waiting=Count("pk", filter=pending),
        oldest=Min("queued_at", filter=pending),
        held=Count("pk", filter=Q(state=Change.State.HELD)),
        failed=Count("pk", filter=Q(state=Change.State.FAILED)),
    )
    return Backlog(**found)


def next_due(connector: Connector, directions: Iterable[Direction]) -> datetime | None:
    """Return when the next queued change is due, or None when nothing is queued."""
    rows = Change.objects.filter(
        connector=connector, direction__in=list(directions), state=Change.State.PENDING
    )
    return rows.aggregate(first=Min("not_before"))["first"]


def outcomes_by_hour(
    connectors: QuerySet[Connector], *, now: datetime, hours: int = 24
) -> list[dict[str, object]]:
    """Count outcomes by hour and result, for a chart: `[{"hour", "result", "count"}]`, oldest first."""
    rows = Outcome.objects.filter(connector__in=connectors, created_at__gte=now - timedelta(hours=hours))
    return list(
        rows.annotate(hour=TruncHour("created_at"))
        .values("hour", "result")
        .annotate(count=Count("pk"))
        .order_by("hour", "result")
    )


def latest_outcomes(connector: Connector, keys: Iterable[str], limit: int = 10) -> list[Outcome]:
    """Return the last outcomes of a record, newest first, under any of the keys it goes by."""
    wanted = [key for key in keys if key]
    rows = Outcome.objects.filter(connector=connector).filter(
        Q(key__in=wanted) | Q(hull_id__in=wanted) | Q(close_id__in=wanted)
    )
    return list(rows.order_by("-created_at", "-pk")[:limit])


def link_counts(connector: Connector) -> dict[str, int]:
    """Count what is known of Close's records: `paired`, `unpaired`, `deleted`."""
    return Link.objects.filter(connector=connector).aggregate(
        paired=Count("pk", filter=Q(deleted_at=None, hull_id__isnull=False)),
        unpaired=Count("pk", filter=Q(deleted_at=None, hull_id=None)),
        deleted=Count("pk", filter=Q(deleted_at__isnull=False)),
    )


def last_read(connector: Connector) -> datetime | None:
    """Return when Close's event log was last read to its end."""
    return (
        Cursor.objects.filter(connector=connector, stream=Cursor.Stream.EVENTS)
        .values_list("read_at", flat=True)
        .first()
    )


def find_connector_by_public_id(public_id: uuid.UUID) -> Connector | None:
    return Connector.objects.select_related("organization").filter(public_id=public_id).first()


def count_results(connector: Connector, runs: Iterable[Run], direction: Direction) -> dict[str, int]:
    """Count records by what became of them in some runs, each once, plus those that are stuck from before.

    A record that was retried counts by how it ended; one that was written and then looked at again counts as
    written.
    """
    ended: dict[tuple[str, str], str] = {}
    rows = Outcome.objects.filter(run__in=list(runs), direction=direction).order_by("pk")
    for object_type, key, result in rows.values_list("object_type", "key", "result"):
        before = ended.get((object_type, key))
        is_quiet = result in (Result.UNCHANGED, Result.SKIPPED)
        ended[object_type, key] = before if before in _WRITTEN and is_quiet else result
    for object_type, key, state in _stuck(connector, direction):
        ended.setdefault(
            (object_type, key),
            Result.FAILED if state == Change.State.FAILED else Result.PENDING,
        )
    return dict(Counter(ended.values()))


_WRITTEN = (Result.CREATED, Result.UPDATED)


def _stuck(connector: Connector, direction: Direction) -> QuerySet[Change, tuple[str, str, str]]:
    states = [Change.State.FAILED, Change.State.HELD]
    rows = Change.objects.filter(connector=connector, direction=direction, state__in=states)
    return rows.values_list("object_type", "key", "state")
