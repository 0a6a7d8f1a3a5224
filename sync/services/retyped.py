"""Mapping rows whose field in Close got another type: they rest until a person lets them run with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync.engine.drift import Drift
from sync.mapping.typed import kind_of
from sync.models import Connector, Mapping
from sync.records import CloseSchema, ObjectType
from sync.services import replay, retelling


def note_types(connector: Connector, schema: CloseSchema) -> None:
    """Remember the type that a row's field has now, where none is remembered."""
    rows = connector.mappings.filter(close_type="", close__startswith="custom.")
    for row in rows:
        found = schema.fields(ObjectType(row.object_type)).get(row.close)
        if found:
            Mapping.objects.filter(pk=row.pk, close=row.close).update(close_type=kind_of(found))


def resting(connector: Connector, schema: CloseSchema) -> dict[int, str]:
    """Return the rows that rest for this reason, each with what its type became: `text → number`."""
    found = {}
    for row in connector.mappings.exclude(close_type=""):
        field = schema.fields(ObjectType(row.object_type)).get(row.close)
        if field and kind_of(field) != row.close_type:
            found[row.pk] = f"{row.close_type} → {kind_of(field)}"
    return found


def accept(connector: Connector, schema: CloseSchema, pks: Iterable[int], *, now: datetime) -> int:
    """Let rows run with their field's new type, and have everything that they concern looked at again."""
    rows = list(connector.mappings.filter(pk__in=list(pks)))
    Mapping.objects.filter(pk__in=[row.pk for row in rows]).update(close_type="")
    note_types(connector, schema)
    fields: dict[str, frozenset[str]] = {}
    for row in rows:
        fields[row.object_type] = fields.get(row.object_type, frozenset()) | {row.close}
    retelling.begin(connector, Drift(fields=fields))
    replay.replay_configuration_failures(connector, now=now)
    return len(rows)
