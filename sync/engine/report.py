"""What a run sets out to do, told before it does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sync.engine.brake import effect_of
from sync.engine.echo import value_at
from sync.engine.plan import Decision, FamilyPlan, KnownRecord
from sync.engine.twins import travels_with_lead
from sync.mapping.paths import ADDRESS_PARTS, LISTS
from sync.mapping.transforms import is_empty
from sync.records import Attributes

SAMPLE = 25
# What an entry of a list is made of; the rest Close works out itself.
_ENTRY_KEYS = ("type", "label", *(key for key, _ in LISTS.values()), *ADDRESS_PARTS)


def changes_of(decision: Decision) -> dict[str, list[Any]]:
    """Return what a decision writes as `{field: [before, after]}`; lists whole, as they are written."""
    known = known_of(decision)
    close = known.close if known and decision.close_id else {}
    return {name: [_held(name, close), value] for name, value in decision.body.items()}


def known_of(decision: Decision) -> KnownRecord | None:
    """Return what we knew of the Close record that a decision is about, before it was carried out."""
    record = decision.record
    known = [one for one in (record.link, *record.candidates, *record.further) if one is not None]
    return next((one for one in known if one.close_id == decision.close_id), record.link)


def _held(name: str, close: Attributes) -> Any:
    if name not in (*LISTS, "addresses"):
        return value_at(name, close)
    return [
        {key: value for key, value in entry.items() if key in _ENTRY_KEYS and not is_empty(value)}
        for entry in close.get(name) or ()
    ]


class Report:
    """Adds plans up: per object, how many records end with which result and reason, and a few of them."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.requests = 0
        self.sample: list[dict[str, Any]] = []

    def add(self, plans: Iterable[FamilyPlan]) -> None:
        """Count the decisions of some plans; what the brake counts goes into the sample first."""
        for plan in plans:
            for decision in plan.decisions:
                name = (decision.record.object_type.value, decision.result.value, decision.reason.value)
                self.counts[name] += 1
                self._take_sample(decision)
            self.requests += requests_of(plan)

    def _take_sample(self, decision: Decision) -> None:
        effect = effect_of(decision)
        if effect is None or len(self.sample) >= SAMPLE:
            return
        record = decision.record
        self.sample.append(
            {
                "object": record.object_type.value, "key": record.key, "label": record.hull.label,
                "effect": effect.value, "close_id": decision.close_id or "", "values": changes_of(decision),
            }
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return `{"records": [{"object", "result", "reason", "count"}], "requests": n}`."""
        rows = sorted(self.counts.items(), key=lambda item: (item[0][0] != "LEAD", -item[1], item[0]))
        return {
            "records": [
                {"object": object_type, "result": result, "reason": reason, "count": number}
                for (object_type, result, reason), number in rows
            ],
            "requests": self.requests,
        }


def requests_of(plan: FamilyPlan) -> int:
    """Return how many requests to Close a family takes; new contacts travel with their new lead."""
    alone = [
        contact for contact in plan.contacts if contact.verb and not travels_with_lead(contact, plan.lead)
    ]
    return len(alone) + (1 if plan.lead and plan.lead.verb else 0)
