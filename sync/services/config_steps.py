"""What a configuration change consists of, step by step: shown by a plan, carried out by an apply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Values
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import models

from sync.errors import ConfigurationError
from sync.models import Connector, Mapping
from sync.records import Conflict, Direction, MappingRow, Mode, ObjectType, OnNull

Place = tuple[ObjectType, Direction]

# Fields whose values are never shown, and what is shown instead.
SECRETS = ("hull_secret", "close_api_key")
CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Step:
    """One difference. `field` is empty when a whole record is created; a secret's value is never in it."""

    action: str
    kind: str
    slug: str
    field: str = ""
    old: Any = None
    new: Any = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        subject = f"{self.kind} {self.slug}:"
        if self.kind == "mapping":
            rows = [row for row in (self.old, self.new) if row is not None]
            return f"{subject} {self.action} {self.field} {' becomes '.join(rows)}"
        if self.action != "update":
            return f"{subject} {self.action}"
        if self.field in SECRETS:
            return f"{subject} {self.field} {CHANGED}"
        return f"{subject} {self.field} {_shown(self.old)} → {_shown(self.new)}"


def differing(row: models.Model, values: Values[str, Any]) -> dict[str, Any]:
    """Return the values that a row does not have yet."""
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def holds_secret(row: Connector, name: str, clear: str) -> bool:
    """Say whether a secret is the stored one. One that cannot be decrypted any more is not."""
    if row._state.adding:
        return False
    try:
        return bool(getattr(row, name).reveal() == clear)
    except ConfigurationError:
        return False


def field_steps(kind: str, slug: str, row: models.Model, values: Values[str, Any]) -> Iterator[Step]:
    """Yield how a row's fields become the given values."""
    for name, value in differing(row, values).items():
        yield Step("update", kind, slug, name, getattr(row, name), value)


def row_steps(connector: Connector, slug: str, place: Place, wanted: Sequence[MappingRow]) -> Iterator[Step]:
    """Yield how one list of a connector's rows becomes the wanted one."""
    stored = stored_rows(connector, place)
    field = place_name(place)
    kept = {name_of(row): row for row in wanted}
    for name, row in stored.items():
        if name not in kept:
            yield Step("delete", "mapping", slug, field, old=words(row))
    for name, wanted_row in kept.items():
        if name not in stored:
            yield Step("create", "mapping", slug, field, new=words(wanted_row))
        elif words(stored[name]) != words(wanted_row):
            yield Step("update", "mapping", slug, field, words(stored[name]), words(wanted_row))
    before, after = [name for name in stored if name in kept], [name for name in kept if name in stored]
    if before != after:
        order = [", ".join(words(stored[name]) for name in names) for names in (before, after)]
        yield Step("update", "mapping", slug, f"{field} order", *order)


def write_rows(connector: Connector, place: Place, wanted: Sequence[MappingRow]) -> None:
    """Make one list of a connector's rows the wanted one. Rows that stay keep their identity."""
    stored = stored_rows(connector, place)
    for name in stored.keys() - {name_of(row) for row in wanted}:
        stored[name].delete()
    for position, row in enumerate(wanted):
        found = stored.get(name_of(row)) or Mapping(
            connector=connector,
            object_type=place[0].value,
            direction=place[1].value,
            hull=row.hull,
            close=row.close,
        )
        changed = differing(found, {"position": position, **row_options(row)})
        for field, value in changed.items():
            setattr(found, field, value)
        if changed or found._state.adding:
            found.save()


def with_own_options(connector: Connector, place: Place, rows: Sequence[MappingRow]) -> list[MappingRow]:
    """Return rows from a source that knows only modes, with everything else as it is stored here."""
    stored = {name: row.as_row() for name, row in stored_rows(connector, place).items()}
    own = [(row, stored.get(name_of(row), row)) for row in rows]
    return [
        replace(row, on_null=here.on_null, conflict=here.conflict, transform=here.transform)
        for row, here in own
    ]


def row_options(row: MappingRow) -> dict[str, str]:
    """Return what a row says beside what it pairs, by the model's names."""
    return {
        "mode": row.mode.value,
        "on_null": row.on_null.value,
        "conflict": row.conflict.value,
        "transform": row.transform,
    }


def stored_rows(connector: Connector, place: Place) -> dict[tuple[str, str], Mapping]:
    """Return one list of a connector's rows, in order, by what they pair."""
    if connector._state.adding:
        return {}
    rows = connector.mappings.filter(object_type=place[0].value, direction=place[1].value)
    return {(row.hull, row.close): row for row in rows}


def name_of(row: MappingRow) -> tuple[str, str]:
    return row.hull, row.close


def place_name(place: Place) -> str:
    """Return the place as the file names it: `lead.outbound`."""
    return f"{place[0].value}.{place[1].value}".lower()


def words(row: Mapping | MappingRow) -> str:
    """Return a row as one reads it: `industry → custom.cf_9kQ (if_empty, null: leave)`."""
    arrow = "→" if row.direction == Direction.OUTBOUND else "←"
    said = [
        "" if row.mode == Mode.ALWAYS else Mode(row.mode).value,
        "" if row.on_null == OnNull.CLEAR else f"null: {OnNull(row.on_null).value}",
        "" if row.conflict == Conflict.NEWEST else f"conflict: {Conflict(row.conflict).value}",
        f"transform: {row.transform}" if row.transform else "",
    ]
    options = ", ".join(filter(None, said))
    return f"{row.hull or '(standard name)'} {arrow} {row.close}{f' ({options})' if options else ''}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
