"""Fields that both sides changed, side by side, for a person to choose whose value stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from sync.admin import story
from sync.models import Change, CloseField, CloseStatus

_PREFIX = "side:"


@dataclass(frozen=True, slots=True)
class Contested:
    """One field with both values. `name` is its radio buttons'."""

    path: str
    label: str
    hull: SafeString | str
    close: SafeString | str

    @property
    def name(self) -> str:
        return f"{_PREFIX}{self.path}"


def contested(change: Change) -> list[Contested]:
    """Return the fields of a held change that wait for a choice, custom ones under their labels."""
    fields = CloseField.objects.filter(connector=change.connector_id, object_type=change.object_type)
    labels = {f"custom.{field.close_id}": field.label for field in fields}
    statuses = dict(
        CloseStatus.objects.filter(connector=change.connector_id).values_list("close_id", "label")
    )

    def shown(path: str, value: Any) -> SafeString | str:
        return story.readable(statuses.get(value, value) if path == "status_id" else value)

    return [
        Contested(path, labels.get(path, path), shown(path, hull), shown(path, close))
        for path, (hull, close) in sorted(change.conflicts.items())
    ]


def chosen_sides(posted: Mapping[str, Any]) -> dict[str, str]:
    """Read the form: `hull` or `close` per field."""
    return {
        name.removeprefix(_PREFIX): str(side) for name, side in posted.items() if name.startswith(_PREFIX)
    }
