"""Read-only questions."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncHour

from sync.engine.budget import Window, finish_in, per_second
from sync.engine.plan import Result
from sync.models import Approval, Batch, Budget, BudgetUse, Change, Connector, Cursor, Link, Outcome, Run
from sync.records import Direction

# The limit that writes to leads and contacts count against; see `sync.close.limits`.
_RECORDS = "records"


def find_connector(connector_id: int) -> Connector | None:
    """Return a connector with its organization, or None when it was deleted."""
    return Connector.objects.select_related("organization").filter(pk=connector_id).first()


def find_batch(batch_id: int) -> Batch | None:
    """Return a batch with its connector, or None when it was deleted."""
    return Batch.objects.select_related("connector__organization").filter(pk=batch_id).first()


def due_batches(connector_id: int, *, now: datetime) -> list[Batch]:
    """Return a connector's extracts that are to be read now, the oldest first."""
    return list(Batch.objects.filter(connector=connector_id).due(now).order_by("received_at"))


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


def best_priority(connector: Connector, direction: Direction) -> int | None:
    """Return the best priority among what is queued in a lane, None when nothing is."""
    rows = Change.objects.filter(connector=connector, direction=direction, state=Change.State.PENDING)
    return rows.aggregate(best=Min("priority"))["best"]


def calls_per_change(connector: Connector, *, runs: int = 20) -> float:
    """Return how many requests for leads and contacts a record took on its way to Close, as seen in recent runs.

    One while nothing is known.
    """
    drains = Run.objects.filter(
        connector=connector,
        kind=Run.Kind.DRAIN,
        direction=Direction.OUTBOUND,
        dry_run=False,
        considered__gt=0,
    )
    found = list(drains.order_by("-started_at").values_list("considered", "close_calls")[:runs])
    calls = sum(
        count
        for _, by_route in found
        for route, count in by_route.items()
        if route.partition(" ")[2].startswith(("/lead/", "/contact/"))
    )
    considered = sum(number for number, _ in found)
    return calls / considered if calls and considered else 1.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long a lane's queue takes at the pace that Close's limit allows; None while the limit is not known."""

    waiting: int
    seconds: float | None
    per_second: float | None


def outlook(connector: Connector) -> Outlook:
    """Estimate when what waits for Close will have been written, if nothing else comes."""
    pending = Change.objects.filter(
        connector=connector, direction=Direction.OUTBOUND, state=Change.State.PENDING
    )
    waiting = pending.count()
    window, share = _limit_of(connector)
    seconds = finish_in(waiting * calls_per_change(connector), window, share)
    return Outlook(waiting, seconds, per_second(window, share))


def seconds_for(connector: Connector, calls: int) -> float | None:
    """Return how long some requests for leads and contacts take at Close's limit; None while it is not known."""
    return finish_in(calls, *_limit_of(connector))


def _limit_of(connector: Connector) -> tuple[Window, int]:
    """Return the window for leads and contacts of a connector's Close organization, and the share left to others."""
    organization = connector.close_organization_id
    row = (
        Budget.objects.filter(close_organization_id=organization, group=_RECORDS).first()
        if organization
        else None
    )
    window = Window(row.limit, row.remaining, row.ends_at, row.length) if row else Window()
    same = Connector.objects.filter(close_organization_id=organization)
    return window, same.aggregate(share=Max("rate_share_left"))["share"] or 0


def outcomes_by_hour(
    connectors: QuerySet[Connector], *, now: datetime, hours: int = 24
) -> list[dict[str, Any]]:
    """Count outcomes by hour and result, for a chart: `[{"hour", "result", "count"}]`, oldest first."""
    rows = Outcome.objects.filter(connector__in=connectors, created_at__gte=now - timedelta(hours=hours))
    grouped = rows.annotate(hour=TruncHour("created_at")).values_list("hour", "result")
    counted = grouped.annotate(count=Count("pk")).order_by("hour", "result")
    return [{"hour": hour, "result": result, "count": count} for hour, result, count in counted]


def latest_outcomes(connector: Connector, keys: Iterable[str], limit: int = 10) -> list[Outcome]:
    """Return the last outcomes of a record, newest first, under any of the keys it goes by."""
    wanted = [key for key in keys if key]
    rows = Outcome.objects.filter(connector=connector).filter(
        Q(key__in=wanted) | Q(hull_id__in=wanted) | Q(close_id__in=wanted)
    )
    return list(rows.order_by("-created_at", "-pk")[:limit])


