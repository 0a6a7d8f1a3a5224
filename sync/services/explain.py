"""The story of one record: its pair, both sides, what happened, and what the next sync would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from sync import queries
from sync.engine.identity import folded_email
from sync.engine.outbound import plan_family
from sync.engine.plan import Decision, Result, Verb
from sync.mapping import transforms
from sync.models import Change, Connector, Link, MatchKey, Outcome
from sync.records import Direction
from sync.services import setup, telling
from sync.services.loading import load_outbound_inputs

# How many records a name may stand for before it has to be made more precise.
MOST = 20


@dataclass(slots=True)
class Story:
    """What is known of the records that an id, e-mail address, domain or name names."""

    name: str
    links: list[Link] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        return bool(self.links or self.changes)


def tell(connector: Connector, name: str) -> Story:
    """Return the story of a Hull id, a Close id, an e-mail address, a domain or a name. Asks neither Close nor Hull."""
    story = find(connector, name)
    keys = [
        name,
        *(link.close_id for link in story.links),
        *(change.key for change in story.changes),
    ]
    story.outcomes = queries.latest_outcomes(connector, keys)
    outbound = [change for change in story.changes if change.direction == Direction.OUTBOUND]
    story.next_steps = _next_steps(connector, outbound) + [
        _waiting(change) for change in story.changes if change.direction == Direction.INBOUND
    ]
    return story


def find(connector: Connector, name: str) -> Story:
    """Return the records that a name stands for, without their history."""
    story = Story(name)
    story.links = _links(connector, name)
    story.changes = _changes(connector, name, story.links)
    _add_pairs(connector, story)
    return story


def _links(connector: Connector, name: str) -> list[Link]:
    rows = Link.objects.filter(connector=connector)
    values = {value for value in (folded_email(name), transforms.host(name), name) if value}
    indexed = MatchKey.objects.filter(connector=connector, value__in=values).values("link_id")
    found = list(
        rows.filter(Q(close_id=name) | Q(hull_id=name) | Q(pk__in=indexed)).order_by("object_type", "pk")[
            :MOST
        ]
    )
    return found or list(rows.filter(label__icontains=name).order_by("object_type", "label", "pk")[:MOST])


def _changes(connector: Connector, name: str, links: Sequence[Link]) -> list[Change]:
    rows = Change.objects.filter(connector=connector)
    keys = {
        name,
        *(link.close_id for link in links),
        *(link.hull_id for link in links if link.hull_id),
    }
    found = Q(key__in=keys)
    if "@" in name:
        found |= Q(payload__user__email__iexact=name)
    elif host := transforms.host(name):
        found |= Q(
            payload__account__attributes__domain__in=[name, host, f"www.{host}"],
            object_type="LEAD",
        )
    exact = list(rows.filter(found).order_by("direction", "object_type", "pk")[:MOST])
    by_name = rows.filter(label__icontains=name, direction=Direction.OUTBOUND)
    return exact if exact or links else list(by_name.order_by("object_type", "label", "pk")[:MOST])


def _add_pairs(connector: Connector, story: Story) -> None:
    """Bring the Close side of Hull records that were found by their own values."""
    known = {link.pk for link in story.links}
    keys = [change.key for change in story.changes if change.direction == Direction.OUTBOUND]
    pairs = Link.objects.filter(connector=connector, hull_id__in=keys)
    story.links += [link for link in pairs if link.pk not in known]


def _next_steps(connector: Connector, changes: Sequence[Change]) -> list[str]:
    settings, _ = setup.load_settings(connector)
    inputs = load_outbound_inputs(connector, list(changes), settings)
    wanted = {(change.object_type, change.key): change for change in changes}
    steps = []
    for family in inputs.families:
        plan = plan_family(family, settings)
        for decision in [*([plan.lead] if plan.lead else []), *plan.contacts]:
            change = wanted.get((decision.record.object_type.value, decision.record.key))
            if change:
                steps.append(_step(decision, change))
    return steps


_DOES = {
    Verb.CREATE_LEAD: "create a lead",
    Verb.CREATE_CONTACT: "create a contact",
    Verb.UPDATE_LEAD: "update the lead",
    Verb.UPDATE_CONTACT: "update the contact",
    Verb.DELETE_LEAD: "delete the lead",
    Verb.DELETE_CONTACT: "delete the contact",
}


def _step(decision: Decision, change: Change) -> str:
    if change.state in (Change.State.FAILED, Change.State.HELD, Change.State.IGNORED):
        return f"{change.label}: nothing until a person acts: {change.reason}. {change.message}".strip()
    notes = " ".join(decision.notes)
    if decision.verb:
        fields = f" with {', '.join(decision.body)}" if decision.body else ""
        return f"{change.label}: {_DOES[decision.verb]}{fields}. {notes}".strip()
    if decision.read_first:
        return f"{change.label}: read {decision.close_id} in Close, then decide."
    if decision.result is Result.SKIPPED:
        return f"{change.label}: skip it: {decision.reason}. {notes}".strip()
    return f"{change.label}: nothing: {decision.reason}. {notes}".strip()


def _waiting(change: Change) -> str:
    if change.state == Change.State.PENDING:
        return f"{change.label or change.key}: tell Hull what changed in Close."
    if change.state in (Change.State.FAILED, Change.State.HELD):
        return f"{change.label or change.key}: nothing until a person acts: {change.reason}. {change.message}".strip()
    return f"{change.label or change.key}: nothing; Hull was told everything that Close's log says."


def as_dict(story: Story) -> dict[str, Any]:
    """Return the story for scripts."""
    return {
        "id": story.name,
        "known": story.is_known,
        "links": [
            {
                "object": link.object_type, "close_id": link.close_id, "hull_id": link.hull_id, "label": link.label,
                "deleted_at": link.deleted_at, "merged_into": link.merged_into, "close": link.close,
                "last_sent_to_hull": telling.told(link), "base": link.base,
            }
            for link in story.links
        ],
        "queue": [
            {
                "direction": change.direction, "object": change.object_type, "key": change.key, "state": change.state,
                "reason": change.reason, "message": change.message, "attempts": change.attempts,
                "candidates": change.candidates, "hull": hull_side(change),
            }
            for change in story.changes
        ],
        "outcomes": [
            {
                "at": outcome.created_at, "direction": outcome.direction, "object": outcome.object_type,
                "result": outcome.result, "reason": outcome.reason, "message": outcome.message,
                "fields": outcome.fields, "values": outcome.values, "notes": outcome.notes,
            }
            for outcome in story.outcomes
        ],
        "next": story.next_steps,
    }  # fmt: skip


def hull_side(change: Change) -> dict[str, Any]:
    """Return what Hull last told of the record behind an outbound change."""
    if change.direction != Direction.OUTBOUND:
        return {}
    return dict(change.payload.get("user") or (change.payload.get("account") or {}).get("attributes") or {})
