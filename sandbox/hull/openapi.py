"""The OpenAPI description of the simulated Hull: what a connector calls, and what it can be answered."""

from __future__ import annotations

from typing import Any

from sandbox.hull.connector import STATUSES
from sandbox.hull.query import MOST_PER_PAGE

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_PROBLEM: Schema = {
    "type": "object",
    "required": ["message", "status"],
    "properties": {"message": _TEXT, "status": {"type": "integer"}},
}
_MEANING = {
    "400": "What was sent is not taken.", "401": "Neither the secret, nor a token signed with it.",
    "402": "The organization is disabled.", "404": "No such connector, or nothing of this id.",
    "413": "Too many messages at once.",
}  # fmt: skip
_ALWAYS = ("401", "402", "404")

_CONNECTOR: Schema = {
    "type": "object",
    "required": ["id", "name", "type", "secret", "private_settings", "status", "manifest"],
    "properties": {
        "id": _TEXT, "name": _TEXT, "type": {"const": "ship"}, "secret": _TEXT, "private_settings": _OBJECT,
        "settings": _OBJECT, "status": _OBJECT, "manifest": _OBJECT, "tags": _TEXTS, "accept_incoming_webhooks": {"type": "boolean"},
    },
}  # fmt: skip
_STATUS: Schema = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"enum": list(STATUSES)}, "messages": _TEXTS},
}
_SEGMENT: Schema = {
    "type": "object",
    "required": ["id", "name", "type", "created_at", "updated_at"],
    "properties": {"id": _TEXT, "name": _TEXT, "type": {"enum": ["users_segment", "accounts_segment"]}, "stats": _OBJECT},
}  # fmt: skip
_ATTRIBUTE: Schema = {
    "type": "object",
    "required": ["key", "type"],
    "properties": {"key": _TEXT, "type": {"enum": ["string", "date", "boolean", "event", "number", "json"]}},
}
_TREE: Schema = {
    "type": "object",
    "required": ["tree"],
    "properties": {"tree": {"type": "array", "items": {"type": "object", "required": ["text"]}}},
}
_VALUE: Schema = {"type": ["string", "number", "boolean"]}
_LIMIT: Schema = {
    "type": "object",
    "propertyNames": {"enum": ["gt", "gte", "lt", "lte"]},
    "additionalProperties": {"type": "number"},
}


def _clause(name: str, body: Schema) -> Schema:
    return {"type": "object", "required": [name], "properties": {name: body}, "additionalProperties": False}


def _of_fields(schema: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "additionalProperties": schema}


_LEAVES: list[Schema] = [
    _clause("match_all", _OBJECT), _clause("term", _of_fields(_VALUE)), _clause("terms", _of_fields({"type": "array", "items": _VALUE})),
    _clause("range", _of_fields(_LIMIT)), _clause("prefix", _of_fields(_TEXT)),
    _clause("exists", {"type": "object", "required": ["field"], "properties": {"field": _TEXT}}),
]  # fmt: skip
_BOOL: Schema = {
    "type": "object",
    "properties": {
        name: {"type": "array", "items": {"anyOf": _LEAVES}}
        for name in ("filter", "must", "must_not", "should")
    },
    "additionalProperties": False,
}
_QUERY: Schema = {
    "anyOf": [*_LEAVES, _clause("bool", _BOOL)],
    "examples": [
        {"bool": {"filter": [{"term": {"domain.exact": "acme.com"}}, {"exists": {"field": "indexed_at"}}]}},
        {"terms": {"segment_ids": ["59f09bc7f9c5a94af600076d"]}},
        {"match_all": {}},
    ],
}
_PAGE_NUMBER: Schema = {"type": "integer", "minimum": 1}
_SEARCH: Schema = {
    "type": "object",
    "properties": {
        "query": _QUERY, "raw": {"type": "boolean"}, "page": _PAGE_NUMBER,
        "per_page": _PAGE_NUMBER | {"maximum": MOST_PER_PAGE},
        "sort": {"type": "object", "maxProperties": 1, "minProperties": 1, "additionalProperties": {"enum": ["asc", "desc"]}},
    },
}  # fmt: skip
_FOUND: Schema = {
    "type": "object",
    "required": ["pagination", "data"],
    "properties": {
        "pagination": {"type": "object", "required": ["total", "page", "pages", "per_page"]},
        "data": {"type": "array", "items": _OBJECT, "maxItems": MOST_PER_PAGE},
    },
}
_URL: Schema = {"type": "string", "pattern": "^https?://[!-~]+$"}
_EXTRACT: Schema = {
    "type": "object",
    "required": ["url"],
    "properties": {"url": _URL, "format": {"enum": ["json", "csv"]}, "query": _QUERY, "fields": _TEXTS},
}
_IMPORT: Schema = {
    "type": "object",
    "required": ["url", "schedule_at"],
    "properties": {
        "url": _URL, "format": {"const": "json"}, "schedule_at": {"type": "string", "format": "date-time"}, "notify": {}, "emit_event": {},
        "overwrite": {}, "name": {}, "import_id": {}, "part_number": {}, "size": {}, "stats": {},
    },
}  # fmt: skip
_JOB: Schema = {
    "type": "object",
    "required": ["id", "status", "type", "url"],
    "properties": {"id": _TEXT, "status": {"enum": ["scheduled", "done", "failed"]}, "type": {"enum": ["extract", "import"]}},
}  # fmt: skip
_MESSAGE: Schema = {
    "description": "Not looked at before it is taken. A type of traits, track, alias, unalias or incinerate; a body; a token of its own.",
    "examples": [{"type": "traits", "body": {"name": "Acme"}, "headers": {"Hull-Access-Token": "a.b.c"}}],
}
_BATCH: Schema = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "items": _MESSAGE}, "timestamp": {}, "sentAt": {}},
    "description": "At most 50 messages; more are refused with 413.",
}


