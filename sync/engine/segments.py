"""The gate: which Hull records may go out."""

from __future__ import annotations

from collections.abc import Sequence

# What Hull's own settings write when every segment is meant.
EVERYTHING = frozenset({"ALL", "all_segments"})


def matches(segment_ids: Sequence[str] | None, whitelist: Sequence[str]) -> bool:
    """Tell whether a record is in a named segment. Nothing named: nothing goes out."""
    if EVERYTHING.intersection(whitelist):
        return True
    return bool(set(segment_ids or ()).intersection(whitelist))
