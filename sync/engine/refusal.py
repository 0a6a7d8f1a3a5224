"""What is left of an update when Close refuses something in a list that is not ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.engine.plan import Decision, DoneReason, Result, Verb
from sync.mapping.lists import is_among
from sync.mapping.paths import DEFAULT_LABEL, LISTS, parse_close_path


def without_foreign(decision: Decision, refused: Mapping[str, str]) -> Decision | None:
    """Return an update without the lists that Close refuses for an entry of somebody else; None when there are none.

    Close takes a list whole, and may refuse today what it took years ago. That entry is not ours to mend or to drop, so
    its list stays as it is and a note names it. `refused` maps flattened paths, such as `phones.1.phone`, to
    Close's words.
    """
    if decision.verb not in (Verb.UPDATE_LEAD, Verb.UPDATE_CONTACT):
        return None
    culprits = {name: said for name in decision.body if (said := _foreign(decision, name, refused))}
    if not culprits:
        return None
    body = {name: value for name, value in decision.body.items() if name not in culprits}
    base = {path: value for path, value in decision.base.items() if _body_name(path) not in culprits}
    rest = replace(decision, body=body, base=base, notes=(*decision.notes, *culprits.values()))
    return rest if body else replace(rest, verb=None, result=Result.UNCHANGED, reason=DoneReason.IN_SYNC)


def _body_name(path: str) -> str:
    parsed = parse_close_path(path)
    return path if parsed.is_custom else parsed.root


def _foreign(decision: Decision, name: str, refused: Mapping[str, str]) -> str:
    """Return a sentence about a refused entry that is not ours; empty when one of ours is refused, or none."""
    found = {path: words for path, words in refused.items() if path == name or path.startswith(f"{name}.")}
    value = decision.body[name]
    if not found or not isinstance(value, Sequence) or isinstance(value, str):
        return ""
    entries = [_refused_entry(value, path.removeprefix(name).split(".")) for path in found]
    if name.startswith("custom."):
        entries = [(one, "") for one in value if not is_among(one, decision.base.get(name) or (), "text")]
    if not entries or any(entry is None or _is_ours(decision, name, *entry) for entry in entries):
        return ""
    shown = ", ".join(f"“{_shown(name, entry[0])}”" for entry in entries if entry)
    return f"{name} stays as it is: Close does not take back what it holds there, {shown}: {'; '.join(found.values())}"


def _refused_entry(entries: Sequence[Any], rest: list[str]) -> tuple[Any, str] | None:
    """Return the entry at a refused path such as `.1.phone`, and its part; None when the path does not say which."""
    place = int(rest[1]) if len(rest) > 1 and rest[1].isdigit() else len(entries)
    return (entries[place], rest[2] if len(rest) > 2 else "") if place < len(entries) else None


def _is_ours(decision: Decision, name: str, entry: Any, part: str) -> bool:
    if name == "addresses":
        label = entry.get("label") or DEFAULT_LABEL
        own = [path for path in decision.base if path.startswith(f"addresses.{label}.")]
        return f"addresses.{label}.{part}" in own if part else bool(own)
    if name in LISTS:
        key = LISTS[name][0]
        written = [
            value for path, values in decision.base.items() if _body_name(path) == name for value in values
        ]
        return is_among(entry.get(key), written, key)
    return False


def _shown(name: str, entry: Any) -> str:
    if name in LISTS:
        return str(entry.get(LISTS[name][0]))
    return ", ".join(map(str, entry.values())) if isinstance(entry, Mapping) else str(entry)
