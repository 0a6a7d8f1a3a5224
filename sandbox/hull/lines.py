"""What is still to be told of one entity, until it is told: small values that can be joined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.hull.store import Entity, Record, shown, shown_name

# What changes with every change, or is told in a place of its own.
_UNTOLD = frozenset({"indexed_at", "account_id"})


@dataclass(slots=True)
class Line:
    """What is to be told of one entity. Changes are `name: [before, after]`."""

    is_new: bool = False
    changes: Record = field(default_factory=dict)
    account_changes: Record = field(default_factory=dict)
    entered: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    retries: int = 0

    def __bool__(self) -> bool:
        return bool(
            self.is_new or self.changes or self.account_changes or self.entered or self.left or self.events
        )

    def joined(self, later: Line) -> Line:
        """Return both as one: the values of before the first, and those of after the second."""
        return replace(
            self,
            is_new=self.is_new or later.is_new,
            changes=_spanned(self.changes, later.changes),
            account_changes=_spanned(self.account_changes, later.account_changes),
            entered=_net(self.entered, later.entered, self.left, later.left),
            left=_net(self.left, later.left, self.entered, later.entered),
            events=_united(self.events, later.events),
            retries=max(self.retries, later.retries),
        )


def line_of(entity: Entity) -> Line:
    """Return what changed of an entity since it was last looked at."""
    is_new = not entity.indexed_at
    before = {} if is_new else entity.touched
    now = shown(entity)
    names = list(now) if is_new else [shown_name(entity.kind, name) for name in entity.touched]
    held = {shown_name(entity.kind, name): value for name, value in before.items()}
    changes: Record = {}
    for name in names:
        if name not in _UNTOLD and held.get(name) != now.get(name):
            changes |= change_of(name, held.get(name), now.get(name))
    entered, left = segments_between(entity.touched.get("segment_ids"), entity.segment_ids)
    line = Line(is_new, changes, {}, entered, left, list(entity.new_events))
    if "account_id" in entity.touched or (is_new and entity.account_id):
        was = entity.touched.get("account_id")
        if was != entity.account_id:
            line.account_changes = {"id": [was, entity.account_id]}
    return line


def change_of(name: str, before: Any, after: Any) -> Record:
    """Return one change; the anonymous ids, which only grow one by one, are told one by one."""
    if name != "anonymous_ids" or not isinstance(before, list) or after[: len(before)] != before:
        return {name: [before, after]}
    return {f"{name}[{place}]": [None, value] for place, value in enumerate(after) if place >= len(before)}


def segments_between(before: list[str] | None, after: list[str]) -> tuple[list[str], list[str]]:
    """Return the segments that were entered, and those that were left."""
    if before is None:
        return [], []
    return [one for one in after if one not in before], [one for one in before if one not in after]


def _spanned(earlier: Record, later: Record) -> Record:
    after = {
        name: [earlier[name][0] if name in earlier else change[0], change[1]]
        for name, change in later.items()
    }
    return {**earlier, **after}


def _net(earlier: list[str], later: list[str], undone: list[str], undoing: list[str]) -> list[str]:
    """Return what was done on the whole: what was undone in between was not."""
    first = [one for one in earlier if one not in undoing]
    return _united(first, [one for one in later if one not in undone])


def _united(earlier: list[str], later: list[str]) -> list[str]:
    return [*earlier, *(one for one in later if one not in earlier)]
