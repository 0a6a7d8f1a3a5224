"""Lists that two sides write: our entries are added, changed and removed in place, the others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.mapping.paths import LISTS
from sync.mapping.transforms import comparable

Entry = Mapping[str, Any]


def values_of(entries: Sequence[Entry] | None, root: str, entry_type: str = "") -> list[Any]:
    """Return the values in a list of entries, of one type or of all, in their order. Empty ones are left out."""
    key, default = LISTS[root]
    return [
        entry[key]
        for entry in entries or ()
        if entry.get(key) and (not entry_type or (entry.get("type") or default) == entry_type)
    ]


def merge_entries(
    root: str,
    current: Sequence[Entry] | None,
    owned: Mapping[str, Sequence[Any]],
    desired: Mapping[str, Sequence[Any]],
) -> list[dict[str, Any]] | None:
    """Return the list to write, or None when Close already holds what is wanted.

    `owned` holds, per entry type, the values we wrote before, `desired` those that should be there now. An
    owned value that is no longer wanted gives its place to a new one, or goes. A wanted value that is already
    in the list, under whichever type, is left as it is. Everything else keeps its place and its type.
    """
    entries = [_writable(root, entry) for entry in current or ()]
    changed = False
    for entry_type, wanted in desired.items():
        changed |= _merge_type(root, entries, entry_type, owned.get(entry_type, ()), wanted)
    return entries if changed else None


def _merge_type(
    root: str,
    entries: list[dict[str, Any]],
    entry_type: str,
    owned: Sequence[Any],
    wanted: Sequence[Any],
) -> bool:
    fresh = [value for value in wanted if _position(root, entries, value) is None]
    stale = [value for value in owned if not _contains(root, wanted, value)]
    changed = bool(fresh)
    for value in stale:
        place = _position(root, entries, value, entry_type)
        if place is None:
            continue
        changed = True
        if fresh:
            entries[place] = _entry(root, fresh.pop(0), entry_type)
        else:
            del entries[place]
    entries.extend(_entry(root, value, entry_type) for value in fresh)
    return changed


def _position(root: str, entries: Sequence[Entry], value: Any, entry_type: str = "") -> int | None:
    key, default = LISTS[root]
    wanted = comparable(value, key)
    for place, entry in enumerate(entries):
        is_type = not entry_type or (entry.get("type") or default) == entry_type
        if is_type and entry.get(key) and comparable(entry[key], key) == wanted:
            return place
    return None


def _contains(root: str, values: Sequence[Any], value: Any) -> bool:
    key, _ = LISTS[root]
    return comparable(value, key) in [comparable(other, key) for other in values]


def _entry(root: str, value: Any, entry_type: str) -> dict[str, Any]:
    return {LISTS[root][0]: value, "type": entry_type or LISTS[root][1]}


def _writable(root: str, entry: Entry) -> dict[str, Any]:
    """Keep what Close accepts back: an entry's value and type; it refuses the keys that it adds itself."""
    key, _ = LISTS[root]
    return {name: entry[name] for name in (key, "type") if entry.get(name) is not None}
