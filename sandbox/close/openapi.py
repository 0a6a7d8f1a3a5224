"""The OpenAPI description of the simulated Close: made from the routes it really has, so that none can be forgotten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.close.fields import TYPES

if TYPE_CHECKING:
    from sandbox.close.app import CloseSandbox

Schema = dict[str, Any]

_TEXT: Schema = {"type": ["string", "null"], "maxLength": 1200}
_ANY: Schema = {"type": "object"}
_IDS = 3
_ERROR: Schema = {
    "type": "object",
    "anyOf": [{"required": ["error"]}, {"required": ["errors", "field-errors"]}],
}
_STATUSES = {
    "400": "What was sent is not taken.", "401": "No such key.", "403": "The role does not allow it.",
    "404": "No such record.", "405": "Not a method of this address.", "429": "Too many requests.",
}  # fmt: skip
_ADDRESS: Schema = {
    "type": "object",
    "properties": dict.fromkeys(("label", "address_1", "city", "state", "zipcode", "country"), _TEXT),
}


def _entries(key: str) -> Schema:
    entry = {"type": "object", "properties": {key: _TEXT, "type": _TEXT}}
    return {"type": ["array", "null"], "items": entry, "maxItems": 5}


_CONTACT: Schema = {
    "type": "object",
    "properties": {
        "name": _TEXT, "title": _TEXT, "emails": _entries("email"), "phones": _entries("phone"),
        "urls": _entries("url"), "lead_id": _TEXT,
    },
}  # fmt: skip
_LEAD: Schema = {
    "type": "object",
    "properties": {
        "name": _TEXT, "url": _TEXT, "description": _TEXT, "status": _TEXT, "status_id": _TEXT,
        "addresses": {"type": "array", "items": _ADDRESS, "maxItems": 3},
        "contacts": {"type": "array", "items": _CONTACT, "maxItems": 3},
    },
}  # fmt: skip
_FIELD: Schema = {
    "type": "object",
    "properties": {
        "name": _TEXT, "type": {"enum": [*TYPES, "other", 5]}, "description": _TEXT,
        "choices": {"type": ["array", "null"], "items": _TEXT}, "accepts_multiple_values": {"type": "boolean"},
        "editable_with_roles": {"type": "array", "items": _TEXT},
    },
}  # fmt: skip
_CONDITION: Schema = {
    "type": "object",
    "properties": {
        "type": {"enum": ["text", "term", "exists", "reference", "boolean", "current_user", "number_range", "moment_range"]},
        "mode": {"enum": ["full_words", "phrase", "beginning_of_words", "none"]}, "value": {}, "values": {"type": "array"},
        "gte": {"type": "number"}, "on_or_after": {"type": "object"}, "object_ids": {"type": "array"},
    },
}  # fmt: skip
_LEAF: Schema = {
    "type": "object",
    "properties": {
        "type": {"enum": ["object_type", "match_all", "id", "text", "field_condition", "has_related", "nothing"]},
        "object_type": {"enum": ["lead", "contact", "opportunity"]}, "value": {}, "negate": {"type": "boolean"},
        "field": {"type": "object"}, "condition": _CONDITION,
    },
}  # fmt: skip
_QUERY: Schema = {
    "anyOf": [
        _LEAF,
        {"type": "object", "properties": {"type": {"enum": ["and", "or"]}, "queries": {"type": "array", "items": _LEAF}}},
    ]
}  # fmt: skip
_SEARCH: Schema = {
    "type": "object",
    "properties": {
        "query": _QUERY, "_limit": {"type": "integer"}, "cursor": _TEXT, "include_counts": {"type": "boolean"},
        "_fields": {"type": "object"}, "sort": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
_WEBHOOK: Schema = {
    "type": "object",
    "properties": {
        "url": _TEXT, "verify_ssl": {"type": "boolean"}, "status": _TEXT,
        "events": {"type": "array", "items": {"type": "object"}, "maxItems": 3},
    },
}  # fmt: skip
_BODIES: dict[str, Schema] = {
    "lead": _LEAD, "contact": _CONTACT, "custom_field": _FIELD, "custom_fields": _FIELD, "data": _SEARCH, "webhook": _WEBHOOK,
}  # fmt: skip
_QUERY_NAMES = {
    "lead": ("_limit", "_skip", "_fields", "query"), "contact": ("_limit", "_skip", "_fields", "lead_id", "query"),
    "event": ("_limit", "_cursor", "object_type", "action", "lead_id", "date_updated__gte", "date_updated__lt"),
}  # fmt: skip
_COMMON = (
    "_limit",
    "_skip",
    "_fields",
    "lead_id",
    "_order_by",
    "date_created__gt",
    "date_updated__gte",
    "_type",
    "id__in",
)


def description(close: CloseSandbox) -> Schema:
    """Return the description of everything that this Close answers."""
    paths: dict[str, Schema] = {}
    for pattern, methods in (route for routes in close.parts() for route in routes):
        for address in (pattern.replace("s?/", "/"), pattern.replace("s?/", "s/")):
            paths.setdefault(_template(address), {}).update(
                {method.lower(): _operation(close, address, method) for method in methods}
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": "A simulated Close", "version": "1"},
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "basic"}}},
        "paths": paths,
    }


_GROUP = re.compile(r"\([^)]*\)")


def _template(pattern: str) -> str:
    number = iter(range(9))
    return _GROUP.sub(lambda found: f"{{id{next(number)}}}", pattern)


def _operation(close: CloseSandbox, pattern: str, method: str) -> Schema:
    resource = pattern.split("/")[1]
    count = len(_GROUP.findall(pattern))
    known = _known_ids(close, pattern)
    parameters: list[Schema] = [
        {"name": f"id{number}", "in": "path", "required": True, "schema": _id_schema(known if number == count - 1 else ["lead", "contact", "shared"])}
        for number in range(count)
    ]  # fmt: skip
    if method == "GET":
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string", "maxLength": 40}}
            for name in _QUERY_NAMES.get(resource, _COMMON)
        ]
    responses: Schema = {
        "200": {"description": "It was done."},
        "201": {"description": "It was made."},
        "204": {"description": "It was done; there is nothing to tell."},
    }
    for status, text in _STATUSES.items():
        responses[status] = {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    operation: Schema = {"parameters": parameters, "responses": responses}
    if method in ("POST", "PUT"):
        body = _BODIES.get(resource, _ANY)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _id_schema(known: list[str]) -> Schema:
    unknown: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_]{1,40}$"}
    return {"anyOf": [{"enum": known}, unknown]} if known else unknown


def _known_ids(close: CloseSandbox, pattern: str) -> list[str]:
    """Return a few ids that exist, so that more than a 404 is tried."""
    store = close.store
    tables: dict[str, Any] = {
        "lead": store.leads, "contact": store.contacts, "opportunity": store.opportunities, "task": store.tasks,
        "activity": store.activities, "custom_field": store.custom_fields, "custom_fields": store.custom_fields,
        "event": store.events, "user": store.users, "export": store.exports, "organization": [store.organization_id],
        "pipeline": [one["id"] for one in store.pipelines], "custom_field_schema": ["lead", "contact", "opportunity"],
        "status": [one["id"] for one in store.statuses], "webhook": store.webhooks,
    }  # fmt: skip
    if re.fullmatch(r"/custom_fields?/[^/]*/", pattern):
        return ["lead", "contact", "opportunity", "shared"]
    return [close_id for close_id, _ in zip(tables.get(pattern.split("/")[1], ()), range(_IDS), strict=False)]
