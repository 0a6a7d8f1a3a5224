"""Writes down what happened: runs, outcomes, links, retries."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.engine.plan import DoneReason, FailureMode, Reason, Result, SkipReason, WaitReason
from sync.engine.retry import failure_of, next_attempt
from sync.errors import CredentialsError, SyncError
from sync.hull import vocabulary
from sync.mapping.outbound import LeftOut
from sync.models import Change, Connector, Outcome, Run
from sync.records import Direction, ObjectType
from sync.redaction import redact
from sync.services import missing_options
from sync.services.setup import Remotes

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Verdict:
    """What is to be written down about one record. `retry_at` makes the change due again.

    `values` are those before and after, per field, `conflicts` those of both sides that a person chooses between.
    """

    object_type: ObjectType
    key: str
    result: Result
    reason: Reason
    label: str = ""
    hull_id: str = ""
    close_id: str = ""
    message: str = ""
    fields: Sequence[str] = ()
    notes: Sequence[str] = ()
    candidates: Sequence[str] = ()
    left_out: Sequence[LeftOut] = ()
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    conflicts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    retry_at: datetime | None = None
    change: Change | None = field(default=None, repr=False)


def start_run(
    connector: Connector,
    kind: Run.Kind,
    direction: Direction,
    trigger: str,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Run:
    """Open a run."""
    run = Run.objects.create(
        connector=connector,
        kind=kind,
        direction=direction,
        trigger=trigger,
        started_at=now,
        dry_run=dry_run,
    )
    _tell(connector, vocabulary.job_line(direction, "start", {"job": str(run.kind), "trigger": str(trigger)}))
    return run


def finish_run(
    run: Run,
    remotes: Remotes | None,
    *,
    now: datetime,
    message: str = "",
    stopped: bool = False,
) -> Run:
    """Close a run with what was asked of both sides."""
    if remotes:
        run.close_calls, run.hull_calls = (
            remotes.close_calls.as_dict(),
            remotes.hull_calls.as_dict(),
        )
    run.state = Run.State.STOPPED if stopped else Run.State.FINISHED
    run.message, run.finished_at = message, now
    run.save()
    told = (
        {"job": str(run.kind), "considered": run.considered}
        | run.counters
        | ({"reason": message} if message else {})
    )
    outcome = vocabulary.ERROR if stopped else vocabulary.SUCCESS
    _tell(run.connector, vocabulary.job_line(Direction(run.direction), outcome, told))
    if run.trigger == Run.Trigger.SCHEDULE and not run.considered and not message:
        Run.objects.filter(pk=run.pk).delete()  # a look that found nothing is not worth a line of history
    return run


def verdict_of_error(
    verdict: Verdict,
    error: SyncError,
    change: Change | None,
    *,
    now: datetime,
    jitter: float,
) -> Verdict:
    """Turn an error into what happens next: another attempt at a time, or a person."""
    verdict.message = error.message
    if isinstance(error, CredentialsError):
        # the connector pauses; the record is as due as before, and goes on when the connector does
        verdict.result, verdict.reason, verdict.retry_at = Result.PENDING, FailureMode.CONFIGURATION, now
        return verdict
    failure = failure_of(error)
    if failure:
        verdict.result, verdict.reason = Result.FAILED, failure
        return verdict
    attempts = (change.attempts if change else 0) + 1
    again = next_attempt(error, attempts, now=now, jitter=jitter)
    if again is None:
        verdict.result, verdict.reason = Result.FAILED, FailureMode.EXHAUSTED
        verdict.message = f"Given up after {attempts} attempts: {error.message}"
        return verdict
    verdict.result = Result.PENDING
    verdict.retry_at, verdict.reason = again
    return verdict


def record(run: Run, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """Write outcomes and the state of the changes behind them, in one transaction."""
    connector = run.connector
    Outcome.objects.bulk_create([_outcome(run, verdict, connector.version, now) for verdict in verdicts])
    if not run.dry_run:
        _settle_all(verdicts, now)
    for verdict in verdicts:
        _tell_record(run, verdict)
    counted = Counter(verdict.result.value for verdict in verdicts)
    run.counters = dict(Counter(run.counters) + counted)
    run.considered += len(verdicts)
    run.save(update_fields=["counters", "considered"])


def _outcome(run: Run, verdict: Verdict, version: int, now: datetime) -> Outcome:
    return Outcome(
        connector_id=run.connector_id, run=run, direction=run.direction, object_type=verdict.object_type,
        key=verdict.key, hull_id=verdict.hull_id, close_id=verdict.close_id, label=verdict.label[:250],
        result=Result.DRY_RUN if run.dry_run and verdict.result in (Result.CREATED, Result.UPDATED) else verdict.result,
        reason=verdict.reason, message=verdict.message, fields=sorted(verdict.fields), notes=list(verdict.notes),
        values={name: list(pair) for name, pair in verdict.values.items()},
        version=version, created_at=now,
    )  # fmt: skip


def _tell_record(run: Run, verdict: Verdict) -> None:
    data = {
        "reason": verdict.reason.value,
        "message": redact(verdict.message),
        "fields": sorted(verdict.fields),
    }
    line = vocabulary.record_line(
        Direction(run.direction), verdict.object_type, verdict.result.value, hull_id=verdict.hull_id,
        close_id=verdict.close_id, data={name: value for name, value in data.items() if value},
    )  # fmt: skip
    _tell(run.connector, line)


def _tell(connector: Connector, line: vocabulary.LogLine) -> None:
    """Write a line as Hull's own connectors do: named for what happened, with whom it is about as context."""
    if log.isEnabledFor(line.level):
        who = {
            "organization": connector.hull_organization,
            "id": connector.hull_connector_id,
            "connector_name": connector.slug,
        }
        log.log(line.level, line.message, extra={"context": who | line.context, "data": line.data})


