"""Holds a batch of writes that is larger than the connector's brake allows, until a person has looked at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from sync.engine import brake
from sync.engine.brake import Effect, Limits
from sync.engine.plan import FamilyPlan, WaitReason
from sync.engine.report import Report
from sync.engine.twins import Name
from sync.models import Approval, Change, Connector, Link, Run
from sync.records import DeparturePolicy, Direction, ObjectType
from sync.services import lane
from sync.services.drain import Work
from sync.services.loading import Knowledge, OutboundInputs
from sync.services.planning import plan_once

_CHUNK = 500


def limits_of(connector: Connector) -> Limits:
    """Return the connector's limits as decisions use them."""
    counts = {
        Effect.CREATES: connector.brake_creates,
        Effect.CLEARS: connector.brake_clears,
        Effect.DELETES: connector.brake_deletes,
    }
    return Limits(counts, connector.brake_share)


# ── Before the first write of a run ──────────────────────────────────────────────────────────────


def survey(work: Work) -> None:
    """Count what a run is about to do, when it is the connector's first or large enough to matter.

    The report is stored with the run. A batch above the limits is held as a whole: an approval is asked for, and
    the slices leave out what belongs to it.
    """
    due = lane.count_due(work.connector, Direction.OUTBOUND, now=work.clock())
    if work.run.dry_run or not _is_worth_it(work, due):
        return
    report, planned = Report(), Counter[Effect]()
    for inputs, plans in _everything_due(work):
        report.add(plans)
        planned += brake.count(plans, approved_names(inputs))
    work.run.report = report.as_dict() | {"due": due}
    work.run.save(update_fields=["report"])
    over = _exceeded(work, planned)
    if over:
        _ask(work, over, planned, report.sample)


def _is_worth_it(work: Work, due: int) -> bool:
    """The first run is counted, and a queue that may hold too much and is longer than when it was last counted."""
    return _is_first(work.run) or (due > _least_that_counts(work) and due > _last_counted(work))


def _least_that_counts(work: Work) -> float:
    limits = dict(limits_of(work.connector).counts)
    if DeparturePolicy.DELETE not in work.settings.departures.values():
        del limits[Effect.DELETES]
    return min((limit for limit in limits.values() if limit is not None), default=float("inf"))


def _last_counted(work: Work) -> int:
    since = work.clock() - brake.WINDOW
    runs = Run.objects.filter(connector=work.connector, started_at__gte=since, dry_run=False).exclude(
        report={}
    )
    report = runs.order_by("-pk").values_list("report", flat=True).first()
    return int(report["due"]) if report else 0


def _is_first(run: Run) -> bool:
    earlier = Run.objects.filter(
        connector=run.connector,
        kind=Run.Kind.DRAIN,
        direction=Direction.OUTBOUND,
        dry_run=False,
        considered__gt=0,
    )
    return not earlier.exclude(pk=run.pk).exists()


def _everything_due(work: Work) -> Iterator[tuple[OutboundInputs, list[FamilyPlan]]]:
    """Plan everything that is due, family by family, with what is known now."""
    due = Change.objects.filter(connector=work.connector, direction=Direction.OUTBOUND).due(work.clock())
    chunk: list[Change] = []
    for change in due.order_by("family", "pk").iterator(chunk_size=_CHUNK):
        if len(chunk) >= _CHUNK and change.family != chunk[-1].family:
            planned = plan_once(work, chunk, Knowledge())
            yield planned.inputs, planned.plans
            chunk = []
        chunk.append(change)
    if chunk:
        planned = plan_once(work, chunk, Knowledge())
        yield planned.inputs, planned.plans


# ── In every slice ───────────────────────────────────────────────────────────────────────────────


def restrain(work: Work, inputs: OutboundInputs, plans: Sequence[FamilyPlan]) -> list[FamilyPlan]:
    """Hold what exceeds the limits, counted with what was done within the hour, and what joins a waiting batch."""
    approved = approved_names(inputs)
    planned = brake.count(plans, approved)
    if not planned:
        return list(plans)
    waiting = _waiting(work.connector)
    over = _exceeded(work, planned) | _effects_of(waiting)
    if not over.intersection(planned):
        return list(plans)
    if not work.run.dry_run:
        report = Report()
        report.add(plans)
        _ask(work, over, planned, report.sample)
    return [brake.restrain(plan, over, approved) for plan in plans]


