"""Opportunities, added up."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine.opportunities import PREFIX, add_up


def deal(
    kind: str, value: int | None = 100, currency: str = "USD", date_won: str | None = None
) -> dict[str, Any]:
    return {"status_type": kind, "value": value, "value_currency": currency, "date_won": date_won}


@pytest.mark.parametrize(
    ("deals", "told"),
    [
        ([], {"count": 0, "open_value": 0, "won_value": 0, "currency": None, "last_won_date": None}),
        ([deal("active", 15050)], {"count": 1, "open_count": 1, "open_value": 150.5, "won_count": 0, "currency": "USD"}),
        ([deal("active"), deal("active", 250)], {"open_value": 3.5}), ([deal("active", 40), deal("active", 60)], {"open_value": 1}),
        ([deal("won", None)], {"won_count": 1, "won_value": 0, "currency": None}),
        ([deal("lost", 900)], {"count": 1, "open_count": 0, "won_count": 0, "open_value": 0}),
        ([deal("won"), deal("active", 500, "EUR")], {"open_value": None, "won_value": None, "currency": "mixed", "count": 2}),
        ([deal("won", date_won="2026-01-05"), deal("won", date_won="2026-02-01")], {"last_won_date": "2026-02-01", "next_close_date": None}),
        ([deal("active", date_won="2026-05-05"), deal("active", date_won="2026-04-01")], {"next_close_date": "2026-04-01"}),
    ],
)  # fmt: skip
def test_what_they_add_up_to(deals: list[dict[str, Any]], told: dict[str, Any]) -> None:
    found = add_up(deals)

    assert {name: found[f"{PREFIX}{name}"] for name in told} == told
