"""Hull → Close: drains what Hull told us into leads and contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
    CredentialsError,
    NotFoundError,
    UnknownResultError,
)
from sync.models import Change, Connector, Cursor, Intent, Link, Run
from sync.records import Attributes, Direction, ObjectType
from sync.services import apply, backfill, inbound, links, recording
from sync.services.apply import Applied
from sync.services.drain import Clock, Watch, Work, nobody_watches
from sync.services.drain import drain as run_drain
from sync.services.intake import Heard, queue
from sync.services.loading import OutboundInputs, load_outbound_inputs
from sync.services.recording import Verdict

# How old our knowledge of Close may be before something new is created there.
INDEX_AGE = timedelta(minutes=2)

_CREATING = (Verb.CREATE_LEAD, Verb.CREATE_CONTACT)

# A link, what Hull is told about it, and the attributes that Hull holds afterwards.
_Told = tuple[Link, HullWrite, Attributes]


def drain(
    connector: Connector, *, trigger: str, clock: Clock, dry_run: bool = False,
    watch: Watch = nobody_watches,
) -> Run | None:  # fmt: skip
    """Carry every due outbound change out. None when another drain has the lane or the connector is stopped.

    Trouble with one record never stops another. Close is read once before anything is written to it.
    """
    return run_drain(
        connector, Direction.OUTBOUND, _slice, trigger=trigger, clock=clock, dry_run=dry_run,
        watch=watch, prepare=backfill.ensure,
    )  # fmt: skip


def _slice(work: Work, changes: Sequence[Change]) -> None:
    """Load, decide, apply and record one claim."""
    if work.run.dry_run:
        return _dry(work, changes)
    inputs, plans, failed = _planned(work, changes)
    _intend(work, plans)
    applied = apply.to_close(plans, work.remotes.close)
    credentials = next((one.error for one in applied if isinstance(one.error, CredentialsError)), None)
    with transaction.atomic():
        writes = _record(work, inputs, [*applied, *failed])
    _write_back(work, writes)
    if credentials:
        raise credentials
    return None


def _dry(work: Work, changes: Sequence[Change]) -> None:
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


def _planned(work: Work, changes: Sequence[Change]) -> tuple[OutboundInputs, list[FamilyPlan], list[Applied]]:
    """Plan the families of a slice; where a list would be replaced, read the record first and plan again."""
    inputs, plans = _plan(work, changes, {})
    if _may_create(plans) and _is_index_old(work):
        inbound.pull_events(work)
        _give_up_settled(work)
        inputs, plans = _plan(work, changes, {})
    unread = [decision for plan in plans for decision in _decisions(plan) if decision.read_first]
    if not unread:
        return inputs, plans, []
    current, failed = _read_first(work, unread)
    inputs, plans = _plan(work, changes, current)
    names = {(one.decision.record.object_type, one.decision.record.key) for one in failed}
    return inputs, [_without(plan, names) for plan in plans], failed


def _plan(
    work: Work, changes: Sequence[Change], current: dict[tuple[str, str], KnownRecord]
) -> tuple[OutboundInputs, list[FamilyPlan]]:
    inputs = load_outbound_inputs(work.connector, changes, work.settings, current=current)
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
    return any(
        decision.verb in _CREATING or decision.record.create_blocked
        for plan in plans
        for decision in _decisions(plan)
    )


def _is_index_old(work: Work) -> bool:
    """Tell whether Close has to be asked for news before something is created there."""
    if Intent.objects.filter(connector=work.connector, state=Intent.State.OPEN).exists():
        return True
    cursor = Cursor.objects.filter(connector=work.connector, stream=Cursor.Stream.EVENTS).first()
    read_at = cursor.read_at if cursor else None
    age = max(INDEX_AGE, 2 * timedelta(seconds=work.connector.pull_interval_seconds))
    return read_at is None or work.clock() - read_at > age


def _give_up_settled(work: Work) -> None:
    """Close the intents that are old enough, whose records the event log does not hold: they were not made."""
    now = work.clock()
    for intent in Intent.objects.filter(connector=work.connector, state=Intent.State.OPEN):
        if is_settled(intent.created_at, now):
            intent.state, intent.settled_at = Intent.State.REFUSED, now
            intent.save(update_fields=["state", "settled_at"])


def _read_first(
    work: Work, unread: Sequence[Decision]
) -> tuple[dict[tuple[str, str], KnownRecord], list[Applied]]:
    current: dict[tuple[str, str], KnownRecord] = {}
    failed: list[Applied] = []
    read = apply.read(unread, work.remotes.close)
    with transaction.atomic():
        rows = links.remember(work.connector, [one.seen for one in read if one.seen], work.settings)
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


def _intend(work: Work, plans: Sequence[FamilyPlan]) -> None:
    """Write down every POST of the slice before the first of them is sent."""
    creating = [decision for plan in plans for decision in _decisions(plan) if decision.verb in _CREATING]
    now = work.clock()
    Intent.objects.bulk_create(
        Intent(
            connector=work.connector, object_type=decision.record.object_type, key=decision.record.key,
            body=dict(decision.body), created_at=now,
        )
        for decision in creating
    )  # fmt: skip


def _write_back(work: Work, writes: Sequence[_Told]) -> None:
    """Tell Hull the new ids and what Close made of the values; what Hull does not take is sent by the inbound lane."""
    accepted, error = apply.to_hull([write for _, write, _ in writes], work.remotes.firehose)
    now = work.clock()
    for link, _, sent in writes[:accepted]:
        link.sent, link.sent_at = dict(sent), now
    Link.objects.bulk_update([link for link, _, _ in writes[:accepted]], ["sent", "sent_at"])
    if error:
        heard = [inbound.heard_again(link) for link, _, _ in writes[accepted:]]
        with transaction.atomic():
            queue(work.connector, Direction.INBOUND, heard, now=now)


# ── Record ───────────────────────────────────────────────────────────────────────────────────────


def _record(work: Work, inputs: OutboundInputs, applied: Sequence[Applied]) -> list[_Told]:
    """Write down a slice, and return what Hull has to be told. Must run inside a transaction."""
    now = work.clock()
    rows = links.remember(work.connector, [one.seen for one in applied if one.seen], work.settings)
    rows = _with_untouched(work, rows, applied)
    held = [(link, one.decision) for one in applied if not one.error and (link := _link(one, rows))]
    news = {link.pk for link, decision in held if link.hull_id != decision.record.key}
    links.pair(work.connector, [(link, decision.record.key) for link, decision in held], now=now)
    writes = [told for link, decision in held for told in _agree(work, link, decision, link.pk in news)]
    Link.objects.bulk_update([link for link, _ in held], ["hull_id", "paired_at", "base"])
    recording.settle_intents(work.connector, _settled_intents(applied), now=now)
    verdicts = [(one, _verdict_of(work, inputs, one)) for one in applied]
    recording.record(
        work.run, [verdict for one, verdict in verdicts if _matters(inputs, one.decision)], now=now
    )
    leads = [decision.record.key for _, decision in held if decision.record.object_type is ObjectType.LEAD]
    _release(work, leads, now)
    return writes


def _settled_intents(applied: Sequence[Applied]) -> dict[tuple[str, str], tuple[Intent.State, str]]:
    """Return which POSTs are known to have been carried out, or not; the others stay open."""
    settled = {}
    for one in applied:
        name = (one.decision.record.object_type.value, one.decision.record.key)
        close_id = one.seen.close_id if one.seen else one.decision.close_id
        if close_id and not one.error:
            settled[name] = (Intent.State.DONE, close_id)
        elif one.error and one.decision.verb in _CREATING and not isinstance(one.error, UnknownResultError):
            settled[name] = (Intent.State.REFUSED, "")
    return settled


def _with_untouched(
    work: Work, rows: dict[tuple[str, str], Link], applied: Sequence[Applied]
) -> dict[tuple[str, str], Link]:
    """Add the links of records that needed no request."""
    names = [
        (one.decision.record.object_type.value, one.decision.close_id or "")
        for one in applied
        if not one.seen
    ]
    return links.find(work.connector, names) | rows


def _matters(inputs: OutboundInputs, decision: Decision) -> bool:
    """An account that only came along with its user needs a line of history when something happened to it."""
    name = (decision.record.object_type.value, decision.record.key)
    return name in inputs.changes or decision.verb is not None or decision.adopted


def _link(one: Applied, rows: dict[tuple[str, str], Link]) -> Link | None:
    """Return the link of a record that Close holds, after a write or without one."""
    if one.decision.result not in (Result.CREATED, Result.UPDATED, Result.UNCHANGED):
        return None
    close_id = one.seen.close_id if one.seen else one.decision.close_id
    return rows.get((one.decision.record.object_type.value, close_id or ""))


def _agree(work: Work, link: Link, decision: Decision, is_news: bool) -> list[_Told]:
    """Note what both sides agreed on, and return what Hull has to be told of it."""
    base = links.as_dicts(agreed(decision.base, link.close))
    is_same = all(link.base.get(path) == pair for path, pair in base.items())
    link.base = link.base | base
    if is_same and not is_news and decision.verb is None:
        return []
    known = link.as_known()
    if is_news and decision.record.hull.close_id != link.close_id:
        known = replace(
            known, sent={}
        )  # whatever Hull was told before, it may have been about another record
    write, sent = write_back(known, decision.record.object_type, work.settings)
    return [(link, write, sent)] if write else []


def _verdict_of(work: Work, inputs: OutboundInputs, one: Applied) -> Verdict:
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
    error = UnknownResultError(one.error.message) if isinstance(one.error, NotFoundError) else one.error
    return recording.verdict_of_error(verdict, error, verdict.change, now=work.clock(), jitter=work.jitter())


def _with_retry(work: Work, verdict: Verdict, decision: Decision) -> Verdict:
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


def _gone(work: Work, decision: Decision) -> None:
    """Close does not have the record any more: remember it, and let the inbound lane tell Hull."""
    now = work.clock()
    record = decision.record
    with transaction.atomic():
        link = links.mark_deleted(work.connector, record.object_type, decision.close_id or "", at=now)
        if link.hull_id is None:
            links.pair(work.connector, [(link, record.key)], now=now)
            link.save(update_fields=["hull_id", "paired_at"])
        heard = Heard(
            record.object_type,
            link.close_id,
            {"action": "deleted", "ours": False},
            at=now,
            label=link.label,
        )
        queue(work.connector, Direction.INBOUND, [heard], now=now)


def _release(work: Work, keys: Sequence[str], now: datetime) -> None:
    """Users that waited for these accounts are due."""
    waiting = Change.objects.filter(
        connector=work.connector, direction=Direction.OUTBOUND, family__in=keys, state=Change.State.WAITING,
        reason__in=[SkipReason.PARENT_NOT_LINKED, "PARENT_PENDING"],
    )  # fmt: skip
    waiting.update(state=Change.State.PENDING, not_before=now)
