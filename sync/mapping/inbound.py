"""What a Close record looks like in Hull: attributes by name, lists flattened by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.mapping.paths import (
    ADDRESS_PARTS,
    DEFAULT_LABEL,
    GROUP,
    LISTS,
    USER_FIELDS,
    ClosePath,
    hull_name,
    parse_close_path,
)
from sync.mapping.transforms import is_empty
from sync.mapping.typed import typed, user_details
from sync.records import Attributes, CloseSchema, Direction, ObjectType, SyncSettings

# Attributes that Hull only takes when it has no value of its own.
SET_IF_NULL = ("name", f"{GROUP}/created_at")
UPDATED_AT = f"{GROUP}/updated_at"
DELETED_AT = f"{GROUP}/deleted_at"

# Stands in what Hull was last told for a value of which nobody knows whether Hull has it.
IN_DOUBT = {"in_doubt": True}

_SINGULAR = {
    "emails": "email",
    "phones": "phone",
    "urls": "url",
    "addresses": "address",
}


def build_attributes(
    object_type: ObjectType,
    close_id: str,
    fields: Attributes,
    settings: SyncSettings,
    lead_id: str | None = None,
) -> dict[str, Any]:
    """Return every attribute that Hull should hold for a Close record; None stands for an emptied field.

    Names are the ones existing customers have: `closeio/<field>`, `closeio/email_office`,
    `closeio/address_business_city`. Several entries of one type: the first has the plain name, all of them are
    in `closeio/emails` and the like. Beside a status and a user stands what explains them: `closeio/status_id`,
    `closeio/owner_name`, `closeio/owner_email`; an attribute that is mapped by such a name comes before.
    """
    beside: dict[str, Any] = {}
    attributes: dict[str, Any] = {f"{GROUP}/id": close_id}
    if object_type is ObjectType.CONTACT:
        attributes[f"{GROUP}/lead_id"] = lead_id
    attributes[f"{GROUP}/name"] = _plain(fields.get("name"))
    for row in settings.mapped(object_type, Direction.INBOUND):
        path = parse_close_path(row.close)
        attributes |= _mapped(path, hull_name(row.hull), fields, object_type, settings.schema)
        beside |= _beside(path, hull_name(row.hull), fields, object_type, settings.schema)
    attributes = beside | attributes
    attributes["name"] = _plain(fields.get("name"))
    attributes[f"{GROUP}/created_at"] = fields.get("date_created")
    attributes[UPDATED_AT] = fields.get("date_updated")
    return attributes


def changed_attributes(attributes: Attributes, sent: Attributes) -> dict[str, Any]:
    """Return what has to be sent: changed values, and None for attributes that are gone.

    What Hull only takes once is not sent again. Nothing that was never there is cleared twice.
    """
    changed = {
        name: value
        for name, value in attributes.items()
        if (name not in sent or sent[name] != value)
        and not (name in SET_IF_NULL and (value is None or is_told(name, sent)))
    }
    gone = {name: None for name, value in sent.items() if name not in attributes and value is not None}
    return changed | gone


def is_in_doubt(value: Any) -> bool:
    """Tell whether a remembered value is the mark of one that Hull may or may not have."""
    return bool(value == IN_DOUBT)


def is_told(name: str, sent: Attributes) -> bool:
    """Tell whether Hull is known to have got a value for an attribute."""
    return sent.get(name) is not None and not is_in_doubt(sent[name])


def standard_name(path: ClosePath, object_type: ObjectType, schema: CloseSchema) -> str:
    """Return the attribute that a Close field comes in as when the row names none."""
    if path.is_custom:
        name = schema.names(object_type).get(path.raw) or path.raw.removeprefix("custom.").lower()
        return f"{GROUP}/{name}"
    if path.raw == "status_id":
        return f"{GROUP}/status"
    if path.type:
        return f"{GROUP}/" + "_".join(
            filter(None, [_SINGULAR.get(path.root, path.root), path.type, path.part])
        )
    return f"{GROUP}/{path.root}"


def parked_attributes(object_type: ObjectType, settings: SyncSettings, sent: Attributes) -> frozenset[str]:
    """Return the attributes that Hull holds by rows that cannot run now: they stay as they were told last."""
    found: set[str] = set()
    for row in settings.parked:
        if (row.object_type, row.direction) == (object_type, Direction.INBOUND) and row.close:
            name = hull_name(row.hull) or standard_name(
                parse_close_path(row.close), object_type, settings.schema
            )
            found |= {one for one in sent if one in (name, f"{name}_name", f"{name}_email")}
    return frozenset(found)


def _mapped(
    path: ClosePath,
    hull: str,
    fields: Attributes,
    object_type: ObjectType,
    schema: CloseSchema,
) -> dict[str, Any]:
    if path.root in _SINGULAR and not path.type:
        return _flattened(path.root, fields.get(path.root) or [], hull)
    name = hull or standard_name(path, object_type, schema)
    return {name: _value(path, fields, object_type, schema)}


def _beside(
    path: ClosePath, hull: str, fields: Attributes, object_type: ObjectType, schema: CloseSchema
) -> dict[str, Any]:
    """Return what explains a value: a status's id, a user's name and e-mail address."""
    name, value = hull or standard_name(path, object_type, schema), fields.get(path.raw)
    if path.raw == "status_id":
        return {f"{name}_id": _plain(value)}
    if not _holds_user(path, object_type, schema):
        return {}
    details = user_details(value, schema.users)
    details["name"] = details["name"] or _plain(fields.get(f"{path.raw}_name"))
    return {f"{name}_{detail}": known for detail, known in details.items()}


def _holds_user(path: ClosePath, object_type: ObjectType, schema: CloseSchema) -> bool:
    custom = schema.fields(object_type).get(path.raw)
    return custom.type == "user" if custom else path.raw in USER_FIELDS


def _value(path: ClosePath, fields: Attributes, object_type: ObjectType, schema: CloseSchema) -> Any:
    if path.raw == "status_id":
        status_id = fields.get("status_id")
        return schema.status_label(status_id) or _plain(fields.get("status_label"))
    if path.is_list:
        return _first_by_type(path.root, fields.get(path.root) or []).get(path.type)
    if path.root == "addresses":
        return _first_address(fields.get("addresses") or []).get(path.type, {}).get(path.part)
    custom = schema.fields(object_type).get(path.raw)
    return typed(fields.get(path.raw), custom) if custom else _plain(fields.get(path.raw))


def _flattened(root: str, entries: Sequence[Mapping[str, Any]], hull: str) -> dict[str, Any]:
    prefix = (hull or f"{GROUP}/{root}").rstrip("/")
    single = f"{prefix.removesuffix(root)}{_SINGULAR[root]}" if prefix.endswith(root) else prefix
    if root == "addresses":
        parts = {
            f"{single}_{label}_{part}": _plain(value)
            for label, address in _first_address(entries).items()
            for part, value in address.items()
        }
        return parts | {
            f"{GROUP}/{root}" if not hull else prefix: [_one_line(entry) for entry in entries] or None
        }
    key, _ = LISTS[root]
    flat: dict[str, Any] = {
        f"{single}_{kind}": value for kind, value in _first_by_type(root, entries).items()
    }
    return flat | {prefix: [entry[key] for entry in entries if entry.get(key)] or None}


def _first_by_type(root: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    key, default = LISTS[root]
    found: dict[str, Any] = {}
    for entry in entries:
        if entry.get(key):
            found.setdefault(entry.get("type") or default, entry[key])
    return found


def _first_address(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        parts = {part: entry[part] for part in ADDRESS_PARTS if not is_empty(entry.get(part))}
        found.setdefault(entry.get("label") or DEFAULT_LABEL, parts)
    return found


def _one_line(entry: Mapping[str, Any]) -> str:
    return ", ".join(str(entry[part]) for part in ADDRESS_PARTS if entry.get(part))


def _plain(value: Any) -> Any:
    """Close gives never-set texts back as an empty text; Hull should hold nothing then."""
    return None if is_empty(value) else value