def approved_names(inputs: OutboundInputs) -> set[Name]:
    """Return the records whose batch a person approved."""
    batches = {change.approval_id for change in inputs.changes.values() if change.approval_id}
    approved = Approval.objects.filter(pk__in=batches, state=Approval.State.APPROVED) if batches else ()
    let = {approval.pk for approval in approved}
    return {
        (ObjectType(change.object_type), change.key)
        for change in inputs.changes.values()
        if change.approval_id in let
    }


def _exceeded(work: Work, planned: Counter[Effect]) -> frozenset[Effect]:
    if not planned:
        return frozenset()
    spent = _spent(work.connector, work.clock())
    return brake.exceeded(planned, spent, _linked_before(work.connector, spent), limits_of(work.connector))


def _linked_before(connector: Connector, spent: Counter[Effect]) -> int:
    """Return how many records were linked before the hour's own creations, which are no measure of themselves."""
    linked = Link.objects.live().paired().filter(connector=connector).count()
    return max(linked - spent[Effect.CREATES], 0)


def _spent(connector: Connector, now: datetime) -> Counter[Effect]:
    runs = Run.objects.filter(connector=connector, started_at__gte=now - brake.WINDOW, dry_run=False)
    spent: Counter[Effect] = Counter()
    for effects in runs.exclude(effects={}).values_list("effects", flat=True):
        spent.update({Effect(name): number for name, number in effects.items()})
    return spent


def spend(work: Work, plans: Sequence[FamilyPlan], approved: Collection[Name]) -> None:
    """Add what a slice set out to write to what the hour has seen; what was approved does not count."""
    for effect, number in brake.count(plans, approved).items():
        work.run.effects[effect.value] = work.run.effects.get(effect.value, 0) + number
    work.run.save(update_fields=["effects"])


# ── The approval ─────────────────────────────────────────────────────────────────────────────────


def _waiting(connector: Connector) -> Approval | None:
    return Approval.objects.filter(connector=connector, state=Approval.State.WAITING).first()


def _effects_of(approval: Approval | None) -> frozenset[Effect]:
    return frozenset(Effect(name) for name in approval.counts) if approval else frozenset()


def _ask(
    work: Work, over: Collection[Effect], planned: Counter[Effect], sample: Sequence[dict[str, Any]]
) -> None:
    """Ask for approval of some effects, unless it was asked for already."""
    connector, limits = work.connector, limits_of(work.connector)
    linked = _linked_before(connector, _spent(connector, work.clock()))
    waiting = _waiting(connector) or Approval(connector=connector, created_at=work.clock(), linked=linked)
    for effect in over:
        if effect.value not in waiting.counts:
            waiting.counts[effect.value] = planned[effect]
            waiting.limits[effect.value] = limits.allowed(effect, linked)
    waiting.sample = waiting.sample or [row for row in sample if row["effect"] in waiting.counts]
    waiting.save()


def join(connector: Connector, changes: Sequence[Change]) -> None:
    """Have held changes belong to the batch that waits for approval."""
    approval = _waiting(connector)
    held = Change.objects.filter(
        pk__in=[change.pk for change in changes], state=Change.State.HELD, reason=WaitReason.NEEDS_APPROVAL
    )
    if approval:
        held.update(approval=approval)


@transaction.atomic
def approve(approval: Approval, *, by: Any, now: datetime) -> int:
    """Let a batch go out. Returns how many records were queued; 0 when it was decided already."""
    if not _decide(approval, Approval.State.APPROVED, by, now):
        return 0
    return _held(approval).update(
        state=Change.State.PENDING, reason="", message="", attempts=0, not_before=now, queued_at=now,
        revision=F("revision") + 1,
    )  # fmt: skip


@transaction.atomic
def reject(approval: Approval, *, by: Any, now: datetime) -> int:
    """Close a batch: its records are ignored until Hull tells of them again. Returns how many there were."""
    if not _decide(approval, Approval.State.REJECTED, by, now):
        return 0
    return _held(approval).update(
        state=Change.State.IGNORED, finished_at=now, approval=None, revision=F("revision") + 1
    )


def _decide(approval: Approval, state: Approval.State, by: Any, now: datetime) -> bool:
    waiting = Approval.objects.filter(pk=approval.pk, state=Approval.State.WAITING)
    return waiting.update(state=state, decided_at=now, decided_by=by) == 1


def _held(approval: Approval) -> Any:
    return Change.objects.filter(approval=approval, state=Change.State.HELD, reason=WaitReason.NEEDS_APPROVAL)