_SETTLED = (
    "state", "reason", "message", "candidates", "attempts", "not_before", "finished_at", "batch", "left_out",
    "priority", "makes_new",
)  # fmt: skip


def _settle_all(verdicts: Sequence[Verdict], now: datetime) -> None:
    """Set the state of the changes, except where a newer message replaced what was worked on."""
    worked_on = {verdict.change.pk: verdict for verdict in verdicts if verdict.change is not None}
    rows = Change.objects.select_for_update().filter(pk__in=worked_on).order_by("pk")
    settled = []
    before, after = Counter[missing_options.Asked](), Counter[missing_options.Asked]()
    for row in rows:
        verdict = worked_on[row.pk]
        if verdict.change is not None and row.revision == verdict.change.revision:
            before.update(missing_options.asked(row.object_type, row.left_out))
            _settle(row, verdict, now)
            after.update(missing_options.asked(row.object_type, row.left_out))
            settled.append(row)
    Change.objects.bulk_update(settled, _SETTLED)
    contested = [row for row in settled if _ask(row, worked_on[row.pk])]
    Change.objects.bulk_update(contested, ["conflicts", "chosen"])
    if settled:
        missing_options.count(settled[0].connector_id, before, after)


def _settle(row: Change, verdict: Verdict, now: datetime) -> None:
    row.state, row.reason = _state(verdict, row.direction), verdict.reason
    row.message = verdict.message or " ".join(verdict.notes)
    row.candidates = list(verdict.candidates)
    row.left_out = missing_options.as_stored(verdict.left_out)
    if row.state != Change.State.PENDING:
        row.attempts = 0
    elif verdict.reason not in (WaitReason.PARENT_PENDING, WaitReason.RATE_LIMITED, WaitReason.TWIN_PENDING):
        row.attempts += 1
    if row.state == Change.State.PENDING and row.attempts:
        row.priority = Change.Priority.RETRY
    row.not_before, row.finished_at = verdict.retry_at or now, now
    row.batch = row.batch and row.state != Change.State.DONE
    row.makes_new = row.makes_new and row.state != Change.State.DONE


def _ask(row: Change, verdict: Verdict) -> bool:
    """Put down what a person has to choose between, or forget it once it was carried out. False when nothing changes."""
    before = row.conflicts, row.chosen
    if verdict.reason is WaitReason.CONFLICT:
        row.conflicts, row.chosen = {name: list(pair) for name, pair in verdict.conflicts.items()}, {}
    elif row.state == Change.State.DONE:
        row.conflicts, row.chosen = {}, {}
    return (row.conflicts, row.chosen) != before


def give_up(run: Run, changes: Sequence[Change], *, now: datetime) -> None:
    """Record changes that work passed over, so that none is claimed for ever and none disappears."""
    message = (
        "The work on this record left no result. Replay it; if it happens again, tell your administrator."
    )
    verdicts = [
        Verdict(
            ObjectType(change.object_type), change.key, Result.FAILED, FailureMode.INTERNAL, change.label,
            message=message, change=change,
        )
        for change in changes
    ]  # fmt: skip
    record(run, verdicts, now=now)


_NEEDS_A_CHOICE = (WaitReason.AMBIGUOUS_MATCH, WaitReason.NEEDS_APPROVAL, WaitReason.CONFLICT)
_WAITS_FOR_ACCOUNT = (
    SkipReason.PARENT_NOT_LINKED,
    SkipReason.NOT_IN_SEGMENT,
    SkipReason.NO_SEGMENTS,
    DoneReason.UNLINKED,
)


def _state(verdict: Verdict, direction: str) -> Change.State:
    if verdict.result is Result.FAILED:
        return Change.State.FAILED
    if verdict.reason is WaitReason.PAUSED:
        return Change.State.PAUSED
    if verdict.reason in _NEEDS_A_CHOICE:
        return Change.State.HELD
    if verdict.reason is WaitReason.PARENT_PENDING and verdict.retry_at is None:
        return Change.State.WAITING
    if verdict.result is Result.PENDING:
        return Change.State.PENDING
    is_user = verdict.object_type is ObjectType.CONTACT and direction == Direction.OUTBOUND
    return Change.State.WAITING if is_user and verdict.reason in _WAITS_FOR_ACCOUNT else Change.State.DONE
