"""The brake: a run that would make, empty or delete unusually much waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sync.engine.echo import value_at
from sync.engine.plan import Decision, FamilyPlan, Result, Verb, WaitReason
from sync.engine.twins import Name, name_of, travels_with_lead
from sync.mapping.transforms import is_empty

# What was written within this time counts together, since a mass change arrives in many small pieces.
WINDOW = timedelta(hours=1)
# A share of a handful of records says nothing.
SHARE_FROM = 100


class Effect(StrEnum):
    """What the brake counts, in records."""

    CREATES = "creates"
    CLEARS = "clears"
    DELETES = "deletes"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many records an hour may see of each effect, and which share of the linked ones in percent; None: any."""

    counts: Mapping[Effect, int | None]
    share: int | None = None

    def allowed(self, effect: Effect, linked: int) -> int | None:
        """Return how many records are allowed with so many linked; None without a limit."""
        count = self.counts.get(effect)
        if self.share is None or linked < SHARE_FROM:
            return count
        part = linked * self.share // 100
        return part if count is None else min(count, part)


_EFFECTS = {
    Verb.CREATE_LEAD: Effect.CREATES,
    Verb.CREATE_CONTACT: Effect.CREATES,
    Verb.DELETE_LEAD: Effect.DELETES,
    Verb.DELETE_CONTACT: Effect.DELETES,
}


def effect_of(decision: Decision) -> Effect | None:
    """Return what the brake counts about a decision; None for everyday work."""
    if decision.verb is None:
        return None
    return _EFFECTS.get(decision.verb) or (Effect.CLEARS if _empties(decision) else None)


def _empties(decision: Decision) -> bool:
    known = decision.record.link
    return known is not None and any(
        _takes_away(value_at(name, known.close), value) for name, value in decision.body.items()
    )


def _takes_away(before: Any, after: Any) -> bool:
    if isinstance(before, list) and isinstance(after, list):
        return len(after) < len(before)
    return is_empty(after) and not is_empty(before)


def count(plans: Iterable[FamilyPlan], approved: Collection[Name] = frozenset()) -> Counter[Effect]:
    """Count the effects of some plans, without what a person approved."""
    found: Counter[Effect] = Counter()
    for plan in plans:
        for decision in plan.decisions:
            effect = effect_of(decision)
            if effect and name_of(decision) not in approved:
                found[effect] += 1
    return found


def exceeded(
    planned: Mapping[Effect, int], spent: Mapping[Effect, int], linked: int, limits: Limits
) -> frozenset[Effect]:
    """Return the effects of which more is planned than is allowed, with what was done within the window."""
    over = set()
    for effect, number in planned.items():
        allowed = limits.allowed(effect, linked)
        if number and allowed is not None and number + spent.get(effect, 0) > allowed:
            over.add(effect)
    return frozenset(over)


def restrain(
    plan: FamilyPlan, over: Collection[Effect], approved: Collection[Name] = frozenset()
) -> FamilyPlan:
    """Hold the decisions of a family whose effects exceed the limits; contacts stay with a lead that is held."""
    lead = _restrained(plan.lead, over, approved) if plan.lead else None
    is_lead_held = lead is not plan.lead
    contacts = [
        _held(contact)
        if is_lead_held and travels_with_lead(contact, plan.lead)
        else _restrained(contact, over, approved)
        for contact in plan.contacts
    ]
    return FamilyPlan(lead, tuple(contacts))


def _restrained(decision: Decision, over: Collection[Effect], approved: Collection[Name]) -> Decision:
    if effect_of(decision) not in over or name_of(decision) in approved:
        return decision
    return _held(decision)


def _held(decision: Decision) -> Decision:
    note = (
        "It belongs to a batch that is larger than the brake allows; approve or reject it under “Approvals”."
    )
    return replace(
        decision,
        result=Result.PENDING,
        reason=WaitReason.NEEDS_APPROVAL,
        verb=None,
        body={},
        base={},
        notes=(note,),
    )
