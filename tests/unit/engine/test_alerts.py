"""When somebody is told, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.engine.alerts import AlertKind, Facts, conditions, raised, recovered

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(*ago: int) -> tuple[datetime, ...]:
    """Return the beginnings of hours that lie so far back, the oldest first."""
    return tuple(NOW.replace(minute=0) - HOUR * back for back in sorted(ago, reverse=True))


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        ({}, []),
        ({"stopped_by": "The Close key was refused.", "is_running": False}, ["FAILING"]),
        ({"failed": 9}, []),
        ({"failed": 10}, ["FAILING"]),
        ({"not_read_since": NOW - HOUR}, ["SILENT"]),
        ({"not_read_since": NOW - HOUR, "is_running": False}, []),  # paused: a person wanted it so
        ({"seconds_to_finish": 3600.0, "waits": 9}, []),
        ({"seconds_to_finish": 3601.0, "waits": 9}, ["BUDGET"]),
        ({"seconds_to_finish": None, "waits": 9}, []),
        ({"held_back": 1}, ["BRAKE"]),
        ({"held_back": 1, "is_running": False}, ["BRAKE"]),
        ({"failed": 50, "held_back": 3}, ["FAILING", "BRAKE"]),
    ],
)
def test_what_a_connector_is_in(facts: dict[str, Any], kinds: list[str]) -> None:
    found = conditions(Facts(**{"is_running": True, **facts}), NOW)

    assert [kind.value for kind in found] == kinds
    assert all(len(sentence) > 20 for sentence in found.values())


@pytest.mark.parametrize(
    ("ago", "changes", "is_silent"),
    [
        ((1, 2, 3, 4), 100, False),  # it changed an hour ago
        ((4, 5, 6, 7), 100, True),  # every hour until four hours ago
        ((4, 5, 6, 7), 19, False),  # too little is known
        ((2, 3, 4), 100, False),  # not even two hours: nobody is woken for that
        ((4, 10, 16), 100, False),  # four hours are usual here
        ((14, 20, 26), 100, True),  # more than twice six hours
        ((4,), 100, False),
        ((), 0, False),
    ],
)
def test_silence_is_longer_than_usual(ago: tuple[int, ...], changes: int, is_silent: bool) -> None:
    found = conditions(Facts(is_running=True, moments=hours(*ago), changes=changes), NOW)

    assert (AlertKind.SILENT in found) is is_silent


def test_only_changes_of_state_are_told() -> None:
    found = {AlertKind.FAILING: "x", AlertKind.BRAKE: "y"}

    assert raised([AlertKind.FAILING], found) == {AlertKind.BRAKE: "y"}
    assert recovered([AlertKind.FAILING, AlertKind.SILENT], found) == [AlertKind.SILENT]
