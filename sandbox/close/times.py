"""Filters on times, as many lists take them: `date_created__gt` and so on."""

from __future__ import annotations

import operator
from collections.abc import Iterable

from sandbox.close.events import moment
from sandbox.close.store import Record
from sandbox.close.validation import Invalid
from sandbox.http import Request

_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def in_bounds(row: Record, request: Request, names: Iterable[str]) -> bool:
    """Tell whether a record meets every bound that a request sets. Raises Invalid for a time that is none."""
    for name in names:
        for suffix, compare in _COMPARE.items():
            bound = request.param(f"{name}__{suffix}")
            if not bound:
                continue
            try:
                limit = moment(bound)
            except (ValueError, OverflowError):
                raise Invalid({name: "Could not parse datetime"}) from None
            value = row.get(name)
            if not value or not compare(moment(str(value)), limit):
                return False
    return True


def as_day(value: object) -> str | None:
    """Return the day of a date or a time; None for what is neither."""
    try:
        found = moment(str(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
    return found.date().isoformat() if found else None
