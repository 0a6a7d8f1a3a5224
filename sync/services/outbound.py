"""Hull → Close: drains what Hull told us into leads and contacts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from sync.engine.echo import agreed
from sync.engine.inbound import write_back
from sync.engine.placement import PLACE, agreed_place
from sync.engine.plan import (
    BaseValue,
    Decision,
    FamilyPlan,
    HullWrite,
    OutboundRecord,
    Result,
    SkipReason,
    Verb,
    WaitReason,
)
from sync.engine.rehearsal import with_virtual_ids
from sync.engine.report import Report, changes_of
from sync.engine.twins import CREATING
from sync.errors import (
    CredentialsError,
    NotFoundError,
    UnknownResultError,
)
from sync.models import Change, Connector, Intent, Link, Run
from sync.records import Attributes, Direction, ObjectType
from sync.services import (
    apply,
    brake,
    departing,
    flipping,
    inbound,
    intents,
    links,
    planning,
    recording,
    segment_actions,
    telling,
)
from sync.services.apply import Applied
from sync.services.drain import Clock, Watch, Work, nobody_watches
from sync.services.drain import drain as run_drain
from sync.services.intake import queue
from sync.services.links import Seen
from sync.services.loading import OutboundInputs
from sync.services.recording import Verdict

# A POST that could not be sent within this time of its intent is not sent at all: somebody else may have taken
# over meanwhile. Well below `SETTLE_AFTER`.
SEND_WITHIN = timedelta(seconds=20)
# How soon a record that waits for another's creation is looked at again.
LOOK_AGAIN = timedelta(seconds=10)

# What changes in a link when a decision was carried out.
_AGREED = ["hull_id", "paired_at", "is_further", "base", "departed"]

# A link, what Hull is told about it, and the attributes that Hull holds afterwards.
_Told = tuple[Link, HullWrite, Attributes]


def drain(
    connector: Connector, *, trigger: str, clock: Clock, dry_run: bool = False,
    watch: Watch = nobody_watches,
) -> Run | None:  # fmt: skip
    """Carry every due outbound change out. None when another drain has the lane or the connector is stopped.

    Trouble with one record never stops another. Nothing is written before everything in Close was read once, and what
    the first run sets out to do is counted before it does it.
    """
    if not connector.backfilled_at:
        return None  # what is in Close already would be made a second time
    return run_drain(
        connector, Direction.OUTBOUND, _slice, trigger=trigger, clock=clock, dry_run=dry_run,
        watch=watch, prepare=_prepare,
    )  # fmt: skip


def _prepare(work: Work) -> None:
    brake.survey(work)
    segment_actions.know_members(work.connector, now=work.clock())


def _slice(work: Work, changes: Sequence[Change]) -> None:
    """Load, decide, apply and record one claim."""
    planned = planning.plan_slice(work, changes)
    plans = brake.restrain(work, planned.inputs, planned.plans)
    if work.run.dry_run:
        return _rehearse(work, planned.inputs, plans)
    plans = intents.intend(work.connector, plans, now=work.clock())
    brake.spend(work, plans, brake.approved_names(planned.inputs))
    applied = apply.to_close(plans, work.remotes.close, may_create=_until(work.clock, SEND_WITHIN))
    credentials = next((one.error for one in applied if isinstance(one.error, CredentialsError)), None)
    with transaction.atomic():
        writes = _record(work, planned.inputs, [*applied, *planned.failed])
        begun = telling.begin([(link, write.attributes) for link, write, _ in writes], now=work.clock())
    if any(decision.reason is WaitReason.NEEDS_APPROVAL for plan in plans for decision in plan.decisions):
        brake.join(work.connector, changes)
    _write_back(work, writes, begun)
    segment_actions.note(work.connector, _records(planned.inputs), now=work.clock())
    segment_actions.carry_out(work)
    if credentials:
        raise credentials
    return None


def _records(inputs: OutboundInputs) -> list[OutboundRecord]:
    """Return the records that were told, with what was told of them."""
    families = inputs.families
    found = [record for family in families for record in (family.lead, *family.contacts) if record]
    return [record for record in found if (record.object_type.value, record.key) in inputs.changes]


def _until(clock: Clock, span: timedelta) -> Callable[[], bool]:
    end = clock() + span
    return lambda: clock() < end


def _rehearse(work: Work, inputs: OutboundInputs, plans: Sequence[FamilyPlan]) -> None:
    """Write down what a run would do, with made-up ids for what it would create."""
    rehearsed = with_virtual_ids(plans, work.settings)
    report = Report()
    report.add(rehearsed)
    work.run.report = report.as_dict()
    work.run.save(update_fields=["report"])
    decisions = [decision for plan in rehearsed for decision in plan.decisions]
    verdicts = [_verdict(inputs, decision) for decision in decisions if _matters(inputs, decision)]
    recording.record(work.run, verdicts, now=work.clock())


# ── Apply ────────────────────────────────────────────────────────────────────────────────────────


def _write_back(work: Work, writes: Sequence[_Told], begun: telling.Telling) -> None:
    """Tell Hull the new ids and what Close made of the values; what Hull does not take is sent by the inbound lane."""
    accepted, error = apply.to_hull([write for _, write, _ in writes], work.remotes.firehose)
    now = work.clock()
    refused = [link for link, _, _ in writes[accepted:]]
    with transaction.atomic():
        telling.end(begun, [(link, sent) for link, _, sent in writes[:accepted]], refused, now=now)
        if error:
            heard = [inbound.heard_again(link) for link in refused]
            queue(work.connector, Direction.INBOUND, heard, now=now)


# ── Record ───────────────────────────────────────────────────────────────────────────────────────


def _record(work: Work, inputs: OutboundInputs, applied: Sequence[Applied]) -> list[_Told]:
    """Write down a slice, and return what Hull has to be told. Must run inside a transaction."""
    now = work.clock()
    seen = [one.seen for one in applied if one.seen]
    rows = links.remember(work.connector, seen, work.settings, _untouched(applied))
    settled = [(link, one.decision) for one in applied if not one.error and (link := _link(one, rows))]
    held = [(link, decision) for link, decision in settled if decision.departure is None]
    news = {link.pk for link, decision in held if link.hull_id != decision.record.key}
    own = [(link, decision.record.key) for link, decision in held if not decision.is_further]
    links.pair(work.connector, own, now=now)
    further = [(link, decision.record.key) for link, decision in held if decision.is_further]
    links.pair_further(further, now=now)
    said = flipping.note(work.connector, held, work.settings, now=now)
    writes = [told for link, decision in held for told in _agree(work, link, decision, link.pk in news)]
    Link.objects.bulk_update([link for link, _ in held], _AGREED)
    departing.leave([pair for pair in settled if pair[1].departure], now=now)
    departing.give_up_losers(work.connector, held)
    intents.settle(work.connector, _settled_intents(applied), now=now)
    verdicts = [(one, _verdict_of(work, inputs, one)) for one in applied]
    for one, verdict in verdicts:
        verdict.notes = (*verdict.notes, *said.get(id(one.decision), ()))
    recording.record(
        work.run, [verdict for one, verdict in verdicts if _matters(inputs, one.decision)], now=now
    )
    leads = [decision.record.key for _, decision in held if decision.record.object_type is ObjectType.LEAD]
    _release(work, leads, now)
    departing.wake_contacts(work.connector, [one.decision for one in applied], work.settings, now=now)
    return writes


def _settled_intents(applied: Sequence[Applied]) -> dict[tuple[str, str], tuple[Intent.State, str]]:
    """Return which POSTs are known to have been carried out, or not; the others stay open."""
    settled = {}
    for one in applied:
        if one.decision.is_further or (one.decision.result is Result.PENDING and not one.error):
            continue
        name = (one.decision.record.object_type.value, one.decision.record.key)
        close_id = one.seen.close_id if one.seen else one.decision.close_id
        if close_id and not one.error:
            settled[name] = (Intent.State.DONE, close_id)
        elif one.error and one.decision.verb in CREATING and not isinstance(one.error, UnknownResultError):
            settled[name] = (Intent.State.REFUSED, "")
    return settled


def _untouched(applied: Sequence[Applied]) -> list[tuple[str, str]]:
    """Return the names of the links of records that needed no request."""
    return [
        (one.decision.record.object_type.value, one.decision.close_id or "")
        for one in applied
        if not one.seen
    ]


def _matters(inputs: OutboundInputs, decision: Decision) -> bool:
    """An account that only came along with its user needs a line of history when something happened to it."""
    name = (decision.record.object_type.value, decision.record.key)
    is_done = decision.verb is not None or decision.adopted or bool(decision.losers)
    return name in inputs.changes or is_done


def _link(one: Applied, rows: dict[tuple[str, str], Link]) -> Link | None:
    """Return the link of a record that Close holds, after a write or without one."""
    is_partly_done = one.decision.reason in (WaitReason.CONFLICT, SkipReason.FLIPPING)
    if not is_partly_done and one.decision.result not in (Result.CREATED, Result.UPDATED, Result.UNCHANGED):
        return None
    close_id = one.seen.close_id if one.seen else one.decision.close_id
    return rows.get((one.decision.record.object_type.value, close_id or ""))


def _agree(work: Work, link: Link, decision: Decision, is_news: bool) -> list[_Told]:
    """Note what both sides agreed on, and return what Hull has to be told of it."""
    link.departed = ""  # whatever had left is back
    base = links.as_dicts(agreed(decision.base, link.close) | _agreed_place(link, decision))
    is_same = all(link.base.get(path) == pair for path, pair in base.items())
    link.base = link.base | base
    if is_same and not is_news and decision.verb is None:
        return []
    known = link.as_known()
    if is_news and decision.record.hull.close_id != link.close_id:
        known = replace(
            known, sent={}
        )  # whatever Hull was told before, it may have been about another record
    undecided = (*decision.conflicts, *decision.paused)
    write, sent = write_back(known, decision.record.object_type, work.settings, undecided=undecided)
    return [(link, write, sent)] if write else []


def _agreed_place(link: Link, decision: Decision) -> dict[str, BaseValue]:
    is_placed = link.object_type == ObjectType.CONTACT and not decision.is_further and link.parent_close_id
    return agreed_place(decision.lead_id, link.parent_close_id) if is_placed else {}


def _verdict_of(work: Work, inputs: OutboundInputs, one: Applied) -> Verdict:
    verdict = _verdict(inputs, one.decision)
    if one.decision.is_further and one.error is None:
        verdict.change = None  # the user's own contact says when its change is done
    if one.seen:
        verdict.close_id = one.seen.close_id
        verdict.message = _unmoved(one.decision, one.seen) or verdict.message
    if one.error is None:
        return _with_retry(work, verdict, one.decision)
    if isinstance(one.error, NotFoundError) and one.decision.close_id:
        planning.forget(work, one.decision)
        verdict.result, verdict.reason, verdict.message = (
            Result.SKIPPED,
            SkipReason.DELETED_REMOTELY,
            one.error.message,
        )
        return verdict
    error = UnknownResultError(one.error.message) if isinstance(one.error, NotFoundError) else one.error
    return recording.verdict_of_error(verdict, error, verdict.change, now=work.clock(), jitter=work.jitter())


def _unmoved(decision: Decision, seen: Seen) -> str:
    """Whether contacts can be moved is up to Close: say so where one was left where it was."""
    if decision.verb is Verb.UPDATE_CONTACT and decision.body.get(PLACE) not in (None, seen.parent_close_id):
        return f"Close left the contact in {seen.parent_close_id} instead of moving it."
    return ""


def _with_retry(work: Work, verdict: Verdict, decision: Decision) -> Verdict:
    """A record that waits for another one's result is looked at again soon."""
    is_blocked = decision.record.create_blocked and verdict.reason is WaitReason.UNKNOWN_RESULT
    if verdict.reason is WaitReason.TWIN_PENDING or is_blocked:
        verdict.retry_at = work.clock() + LOOK_AGAIN
    return verdict


def _verdict(inputs: OutboundInputs, decision: Decision) -> Verdict:
    record = decision.record
    return Verdict(
        record.object_type, record.key, decision.result, decision.reason, record.hull.label, record.key,
        decision.close_id or "", " ".join(decision.notes) if decision.verb is None else "",
        list(decision.body), decision.notes, decision.candidates,
        left_out=decision.left_out, values=changes_of(decision), conflicts=decision.conflicts,
        change=inputs.changes.get((record.object_type.value, record.key)),
    )  # fmt: skip


def _release(work: Work, keys: Sequence[str], now: datetime) -> None:
    """Users that waited for these accounts are due."""
    waiting = Change.objects.filter(
        connector=work.connector, direction=Direction.OUTBOUND, family__in=keys, state=Change.State.WAITING,
        reason__in=[SkipReason.PARENT_NOT_LINKED, "PARENT_PENDING"],
    )  # fmt: skip
    waiting.update(state=Change.State.PENDING, not_before=now)
