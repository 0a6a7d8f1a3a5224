"""Which value a field should have when two sides may have changed it since they last agreed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sync.engine.plan import BaseValue
from sync.mapping.transforms import is_empty, same
from sync.records import Mode


class Choice(StrEnum):
    """What to do with one field."""

    WRITE = "WRITE"  # Hull's value goes to Close
    AGREED = "AGREED"  # both sides hold it already, or Close's value was accepted
    LEAVE = "LEAVE"  # Close's value stays, and nothing was agreed


def resolve(
    mode: Mode,
    hull: Any,
    close: Any,
    base: BaseValue | None,
    *,
    kind: str = "text",
    hull_at: datetime | None = None,
    close_at: datetime | None = None,
    clearable: bool = True,
) -> Choice:
    """Decide one field of an existing Close record.

    Each side is compared with its own form at the last agreement, so that Close's normalising never looks
    like an edit. Only when both changed is it a conflict: the more recent one wins, a tie goes to Close,
    since a person typed it there. Without an earlier agreement, mode `always` means that Hull's value goes.
    """
    if mode is Mode.ON_CREATE:
        return Choice.LEAVE
    if is_empty(hull):
        return _resolve_empty(close, base, kind, clearable and mode is Mode.ALWAYS)
    if same(hull, close, kind):
        return Choice.AGREED
    if mode is Mode.IF_EMPTY:
        return Choice.WRITE if is_empty(close) else Choice.LEAVE
    if base is None or same(close, base.stored, kind):
        return Choice.LEAVE if base and same(hull, base.sent, kind) else Choice.WRITE
    if same(hull, base.sent, kind):
        return Choice.LEAVE
    return Choice.WRITE if hull_at and close_at and hull_at > close_at else Choice.AGREED


def _resolve_empty(close: Any, base: BaseValue | None, kind: str, clearable: bool) -> Choice:
    """An emptied Hull attribute clears only what was written from it and is still there."""
    if not clearable or base is None or is_empty(base.sent):
        return Choice.LEAVE
    if is_empty(close):
        return Choice.AGREED
    return Choice.WRITE if same(close, base.stored, kind) else Choice.LEAVE
