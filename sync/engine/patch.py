"""What to write of one record: the changed fields of an existing one, or everything of a new one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sync.engine.conflict import Choice, resolve
from sync.engine.echo import value_at
from sync.engine.plan import KnownRecord
from sync.mapping import transforms
from sync.mapping.lists import merge_entries, values_of
from sync.mapping.outbound import Desired, DesiredValue
from sync.mapping.paths import LISTS
from sync.records import Mode


def build_patch(
    desired: Desired, known: KnownRecord, hull_at: datetime | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what to change in an existing record, and per field the Hull value that is reconciled afterwards."""
    patch: dict[str, Any] = {}
    base: dict[str, Any] = {}
    for wanted in desired.values:
        if wanted.path.is_list:
            continue
        choice = resolve(
            wanted.mode, wanted.value, value_at(wanted.path.raw, known.close), known.base.get(wanted.path.raw),
            kind=wanted.kind, hull_at=hull_at, close_at=known.updated_at, clearable=wanted.clearable,
        )  # fmt: skip
        if choice is not Choice.LEAVE:
            base[wanted.path.raw] = wanted.value
        if choice is Choice.WRITE:
            patch[wanted.path.raw] = wanted.value
    for root in LISTS:
        _patch_list(
            root,
            [value for value in desired.values if value.path.root == root],
            known,
            patch,
            base,
        )
    return patch, base


def build_body(desired: Desired) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a new record is made with, and per field the Hull value that is reconciled afterwards."""
    body: dict[str, Any] = {}
    base: dict[str, Any] = {}
    for wanted in desired.values:
        if transforms.is_empty(wanted.value):
            continue
        base[wanted.path.raw] = wanted.value
        if wanted.path.is_list:
            owned = {wanted.path.type: wanted.value}
            merged = merge_entries(wanted.path.root, body.get(wanted.path.root), {}, owned)
            body[wanted.path.root] = merged or body.get(wanted.path.root, [])
        else:
            body[wanted.path.raw] = wanted.value
    return body, base


def _patch_list(
    root: str,
    wanted: list[DesiredValue],
    known: KnownRecord,
    patch: dict[str, Any],
    base: dict[str, Any],
) -> None:
    due = {value.path.type: value for value in wanted if _is_list_due(value, known)}
    if not due:
        return
    owned = {name: _base_values(value, known) for name, value in due.items()}
    merged = merge_entries(
        root,
        known.close.get(root),
        owned,
        {name: value.value for name, value in due.items()},
    )
    if merged is not None:
        patch[root] = merged
    base.update({value.path.raw: value.value for value in due.values()})


def _is_list_due(wanted: DesiredValue, known: KnownRecord) -> bool:
    """Our entries are touched only when Hull's value changed: what a person did to them in Close stays."""
    owned = _base_values(wanted, known)
    if wanted.mode is Mode.ON_CREATE or transforms.same(wanted.value, owned, wanted.kind):
        return False
    if not wanted.value:
        return bool(owned) and wanted.clearable and wanted.mode is Mode.ALWAYS
    held = values_of(known.close.get(wanted.path.root), wanted.path.root, wanted.path.type)
    return wanted.mode is Mode.ALWAYS or not held


def _base_values(wanted: DesiredValue, known: KnownRecord) -> list[Any]:
    base = known.base.get(wanted.path.raw)
    return list(base.sent or []) if base else []
