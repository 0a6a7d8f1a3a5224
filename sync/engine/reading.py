"""How everything in Close is read: by which way, from where, and how to notice that rows moved meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

EXPORT, SEARCH, PAGES, AUTO = "export", "search", "pages", "auto"

# Up to here pages are there sooner than an export is prepared.
FEW = 3000
# So many of the last rows are asked for again with the next page: where they stand shows whether rows went away.
ANCHORS = 5
# How often one goes back to look for them before the order counts as none.
MOST_STEPS_BACK = 3
# A search answers for so many records at most, and its cursor is good for half a minute.
SEARCH_CAP = 10_000
CURSOR_LIFE = timedelta(seconds=25)
# When this share of what we know was not found, nothing is concluded: the key sees less than it did.
SUSPICIOUS_SHARE, SUSPICIOUS_FROM = 0.5, 100


def ways(chosen: str, total: int | None, *, is_part: bool, writes: bool) -> tuple[str, ...]:
    """Return the ways to read, the first to be tried first; the others follow where a key may not use one.

    A part, what changed since a moment, can only be searched for. An export is something that Close makes, so that a dry run
    has none.
    """
    if is_part:
        return (SEARCH, PAGES)
    order: tuple[str, ...] = (
        (PAGES, EXPORT, SEARCH) if total is not None and total <= FEW else (EXPORT, SEARCH, PAGES)
    )
    if chosen != AUTO:
        order = (chosen, *(way for way in order if way != chosen))
    return tuple(way for way in order if writes or way != EXPORT)


def first_unread(ids: Sequence[str], anchors: Sequence[str]) -> int | None:
    """Return where on a page the rows begin that were not read: behind the last of the anchors; None without any."""
    places = [place for place, one in enumerate(ids) if one in anchors]
    return places[-1] + 1 if places else None


def is_suspicious(missing: int, known: int) -> bool:
    """Tell whether so much is missing that it is the key, not the records, that changed."""
    return known >= SUSPICIOUS_FROM and missing > known * SUSPICIOUS_SHARE


def left(done: int, total: int | None, started_at: datetime, now: datetime) -> timedelta | None:
    """Return how long the rest takes at the pace so far; None while that says nothing."""
    spent = now - started_at
    if not total or done < 1 or spent < timedelta(seconds=5):
        return None
    return spent * max(total - done, 0) / done
