"""A connector of the configuration file beside its row: how they differ, and how the row follows the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.models import Connector, Mapping
from sync.records import MappingRow
from sync.services import retyped, setup, versions
from sync.services.config_file import GivenConnector
from sync.services.config_secrets import placeholder
from sync.services.config_settings import same_departures
from sync.services.config_steps import (
    CHANGED,
    Step,
    differing,
    field_steps,
    holds_secret,
    name_of,
    place_name,
    row_steps,
    words,
    write_rows,
)
from sync.services.configuration import configuration_changed
from sync.services.versions import Author

# Who made a version that an apply made.
FILE = "The configuration file"

# Names in a set of changes that are no columns of the connector.
_ELSEWHERE = ("mappings", "hull_domain")


@dataclass(slots=True)
class ConnectorPair:
    """A connector of the file and its row, which is unsaved when there is none yet."""

    given: GivenConnector
    row: Connector

    def steps(self) -> Iterator[Step]:
        """Yield how the row becomes what the file says."""
        if self.row._state.adding:
            yield Step("create", "connector", self.given.slug)
        else:
            yield from field_steps("connector", self.given.slug, self.row, self._values())
            yield from self._secret_steps()
        for place, rows in self.given.rows.items():
            yield from row_steps(self.row, self.given.slug, place, rows)
        for row, became in self._resting():
            yield Step(
                "update",
                "mapping",
                self.given.slug,
                place_name(row.place),
                f"{words(row)} of type {became}",
                words(row),
            )

    def _resting(self) -> list[tuple[Mapping, str]]:
        """Return the rows of the file that rest because their field has another type: an apply accepts it."""
        if self.row._state.adding:
            return []
        found = retyped.resting(self.row, setup.load_schema(self.row))
        rows = self.row.mappings.filter(pk__in=found)
        return [
            (row, found[row.pk])
            for row in rows
            if row.place in self.given.rows and _is_named(row, self.given.rows[row.place])
        ]

    def write(self, also_changed: set[str], now: datetime, by: Author = FILE) -> None:
        """Save what differs, and carry out what follows from it."""
        changed = {
            "mappings" if step.kind == "mapping" else step.field for step in self.steps()
        } | also_changed
        places = [
            place for place, rows in self.given.rows.items() if any(row_steps(self.row, "", place, rows))
        ]
        is_new, accepted = self.row._state.adding, [row.pk for row, _ in self._resting()]
        self._take_values()
        if is_new:
            self.row.save()
        elif columns := changed.difference(_ELSEWHERE):
            self.row.save(update_fields=[*columns, "updated_at"])
        for place in places:
            write_rows(self.row, place, self.given.rows[place])
        if accepted:
            retyped.accept(self.row, setup.load_schema(self.row), accepted, now=now)
        if is_new:
            versions.note(self.row, {"created"}, by=by, now=now)
        else:
            configuration_changed(self.row, changed, by=by, now=now, keep_references=True)

    def _values(self) -> dict[str, Any]:
        """Return everything but the secrets themselves. A reference that an export writes anyway is not kept."""
        references = {}
        for name, secret in self.given.secrets.items():
            reference = dict(secret.reference)
            references[f"{name}_ref"] = {} if reference == placeholder(self.given.slug, name) else reference
        return {**self.given.values, **references, **self._departures()}

    def _departures(self) -> dict[str, Any]:
        """Return what is stored already where the file means the same: a default may be named or not."""
        given = self.given.values["departures"]
        return {"departures": self.row.departures if same_departures(given, self.row.departures) else given}

    def _secret_steps(self) -> Iterator[Step]:
        for name, secret in self.given.secrets.items():
            if not holds_secret(self.row, name, secret.clear):
                yield Step("update", "connector", self.given.slug, name, None, CHANGED)

    def _take_values(self) -> None:
        for name, value in differing(self.row, self._values()).items():
            setattr(self.row, name, value)
        for name, secret in self.given.secrets.items():
            if not holds_secret(self.row, name, secret.clear):
                setattr(self.row, name, secret.clear)


def _is_named(row: Mapping, wanted: Sequence[MappingRow]) -> bool:
    return any(name_of(one) == (row.hull, row.close) for one in wanted)
