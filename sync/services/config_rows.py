"""The mapping rows of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping

from sync.mapping.inbound import standard_name
from sync.mapping.named import TRANSFORMS
from sync.mapping.paths import hull_name, parse_close_path
from sync.mapping.validation import check_shape
from sync.records import CloseSchema, Conflict, Direction, MappingRow, Mode, ObjectType, OnNull
from sync.services.config_yaml import Section

_OBJECTS = {object_type.value.lower(): object_type for object_type in ObjectType}
_DIRECTIONS = {direction.value.lower(): direction for direction in Direction}
_KEYS = {
    Direction.OUTBOUND: ("hull", "close", "mode", "null", "conflict", "transform"),
    Direction.INBOUND: ("hull", "close", "mode"),
}


def read_rows(connector: Section) -> Mapping[tuple[ObjectType, Direction], tuple[MappingRow, ...]]:
    """Return the rows of each list that the file has. An absent list, or absent `mappings`, is not among them."""
    found = {}
    mappings = connector.section("mappings", tuple(_OBJECTS))
    for object_name, object_type in _OBJECTS.items():
        part = mappings and mappings.section(object_name, tuple(_DIRECTIONS))
        for name, direction in _DIRECTIONS.items() if part else ():
            if part and part.items(name) is not None:
                found[object_type, direction] = _read_list(part, name, object_type, direction)
    return found


def _read_list(
    part: Section, name: str, object_type: ObjectType, direction: Direction
) -> tuple[MappingRow, ...]:
    rows: dict[str, MappingRow] = {}
    lines: dict[str, int] = {}
    for section in part.sections(name, _KEYS[direction]):
        row = _read_row(section, object_type, direction)
        target = _target(row) if row else ""
        if row and target in rows:
            section.report.mistake(
                section.line, f"{section.path} writes {target}, like the row on line {lines[target]}."
            )
        elif row:
            rows[target], lines[target] = row, section.line
    return tuple(rows.values())


def _read_row(section: Section, object_type: ObjectType, direction: Direction) -> MappingRow | None:
    """Return a row; None when something in it was noted as a mistake."""
    before = len(section.report.mistakes)
    needs_hull = direction is Direction.OUTBOUND
    hull = section.text("hull", required=needs_hull, numbers=True)
    close = section.text("close", required=True, numbers=True)
    mode = Mode(section.choice("mode", [mode.value for mode in Mode], Mode.ALWAYS.value))
    on_null = OnNull(section.choice("null", [one.value for one in OnNull], OnNull.CLEAR.value))
    conflict = Conflict(section.choice("conflict", [one.value for one in Conflict], Conflict.NEWEST.value))
    transform = section.choice("transform", TRANSFORMS, "") if section.find("transform") else ""
    for key, value in (("hull", hull), ("close", close)):
        if len(value) > 250:
            section.mistake(key, "is longer than 250 characters.")
    row = MappingRow(object_type, direction, hull, close, mode, on_null, conflict, transform)
    problem = check_shape(row) if len(section.report.mistakes) == before else None
    if problem:
        section.mistake("close", f"cannot be used: {problem}")
    return row if len(section.report.mistakes) == before else None


def _target(row: MappingRow) -> str:
    """Return what a row writes. Two rows may add to one list of Close, but not twice the same."""
    path = parse_close_path(row.close)
    if row.direction is Direction.INBOUND:
        return hull_name(row.hull) or standard_name(path, row.object_type, CloseSchema())
    return f"{row.close} from {hull_name(row.hull)}" if path.is_list else row.close
