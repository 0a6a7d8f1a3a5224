"""Decides about a slice of the outbound queue, and asks Close first where a decision needs it. Writes to neither side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction

from sync.engine.inbound import DELETED
from sync.engine.outbound import plan_family
from sync.engine.plan import Decision, FamilyPlan, KnownRecord
from sync.engine.twins import CREATING, name_of, without_twins
from sync.errors import NotFoundError, RateLimitedError, RejectedError, SyncError, TransientError
from sync.models import Change, Cursor
from sync.records import Direction, ObjectType
from sync.services import apply, event_log, intents, links, lookup
from sync.services.apply import Applied
from sync.services.drain import Work
from sync.services.intake import Heard, queue
from sync.services.links import Seen
from sync.services.loading import Knowledge, OutboundInputs, load_outbound_inputs

# How old our knowledge of Close may be before something new is created there.
INDEX_AGE = timedelta(minutes=2)


@dataclass(slots=True)
class Planned:
    """The plans of a slice, what they were made from, and the records that could not be read or looked up."""

    inputs: OutboundInputs
    plans: list[FamilyPlan]
    failed: list[Applied] = field(default_factory=list)

    @property
    def decisions(self) -> list[Decision]:
        return [decision for plan in self.plans for decision in plan.decisions]


def plan_slice(work: Work, changes: Sequence[Change]) -> Planned:
    """Decide about some changes with an index that is up to date, after the reads that decisions ask for."""
    knowledge = Knowledge()
    planned = plan_once(work, changes, knowledge)
    if _may_create(planned) and _is_index_old(work):
        knowledge.is_index_current = _catch_up(work)
        planned = plan_once(work, changes, knowledge)
    failed = _look_up(work, planned, knowledge)
    if knowledge.looked_up:
        planned = plan_once(work, changes, knowledge)
    unread = [decision for decision in planned.decisions if decision.read_first]
    if unread:
        failed += _read_first(work, unread, knowledge)
        planned = plan_once(work, changes, knowledge)
    left_out = {name_of(one.decision) for one in failed}
    planned.plans = [_without(plan, left_out) for plan in planned.plans]
    planned.failed = failed
    return planned


def plan_once(work: Work, changes: Sequence[Change], knowledge: Knowledge) -> Planned:
    """Decide about some changes with what is known now."""
    inputs = load_outbound_inputs(work.connector, changes, work.settings, knowledge=knowledge)
    return Planned(inputs, without_twins(plan_family(family, work.settings) for family in inputs.families))


def _without(plan: FamilyPlan, names: set[tuple[ObjectType, str]]) -> FamilyPlan:
    """Leave out what could not be read; it has its outcome already. Without its lead a family waits."""
    lead = plan.lead if plan.lead and name_of(plan.lead) not in names else None
    return FamilyPlan(lead, tuple(contact for contact in plan.contacts if name_of(contact) not in names))


# ── Is our index up to date? ─────────────────────────────────────────────────────────────────────


def _may_create(planned: Planned) -> bool:
    return any(decision.verb in CREATING or decision.record.create_blocked for decision in planned.decisions)


def _is_index_old(work: Work) -> bool:
    """Tell whether Close has to be asked for news before something is created there."""
    if intents.are_open(work.connector):
        return True
    cursor = Cursor.objects.filter(connector=work.connector, stream=Cursor.Stream.EVENTS).first()
    read_at = cursor.read_at if cursor else None
    age = max(INDEX_AGE, 2 * timedelta(seconds=work.connector.pull_interval_seconds))
    return read_at is None or work.clock() - read_at > age


def _catch_up(work: Work) -> bool:
    """Read the event log. False when it cannot be read although Close answers otherwise."""
    try:
        event_log.pull_events(work)
    except RateLimitedError:
        raise
    except (TransientError, RejectedError):
        return False
    intents.resolve_old(work)
    return True


# ── What has to be asked first ───────────────────────────────────────────────────────────────────


def _look_up(work: Work, planned: Planned, knowledge: Knowledge) -> list[Applied]:
    """Search Close for records that would be created although the event log could not be read."""
    failed: list[Applied] = []
    unknown = [decision for decision in planned.decisions if decision.look_up]
    for decision, seen, error in apply.in_parallel(lambda one: _searched(work, one), unknown):
        knowledge.looked_up.add(name_of(decision))
        _learn(work, seen, knowledge)
        if error:
            failed.append(Applied(decision, error=error))
    return failed


def _searched(work: Work, decision: Decision) -> tuple[Decision, list[Seen], SyncError | None]:
    try:
        return decision, lookup.find(decision.record, work.remotes.close, work.settings), None
    except SyncError as error:
        return decision, [], error


def _read_first(work: Work, unread: Sequence[Decision], knowledge: Knowledge) -> list[Applied]:
    """Read records whose lists would be replaced, or that only Hull names. What is gone is planned as deleted."""
    failed: list[Applied] = []
    for one in apply.read(unread, work.remotes.close):
        if one.seen:
            _learn(work, [one.seen], knowledge)
        elif isinstance(one.error, NotFoundError):
            _note_gone(work, one.decision, knowledge)
        else:
            failed.append(one)
    return failed


def _note_gone(work: Work, decision: Decision, knowledge: Knowledge) -> None:
    close_id = decision.close_id or ""
    knowledge.current[decision.record.object_type.value, close_id] = KnownRecord(close_id, deleted=True)
    if not work.run.dry_run:
        forget(work, decision)


def forget(work: Work, decision: Decision) -> None:
    """Close does not have the record any more: remember it, and let the inbound lane tell Hull."""
    now, record = work.clock(), decision.record
    with transaction.atomic():
        link = links.mark_deleted(work.connector, record.object_type, decision.close_id or "", at=now)
        if link.hull_id is None:
            links.pair(work.connector, [(link, record.key)], now=now)
            link.save(update_fields=["hull_id", "paired_at", "is_further"])
        gone = {"action": DELETED, "ours": False}
        heard = Heard(record.object_type, link.close_id, gone, at=now, label=link.label)
        queue(work.connector, Direction.INBOUND, [heard], now=now)


def _learn(work: Work, seen: Iterable[Seen], knowledge: Knowledge) -> None:
    items = list(seen)
    with transaction.atomic():
        rows = links.remember(work.connector, items, work.settings)
    for name, row in rows.items():
        knowledge.current[name] = row.as_known(current=True)