def link_counts(connector: Connector) -> dict[str, int]:
    """Count what is known of Close's records: `paired`, `unpaired`, `deleted`, and those with a paused field, `paused`."""
    return Link.objects.filter(connector=connector).aggregate(
        paired=Count("pk", filter=Q(deleted_at=None, hull_id__isnull=False)),
        unpaired=Count("pk", filter=Q(deleted_at=None, hull_id=None)),
        deleted=Count("pk", filter=Q(deleted_at__isnull=False)),
        paused=Count("pk", filter=~Q(paused_fields={})),
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
    """Count records by what became of them in some runs, each once, plus those that are stuck from before."""
    ended = {
        (object_type, key): result
        for (way, object_type, key), (result, _) in _ends(runs).items()
        if way == direction
    }
    for object_type, key, state in _stuck(connector, direction):
        ended.setdefault(
            (object_type, key), Result.FAILED if state == Change.State.FAILED else Result.PENDING
        )
    return dict(Counter(ended.values()))


def count_reasons(runs: Iterable[Run]) -> list[tuple[str, str, str, int]]:
    """Count records by direction, object and reason in some runs, each once, the most frequent first."""
    counted = Counter(
        (way, object_type, reason) for (way, object_type, _), (_, reason) in _ends(runs).items()
    )
    return [(*what, count) for what, count in counted.most_common()]


def _ends(runs: Iterable[Run]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return how each record ended in some runs: `(direction, object, key)` to `(result, reason)`.

    A record that was retried ended as it was left; one that was written and then looked at again was written.
    """
    ended: dict[tuple[str, str, str], tuple[str, str]] = {}
    rows = Outcome.objects.filter(run__in=list(runs)).order_by("pk")
    for direction, object_type, key, result, reason in rows.values_list(
        "direction", "object_type", "key", "result", "reason"
    ):
        record = (direction, object_type, key)
        was_written = record in ended and ended[record][0] in _WRITTEN
        if not (was_written and result in (Result.UNCHANGED, Result.SKIPPED)):
            ended[record] = (result, reason)
    return ended


_WRITTEN = (Result.CREATED, Result.UPDATED)


def _stuck(connector: Connector, direction: Direction) -> QuerySet[Change, tuple[str, str, str]]:
    states = [Change.State.FAILED, Change.State.HELD]
    rows = Change.objects.filter(connector=connector, direction=direction, state__in=states)
    return rows.values_list("object_type", "key", "state")


def ledger(close_organization_id: str, group: str, *, now: datetime, hours: int = 24) -> list[BudgetUse]:
    """Return who used a limit in the last hours, with the connectors, the oldest hour first."""
    rows = BudgetUse.objects.filter(
        close_organization_id=close_organization_id, group=group, hour__gt=now - timedelta(hours=hours)
    )
    return list(rows.select_related("connector").order_by("hour", "connector", "lane"))


# ── How connectors are doing ─────────────────────────────────────────────────────────────────────


class Health(StrEnum):
    """What state a connector is in, the worst first."""

    BROKEN = "BROKEN"  # a configuration error stopped it
    UNFINISHED = "UNFINISHED"  # a credential is missing
    ATTENTION = "ATTENTION"  # records failed or are held, or some of the mapping cannot run
    SILENT = "SILENT"  # nobody has read Close for much longer than agreed
    PAUSED = "PAUSED"  # by a person
    RUNNING = "RUNNING"
    OFF = "OFF"


# Up to which interval how long without a reading is too long.
_SILENCE = (
    (90, timedelta(minutes=15)),
    (900, timedelta(hours=3)),
    (7200, timedelta(days=1)),
    (2**31 - 1, timedelta(days=10)),
)

# How a person's pause begins; see `sync.services.configuration`.
_PAUSED_BY_A_PERSON = "Paused by"


def with_health(connectors: QuerySet[Connector], *, now: datetime) -> QuerySet[Connector]:
    """Add to each connector its queue (`waiting`, `oldest`, `held`, `failed`), `flipping` (records with a paused field),
    `read_at`, `health` and `severity`.

    All in one query, so that lists can be sorted and filtered by it.
    """
    counted = connectors.annotate(
        waiting=_count_changes(Change.State.PENDING),
        held=_count_changes(Change.State.HELD),
        failed=_count_changes(Change.State.FAILED),
        flipping=_count_flipping(),
        oldest=Subquery(_changes_of_row(Change.State.PENDING).order_by("queued_at").values("queued_at")[:1]),
        read_at=Subquery(_cursors_of_row().values("read_at")[:1]),
    )
    ranks = [When(health=health.value, then=Value(rank)) for rank, health in enumerate(Health)]
    return counted.annotate(health=_health(now)).annotate(
        severity=Case(*ranks, output_field=IntegerField(), default=Value(len(Health)))
    )


def with_last_changes(connectors: QuerySet[Connector]) -> QuerySet[Connector]:
    """Add when each direction last wrote something, and how many pairs there are: `last_outbound`, `last_inbound`, `paired`."""
    pairs = Link.objects.filter(
        connector=OuterRef("pk"), hull_id__isnull=False, deleted_at=None, merged_into=""
    )
    counted = pairs.order_by().values("connector").annotate(count=Count("pk")).values("count")
    return connectors.annotate(
        last_outbound=_last_write(Direction.OUTBOUND),
        last_inbound=_last_write(Direction.INBOUND),
        paired=Coalesce(Subquery(counted), 0),
    )


def calls_by_hour(connectors: QuerySet[Connector], *, now: datetime) -> dict[tuple[str, datetime], int]:
    """Count the last day's requests to Close by connector's name and hour."""
    rows = BudgetUse.objects.filter(connector__in=connectors.values("pk"), hour__gt=now - timedelta(hours=24))
    found = rows.values_list("connector__name", "hour").annotate(count=Sum("calls"))
    return {(name, hour): count for name, hour, count in found}


def count_stuck(connectors: QuerySet[Connector]) -> int:
    """Count the changes that need a person."""
    rows = Change.objects.filter(connector__in=connectors.values("pk"), direction__in=list(Direction))
    return rows.stuck().count()


def find_waiting_approval(connector: Connector) -> Approval | None:
    """Return the batch of a connector that waits for a person's approval, if one does."""
    return Approval.objects.filter(connector=connector, state=Approval.State.WAITING).first()


def count_waiting_approvals(connectors: QuerySet[Connector]) -> int:
    """Count the batches that wait for a person's approval."""
    rows = Approval.objects.filter(connector__in=connectors.values("pk"), state=Approval.State.WAITING)
    return rows.count()


def _health(now: datetime) -> Case:
    silent = Q(read_at=None, created_at__lt=now - _SILENCE[0][1])
    for interval, silence in _SILENCE:
        silent |= Q(pull_interval_seconds__lte=interval, read_at__lt=now - silence)
    cases = [
        (Q(enabled=False), Health.OFF),
        (Q(close_api_key="") | Q(hull_secret=""), Health.UNFINISHED),
        (_paused_by_an_error(), Health.BROKEN),
        (Q(paused_at__isnull=False), Health.PAUSED),
        (Q(failed__gt=0) | Q(held__gt=0) | Q(flipping__gt=0) | ~Q(problems=[]), Health.ATTENTION),
        (silent, Health.SILENT),
    ]
    whens = [When(condition, then=Value(health.value)) for condition, health in cases]
    return Case(*whens, default=Value(Health.RUNNING.value), output_field=CharField())


def _paused_by_an_error() -> Q:
    by_a_person = Q(pause_reason="") | Q(pause_reason__startswith=_PAUSED_BY_A_PERSON)
    return Q(paused_at__isnull=False) & ~by_a_person


def _changes_of_row(state: str) -> QuerySet[Change]:
    return Change.objects.filter(connector=OuterRef("pk"), direction__in=list(Direction), state=state)


def _cursors_of_row() -> QuerySet[Cursor]:
    return Cursor.objects.filter(connector=OuterRef("pk"), read_at__isnull=False).order_by("-read_at")


def _count_changes(state: str) -> Coalesce:
    rows = _changes_of_row(state).order_by().values("connector").annotate(count=Count("pk"))
    return Coalesce(Subquery(rows.values("count")), 0)


def _count_flipping() -> Coalesce:
    rows = Link.objects.filter(~Q(paused_fields={}), connector=OuterRef("pk")).order_by().values("connector")
    return Coalesce(Subquery(rows.annotate(count=Count("pk")).values("count")), 0)


def _last_write(direction: Direction) -> Subquery:
    runs = Run.objects.filter(connector=OuterRef("pk"), direction=direction, dry_run=False)
    wrote = runs.filter(counters__has_any_keys=[Result.CREATED.value, Result.UPDATED.value])
    ended = wrote.order_by("-started_at").annotate(ended=Coalesce("finished_at", "started_at"))
    return Subquery(ended.values("ended")[:1])
