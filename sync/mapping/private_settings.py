"""The original connector's settings, as Hull keeps them in `private_settings`, and ours in that shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.mapping.paths import hull_name
from sync.records import Direction, MappingRow, Mode, ObjectType, SyncSettings

# Where the original keeps each list of rows.
_LISTS: Mapping[str, tuple[ObjectType, Direction]] = {
    "lead_attributes_outbound": (ObjectType.LEAD, Direction.OUTBOUND),
    "lead_attributes_inbound": (ObjectType.LEAD, Direction.INBOUND),
    "contact_attributes_outbound": (ObjectType.CONTACT, Direction.OUTBOUND),
    "contact_attributes_inbound": (ObjectType.CONTACT, Direction.INBOUND),
}
# How settings say that a new lead gets Close's own default.
_NO_STATUS = ("", "N/A", "hull-default")
_IDENTIFIERS = ("domain", "external_id")
_LONGEST_NAME, _LONGEST_VALUE = 250, 120


@dataclass(frozen=True, slots=True)
class Imported:
    """Settings as read, and a sentence for each thing that could not be used.

    `close_api_key` is None when the settings do not speak of it.
    """

    account_segments: tuple[str, ...] = ()
    user_segments: tuple[str, ...] = ()
    lead_status: str = ""
    identity_hull: str = "domain"
    identity_close: str = "url"
    rows: tuple[MappingRow, ...] = ()
    problems: tuple[str, ...] = ()
    close_api_key: str | None = field(default=None, repr=False)


def from_private_settings(settings: Mapping[str, Any]) -> Imported:
    """Read the original's settings, or those of the newer connectors' row shape. Never raises for a value."""
    problems: list[str] = []
    return Imported(
        account_segments=_segments(settings, "synchronized_account_segments", problems),
        user_segments=_segments(settings, "synchronized_user_segments", problems),
        lead_status=_lead_status(settings, problems),
        identity_hull=_identity_hull(settings, problems),
        identity_close=_identity_close(settings, problems),
        rows=tuple(row for name in _LISTS for row in _rows(settings, name, problems)),
        problems=tuple(problems),
        close_api_key=_text(settings["api_key"]) if "api_key" in settings else None,
    )


def to_private_settings(settings: SyncSettings | Imported) -> dict[str, Any]:
    """Return settings in the original's shape, without any credential.

    `on_create` has no counterpart there and becomes `overwrite: false`, the nearest.
    """
    return {
        "synchronized_account_segments": list(settings.account_segments),
        "synchronized_user_segments": list(settings.user_segments),
        "lead_status": settings.lead_status or "N/A",
        "lead_identifier_hull": settings.identity_hull,
        "lead_identifier_service": settings.identity_close,
    } | {
        name: [_as_setting(row) for row in settings.rows if (row.object_type, row.direction) == place]
        for name, place in _LISTS.items()
    }


# ── Single settings ──────────────────────────────────────────────────────────────────────────────


def _segments(settings: Mapping[str, Any], name: str, problems: list[str]) -> tuple[str, ...]:
    found = _listed(settings, name, problems)
    return tuple(dict.fromkeys(text for item in found if (text := _text(item))))


def _lead_status(settings: Mapping[str, Any], problems: list[str]) -> str:
    status = _text(settings.get("lead_status"))
    if len(status) > _LONGEST_VALUE:
        problems.append(f"lead_status is longer than {_LONGEST_VALUE} characters and is left out.")
        return ""
    return "" if status in _NO_STATUS else status


def _identity_hull(settings: Mapping[str, Any], problems: list[str]) -> str:
    found = hull_name(_text(settings.get("lead_identifier_hull"))) or "domain"
    if found not in _IDENTIFIERS:
        problems.append(f"lead_identifier_hull {found} is neither domain nor external_id; domain is used.")
        return "domain"
    return found


def _identity_close(settings: Mapping[str, Any], problems: list[str]) -> str:
    found = _text(settings.get("lead_identifier_service")) or "url"
    if found != "url" and not (found.startswith("custom.") and len(found) <= _LONGEST_VALUE):
        problems.append(f"lead_identifier_service {found} is neither url nor a custom field; url is used.")
        return "url"
    return found


def _listed(settings: Mapping[str, Any], name: str, problems: list[str]) -> list[Any]:
    found = settings.get(name) or []
    if not isinstance(found, list | tuple):
        problems.append(f"{name} is not a list and is left out.")
        return []
    return list(found)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────


def _rows(settings: Mapping[str, Any], name: str, problems: list[str]) -> Iterator[MappingRow]:
    """Yield the complete rows of a list, each pairing once."""
    seen = set()
    for number, item in enumerate(_listed(settings, name, problems), start=1):
        row = _row(item, *_LISTS[name])
        if not row.close or (row.direction is Direction.OUTBOUND and not row.hull):
            problems.append(f"Row {number} of {name} is incomplete and is left out.")
        elif max(len(row.hull), len(row.close)) > _LONGEST_NAME:
            problems.append(f"Row {number} of {name} has too long a name and is left out.")
        elif (row.hull, row.close) not in seen:
            seen.add((row.hull, row.close))
            yield row


def _row(item: Any, object_type: ObjectType, direction: Direction) -> MappingRow:
    if not isinstance(item, Mapping):
        return MappingRow(object_type, direction, "", _text(item))
    hull = _text(item.get("hull_field_name")) or _text(item.get("hull"))
    close = _text(item.get("closeio_field_name")) or _text(item.get("service"))
    mode = Mode.IF_EMPTY if item.get("overwrite") is False else Mode.ALWAYS
    return MappingRow(object_type, direction, _plain_name(hull), close, mode)


def _plain_name(hull: str) -> str:
    if hull.startswith("account."):
        return f"account.{hull_name(hull.removeprefix('account.'))}"
    return hull_name(hull)


def _as_setting(row: MappingRow) -> Any:
    kept = {} if row.mode is Mode.ALWAYS else {"overwrite": False}
    if row.direction is Direction.OUTBOUND:
        return {"hull_field_name": row.hull, "closeio_field_name": row.close} | kept
    if row.hull or kept:
        return {"hull": row.hull, "service": row.close} | kept
    return row.close
