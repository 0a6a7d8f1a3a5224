"""What a Hull record should look like in Close: only what is mapped, converted to what Close takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sync.mapping import transforms
from sync.mapping.paths import ClosePath, hull_value, parse_close_path
from sync.mapping.transforms import UnusableValueError
from sync.records import (
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    MappingRow,
    Mode,
    ObjectType,
    SyncSettings,
)


@dataclass(frozen=True, slots=True)
class DesiredValue:
    """One wanted value. `kind` says how it is compared; list targets hold a list of values."""

    path: ClosePath
    value: Any
    mode: Mode
    kind: str = "text"
    clearable: bool = True


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything wanted of one Close record, and sentences about what had to be left out."""

    values: tuple[DesiredValue, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    row: MappingRow
    clearable: bool = True
    override: Any = field(default=None)


def build_lead(account: HullAccount, settings: SyncSettings) -> Desired:
    """Return what a lead should hold. Name and identifier are wanted without being mapped."""
    rows = settings.mapped(ObjectType.LEAD, Direction.OUTBOUND)
    return _build(
        account,
        (*_lead_standard(account, rows, settings), *map(_Row, rows)),
        ObjectType.LEAD,
        settings,
    )


def build_contact(user: HullUser, settings: SyncSettings) -> Desired:
    """Return what a contact should hold. Name and e-mail are wanted without being mapped."""
    rows = settings.mapped(ObjectType.CONTACT, Direction.OUTBOUND)
    return _build(user, (*_contact_standard(rows), *map(_Row, rows)), ObjectType.CONTACT, settings)


def identifier(account: HullAccount, settings: SyncSettings) -> str | None:
    """Return the account's identifier in the form in which it is compared, or None when it has none."""
    raw = account.external_id if settings.identity_hull == "external_id" else account.domain
    return comparable_identifier(raw, settings)


def comparable_identifier(raw: Any, settings: SyncSettings) -> str | None:
    """Return an identifier of either side as it is compared: a domain as its plain host, others as text."""
    if settings.identity_hull == "domain" or settings.identity_close == "url":
        return transforms.host(raw) if isinstance(raw, str) else None
    return transforms.text(raw).strip() or None if raw is not None and not isinstance(raw, dict) else None


def _lead_standard(account: HullAccount, rows: tuple[MappingRow, ...], settings: SyncSettings) -> list[_Row]:
    mapped = {row.close for row in rows}
    name = account.attributes.get("name") or None
    standard = [("name", "name", Mode.ALWAYS, name)]
    if settings.identity_close != "url":
        standard.append(
            (
                settings.identity_hull,
                settings.identity_close,
                Mode.ALWAYS,
                identifier(account, settings),
            )
        )
        standard.append(("domain", "url", Mode.IF_EMPTY, transforms.host(account.domain)))
    else:
        standard.append((settings.identity_hull, "url", Mode.ALWAYS, identifier(account, settings)))
    return [
        _Row(
            MappingRow(ObjectType.LEAD, Direction.OUTBOUND, hull, close, mode),
            False,
            value,
        )
        for hull, close, mode, value in standard
        if close not in mapped and value is not None
    ]


def _contact_standard(rows: tuple[MappingRow, ...]) -> list[_Row]:
    standard = []
    if not any(row.close == "name" for row in rows):
        standard.append(("name", "name"))
    if not any(parse_close_path(row.close).root == "emails" for row in rows):
        standard.append(("email", "emails.office"))
    return [
        _Row(MappingRow(ObjectType.CONTACT, Direction.OUTBOUND, hull, close), False)
        for hull, close in standard
    ]


def _build(
    record: HullAccount | HullUser,
    rows: tuple[_Row, ...],
    object_type: ObjectType,
    settings: SyncSettings,
) -> Desired:
    fields = settings.schema.fields(object_type)
    values: dict[str, DesiredValue] = {}
    notes: list[str] = []
    for standard in rows:
        told, raw = (
            (True, standard.override)
            if standard.override is not None
            else hull_value(record, standard.row.hull)
        )
        if not told:
            continue
        try:
            value = _desired(standard, raw, fields, settings)
        except UnusableValueError as error:
            notes.append(f"{standard.row.close}: {error}")
            continue
        if value is not None:
            values[standard.row.close] = _joined(values.get(standard.row.close), value)
    return Desired(tuple(values.values()), tuple(notes))


def _joined(earlier: DesiredValue | None, value: DesiredValue) -> DesiredValue:
    """Two rows for one list target add up; for any other field the later row wins."""
    if earlier is None or not value.path.is_list:
        return value
    return replace(
        value,
        value=[
            *earlier.value,
            *(item for item in value.value if item not in earlier.value),
        ],
    )


def _desired(
    standard: _Row, raw: Any, fields: Mapping[str, CustomField], settings: SyncSettings
) -> DesiredValue | None:
    path = parse_close_path(standard.row.close)
    if raw is None or raw == "":
        raw = None
    if path.is_custom:
        custom = fields.get(path.raw)
        if custom is None:
            raise UnusableValueError("this custom field does not exist in Close.")
        value = None if raw is None else transforms.for_custom_field(raw, custom)
        kind = (
            "url"
            if path.raw == settings.identity_close and settings.identity_hull == "domain"
            else custom.type
        )
    else:
        value, kind = _standard_value(path, raw, settings)
    clearable = standard.clearable and path.raw not in (
        "name",
        "url",
        settings.identity_close,
    )
    return DesiredValue(path, value, standard.row.mode, kind, clearable)


def _standard_value(path: ClosePath, raw: Any, settings: SyncSettings) -> tuple[Any, str]:
    if path.is_list:
        convert = {
            "emails": transforms.email,
            "phones": transforms.phone,
            "urls": transforms.url,
        }[path.root]
        items = [] if raw is None else raw if isinstance(raw, list | tuple) else [raw]
        return [convert(item) for item in items], path.root[:-1]
    if path.raw == "url":
        return (None if raw is None else transforms.url(raw)), "url"
    if path.raw == "status_id":
        return (None if raw is None else _status_id(raw, settings)), "text"
    return (None if raw is None else transforms.text(raw)), "text"


def _status_id(raw: Any, settings: SyncSettings) -> str:
    found = find_status(str(raw), settings)
    if found is None:
        raise UnusableValueError(f"“{raw}” is not a lead status in Close.")
    return found


def find_status(wanted: str, settings: SyncSettings) -> str | None:
    """Return the id of a lead status named by its id or by its label, ignoring case; None when unknown."""
    for status in settings.schema.statuses:
        if wanted == status.close_id or wanted.casefold() == status.label.casefold():
            return status.close_id
    return None
