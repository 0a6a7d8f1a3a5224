"""The `extra_filter` of a webhook subscription: a small tree of conditions on an event."""

from __future__ import annotations

from typing import Any

from sandbox.close.validation import NOT_A_CHOICE, Invalid

DEEPEST = 20
_VALUED = ("equals", "not_equals", "contains")
_PLAIN = ("is_null", "non_null")
_LISTED = ("and", "or")
_NESTED = ("not", "field_accessor", "any_array_value")


def check_filter(node: Any, depth: int = 0) -> None:
    """Raises Invalid for a tree that cannot be read; None is no filter."""
    if node is None and depth == 0:
        return
    if not isinstance(node, dict) or depth > DEEPEST:
        raise Invalid({"events": {"extra_filter": "Invalid filter."}})
    kind = node.get("type")
    if (kind in _VALUED and "value" in node) or kind in _PLAIN:
        return
    if kind in _LISTED and isinstance(node.get("filters"), list):
        for one in node["filters"]:
            check_filter(one, depth + 1)
        return
    if kind in _NESTED and (kind != "field_accessor" or isinstance(node.get("field"), str)):
        check_filter(node.get("filter") or {}, depth + 1)
        return
    raise Invalid({"events": {"extra_filter": {"type": NOT_A_CHOICE}}})


def passes(node: Any, value: Any) -> bool:
    """Return whether a value passes a filter that was checked before."""
    if node is None:
        return True
    kind = node["type"]
    if kind == "and":
        return all(passes(one, value) for one in node["filters"])
    if kind == "or":
        return any(passes(one, value) for one in node["filters"])
    if kind == "not":
        return not passes(node["filter"], value)
    if kind == "field_accessor":
        return passes(node["filter"], value.get(node["field"]) if isinstance(value, dict) else None)
    if kind == "any_array_value":
        return isinstance(value, list) and any(passes(node["filter"], one) for one in value)
    return _holds(kind, node.get("value"), value)


def _holds(kind: str, wanted: Any, value: Any) -> bool:
    if kind == "is_null":
        return value is None
    if kind == "non_null":
        return value is not None
    if kind == "contains":
        is_text = isinstance(value, str) and isinstance(wanted, str)
        return wanted in value if is_text or isinstance(value, list) else False
    return bool((value == wanted) is (kind == "equals"))
