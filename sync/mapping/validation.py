"""Whether a mapping makes sense, told per row in words."""

from __future__ import annotations

from dataclasses import dataclass

from sync.mapping.named import TRANSFORMS
from sync.mapping.outbound import find_status
from sync.mapping.paths import ADDRESS_PARTS, LISTS, SCALARS, parse_close_path
from sync.mapping.typed import kind_of
from sync.records import Departure, DeparturePolicy, Direction, MappingRow, ObjectType, SyncSettings


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row, or with a setting when `row` is None; `remedy` says what to do."""

    message: str
    remedy: str
    row: MappingRow | None = None
    setting: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


def check_shape(row: MappingRow) -> Problem | None:
    """Check a row by itself, without knowing what Close holds."""
    if not row.close:
        return Problem("A mapping row names no Close field.", "Name one, or remove the row.", row)
    if row.direction is Direction.OUTBOUND and not row.hull:
        return Problem(
            f"The row for {row.close} names no Hull attribute.",
            "Name one, or remove the row.",
            row,
        )
    if row.direction is Direction.OUTBOUND and not _is_writable(row):
        where = "a lead" if row.object_type is ObjectType.LEAD else "a contact"
        return Problem(f"{row.close} is not a field of {where} that can be written.", _other_field(row), row)
    if row.transform and row.direction is Direction.INBOUND:
        return Problem(f"The row for {row.close} comes from Close as it is.", "Name no transform.", row)
    if row.transform and row.transform not in TRANSFORMS:
        known = ", ".join(TRANSFORMS)
        return Problem(f"“{row.transform}” is not a transform.", f"Choose one of: {known}; or none.", row)
    return None


def _other_field(row: MappingRow) -> str:
    path = parse_close_path(row.close)
    if path.root == "addresses" and row.object_type is ObjectType.LEAD:
        return f"Name an address's label and part, such as addresses.business.city; parts: {', '.join(ADDRESS_PARTS)}."
    return "Choose another field."


def check_row(row: MappingRow, settings: SyncSettings) -> Problem | None:
    """Check a row by itself and against the custom fields that Close has."""
    problem = check_shape(row)
    if problem or not parse_close_path(row.close).is_custom:
        return problem
    if row.close not in settings.schema.fields(row.object_type):
        kind = row.object_type.lower()
        return Problem(
            f"{row.close} is not a custom field of a {kind} in Close; it may have been deleted.",
            "Map another field, or remove the row. The other rows go on.",
            row,
        )
    found = settings.schema.fields(row.object_type)[row.close]
    if row.close_type and row.close_type != kind_of(found):
        return Problem(
            f"{found.label} ({row.close}) was of type {row.close_type} when it was mapped, and is of type {kind_of(found)} in "
            "Close now. Hull keeps what it holds.",
            "Let the row run with the new type, map another field, or remove the row. The other rows go on.",
            row,
        )
    return None


def sound_rows(
    settings: SyncSettings,
) -> tuple[tuple[MappingRow, ...], tuple[Problem, ...]]:
    """Split the rows into those that can run and the problems of those that cannot."""
    checked = [(row, check_row(row, settings)) for row in settings.rows]
    sound = tuple(row for row, problem in checked if problem is None)
    return sound, tuple(problem for _, problem in checked if problem is not None)


def check_settings(settings: SyncSettings) -> tuple[Problem, ...]:
    """Check what is configured beside the rows: the lead status and the identifier."""
    problems = []
    if settings.lead_status and find_status(settings.lead_status, settings) is None:
        known = ", ".join(status.label for status in settings.schema.statuses)
        problems.append(
            Problem(
                f"“{settings.lead_status}” is not a lead status in Close.",
                f"Choose one of: {known}; or leave it empty for Close's own default.",
                setting="lead_status",
            )
        )
    if _marks_leads(settings) and find_status(settings.mark_status, settings) is None:
        known = ", ".join(status.label for status in settings.schema.statuses)
        unknown = f"“{settings.mark_status}” is not a lead status in Close"
        said = unknown if settings.mark_status else "None is chosen"
        problems.append(
            Problem(
                f"The lead status that marks a lead whose account has left: {said}.",
                f"Choose one of: {known}; or another policy under “When a record leaves”.",
                setting="mark_status",
            )
        )
    identity = settings.identity_close
    if identity != "url" and identity not in settings.schema.fields(ObjectType.LEAD):
        problems.append(
            Problem(
                f"The identifier {identity} is not a custom field of a lead in Close.",
                "Choose url or an existing custom field.",
                setting="identity_close",
            )
        )
    return tuple(problems)


def _marks_leads(settings: SyncSettings) -> bool:
    departures = (Departure.LEFT_SEGMENT, Departure.DELETED_IN_HULL)
    chosen = (settings.departures.get((ObjectType.LEAD, departure)) for departure in departures)
    return DeparturePolicy.MARK in chosen


def _is_writable(row: MappingRow) -> bool:
    path = parse_close_path(row.close)
    if path.is_custom:
        return bool(path.raw.removeprefix("custom."))
    if path.root == "addresses":
        return row.object_type is ObjectType.LEAD and path.is_address_part
    if path.root in LISTS:
        return row.object_type is ObjectType.CONTACT and bool(path.type)
    return path.raw in SCALARS[row.object_type]
