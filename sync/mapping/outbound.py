"""What a Hull record should look like in Close: only what is mapped, converted to what Close takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sync.mapping import transforms
from sync.mapping.named import transformed
from sync.mapping.paths import GROUP, ClosePath, hull_name, hull_value, parse_close_path
from sync.mapping.transforms import UnknownOptionError, UnusableValueError, is_empty
from sync.records import (
    Conflict,
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    MappingRow,
    Mode,
    ObjectType,
    OnNull,
    SyncSettings,
)

# A lead always has a status, and neither its name nor what it is recognised by may be emptied.
_NEVER_EMPTIED = ("name", "url", "status_id")


# Of a contact's name and title; how long a lead's texts may be is not told, so that the same holds for its name.
LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class DesiredValue:
    """One wanted value. `kind` says how it is compared.

    List targets and sets (`is_set`: a custom field of several values) hold a list. With `keeps` some of what is wanted
    is not known this time, so that nothing is taken away. An empty value empties the field, if it is `clearable`.
    `told_as` is the attribute in which Hull is told the same field, if it is.
    """

    path: ClosePath
    value: Any
    mode: Mode
    kind: str = "text"
    clearable: bool = True
    conflict: Conflict = Conflict.NEWEST
    is_set: bool = False
    keeps: bool = False
    told_as: str = ""

    @property
    def is_merged(self) -> bool:
        """Whether other people's values stay beside ours."""
        return self.is_set or self.path.is_list


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A field that stays out because Close does not offer what was asked of it: a matter of configuration."""

    path: str
    option: str


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything wanted of one Close record, sentences about what had to be left out, and what of it can be healed."""

    values: tuple[DesiredValue, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


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
    return _build(user, (*_contact_standard(rows, settings), *map(_Row, rows)), ObjectType.CONTACT, settings)


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
    if settings.lead_hull_id_field:
        standard.append(("id", f"custom.{settings.lead_hull_id_field}", Mode.ALWAYS, account.hull_id))
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


def _contact_standard(rows: tuple[MappingRow, ...], settings: SyncSettings) -> list[_Row]:
    standard = []
    if settings.contact_hull_id_field:
        standard.append(("id", f"custom.{settings.contact_hull_id_field}"))
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
    left_out: list[LeftOut] = []
    for standard in rows:
        try:
            value = _wanted(standard, record, fields, settings)
        except UnusableValueError as error:
            value = _unknown(standard.row)
            notes.append(f"{standard.row.close}: {error}")
            left_out += [LeftOut(error.path, error.option)] if isinstance(error, UnknownOptionError) else []
        if value is not None:
            values[standard.row.close] = _joined(values.get(standard.row.close), value)
    return Desired(tuple(values.values()), tuple(notes), tuple(left_out))


def _wanted(
    standard: _Row,
    record: HullAccount | HullUser,
    fields: Mapping[str, CustomField],
    settings: SyncSettings,
) -> DesiredValue | None:
    """Return what one row wants; None when the message did not tell its attribute."""
    told, raw = (
        (True, standard.override) if standard.override is not None else hull_value(record, standard.row.hull)
    )
    return _desired(standard, raw, fields, settings) if told else _unknown(standard.row)


def _unknown(row: MappingRow) -> DesiredValue | None:
    """A row without a usable value changes nothing, nor does it take away what it once put into a list."""
    path = parse_close_path(row.close)
    return DesiredValue(path, [], row.mode, path.root[:-1], keeps=True) if path.is_list else None


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
        clearable=earlier.clearable and value.clearable,
        keeps=earlier.keeps or value.keeps,
    )


def _desired(
    standard: _Row, raw: Any, fields: Mapping[str, CustomField], settings: SyncSettings
) -> DesiredValue:
    """Return what a told value asks for. Null asks only if the row says so; an empty text is empty on purpose."""
    row, path = standard.row, parse_close_path(standard.row.close)
    custom = fields.get(path.raw)
    if path.is_custom and custom is None:
        raise UnusableValueError("this custom field does not exist in Close.")
    is_left = raw is None and row.on_null is OnNull.LEAVE
    given = None if is_empty(raw) else transformed(raw, row.transform)
    value, kind = _custom_value(custom, given, settings) if custom else _standard_value(path, given, settings)
    is_set = custom is not None and custom.multiple
    return DesiredValue(
        path, value, row.mode, kind, standard.clearable and not is_left and _may_be_empty(path, settings), row.conflict,
        is_set, keeps=is_left and (is_set or path.is_list), told_as=_told_as(row, path, settings),
    )  # fmt: skip


# Without a row of their own Hull is told these, or finds the record by them, so that it holds what Close held.
_TOLD_ANYWAY = {
    ("name", "name"): "name",
    ("domain", "url"): f"{GROUP}/url",
    ("email", "emails"): f"{GROUP}/emails",
}


TOLD_ANYWAY = frozenset(_TOLD_ANYWAY.values())


def _told_as(row: MappingRow, path: ClosePath, settings: SyncSettings) -> str:
    """Return the attribute in which Hull is told what a row writes: the same pair the other way, or one told anyway."""
    attribute = hull_name(row.hull)
    for inbound in settings.mapped(row.object_type, Direction.INBOUND):
        if inbound.close in (path.raw, path.root) and hull_name(inbound.hull) == attribute:
            return attribute
    return _TOLD_ANYWAY.get((attribute, path.root), "")


def _may_be_empty(path: ClosePath, settings: SyncSettings) -> bool:
    return path.raw not in (*_NEVER_EMPTIED, settings.identity_close)


def _custom_value(custom: CustomField, given: Any, settings: SyncSettings) -> tuple[Any, str]:
    is_host = custom.path == settings.identity_close and settings.identity_hull == "domain"
    kind = "url" if is_host else custom.type
    if is_empty(given):
        return [] if custom.multiple else None, kind
    value = transforms.for_custom_field(given, custom, settings.schema.users)
    return (None if is_empty(value) and not custom.multiple else value), kind


def _standard_value(path: ClosePath, given: Any, settings: SyncSettings) -> tuple[Any, str]:
    if path.is_list:
        convert = {
            "emails": transforms.email,
            "phones": transforms.phone,
            "urls": transforms.url,
        }[path.root]
        items = given if isinstance(given, list | tuple) else [given]
        return list(dict.fromkeys(convert(item) for item in items if not is_empty(item))), path.root[:-1]
    if is_empty(given):
        return None, "url" if path.raw == "url" else "text"
    if path.raw == "url":
        return transforms.url(given), "url"
    if path.raw == "status_id":
        return _status_id(given, settings), "text"
    text = transforms.text(given)
    return (text if path.raw == "description" else _fitting(text)) or None, "text"


def _fitting(text: str) -> str:
    """Refuse what Close would refuse with the whole record: its texts have a length."""
    if len(text) > LONGEST_TEXT:
        raise UnusableValueError(f"the text has {len(text):,} characters; Close takes {LONGEST_TEXT:,}.")
    return text


def _status_id(given: Any, settings: SyncSettings) -> str:
    wanted = transforms.text(given)
    found = find_status(wanted, settings)
    if found is None:
        message = f"“{wanted}” is not a lead status in Close; add it there or map another value."
        raise UnknownOptionError(message, "status_id", wanted)
    return found


def find_status(wanted: str, settings: SyncSettings) -> str | None:
    """Return the id of a lead status named by its id or by its label, ignoring case; None when unknown."""
    for status in settings.schema.statuses:
        if wanted == status.close_id or wanted.casefold() == status.label.casefold():
            return status.close_id
    return None
