"""Hull → Close: drains what Hull told us into leads and contacts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from sync.engine.echo import agreed
from sync.engine.inbound import write_back
from sync.engine.outbound import plan_family
from sync.engine.plan import (
    Decision,
    FamilyPlan,
    HullWrite,
    KnownRecord,
    Result,
    SkipReason,
    Verb,
)
from sync.engine.retry import is_settled
from sync.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    SyncError,
    UnknownResultError,
)
from sync.models import Change, Connector, Cursor, Intent, Link, Run
from sync.records import Direction, ObjectType, SyncSettings
from sync.services import apply, backfill, inbound, lane, links, recording, setup
from sync.services.apply import Applied
from sync.services.intake import Heard, queue
from sync.services.loading import OutboundInputs, load_outbound_inputs
from sync.services.recording import Verdict

Clock = Callable[[], datetime]
Jitter = Callable[[], float]

# How old our knowledge of Close may be before something new is created there.
INDEX_AGE = timedelta(minutes=2)


@dataclass(slots=True)
class Drain:
    """What the steps of one drain share."""

    connector: Connector
    remotes: setup.Remotes
    settings: SyncSettings
    run: Run
    clock: Clock
    jitter: Jitter = random.random
    writes: list[tuple[Link, HullWrite, dict[str, object]]] = field(
        default_factory=list
    )


def drain(
    connector: Connector,
    *,
    trigger: str,
    clock: Clock,
    dry_run: bool = False,
    owner: str = "drain",
) -> Run | None:
    """Carry every due outbound change out. None when another drain has the lane or the connector is stopped.

    Trouble with one record never stops another. A configuration error pauses the connector, with its reason.
    """
    if not connector.is_active:
        return None
    with lane.leased(connector, Direction.OUTBOUND, owner=owner, clock=clock) as lease:
        if lease is None or not lane.is_due(connector, Direction.OUTBOUND, now=clock()):
            return None
        run = recording.start_run(
            connector,
            Run.Kind.DRAIN,
            Direction.OUTBOUND,
            trigger,
            now=clock(),
            dry_run=dry_run,
        )
        return _drain(connector, run, lease, clock, dry_run)


def _drain(
    connector: Connector, run: Run, lease: lane.Lease, clock: Clock, dry_run: bool
) -> Run:
    remotes = None
    try:
        remotes = setup.connect(connector, clock=clock, dry_run=dry_run)
        settings = setup.prepare(connector, remotes, now=clock())
        backfill.ensure(connector, remotes, settings, clock=clock)
        _slices(Drain(connector, remotes, settings, run, clock), lease)
    except ConfigurationError as error:
        connector.pause(error.message, now=clock())
        return recording.finish_run(
            run, remotes, now=clock(), message=error.message, stopped=True
        )
    except SyncError as error:
        return recording.finish_run(
            run, remotes, now=clock(), message=error.message, stopped=True
        )
    return recording.finish_run(run, remotes, now=clock())


def _slices(work: Drain, lease: lane.Lease) -> None:
    while changes := lane.claim(work.connector, Direction.OUTBOUND, now=work.clock()):
        if work.run.dry_run:
            everything = lane.claim(
                work.connector, Direction.OUTBOUND, now=work.clock(), limit=100_000
            )
            return _dry(work, everything)
        _slice(work, changes)
        if not lease.renew():
            return
    return


def _slice(work: Drain, changes: Sequence[Change]) -> None:
    """Load, decide, apply and record one claim."""
    inputs, plans, failed = _planned(work, changes)
    _intend(work, plans)
    applied = apply.to_close(plans, work.remotes.close)
    credentials = next(
        (one.error for one in applied if isinstance(one.error, CredentialsError)), None
    )
    with transaction.atomic():
        _record(work, inputs, [*applied, *failed])
    _write_back(work)
    if credentials:
        raise credentials


def _dry(work: Drain, changes: Sequence[Change]) -> None:
    inputs = load_outbound_inputs(work.connector, changes, work.settings)
    plans = [plan_family(family, work.settings) for family in inputs.families]
    verdicts = [
        _verdict(inputs, decision)
        for plan in plans
        for decision in _decisions(plan)
        if _matters(inputs, decision)
    ]
    recording.record(work.run, verdicts, now=work.clock())


# ── Decide ───────────────────────────────────────────────────────────────────────────────────────


def _planned(
    work: Drain, changes: Sequence[Change]
) -> tuple[OutboundInputs, list[FamilyPlan], list[Applied]]:
    """Plan the families of a slice; where a list would be replaced, read the record first and plan again."""
    inputs, plans = _plan(work, changes, {})
    if _may_create(plans) and _is_index_old(work):
        inbound.pull_events(
            work.connector, work.remotes, work.settings, clock=work.clock
        )
        _give_up_settled(work)
        inputs, plans = _plan(work, changes, {})
    unread = [
        decision
        for plan in plans
        for decision in _decisions(plan)
        if decision.read_first
    ]
    if not unread:
        return inputs, plans, []
    current, failed = _read_first(work, unread)
    inputs, plans = _plan(work, changes, current)
    names = {
        (one.decision.record.object_type, one.decision.record.key) for one in failed
    }
    return inputs, [_without(plan, names) for plan in plans], failed


def _plan(
    work: Drain, changes: Sequence[Change], current: dict[tuple[str, str], KnownRecord]
) -> tuple[OutboundInputs, list[FamilyPlan]]:
    inputs = load_outbound_inputs(
        work.connector, changes, work.settings, current=current
    )
    return inputs, [plan_family(family, work.settings) for family in inputs.families]


def _decisions(plan: FamilyPlan) -> list[Decision]:
    return [*([plan.lead] if plan.lead else []), *plan.contacts]


def _without(plan: FamilyPlan, names: set[tuple[ObjectType, str]]) -> FamilyPlan:
    """Leave out what could not be read; it has its outcome already. Without its lead a family waits."""

    def is_read(decision: Decision) -> bool:
        return (decision.record.object_type, decision.record.key) not in names

    return FamilyPlan(
        plan.lead if plan.lead and is_read(plan.lead) else None,
        tuple(filter(is_read, plan.contacts)),
    )


def _may_create(plans: Sequence[FamilyPlan]) -> bool:
    creating = (Verb.CREATE_LEAD, Verb.CREATE_CONTACT)
    return any(
        decision.verb in creating or decision.record.create_blocked
        for plan in plans
        for decision in _decisions(plan)
    )


def _is_index_old(work: Drain) -> bool:
    """Tell whether Close has to be asked for news before something is created there."""
    if Intent.objects.filter(
        connector=work.connector, state=Intent.State.OPEN
    ).exists():
        return True
    cursor = Cursor.objects.filter(
        connector=work.connector, stream=Cursor.Stream.EVENTS
    ).first()
    read_at = cursor.read_at if cursor else None
    age = max(INDEX_AGE, 2 * timedelta(seconds=work.connector.pull_interval_seconds))
    return read_at is None or work.clock() - read_at > age


def _give_up_settled(work: Drain) -> None:
    """Close the intents that are old enough, whose records the event log does not hold: they were not made."""
    now = work.clock()
    for intent in Intent.objects.filter(
        connector=work.connector, state=Intent.State.OPEN
    ):
        if is_settled(intent.created_at, now):
            intent.state, intent.settled_at = Intent.State.REFUSED, now
            intent.save(update_fields=["state", "settled_at"])


def _read_first(
    work: Drain, unread: Sequence[Decision]
) -> tuple[dict[tuple[str, str], KnownRecord], list[Applied]]:
    current: dict[tuple[str, str], KnownRecord] = {}
    failed: list[Applied] = []
    read = apply.read(unread, work.remotes.close)
    with transaction.atomic():
        rows = links.remember(
            work.connector, [one.seen for one in read if one.seen], work.settings
        )
    for one in read:
        name = (one.decision.record.object_type.value, one.decision.close_id or "")
        if one.seen:
            current[name] = rows[name].as_known(current=True)
        elif isinstance(one.error, NotFoundError):
            _gone(work, one.decision)
        else:
            failed.append(one)
    return current, failed


# ── Apply ────────────────────────────────────────────────────────────────────────────────────────


def _intend(work: Drain, plans: Sequence[FamilyPlan]) -> None:
    """Write down every POST of the slice before the first of them is sent."""
    creating = [
        decision
        for plan in plans
        for decision in _decisions(plan)
        if decision.verb in (Verb.CREATE_LEAD, Verb.CREATE_CONTACT)
    ]
    now = work.clock()
    Intent.objects.bulk_create(
        Intent(
            connector=work.connector, object_type=decision.record.object_type, key=decision.record.key,
            body=dict(decision.body), created_at=now,
        )
        for decision in creating
    )  # fmt: skip


def _write_back(work: Drain) -> None:
    """Tell Hull the new ids and what Close made of the values; what Hull does not take is sent by the inbound lane."""
    writes, work.writes = work.writes, []
    accepted, error = apply.to_hull(
        [write for _, write, _ in writes], work.remotes.firehose
    )
    now = work.clock()
    for link, _, sent in writes[:accepted]:
        link.sent, link.sent_at = sent, now
    Link.objects.bulk_update(
        [link for link, _, _ in writes[:accepted]], ["sent", "sent_at"]
    )
    if error:
        heard = [inbound.heard_again(link) for link, _, _ in writes[accepted:]]
        with transaction.atomic():
            queue(work.connector, Direction.INBOUND, heard, now=now)


# ── Record ───────────────────────────────────────────────────────────────────────────────────────


def _record(work: Drain, inputs: OutboundInputs, applied: Sequence[Applied]) -> None:
    now = work.clock()
    rows = links.remember(
        work.connector, [one.seen for one in applied if one.seen], work.settings
    )
    verdicts, released = [], []
    intents: dict[tuple[str, str], tuple[Intent.State, str]] = {}
    for one in applied:
        verdict = _verdict_of(work, inputs, one)
        name = (verdict.object_type.value, verdict.key)
        link = _link(work, one, rows)
        if link and not one.error:
            _pair(work, link, one.decision, now)
            released += [verdict.key] if verdict.object_type is ObjectType.LEAD else []
        if not isinstance(one.error, UnknownResultError):
            close_id = link.close_id if link else ""
            intents[name] = (
                Intent.State.DONE if link else Intent.State.REFUSED,
                close_id,
            )
        if _matters(inputs, one.decision):
            verdicts.append(verdict)
    recording.settle_intents(work.connector, intents, now=now)
    recording.record(work.run, verdicts, now=now)
    _release(work, released, now)


def _matters(inputs: OutboundInputs, decision: Decision) -> bool:
    """An account that only came along with its user needs a line of history when something happened to it."""
    name = (decision.record.object_type.value, decision.record.key)
    return name in inputs.changes or decision.verb is not None or decision.adopted


def _link(work: Drain, one: Applied, rows: dict[tuple[str, str], Link]) -> Link | None:
    """Return the link of a record that Close holds, after a write or without one."""
    close_id = one.seen.close_id if one.seen else one.decision.close_id
    if not close_id or one.decision.result not in (
        Result.CREATED,
        Result.UPDATED,
        Result.UNCHANGED,
    ):
        return None
    name = (one.decision.record.object_type.value, close_id)
    return rows.get(name) or links.find(work.connector, [name]).get(name)


def _pair(work: Drain, link: Link, decision: Decision, now: datetime) -> None:
    """Store the pair and what was agreed, and prepare what Hull has to be told."""
    hull = decision.record.hull
    is_news = link.hull_id != decision.record.key
    links.pair(link, decision.record.key, now=now)
    base = links.as_dicts(agreed(decision.base, link.close))
    if base and base != {path: link.base.get(path) for path in base}:
        link.base = link.base | base
    elif not is_news and decision.verb is None:
        return
    link.save(update_fields=["hull_id", "paired_at", "base", "updated_at"])
    known = link.as_known()
    if is_news and hull.close_id != link.close_id:
        known = KnownRecord(
            link.close_id,
            link.close,
            link.hull_id,
            link.parent_close_id or None,
            updated_at=link.close_updated_at,
        )
    write, sent = write_back(known, decision.record.object_type, work.settings)
    if write:
        work.writes.append((link, write, dict(sent)))


def _verdict_of(work: Drain, inputs: OutboundInputs, one: Applied) -> Verdict:
    verdict = _verdict(inputs, one.decision)
    if one.seen:
        verdict.close_id = one.seen.close_id
    if one.error is None:
        return _with_retry(work, verdict, one.decision)
    if isinstance(one.error, NotFoundError) and one.decision.close_id:
        _gone(work, one.decision)
        verdict.result, verdict.reason, verdict.message = (
            Result.SKIPPED,
            SkipReason.DELETED_REMOTELY,
            one.error.message,
        )
        return verdict
    error = (
        UnknownResultError(one.error.message)
        if isinstance(one.error, NotFoundError)
        else one.error
    )
    return recording.verdict_of_error(
        verdict, error, verdict.change, now=work.clock(), jitter=work.jitter()
    )


def _with_retry(work: Drain, verdict: Verdict, decision: Decision) -> Verdict:
    """A record that waits for another one's result is looked at again soon."""
    if decision.record.create_blocked and verdict.result is Result.PENDING:
        verdict.retry_at = work.clock() + timedelta(seconds=10)
    return verdict


