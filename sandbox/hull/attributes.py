"""Attributes: operations on them, the type that each keeps for ever, and the limits of how many and how large."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.hull.store import USER, Entity, Record, Store, stamped
from sandbox.hull.tokens import is_number

MOST_ATTRIBUTES = 2000
MOST_BYTES = 2048
# A text of so many characters fits whatever they are.
_SURELY_FITS = MOST_BYTES // 6 - 2

STEPS = {"inc": 1, "increment": 1, "dec": -1, "decrement": -1}
# What Hull keeps itself; a trait of that name changes nothing.
RESERVED = frozenset({"id", "anonymous_ids", "segment_ids", "indexed_at"})
_FIXED = {"external_id": "string", "email": "string", "domain": "string", "name": "string"}


class Refused(Exception):  # noqa: N818 - it is what Hull does with a value
    """A value that Hull does not take."""


def type_of(name: str, value: Any) -> str:
    """Return the type that a value would give to a new attribute of this name."""
    if name.endswith(("_at", "_date")):
        return "date"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "json"


def apply_all(store: Store, entity: Entity, body: Record) -> None:
    """Set the attributes of a message; what is refused is noted, the rest is set."""
    for name, given in body.items():
        try:
            _apply(store, entity, name, given)
        except Refused as why:
            store.note(
                f"incoming.{entity.kind}.error", attribute=name, reason=str(why), hull_id=entity.hull_id
            )


def learn(store: Store, entity: Entity, values: Record) -> None:
    """Let the types be fixed of what was put in by hand."""
    for name, value in values.items():
        if value is not None:
            store.types.setdefault((entity.kind, name), type_of(name, value))


def _apply(store: Store, entity: Entity, name: str, given: Any) -> None:
    operation: Any = "set"
    value = given
    if isinstance(given, dict) and "operation" in given:
        operation, value = given["operation"], given.get("value")
    held = entity.attributes.get(name)
    if operation == "setIfNull":
        if held not in (None, ""):
            return
    elif isinstance(operation, str) and operation in STEPS:
        value = _stepped(held, STEPS[operation], value)
    elif operation != "set":
        raise Refused(f"unknown operation {operation}")
    store.put(entity, name, accepted(store, entity, name, value))


def _stepped(held: Any, direction: int, step: Any) -> Any:
    amount = 1 if step is None else step
    if not is_number(amount) or not is_number(held or 0):
        raise Refused("to increment or to decrement needs numbers")
    return (held or 0) + direction * amount


def accepted(store: Store, entity: Entity, name: str, value: Any) -> Any:
    """Return a value as it is kept: the first value decides the type. Raises Refused."""
    held = entity.attributes.get(name)
    if not name or name in RESERVED:
        raise Refused("cannot be changed")
    if name == "external_id" and not _may_be_external_id(store, entity, held, value):
        raise Refused("an external id stays, and is one's own")
    if value is None:
        return None
    if name not in entity.attributes and len(entity.attributes) >= MOST_ATTRIBUTES:
        raise Refused(f"more than {MOST_ATTRIBUTES} attributes")
    if not (isinstance(value, str) and len(value) < _SURELY_FITS) and _size(value) > MOST_BYTES:
        raise Refused(f"more than {MOST_BYTES} bytes")
    return _typed(store, entity.kind, name, value)


def _may_be_external_id(store: Store, entity: Entity, held: Any, value: Any) -> bool:
    if held:
        return bool(held == value)
    return value is None or store.find(entity.kind, "external_id", value) in (None, entity)


def _size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return MOST_BYTES + 1


def _typed(store: Store, kind: str, name: str, value: Any) -> Any:
    key = (kind, name)
    first = store.types.get(key) or _FIXED.get(name) or type_of(name, value)
    if first == "date":
        value = _date(value)
    else:
        found = type_of("", value)
        if found != first:
            raise Refused(f"{name} was {first}, is {found}")
    store.types.setdefault(key, first)
    return value


def _date(value: Any) -> Any:
    """Return a moment: a text as it came, unix seconds as a text. Raises Refused."""
    try:
        if isinstance(value, str):
            datetime.fromisoformat(value)
            return value
        if is_number(value):
            return stamped(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError):
        pass
    raise Refused(f"{str(value)[:40]} is not a date: ISO 8601 or seconds since 1970")


# ── What an organization has ─────────────────────────────────────────────────────────────────────


def known_types(store: Store, kind: str) -> dict[str, str]:
    """Return all attributes of one kind with their types, by name as it is kept."""
    own = {
        "id": "string",
        "anonymous_ids": "json",
        "segment_ids": "json",
        "indexed_at": "date",
        "created_at": "date",
    }
    own |= {"external_id": "string", "name": "string", ("email" if kind == USER else "domain"): "string"}
    found = {name: held for (of, name), held in store.types.items() if of == kind}
    return dict(sorted((own | found).items()))
