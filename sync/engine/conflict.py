"""Which value a field should have when two sides may have changed it since they last agreed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sync.engine.plan import BaseValue
from sync.mapping.transforms import comparable, is_empty, same
from sync.records import Conflict, Mode


class Choice(StrEnum):
    """What to do with one field."""

    WRITE = "WRITE"  # Hull's value goes to Close
    AGREED = "AGREED"  # both sides hold it already, or Close's value was accepted
    LEAVE = "LEAVE"  # Close's value stays, and nothing was agreed
    HOLD = "HOLD"  # both sides changed it, and a person says whose value stays


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
    policy: Conflict = Conflict.NEWEST,
) -> Choice:
    """Decide one field of an existing Close record that holds one value.

    Each side is compared with its own form at the last agreement, so that Close's normalising never looks
    like an edit. Only when both changed is it a conflict, and the policy says whose value stays; with `newest`
    the more recent one, and a tie goes to Close, since a person typed it there. An emptied attribute is never
    the newer value: what a person made of ours stays. Without an earlier agreement, mode `always` means that
    Hull's value goes.
    """
    if mode is Mode.ON_CREATE:
        return Choice.LEAVE
    if is_empty(hull):
        return _resolve_empty(close, base, kind, clearable and mode is Mode.ALWAYS, policy)
    if same(hull, close, kind):
        return Choice.AGREED
    if mode is Mode.IF_EMPTY:
        return Choice.WRITE if is_empty(close) else Choice.LEAVE
    if base is None or same(close, base.stored, kind):
        return Choice.LEAVE if base and same(hull, base.sent, kind) else Choice.WRITE
    if same(hull, base.sent, kind):
        return Choice.LEAVE
    return _settled(policy, hull_at, close_at)


def resolve_entries(
    mode: Mode,
    hull: Sequence[Any],
    close: Sequence[Any],
    base: BaseValue | None,
    *,
    kind: str = "text",
    hull_at: datetime | None = None,
    close_at: datetime | None = None,
    clearable: bool = True,
    policy: Conflict = Conflict.NEWEST,
) -> Choice:
    """Decide our part of a list or a set in which other people's entries stand beside ours.

    Hull changed when it wants other entries than it sent last. Close changed when one of our entries was edited
    or removed there; ours are those that we sent and that Close kept. What others add beside them is no edit of
    ours, and so never a conflict. Where Hull's entries win they are written beside what a person made of ours,
    since nobody can tell an edited entry from a new one; where Close's win the list stays as it is.
    """
    sent = _items(base.sent) if base else []
    if mode is Mode.ON_CREATE or same(hull, sent, kind):
        return Choice.LEAVE
    if not hull and not (sent and clearable and mode is Mode.ALWAYS):
        return Choice.LEAVE
    if mode is Mode.IF_EMPTY:
        return Choice.LEAVE if close else Choice.WRITE
    if base is None or not _is_edited(base, close, kind):
        return Choice.WRITE
    if same(hull, close, kind):
        return Choice.AGREED
    return _settled(policy, hull_at, close_at)


def is_edited_in_close(close: Any, base: BaseValue, *, kind: str = "text", merged: bool = False) -> bool:
    """Tell whether Close's value changed since the last agreement; `merged` fields hold other people's values too."""
    return _is_edited(base, _items(close), kind) if merged else not same(close, base.stored, kind)


def _settled(policy: Conflict, hull_at: datetime | None, close_at: datetime | None) -> Choice:
    if policy is Conflict.HOLD:
        return Choice.HOLD
    if policy is Conflict.NEWEST:
        return Choice.WRITE if hull_at and close_at and hull_at > close_at else Choice.AGREED
    return Choice.WRITE if policy is Conflict.HULL else Choice.AGREED


def _resolve_empty(
    close: Any, base: BaseValue | None, kind: str, clearable: bool, policy: Conflict
) -> Choice:
    """An emptied Hull attribute clears what was written from it; what a person made of it only by policy."""
    if not clearable or base is None or is_empty(base.sent):
        return Choice.LEAVE
    if is_empty(close):
        return Choice.AGREED
    if same(close, base.stored, kind):
        return Choice.WRITE
    return Choice.LEAVE if policy is Conflict.NEWEST else _settled(policy, None, None)


def _is_edited(base: BaseValue, close: Sequence[Any], kind: str) -> bool:
    kept = {repr(comparable(value, kind)) for value in _items(base.stored)}
    held = {repr(comparable(value, kind)) for value in close}
    ours = {repr(comparable(value, kind)) for value in _items(base.sent)} & kept
    return bool(ours - held)


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if is_empty(value) else [value]
