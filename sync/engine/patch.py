"""What to write of one record: the changed fields of an existing one, or everything of a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync.engine import flips
from sync.engine.conflict import Choice, resolve, resolve_entries
from sync.engine.echo import value_at
from sync.engine.plan import Chosen, KnownRecord
from sync.engine.told import is_outdated, told_base
from sync.mapping import transforms
from sync.mapping.lists import merge_addresses, merge_entries, merge_values
from sync.mapping.outbound import Desired, DesiredValue
from sync.mapping.paths import LISTS
from sync.records import Conflict, Mode

# Whoever chose one of these does not want a person's edit overwritten that was made a moment ago.
_ASKS_FIRST = (Conflict.CLOSE, Conflict.HOLD)


@dataclass(frozen=True, slots=True)
class Patch:
    """What to change in an existing record.

    `base` holds, per field, the Hull value that is reconciled afterwards; `conflicts` the fields that wait for a
    person, as Hull's and Close's value; `paused` those that would have been written but flipped too often. With
    `read_first` the present state of the record must be known before this is sent.
    """

    body: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    conflicts: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    paused: tuple[str, ...] = ()
    read_first: bool = False


def build_patch(
    desired: Desired,
    known: KnownRecord,
    hull_at: datetime | None,
    chosen: Mapping[str, Chosen] | None = None,
) -> Patch:
    """Decide each field of an existing record by its mode and policy, or by what a person chose."""
    decided = [
        (wanted, choose(wanted, known, hull_at, (chosen or {}).get(wanted.path.raw)))
        for wanted in (completed(one, known) for one in desired.values)
    ]
    free = [(wanted, choice) for wanted, choice in decided if wanted.path.raw not in known.paused]
    writes = [wanted for wanted, choice in free if choice is Choice.WRITE]
    held = [wanted for wanted, choice in free if choice is Choice.HOLD]
    accepted = [wanted for wanted, choice in decided if choice is Choice.AGREED]
    paused = [one for one, choice in decided if one.path.raw in known.paused and choice in _WOULD_TOUCH]
    body = _merged(writes, known)
    return Patch(
        body=body,
        base={wanted.path.raw: wanted.value for wanted in (*writes, *accepted)},
        notes=_notes(accepted, held, paused, known),
        conflicts={one.path.raw: (one.value, value_at(one.path.raw, known.close)) for one in held},
        paused=tuple(wanted.path.raw for wanted in paused),
        read_first=not known.current and (_replaces_a_list(body, writes) or _asks_first(writes, known)),
    )


_WOULD_TOUCH = (Choice.WRITE, Choice.HOLD)


def choose(
    wanted: DesiredValue, known: KnownRecord, hull_at: datetime | None, chosen: Chosen | None = None
) -> Choice:
    """Decide one wanted value. A person's choice stands in for the policy while both sides hold what the person saw."""
    path = wanted.path.raw
    close = value_at(path, known.close)
    policy = chosen.side if chosen and _is_as_seen(chosen, wanted, close) else wanted.conflict
    base = known.base.get(path)
    if base is None and (told := told_base(wanted, known)):
        base = told
        if is_outdated(wanted, hull_at, known):
            return Choice.LEAVE
    given: dict[str, Any] = {
        "kind": wanted.kind, "hull_at": hull_at, "close_at": known.updated_at, "clearable": wanted.clearable,
        "policy": policy,
    }  # fmt: skip
    if wanted.is_merged:
        held = _items(close)
        choice = resolve_entries(wanted.mode, _items(wanted.value), held, base, **given)
    else:
        choice = resolve(wanted.mode, wanted.value, close, base, **given)
    is_first = base is not None and path not in known.base
    return Choice.AGREED if is_first and choice is Choice.LEAVE and wanted.mode is Mode.ALWAYS else choice


def _is_as_seen(chosen: Chosen, wanted: DesiredValue, close: Any) -> bool:
    return transforms.same(chosen.hull, wanted.value, wanted.kind) and transforms.same(
        chosen.close, close, wanted.kind
    )


