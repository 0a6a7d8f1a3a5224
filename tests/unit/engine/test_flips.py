"""Fields that go back and forth: what counts, and when a field is paused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.engine import flips

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def history_of(values: list[Any], every: timedelta = timedelta(minutes=1)) -> dict[str, Any]:
    """Return what is remembered after writing some values one after the other."""
    history: dict[str, Any] = {}
    for number, value in enumerate(values):
        history = flips.noted(history, {"field": value}, now=NOW + number * every, window=HOUR)
    return history


@pytest.mark.parametrize(
    ("what", "values", "count"),
    [
        ("nothing", [], 0),
        ("a first value", ["a"], 0),
        ("there and back", ["a", "b", "a"], 1),
        ("there, back and there", ["a", "b", "a", "b"], 2),
        ("a circle of three", ["a", "b", "c", "a"], 1),
        ("a counter", list(range(50)), 0),
        ("ours again after somebody else's", ["a", "a"], 1),
        ("emptied and filled again", ["a", None, "a", None], 2),
        ("lists", [["a"], ["b"], ["a"]], 1),
    ],
)
def test_what_counts_as_a_flip(what: str, values: list[Any], count: int) -> None:
    assert flips.count(history_of(values).get("field", [])) == count, what


def test_what_is_older_than_the_window_is_forgotten() -> None:
    assert flips.count(history_of(["a", "b"] * 10, every=HOUR)["field"]) == 0
    assert flips.noted(history_of(["a"]), {"other": 1}, now=NOW + HOUR, window=HOUR).keys() == {"other"}


@given(values=some.lists(some.integers(), unique=True, max_size=30), limit=some.integers(2, 5))
def test_a_history_of_distinct_values_never_pauses(values: list[int], limit: int) -> None:
    assert flips.to_pause(history_of(values), ["field"], {}, limit=limit) == ()


@given(limit=some.integers(2, 10), first=some.text(max_size=3), second=some.integers())
def test_back_and_forth_pauses_exactly_after_the_limit(limit: int, first: str, second: int) -> None:
    written = [first, second] * (limit + 1)
    paused_at = next(
        number
        for number in range(1, len(written) + 1)
        if flips.to_pause(history_of(written[:number]), ["field"], {}, limit=limit)
    )

    assert paused_at == limit + 3  # the two values once each, then one flip more than the limit allows


def test_a_paused_field_is_not_paused_again() -> None:
    history = history_of(["a", "b"] * 5)

    assert flips.to_pause(history, ["field"], {"field": {}}, limit=2) == ()
    assert flips.to_pause(history, ["other"], {}, limit=2) == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a", "b"], "between “a” and “b”"),
        ([None, ["a", "b"]], "between nothing and a, b"),
        ([0, False], "between “0” and “False”"),
    ],
)
def test_the_note_names_both_values(values: list[Any], said: str) -> None:
    note = flips.pause_note("description", flips.pause_entry(values, now=NOW, writer="the API key api_1"))

    assert said in note
    assert "Close's event log says that the API key api_1 writes it too." in note
