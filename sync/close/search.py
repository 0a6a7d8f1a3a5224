"""Builds advanced-search queries that find the counterpart of a record.

A text condition finds words, not equal texts, and the index lags behind: compare what comes back exactly.
https://developer.close.com/resources/advanced-filtering/
"""

from __future__ import annotations

from typing import Any

Query = dict[str, Any]


def by_field(object_type: str, path: str, value: str) -> Query:
    """Find leads or contacts by a field of theirs: `name`, `url`, or a custom field as `custom.cf_…`."""
    return _all_of(
        {"type": "object_type", "object_type": object_type}, _has_words(_field(object_type, path), value)
    )


def contacts_by_email(address: str) -> Query:
    """Find contacts, of any lead, with an e-mail address."""
    return _all_of(
        {"type": "object_type", "object_type": "contact"},
        {
            "type": "has_related",
            "this_object_type": "contact",
            "related_object_type": "contact_email",
            "related_query": _all_of(_has_words(_field("contact_email", "email"), address)),
        },
    )


def updated_since(object_type: str, start: str | None) -> Query:
    """Find records that were last updated at a moment or later; all of them without a moment."""
    kind = {"type": "object_type", "object_type": object_type}
    if not start:
        return _all_of(kind)
    window = {"type": "moment_range", "on_or_after": {"type": "fixed_utc", "value": start}}
    condition = {"type": "field_condition", "field": _field(object_type, "date_updated"), "condition": window}
    return _all_of(kind, condition)


def ascending(object_type: str, name: str) -> Query:
    """Return a stable sort order: descending ones were seen to lose rows between pages."""
    return {"direction": "asc", "field": _field(object_type, name)}


def _all_of(*queries: Query) -> Query:
    return {"type": "and", "queries": list(queries)}


def _has_words(field: Query, value: str) -> Query:
    condition = {"type": "text", "mode": "full_words", "value": value}
    return {"type": "field_condition", "field": field, "condition": condition}


def _field(object_type: str, path: str) -> Query:
    if path.startswith("custom."):
        return {"type": "custom_field", "custom_field_id": path.removeprefix("custom.")}
    return {"type": "regular_field", "object_type": object_type, "field_name": path}
