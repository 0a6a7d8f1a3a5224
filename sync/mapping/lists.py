"""Lists that two sides write: our entries are added, changed and removed in place, the others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.mapping.paths import DEFAULT_LABEL, LISTS
from sync.mapping.transforms import comparable, is_empty

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


def merge_values(
    current: Sequence[Any], owned: Sequence[Any], desired: Sequence[Any], kind: str
) -> list[Any] | None:
    """Return the values of a field that holds a set, or None when Close already holds what is wanted.

    What we wrote before and is no longer wanted goes, what is wanted and missing is added; the others stay.
    `kind` says how two values are compared.
    """
    kept = [value for value in current if not is_among(value, owned, kind) or is_among(value, desired, kind)]
    fresh = [value for value in desired if not is_among(value, current, kind)]
    return [*kept, *fresh] if fresh or len(kept) < len(current) else None


def is_among(value: Any, values: Sequence[Any], kind: str) -> bool:
    """Tell whether a value, or one that means the same, is among others."""
    wanted = comparable(value, kind)
    return any(comparable(other, kind) == wanted for other in values)


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────


def address_part(entries: Sequence[Entry] | None, label: str, part: str) -> Any:
    """Return one part of the first address with a label; None when there is none."""
    found = _labelled(entries or (), label)
    return None if found is None else (entries or ())[found].get(part)


def merge_addresses(
    current: Sequence[Entry] | None, changes: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the list to write: per label, some parts of its first address become what is given.

    An address that is missing is added; a part that is given as empty goes, and with the last part the whole
    address. Other addresses, other parts and the order stay.
    """
    entries = [_writable_address(entry) for entry in current or ()]
    for label, parts in changes.items():
        place = _labelled(entries, label)
        changed = _with_parts({"label": label} if place is None else entries[place], parts)
        is_empty_now = all(name == "label" or is_empty(value) for name, value in changed.items())
        if place is None:
            entries += [] if is_empty_now else [changed]
        elif is_empty_now:
            del entries[place]
        else:
            entries[place] = changed
    return entries


def _with_parts(entry: Entry, parts: Mapping[str, Any]) -> dict[str, Any]:
    changed = {**entry, **parts}
    return {name: value for name, value in changed.items() if name not in parts or not is_empty(value)}


def _labelled(entries: Sequence[Entry], label: str) -> int | None:
    places = (place for place, entry in enumerate(entries) if (entry.get("label") or DEFAULT_LABEL) == label)
    return next(places, None)


def _writable_address(entry: Entry) -> dict[str, Any]:
    """Keep everything but what Close works out itself, so that no part that we do not know is lost."""
    return {name: value for name, value in entry.items() if name != "tz_ids" and value is not None}


# ── Entries of a type ────────────────────────────────────────────────────────────────────────────


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
