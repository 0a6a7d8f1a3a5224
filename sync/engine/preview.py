"""What an edit of the settings would do to real records: decisions under the old settings beside those under the new ones."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sync.engine.inbound import values_before_and_after
from sync.engine.plan import Decision, InboundDecision, Result, Verb
from sync.engine.report import changes_of
from sync.mapping.transforms import is_empty
from sync.records import Direction, ObjectType

# Beyond these an edit is not saved by a slip of the finger: the connector's name has to be typed.
MANY_CHANGES = 100
MANY_CLEARS = 10


class Effect(StrEnum):
    """What the next sync would do to one record."""

    CREATED = "CREATED"
    DELETED = "DELETED"
    CLEARED = "CLEARED"
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"
    SKIPPED = "SKIPPED"
    HELD = "HELD"


WRITES = frozenset({Effect.CREATED, Effect.DELETED, Effect.CLEARED, Effect.CHANGED})

# Direction, object, and the record's own id there.
Name = tuple[Direction, ObjectType, str]


@dataclass(frozen=True, slots=True)
class Line:
    """What the next sync would do to one record, and why. `values` are `{field: [before, after]}`, `calls` requests to Close."""

    direction: Direction
    object_type: ObjectType
    key: str
    label: str
    effect: Effect
    reason: str
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def name(self) -> Name:
        return self.direction, self.object_type, self.key


def outbound_line(decision: Decision) -> Line:
    """Return what a decision does in Close."""
    values = changes_of(decision)
    return Line(
        Direction.OUTBOUND, decision.record.object_type, decision.record.key, decision.record.hull.label,
        _outbound_effect(decision, values), decision.reason.value, values,
    )  # fmt: skip


def inbound_line(decision: InboundDecision, label: str) -> Line:
    """Return what a decision tells Hull."""
    values = values_before_and_after(decision)
    record = decision.record
    effect = _of_result(decision.result) if decision.write is None else _of_write(decision.result, values)
    return Line(
        Direction.INBOUND, record.object_type, record.key, label, effect, decision.reason.value, values
    )


def _outbound_effect(decision: Decision, values: Mapping[str, Sequence[Any]]) -> Effect:
    if decision.verb in (Verb.DELETE_LEAD, Verb.DELETE_CONTACT):
        return Effect.DELETED
    return _of_result(decision.result) if decision.verb is None else _of_write(decision.result, values)


def _of_write(result: Result, values: Mapping[str, Sequence[Any]]) -> Effect:
    if result is Result.CREATED:
        return Effect.CREATED
    empties = any(is_empty(after) and not is_empty(before) for before, after in values.values())
    return Effect.CLEARED if empties else Effect.CHANGED


def _of_result(result: Result) -> Effect:
    if result is Result.SKIPPED:
        return Effect.SKIPPED
    return Effect.HELD if result in (Result.PENDING, Result.FAILED) else Effect.UNCHANGED


# ── Two of them beside each other ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Differing:
    """One record that an edit does something else to. `fields` are `{field: [now, before the edit, with the edit]}`."""

    before: Line
    after: Line

    @property
    def fields(self) -> dict[str, list[Any]]:
        found = {}
        for name in sorted({*self.before.values, *self.after.values}):
            old, new = self.before.values.get(name), self.after.values.get(name)
            now = (new or old or (None, None))[0]
            then = [now if told is None else told[1] for told in (old, new)]
            if old != new:
                found[name] = [now, *then]
        return found


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit changes for the records that were looked at. `total` is how many there are in all."""

    counts: Mapping[tuple[Direction, ObjectType, Effect], int]
    differing: tuple[Differing, ...]
    looked_at: int
    total: int

    @property
    def caused(self) -> dict[Effect, int]:
        """Count the records that the edit itself does something else to, by what that is."""
        return dict(Counter(one.after.effect for one in self.differing))

    def expected(self, *effects: Effect) -> int:
        """Return how many of all records the edit does this to, judged by those that were looked at."""
        count = sum(self.caused.get(effect, 0) for effect in effects)
        return round(count * self.total / self.looked_at) if self.looked_at else 0

    @property
    def asks_for_name(self) -> bool:
        """Whether so much changes that a person has to type the connector's name."""
        return (
            self.expected(*WRITES) > MANY_CHANGES
            or self.expected(Effect.CLEARED) > MANY_CLEARS
            or self.expected(Effect.DELETED) > 0
        )

    @property
    def digest(self) -> str:
        """Return what names this result: the same records under the same settings give the same one."""
        told = [
            [[one.name, one.effect, one.reason, one.values] for one in (pair.before, pair.after)]
            for pair in self.differing
        ]
        counted = sorted([*map(str, name), count] for name, count in self.counts.items())
        text = json.dumps([counted, told, self.looked_at, self.total], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def compare(before: Iterable[Line], after: Iterable[Line], total: int) -> Preview:
    """Put what the settings do beside what the edited ones would do, record by record."""
    old = {line.name: line for line in before}
    new = {line.name: line for line in after}
    differing = [
        Differing(old[name], new[name])
        for name in sorted(new)
        if name in old and (old[name].effect, old[name].values) != (new[name].effect, new[name].values)
    ]
    counts = Counter((line.direction, line.object_type, line.effect) for line in new.values())
    return Preview(dict(counts), tuple(differing), len(new), max(total, len(new)))
