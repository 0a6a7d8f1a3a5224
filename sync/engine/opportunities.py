"""A lead's opportunities, added up as attributes of its account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sync.mapping.paths import GROUP
from sync.records import Attributes

PREFIX = f"{GROUP}/opportunities_"
MIXED = "mixed"


def add_up(opportunities: Iterable[Attributes]) -> dict[str, Any]:
    """Return how many there are, what is open and won, and when, from the objects that the API returns.

    Values are in units of the currency (Close counts hundredths) and as they stand in Close: a monthly one counts for a
    month. Values of several currencies are not added: they are None, and the currency says `mixed`.
    """
    rows = list(opportunities)
    open_ones = [one for one in rows if one.get("status_type") == "active"]
    won = [one for one in rows if one.get("status_type") == "won"]
    currencies = {one["value_currency"] for one in rows if one.get("value_currency") and one.get("value")}
    is_mixed = len(currencies) > 1
    named = {
        "count": len(rows),
        "open_count": len(open_ones),
        "open_value": None if is_mixed else _sum(open_ones),
        "won_count": len(won),
        "won_value": None if is_mixed else _sum(won),
        "currency": MIXED if is_mixed else next(iter(currencies), None),
        "last_won_date": max(_days(won), default=None),
        "next_close_date": min(_days(open_ones), default=None),
    }
    return {f"{PREFIX}{name}": value for name, value in named.items()}


def _sum(opportunities: Sequence[Attributes]) -> int | float:
    cents: int = round(
        sum(one["value"] for one in opportunities if isinstance(one.get("value"), int | float))
    )
    return cents // 100 if cents % 100 == 0 else cents / 100


def _days(opportunities: Sequence[Attributes]) -> list[str]:
    """Return when they were won, or are expected to be: Close keeps both in one field."""
    return [str(one["date_won"])[:10] for one in opportunities if one.get("date_won")]


def told_names(sent: Attributes) -> frozenset[str]:
    """Return the attributes about opportunities that Hull holds from us."""
    return frozenset(name for name in sent if name.startswith(PREFIX))
