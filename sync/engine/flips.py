"""Fields that two tools write in turns: what we wrote of a record lately, and when that goes round in circles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sync.engine.echo import value_at
from sync.engine.plan import Decision
from sync.mapping.paths import parse_close_path
from sync.records import Attributes, parse_time

# Per field, the moment and the digest of each value that we wrote within the window, the oldest first.
History = Mapping[str, Sequence[Sequence[str]]]


def digest(value: Any) -> str:
    """Return what stands for a value in a history: short, and the same for equal values."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def noted(
    history: History, written: Mapping[str, Any], *, now: datetime, window: timedelta
) -> dict[str, Any]:
    """Return the history with some fields' values just written, without what is older than the window.

    A field is forgotten when it was not written within the window.
    """
    recent = {path: _within(entries, now, window) for path, entries in history.items()}
    added = {
        path: [*recent.get(path, []), [now.isoformat(), digest(value)]] for path, value in written.items()
    }
    return {path: entries for path, entries in (recent | added).items() if entries}


def count(entries: Iterable[Sequence[str]]) -> int:
    """Count the flips in one field's history: writes of a value that was written before, another one in between.

    A value that follows on itself counts too, since nothing is written that Close holds already: somebody else put
    another value there. A value that only moves on, such as a counter, never flips.
    """
    seen: set[str] = set()
    flips = 0
    for _, mark in entries:
        flips += mark in seen
        seen.add(mark)
    return flips


def to_pause(
    history: History, written: Iterable[str], paused: Mapping[str, Any], *, limit: int
) -> tuple[str, ...]:
    """Return which of the fields just written flipped more often than the limit allows and are not paused yet."""
    return tuple(path for path in written if path not in paused and count(history.get(path, ())) > limit)


def written(decision: Decision, before: Attributes, after: Attributes) -> dict[str, tuple[Any, Any]]:
    """Return what was written of a record, per mapped field: what Close held before, and Hull's value.

    A list travels whole; of its fields only those count in which Close's entries changed.
    """
    if decision.verb is None:
        return {}

    def is_written(path: str) -> bool:
        if path in decision.body:
            return True
        travelled = parse_close_path(path).root in decision.body
        return travelled and value_at(path, before) != value_at(path, after)

    return {
        path: (value_at(path, before), value) for path, value in decision.base.items() if is_written(path)
    }


def pause_entry(values: Sequence[Any], *, now: datetime, writer: str = "") -> dict[str, Any]:
    """Return what is remembered of a pause: since when, the two values that the field went between, and who else wrote."""
    return {"since": now.isoformat(), "values": list(values), "writer": writer}


def pause_note(path: str, entry: Mapping[str, Any]) -> str:
    """Say in a sentence that a field is paused, and who else writes it as far as Close told."""
    before, after = (_shown(value) for value in [*entry.get("values", ()), None, None][:2])
    writer = entry.get("writer")
    who = f" Close's event log says that {writer} writes it too." if writer else ""
    return (
        f"{path}: went back and forth between {before} and {after}, and is paused on this record.{who} "
        "Stop one of the two writers, then resume it on the link's page."
    )


def _within(entries: Iterable[Sequence[str]], now: datetime, window: timedelta) -> list[Sequence[str]]:
    return [entry for entry in entries if (at := parse_time(entry[0])) and at > now - window]


def _shown(value: Any) -> str:
    if value in (None, "", [], ()):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else f"“{value}”"
