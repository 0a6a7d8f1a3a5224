"""A value of each attribute and field as records lately had it, for people to recognise them by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sync.engine.echo import value_at
from sync.mapping.transforms import is_empty
from sync.models import Change, Connector, Link
from sync.records import Direction, ObjectType

LATEST = 50


def of_hull(connector: Connector, object_type: ObjectType) -> dict[str, Any]:
    """Return a value of each attribute that Hull lately told; a user's row may name its account's."""
    rows = Change.objects.filter(connector=connector, direction=Direction.OUTBOUND, object_type=object_type)
    found: dict[str, Any] = {}
    for payload in rows.order_by("-pk").values_list("payload", flat=True)[:LATEST]:
        for name, value in _told(payload):
            if not is_empty(value):
                found.setdefault(name, value)
    return found


def _told(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    account = (payload.get("account") or {}).get("attributes") or {}
    if "user" in payload:
        yield from payload["user"].items()
        yield from ((f"account.{name}", value) for name, value in account.items())
    else:
        yield from account.items()


def of_close(connector: Connector, object_type: ObjectType, fields: Iterable[str]) -> dict[str, Any]:
    """Return a value of each of some fields as Close's newest records have it."""
    rows = Link.objects.live().filter(connector=connector, object_type=object_type).order_by("-pk")
    records = list(rows.values_list("close", flat=True)[:LATEST])
    found: dict[str, Any] = {}
    for field in fields:
        values = (value_at(field, record) for record in records)
        value = next((one for one in values if not is_empty(one)), None)
        if value is not None:
            found[field] = value
    return found
