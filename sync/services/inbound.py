"""Close → Hull: pulls the event log into the queue, and drains the queue into Hull."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.db import transaction

from sync.engine.inbound import DELETED, MERGED, UPSERT, plan_inbound, values_before_and_after
from sync.engine.plan import InboundDecision, Result, WaitReason
from sync.errors import ConfigurationError, NotFoundError, SyncError
from sync.models import Change, Connector, Lane, Link, Run
from sync.records import Departure, Direction, ObjectType
from sync.services import (
    apply,
    backfill,
    departing,
    event_log,
    hull_events,
    lane,
    links,
    merging,
    opportunities,
    recording,
    retelling,
    segment_actions,
    telling,
    watermark,
)
from sync.services.drain import Clock, Watch, Work, nobody_watches, run_safely
from sync.services.drain import drain as run_drain
from sync.services.intake import Heard, queue
from sync.services.links import Seen
from sync.services.loading import InboundInputs, load_inbound_inputs
from sync.services.recording import Verdict

log = logging.getLogger(__name__)

# How soon a record that Close made for us is looked at again while its creation is being written down.
LOOK_AGAIN = timedelta(seconds=2)


# ── Pull ─────────────────────────────────────────────────────────────────────────────────────────


def pull(
    connector: Connector, *, trigger: str, clock: Clock, full: bool = False, dry_run: bool = False,
    watch: Watch = nobody_watches, is_piece: bool = False,
) -> Run | None:  # fmt: skip
    """Read what changed in Close into the queue: the event log, and everything on the first run and with `full`.

    None when the connector is stopped, or somebody else reads Close just now. A configuration error pauses it, with its
    reason. Everything is read to its end, or, as a piece, for a while; whoever comes next goes on where it stands.
    """
    if not (connector.is_active or (dry_run and connector.enabled)):
        return None
    with lane.leased(connector, Lane.READING, clock=clock) as lease:
        if lease is None:
            return None
        run = recording.start_run(
            connector, Run.Kind.PULL, Direction.INBOUND, trigger, now=clock(), dry_run=dry_run
        )
        read = partial(_read, lease=lease, full=full, is_piece=is_piece)
        return run_safely(connector, run, read, clock=clock, watch=watch)


def _read(work: Work, *, lease: lane.Lease, full: bool, is_piece: bool) -> None:
    """Read what changed, before, while and after everything is read."""

    def look_around() -> None:
        lease.renew()
        work.run.considered += event_log.pull_events(work)

    hull_events.follow_switch(work.connector, now=work.clock())
    _begin(work, full=full)
    look_around()
    work.run.considered += retelling.go_on(work.connector, work.settings.schema, now=work.clock())
    if not backfill.read_on(work, is_piece=is_piece, look_around=look_around):
        return
    opportunities.read_on(work, is_piece=is_piece)
    _take_up(work)
    work.run.considered += hull_events.tell(work)
    segment_actions.know_members(work.connector, now=work.clock())
    work.run.considered += segment_actions.carry_out(work)


def _begin(work: Work, *, full: bool) -> None:
    """Start a reading of everything where one is asked for, or of what changed where the event log cannot tell it."""
    now, cursor = work.clock(), watermark.events_cursor(work)
    is_first = not work.connector.backfilled_at
    if is_first and cursor.watermark is None:
        watermark.set_anew(work)
    elif watermark.is_lost(cursor, now):
        before = watermark.set_anew(work)
        backfill.start(work.connector, now=now, since=before)
        log.warning(
            "what changed in Close since %s is looked for: its event log does not reach back so far", before
        )
    if is_first or full:
        backfill.start(work.connector, now=now)


def _take_up(work: Work) -> None:
    """Queue again what Hull was being told when somebody was killed."""
    now = work.clock()
    heard = [heard_again(link) for link in telling.broken_off(work.connector, now=now)]
    if heard:
        with transaction.atomic():
            queue(work.connector, Direction.INBOUND, heard, now=now)


def heard_again(link: Link) -> Heard:
    """Return a record as news, so that Hull is told what it did not take."""
    action = MERGED if link.merged_into else DELETED if link.deleted_at else UPSERT
    return Heard(
        ObjectType(link.object_type),
        link.close_id,
        {"action": action, "ours": False},
        link.parent_close_id,
        link.label,
        link.deleted_at,
        again=True,
    )


# ── Drain ────────────────────────────────────────────────────────────────────────────────────────


def drain(
    connector: Connector, *, trigger: str, clock: Clock, dry_run: bool = False,
    watch: Watch = nobody_watches,
) -> Run | None:  # fmt: skip
    """Tell Hull everything that is due. None when another drain has the lane or the connector is stopped."""
    return run_drain(
        connector,
        Direction.INBOUND,
        _slice,
        trigger=trigger,
        clock=clock,
        dry_run=dry_run,
        watch=watch,
    )


def _slice(work: Work, changes: Sequence[Change]) -> None:
    unread, failed = _read_missing(work, changes)
    ready = [change for change in changes if change.pk not in unread]
    inputs = load_inbound_inputs(work.connector, ready, now=work.clock())
    decisions = [plan_inbound(record, work.settings) for record in inputs.records]
    if work.run.dry_run:
        return recording.record(
            work.run,
            [_verdict(inputs, decision) for decision in decisions],
            now=work.clock(),
        )
    writing = [decision for decision in decisions if decision.write]
    with transaction.atomic():
        begun = telling.begin(
            [(inputs.link_of(one), one.write.attributes) for one in writing if one.write], now=work.clock()
        )
    accepted, error = apply.to_hull([one.write for one in writing if one.write], work.remotes.firehose)
    with transaction.atomic():
        telling.end(
            begun,
            [(inputs.link_of(one), one.sent) for one in writing[:accepted]],
            [inputs.link_of(one) for one in writing[accepted:]],
            now=work.clock(),
        )
        _record(work, inputs, decisions, writing[accepted:], error, failed)
    if isinstance(error, ConfigurationError):
        raise error
    return None


def _read_missing(work: Work, changes: Sequence[Change]) -> tuple[set[int], list[Verdict]]:
    """Read the records whose events told no data; what is gone by now counts as deleted."""
    missing = [change for change in changes if change.payload.get("read")]
    failed: list[Verdict] = []
    unread: set[int] = set()
    for change, seen, error in apply.in_parallel(lambda change: _read_one(work, change), missing):
        if seen:
            with transaction.atomic():
                links.remember(work.connector, [seen], work.settings)
        elif isinstance(error, NotFoundError):
            links.mark_deleted(
                work.connector,
                change.object_type,
                change.key,
                at=change.record_at or work.clock(),
            )
        elif error:
            verdict = Verdict(
                ObjectType(change.object_type),
                change.key,
                Result.PENDING,
                WaitReason.TRANSIENT,
                change=change,
            )
            failed.append(
                recording.verdict_of_error(verdict, error, change, now=work.clock(), jitter=work.jitter())
            )
            unread.add(change.pk)
    return unread, failed


def _read_one(work: Work, change: Change) -> tuple[Change, Seen | None, SyncError | None]:
    try:
        return (
            change,
            apply.read_record(ObjectType(change.object_type), change.key, work.remotes.close),
            None,
        )
    except SyncError as error:
        return change, None, error


def _record(
    work: Work, inputs: InboundInputs, decisions: Sequence[InboundDecision], refused: Sequence[InboundDecision],
    error: SyncError | None, verdicts: list[Verdict],
) -> None:  # fmt: skip
    now = work.clock()
    not_taken = {id(decision) for decision in refused}
    dissolved: list[tuple[Link, Departure]] = []
    merged: list[Link] = []
    for decision in decisions:
        verdict = _verdict(inputs, decision)
        if id(decision) in not_taken and error:
            verdict = recording.verdict_of_error(
                verdict, error, verdict.change, now=now, jitter=work.jitter()
            )
        elif decision.write:
            dissolved += [(inputs.link_of(decision), decision.departure)] if decision.departure else []
            merged += [inputs.link_of(decision)] if decision.write.alias else []
        elif decision.result is Result.PENDING and decision.reason is not WaitReason.PAUSED:
            verdict.retry_at = now + LOOK_AGAIN
        verdicts.append(verdict)
    departing.dissolve(dissolved)
    merging.settle(work.connector, merged, now=now)
    recording.record(work.run, verdicts, now=now)


def _verdict(inputs: InboundInputs, decision: InboundDecision) -> Verdict:
    record, link = decision.record, inputs.link_of(decision)
    return Verdict(
        record.object_type, record.key, decision.result, decision.reason, link.label, link.hull_id or "", link.close_id,
        fields=list(decision.write.attributes) if decision.write else (), notes=decision.notes,
        values=values_before_and_after(decision),
        change=inputs.changes[record.object_type.value, record.key],
    )  # fmt: skip
