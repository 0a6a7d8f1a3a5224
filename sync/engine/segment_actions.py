"""What is made in Close when a Hull account or user enters a segment: who entered, and what the request says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sync.mapping import transforms
from sync.mapping.paths import hull_value
from sync.records import CloseUser, CustomField, HullAccount, HullUser

_ASSIGNED = CustomField("assigned_to", "The task's assignee", "user")


class Move(StrEnum):
    """What a message about a record means for one action."""

    ENTERS = "ENTERS"
    LEAVES = "LEAVES"
    STAYS = "STAYS"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One action as configured. `activity_type` makes a custom activity, else a task is made."""

    text: str = ""
    due_in_days: int | None = None
    assigned_to: str = ""
    activity_type: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def move(segment: str, segment_ids: Collection[str] | None, *, was_in: bool) -> Move:
    """Tell whether a record entered or left a segment. To be told no segments says nothing."""
    if segment_ids is None or (segment in segment_ids) == was_in:
        return Move.STAYS
    return Move.LEAVES if was_in else Move.ENTERS


def task_body(
    recipe: Recipe, hull: HullAccount | HullUser, lead_id: str, users: Collection[CloseUser], today: date
) -> dict[str, Any]:
    """Return the body of a new task. Raises UnusableValueError when its assignee is no user of Close."""
    body: dict[str, Any] = {"_type": "lead", "lead_id": lead_id, "text": filled(recipe.text, hull)}
    if recipe.due_in_days is not None:
        body["date"] = (today + timedelta(days=recipe.due_in_days)).isoformat()
    if recipe.assigned_to:
        body["assigned_to"] = transforms.close_user(recipe.assigned_to, _ASSIGNED, tuple(users))
    return body


def activity_body(recipe: Recipe, hull: HullAccount | HullUser, lead_id: str) -> dict[str, Any]:
    """Return the body of a new custom activity, with the attributes that its fields are filled from."""
    body: dict[str, Any] = {"custom_activity_type_id": recipe.activity_type, "lead_id": lead_id}
    for path, attribute in recipe.fields.items():
        is_told, value = hull_value(hull, attribute)
        if is_told and not transforms.is_empty(value):
            body[path] = value
    return body


def filled(text: str, hull: HullAccount | HullUser) -> str:
    """Return a text in which `{name}` is the record's name."""
    return text.replace("{name}", hull.label)


def is_same(
    made: Mapping[str, Any], body: Mapping[str, Any], since: datetime, made_at: datetime | None
) -> bool:
    """Tell whether something in Close is what a request whose answer was lost made."""
    same = all(made.get(name) == value for name, value in body.items() if name != "_type")
    return same and made_at is not None and made_at >= since