def completed(wanted: DesiredValue, known: KnownRecord) -> DesiredValue:
    """Where some of what Hull wants is not known this time, what it wanted last stays wanted."""
    if not wanted.keeps:
        return wanted
    earlier = _sent(wanted, known)
    return replace(wanted, value=[*earlier, *(value for value in wanted.value if value not in earlier)])


def build_body(desired: Desired) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a new record is made with, and per field the Hull value that is reconciled afterwards."""
    given = [wanted for wanted in desired.values if not transforms.is_empty(wanted.value)]
    return _merged(given, None), {wanted.path.raw: wanted.value for wanted in given}


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────


def _merged(writes: Sequence[DesiredValue], known: KnownRecord | None) -> dict[str, Any]:
    """Put values together as Close takes them: lists whole, other people's entries with ours."""
    body: dict[str, Any] = {}
    addresses: dict[str, dict[str, Any]] = {}
    close = known.close if known else {}
    for wanted in writes:
        if wanted.path.is_address_part:
            addresses.setdefault(wanted.path.type, {})[wanted.path.part] = wanted.value
        elif wanted.is_set:
            _put_set(wanted, known, body)
        elif not wanted.path.is_list:
            body[wanted.path.raw] = wanted.value
    if addresses:
        body["addresses"] = merge_addresses(close.get("addresses"), addresses)
    for root in LISTS:
        _put_list(root, [wanted for wanted in writes if wanted.path.root == root], known, body)
    return body


def _put_set(wanted: DesiredValue, known: KnownRecord | None, body: dict[str, Any]) -> None:
    """A custom field of several values: other people's stay, whatever their order."""
    held = _items(known.close.get(wanted.path.raw)) if known else []
    merged = merge_values(held, _sent(wanted, known), wanted.value, wanted.kind)
    if merged is not None:
        body[wanted.path.raw] = merged or None


def _put_list(
    root: str, writes: Sequence[DesiredValue], known: KnownRecord | None, body: dict[str, Any]
) -> None:
    owned = {wanted.path.type: _sent(wanted, known) for wanted in writes}
    due = {wanted.path.type: wanted.value for wanted in writes}
    merged = merge_entries(root, known.close.get(root) if known else None, owned, due)
    if merged is not None:
        body[root] = merged


def _sent(wanted: DesiredValue, known: KnownRecord | None) -> list[Any]:
    base = known.base.get(wanted.path.raw) if known else None
    return _items(base.sent) if base else []


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if transforms.is_empty(value) else [value]


# ── What has to be known or told ─────────────────────────────────────────────────────────────────


def _replaces_a_list(body: Mapping[str, Any], writes: Iterable[DesiredValue]) -> bool:
    sets = {wanted.path.raw for wanted in writes if wanted.is_set}
    return any(name in LISTS or name == "addresses" or name in sets for name in body)


def _asks_first(writes: Iterable[DesiredValue], known: KnownRecord) -> bool:
    """Where Close's edits must not be overwritten, also one that we did not hear of yet is looked for."""
    return any(wanted.conflict in _ASKS_FIRST and wanted.path.raw in known.base for wanted in writes)


def _notes(
    accepted: Iterable[DesiredValue],
    held: Iterable[DesiredValue],
    paused: Iterable[DesiredValue],
    known: KnownRecord,
) -> tuple[str, ...]:
    stays = [
        f"{one.path.raw}: changed on both sides; Close's value stays."
        for one in accepted
        if not transforms.same(one.value, value_at(one.path.raw, known.close), one.kind)
        and one.path.raw in known.base
    ]
    waits = [f"{one.path.raw}: changed on both sides; choose whose value stays." for one in held]
    stopped = [flips.pause_note(one.path.raw, known.paused[one.path.raw]) for one in paused]
    return (*stays, *waits, *stopped)