def paths() -> Schema:
    """Return the path items of the REST API and of the firehose, which answers under `/` too."""
    rest = {f"/api/v1{path}": item for path, item in _rest().items()}
    return rest | {path: {"post": _firehose()} for path in ("/firehose", "/api/v1/firehose")}


def description() -> Schema:
    """Return the whole description."""
    schemes = {
        name: {"type": "apiKey", "in": "header", "name": name}
        for name in ("Hull-App-Id", "Hull-Access-Token", "Hull-Organization")
    }
    return {
        "openapi": "3.1.0", "info": {"title": "A simulated Hull", "version": "1"}, "paths": paths(),
        "components": {"securitySchemes": schemes}, "security": [{name: [] for name in schemes}],
    }  # fmt: skip


def _rest() -> Schema:
    entity_id = [_parameter("id", "path", _TEXT | {"pattern": "^[A-Za-z0-9_-]+$"}, is_required=True)]
    ship = [_parameter("shipId", "query", _TEXT)]
    items: Schema = {
        "/app": {
            "get": _operation("The connector itself.", _CONNECTOR),
            "put": _operation("Replace the connector's settings.", _CONNECTOR, _settings()),
        },
        "/app/status": {"put": _operation("Publish the connector's status.", _STATUS, _STATUS)},
        "/search/event/bootstrap": {"get": _operation("The events that there are.", _list_of(_OBJECT))},
        "/search/events": {"post": _operation("Search for events.", _FOUND, _SEARCH)},
        "/{id}": {
            "get": _operation("An account, a user, a segment, or the connector.", _OBJECT, parameters=entity_id),
            "delete": _operation("Forget an account or a user.", _OBJECT, parameters=entity_id),
        },
    }  # fmt: skip
    for kind in ("user", "account"):
        items |= {
            f"/{kind}s_segments": {"get": _operation("All segments.", _list_of(_SEGMENT), parameters=ship)},
            f"/{kind}s/schema": {"get": _operation("All attributes.", _list_of(_ATTRIBUTE))},
            f"/search/{kind}_reports/bootstrap": {"get": _operation("All attributes, as a tree.", _TREE)},
            f"/search/{kind}_reports": {"post": _operation("Search.", _FOUND, _SEARCH)},
            f"/extract/{kind}_reports": {"post": _operation("Order an extract.", _JOB, _EXTRACT)},
        }
    for kinds in ("users", "accounts", "events"):
        items[f"/import/{kinds}"] = {"post": _operation("Order an import.", _JOB, _IMPORT)}
    return items


def _settings() -> Schema:
    return {"type": "object", "required": ["private_settings"], "properties": {"private_settings": _OBJECT}}


def _firehose() -> Schema:
    statuses = _problems("400", "401", "402", "404", "413")
    taken = {"204": {"description": "Taken; what is wrong with the messages is told in Hull's log only."}}
    return {"summary": "Write into Hull.", "requestBody": _body(_BATCH), "responses": taken | statuses}


def _operation(
    summary: str, answer: Schema, body: Schema | None = None, parameters: list[Schema] | None = None
) -> Schema:
    ok = {"200": {"description": "It is so.", "content": {"application/json": {"schema": answer}}}}
    operation: Schema = {
        "summary": summary,
        "responses": ok | _problems(*_ALWAYS, *(["400"] if body else [])),
    }
    if body:
        operation["requestBody"] = _body(body)
    if parameters:
        operation["parameters"] = parameters
    return operation


def _body(schema: Schema) -> Schema:
    return {"required": bool(schema.get("required")), "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: str) -> Schema:
    return {
        status: {"description": _MEANING[status], "content": {"application/json": {"schema": _PROBLEM}}}
        for status in sorted(statuses)
    }


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _parameter(name: str, place: str, schema: Schema, is_required: bool = False) -> Schema:
    return {"name": name, "in": place, "required": is_required, "schema": schema}
