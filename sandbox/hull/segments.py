"""Segments: named questions about attributes, asked again of everybody who changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.hull.store import ACCOUNT, USER, Entity, Record

Test = Callable[[Record], bool]

# How deeply a predicate may be nested.
DEEPEST = 20
_TOLD = {"created_at": "2025-10-25T14:12:23Z", "updated_at": "2025-10-25T14:12:23Z"}


class Segments:
    """The segments of one organization, in the order in which they were made."""

    def __init__(self, rows: list[Record]) -> None:
        self.rows = rows
        self._tests: dict[str, Test] = {row["id"]: compiled(row["predicate"]) for row in rows}

    def find(self, segment_id: str) -> Record | None:
        return next((row for row in self.rows if row["id"] == segment_id), None)

    def put(self, kind: str, segment_id: str, name: str, predicate: Record, at: str = "") -> Record:
        """Make a segment, or replace the one that has this id. Raises ValueError for a predicate that is none."""
        self._tests[segment_id] = compiled(predicate)
        held = self.find(segment_id)
        row = {"id": segment_id, "kind": kind, "name": name, "predicate": predicate}
        if at:
            row |= {"created_at": (held or {}).get("created_at", at), "updated_at": at}
        if held:
            held.update(row)
            return held
        self.rows.append(row)
        return row

    def remove(self, segment_id: str) -> None:
        self.rows[:] = [row for row in self.rows if row["id"] != segment_id]
        self._tests.pop(segment_id, None)

    def of(self, entity: Entity) -> list[str]:
        """Return the ids of the segments that an entity belongs to."""
        return [
            row["id"]
            for row in self.rows
            if row["kind"] == entity.kind and self._tests[row["id"]](entity.attributes)
        ]

    def shown(self, kind: str) -> list[Record]:
        """Return all segments of one kind as Hull's payloads have them."""
        return [public(row) for row in self.rows if row["kind"] == kind]

    def named(self, ids: list[str]) -> list[Record]:
        """Return some segments as Hull's payloads have them."""
        return [public(row) for row in self.rows if row["id"] in ids] if ids else []


def public(row: Record) -> Record:
    """Return a segment as Hull's payloads have it."""
    times = {name: row.get(name, told) for name, told in _TOLD.items()}
    return {"id": row["id"], "name": row["name"], "type": f"{row['kind']}s_segment", "stats": {}} | times


def described(row: Record) -> Record:
    """Return a segment with its query, as the REST API does."""
    kind = "user_report" if row["kind"] == USER else "account_report"
    return public(row) | {"query": as_query(row["predicate"], row["kind"]), "object_type": kind}


# ── Predicates ───────────────────────────────────────────────────────────────────────────────────


def compiled(predicate: Any, depth: int = 0) -> Test:
    """Return what tells whether attributes fit. An empty predicate is fitted by everybody. Raises ValueError."""
    if not isinstance(predicate, dict) or depth > DEEPEST:
        raise ValueError("a predicate is an object, nested at most 20 deep")
    if not predicate:
        return lambda held: True
    for name, join in _JOINS.items():
        if name in predicate:
            return _joined(predicate, name, join, depth)
    attribute = predicate.get("attribute")
    conditions = {key: wanted for key, wanted in predicate.items() if key != "attribute"}
    if not isinstance(attribute, str) or len(conditions) != 1:
        raise ValueError("a predicate names one attribute and one condition, or all, any or none of a list")
    ((key, wanted),) = conditions.items()
    if key not in _CONDITIONS:
        raise ValueError(f"{key} is not a condition; there are {', '.join(_CONDITIONS)}")
    return _CONDITIONS[key](attribute.removeprefix("traits_"), wanted)


def _joined(predicate: Record, name: str, join: Callable[[Any], bool], depth: int) -> Test:
    parts = predicate[name]
    if not isinstance(parts, list) or len(predicate) != 1:
        raise ValueError(f"{name} stands alone and is a list of predicates")
    tests = [compiled(part, depth + 1) for part in parts]
    return lambda held: join(test(held) for test in tests)


_JOINS: dict[str, Callable[[Any], bool]] = {
    "all": all,
    "any": any,
    "none": lambda results: not any(results),
}


def _equals(name: str, wanted: Any) -> Test:
    return lambda held: bool(held.get(name) == wanted)


def _exists(name: str, wanted: Any) -> Test:
    if not isinstance(wanted, bool):
        raise ValueError("exists is true or false")
    return lambda held: (held.get(name) not in (None, "", [])) is wanted


def _in(name: str, wanted: Any) -> Test:
    if not isinstance(wanted, list):
        raise ValueError("in is a list")
    return lambda held: held.get(name) in wanted


def _greater(name: str, wanted: Any) -> Test:
    kind = _comparable(wanted)
    return lambda held: isinstance(held.get(name), kind) and held[name] > wanted


def _less(name: str, wanted: Any) -> Test:
    kind = _comparable(wanted)
    return lambda held: isinstance(held.get(name), kind) and held[name] < wanted


def _comparable(wanted: Any) -> Any:
    """Return the types that a limit can be compared with: numbers with numbers, texts (also dates) with texts."""
    if isinstance(wanted, str):
        return str
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return int | float
    raise ValueError("a limit is a number or a text")


def _contains(name: str, wanted: Any) -> Test:
    def test(held: Record) -> bool:
        value = held.get(name)
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted.lower() in value.lower()
        return isinstance(value, list) and wanted in value

    return test


_CONDITIONS: dict[str, Callable[[str, Any], Test]] = {
    "equals": _equals, "exists": _exists, "in": _in, "greater_than": _greater, "less_than": _less, "contains": _contains,
}  # fmt: skip


# ── As a query of Hull's search ──────────────────────────────────────────────────────────────────


def as_query(predicate: Record, kind: str = ACCOUNT) -> Record:
    """Return a predicate as the query that a segment shows."""
    if not predicate:
        return {"match_all": {}}
    for name, clause in (("all", "filter"), ("any", "should"), ("none", "must_not")):
        if name in predicate:
            return {"bool": {clause: [as_query(part, kind) for part in predicate[name]]}}
    name = predicate["attribute"]
    ((key, wanted),) = ((key, wanted) for key, wanted in predicate.items() if key != "attribute")
    if key == "exists":
        found = {"exists": {"field": name}}
        return found if wanted else {"bool": {"must_not": [found]}}
    return {
        "equals": {"term": {name: wanted}}, "in": {"terms": {name: wanted}}, "greater_than": {"range": {name: {"gt": wanted}}},
        "less_than": {"range": {name: {"lt": wanted}}}, "contains": {"wildcard": {name: f"*{wanted}*"}},
    }[key]  # fmt: skip