def _verdict(inputs: OutboundInputs, decision: Decision) -> Verdict:
    record = decision.record
    return Verdict(
        record.object_type, record.key, decision.result, decision.reason, record.hull.label, record.key,
        decision.close_id or "", " ".join(decision.notes) if decision.verb is None else "",
        list(decision.body), decision.notes, decision.candidates,
        change=inputs.changes.get((record.object_type.value, record.key)),
    )  # fmt: skip


def _gone(work: Drain, decision: Decision) -> None:
    """Close does not have the record any more: remember it, and let the inbound lane tell Hull."""
    now = work.clock()
    record = decision.record
    with transaction.atomic():
        link = links.mark_deleted(
            work.connector, record.object_type, decision.close_id or "", at=now
        )
        if link.hull_id is None:
            links.pair(link, record.key, now=now)
            link.save(update_fields=["hull_id", "paired_at"])
        heard = Heard(
            record.object_type,
            link.close_id,
            {"action": "deleted", "ours": False},
            at=now,
            label=link.label,
        )
        queue(work.connector, Direction.INBOUND, [heard], now=now)


def _release(work: Drain, keys: Sequence[str], now: datetime) -> None:
    """Users that waited for these accounts are due."""
    waiting = Change.objects.filter(
        connector=work.connector, direction=Direction.OUTBOUND, family__in=keys, state=Change.State.WAITING,
        reason__in=[SkipReason.PARENT_NOT_LINKED, "PARENT_PENDING"],
    )  # fmt: skip
    waiting.update(state=Change.State.PENDING, not_before=now)
