"""Why a record is as it is, field by field: the value on each side, the rule between them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sync.engine.conflict import Choice
from sync.engine.echo import value_at
from sync.engine.patch import choose, completed
from sync.engine.plan import InboundDecision, KnownRecord, OutboundRecord
from sync.mapping.inbound import is_in_doubt
from sync.mapping.outbound import Desired, DesiredValue, build_contact, build_lead
from sync.mapping.paths import parse_close_path
from sync.mapping.transforms import is_empty, same
from sync.records import Direction, HullAccount, MappingRow, Mode, ObjectType, SyncSettings


class Verdict(StrEnum):
    """What a field's rule makes of the two values."""

    IN_STEP = "IN_STEP"
    NEXT = "NEXT"
    OTHER_SIDE = "OTHER_SIDE"
    NOT_EMPTY = "NOT_EMPTY"
    ONLY_NEW = "ONLY_NEW"
    CONFLICT = "CONFLICT"
    PAUSED = "PAUSED"
    LEFT_OUT = "LEFT_OUT"
    PARKED = "PARKED"
    NOTHING = "NOTHING"
    RECORD = "RECORD"


@dataclass(frozen=True, slots=True)
class FieldStory:
    """One pairing of a Hull attribute and a Close field. `target` is the name under which outcomes tell of it.

    `source` is the value of the side that it comes from, `held` what the other side holds, as we know it.
    """

    direction: Direction
    hull: str
    close: str
    source: Any
    held: Any
    verdict: Verdict
    target: str
    row: MappingRow | None = None
    note: str = ""


def outbound_fields(record: OutboundRecord, settings: SyncSettings) -> list[FieldStory]:
    """Return what goes from Hull to Close, field by field. What no row names, name and identifier, comes first."""
    hull, known = record.hull, record.link
    desired = build_lead(hull, settings) if isinstance(hull, HullAccount) else build_contact(hull, settings)
    rows = settings.mapped(record.object_type, Direction.OUTBOUND)
    by_close = {row.close: row for row in rows}
    left_out = {one.path: one.option for one in desired.left_out}
    told = [_wanted(one, record, known, by_close.get(one.path.raw)) for one in desired.values]
    named = {story.close for story in told}
    missing = [_missing(row, known, left_out, desired) for row in rows if row.close not in named]
    return [*told, *missing, *_parked(record.object_type, Direction.OUTBOUND, settings)]


def _wanted(
    wanted: DesiredValue, record: OutboundRecord, known: KnownRecord | None, row: MappingRow | None
) -> FieldStory:
    path = wanted.path.raw
    held = value_at(path, known.close) if known else None
    verdict = _verdict(wanted, record, known, held) if known else Verdict.NEXT
    if known is None and is_empty(wanted.value):
        verdict = Verdict.NOTHING
    hull = row.hull if row else _standard(path)
    return FieldStory(Direction.OUTBOUND, hull, path, wanted.value, held, verdict, _root(path), row)


def _verdict(wanted: DesiredValue, record: OutboundRecord, known: KnownRecord, held: Any) -> Verdict:
    path = wanted.path.raw
    choice = choose(completed(wanted, known), known, record.hull.indexed_at, record.chosen.get(path))
    is_same = same(wanted.value, held, wanted.kind) or (is_empty(wanted.value) and is_empty(held))
    if path in known.paused and choice in (Choice.WRITE, Choice.HOLD):
        return Verdict.PAUSED
    if choice is Choice.WRITE:
        return Verdict.NEXT
    if choice is Choice.HOLD:
        return Verdict.CONFLICT
    if is_same:
        return Verdict.NOTHING if is_empty(held) else Verdict.IN_STEP
    if wanted.mode is Mode.ON_CREATE:
        return Verdict.ONLY_NEW
    if wanted.mode is Mode.IF_EMPTY:
        return Verdict.NOT_EMPTY
    base = known.base.get(path)
    is_agreed = (
        base is not None
        and same(wanted.value, base.sent, wanted.kind)
        and same(held, base.stored, wanted.kind)
    )
    return Verdict.IN_STEP if is_agreed or _holds_ours(wanted, held) else Verdict.OTHER_SIDE


def _holds_ours(wanted: DesiredValue, held: Any) -> bool:
    """Whether all of our entries are in a list that others write to as well."""
    if not wanted.is_merged or not isinstance(held, list | tuple):
        return False
    return all(any(same(one, other, wanted.kind) for other in held) for one in wanted.value)


def _missing(
    row: MappingRow, known: KnownRecord | None, left_out: Mapping[str, str], desired: Desired
) -> FieldStory:
    """Tell of a row of which nothing is wanted: the attribute is missing, or its value cannot be used."""
    held = value_at(row.close, known.close) if known else None
    note = next((one for one in desired.notes if row.close in one or (row.hull and row.hull in one)), "")
    is_out = row.close in left_out or bool(note)
    verdict = Verdict.LEFT_OUT if is_out else Verdict.NOTHING if is_empty(held) else Verdict.OTHER_SIDE
    return FieldStory(
        Direction.OUTBOUND,
        row.hull,
        row.close,
        left_out.get(row.close),
        held,
        verdict,
        _root(row.close),
        row,
        note,
    )


def of_skipped(stories: Sequence[FieldStory]) -> list[FieldStory]:
    """Return what the fields of a record come to that is itself skipped or held: nothing of it is written."""
    return [replace(one, verdict=Verdict.RECORD) if one.verdict is Verdict.NEXT else one for one in stories]


def inbound_fields(decision: InboundDecision, settings: SyncSettings) -> list[FieldStory]:
    """Return what comes from Close into Hull, attribute by attribute, as it was told and as it would be."""
    known = decision.record.link
    written = decision.write.attributes if decision.write else {}
    names = [*decision.sent, *(name for name in written if name not in decision.sent)]
    stories = []
    for name in dict.fromkeys([*known.sent, *names]):
        before = None if is_in_doubt(known.sent.get(name)) else known.sent.get(name)
        after = _plain(written[name]) if name in written else decision.sent.get(name, before)
        if is_empty(before) and is_empty(after):
            continue
        verdict = Verdict.NEXT if name in written else Verdict.IN_STEP
        stories.append(FieldStory(Direction.INBOUND, name, "", after, before, verdict, name))
    return [*stories, *_parked(decision.record.object_type, Direction.INBOUND, settings)]


def _parked(object_type: ObjectType, direction: Direction, settings: SyncSettings) -> list[FieldStory]:
    """Rows that cannot run now: what stands on the other side stays."""
    rows: Sequence[MappingRow] = [
        row for row in settings.parked if (row.object_type, row.direction) == (object_type, direction)
    ]
    return [
        FieldStory(direction, row.hull, row.close, None, None, Verdict.PARKED, _root(row.close), row)
        for row in rows
    ]


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and value.get("operation") == "setIfNull" else value


def _root(close: str) -> str:
    """Return the field that a write names: a list is written whole."""
    path = parse_close_path(close)
    return path.root if path.is_list or path.is_address_part else path.raw


def _standard(close: str) -> str:
    return {"url": "domain", "emails.office": "email"}.get(close, "name" if close == "name" else "")
