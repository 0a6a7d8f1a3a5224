"""Charts of the last 24 hours, as the theme's component takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from sync.admin.words import RESULTS

HOURS = 24
COLOURS: Mapping[str, str] = {
    "CREATED": "#16a34a", "UPDATED": "#2563eb", "UNCHANGED": "#cbd5e1", "SKIPPED": "#94a3b8", "PENDING": "#f59e0b",
    "FAILED": "#dc2626", "DRY_RUN": "#9333ea",
}  # fmt: skip
_AXIS = {"stacked": True, "grid": {"display": False}, "ticks": {"maxRotation": 0, "autoSkip": True}}
_OPTIONS: dict[str, Any] = {
    "responsive": True,
    "maintainAspectRatio": False,
    "animation": False,
    "barPercentage": 0.9,
    "categoryPercentage": 0.9,
    "scales": {
        "x": _AXIS,
        "y": {"stacked": True, "beginAtZero": True, "ticks": {"precision": 0}, "grid": {}},
    },
    "plugins": {"legend": {"position": "bottom", "labels": {"boxWidth": 12, "boxHeight": 12}}},
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A stacked bar chart; without data there is nothing to draw."""

    data: str
    options: str
    total: int


# Told apart by people who do not see all colours, and from the colours of results.
_MANY = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")


def requests_chart(counts: Mapping[tuple[str, datetime], int], *, now: datetime) -> Chart:
    """Draw requests by hour, stacked by who made them: `(name, hour)` to how many."""
    hours = _hours(now)
    names = sorted({name for name, _ in counts})
    local = {(name, timezone.localtime(hour)): count for (name, hour), count in counts.items()}
    datasets = [
        {
            "label": name,
            "data": [local.get((name, hour), 0) for hour in hours],
            "backgroundColor": _MANY[place % len(_MANY)],
        }
        for place, name in enumerate(names)
    ]
    data = {"labels": [f"{hour:%H:00}" for hour in hours], "datasets": datasets}
    return Chart(json.dumps(data), json.dumps(_OPTIONS), sum(counts.values()))


def _hours(now: datetime) -> list[datetime]:
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    return [this_hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]


def outcomes_chart(rows: Iterable[Mapping[str, Any]], *, now: datetime) -> Chart:
    """Draw counts by hour and result, one colour per result that occurs."""
    hours = _hours(now)
    counted = {(timezone.localtime(row["hour"]), row["result"]): int(row["count"]) for row in rows}
    results = [result for result in RESULTS if any(found == result for _, found in counted)]
    datasets = [
        {
            "label": str(RESULTS[result].label),
            "data": [counted.get((hour, result), 0) for hour in hours],
            "backgroundColor": COLOURS[result],
        }
        for result in results
    ]
    data = {"labels": [f"{hour:%H:00}" for hour in hours], "datasets": datasets}
    return Chart(json.dumps(data), json.dumps(_OPTIONS), sum(counted.values()))
