"""What Hull may or may not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.engine.doubt import NOT_KNOWN, in_doubt, is_under_way, knows_some, readable
from sync.engine.inbound import remembered
from sync.mapping.inbound import IN_DOUBT, changed_attributes

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("close", "known_before", "told"),
    [
        ({"a": 1}, {"a": 1}, {"a": 1}),
        ({"a": None}, {"a": 1}, {"a": None}),
        ({}, {"a": 1}, {"a": None}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1}),
        ({"name": "Acme", "a": 1}, {"name": "Acme", "a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": 1}),
    ],
    ids=["same again", "emptied", "gone", "only what was told", "not the name", "first telling"],
)
def test_what_was_being_told_is_told_again(
    close: dict[str, Any], known_before: dict[str, Any], told: dict[str, Any]
) -> None:
    assert changed_attributes(close, in_doubt(["a"], known_before)) == told


def test_a_name_in_doubt_is_offered_again_and_remembered_as_told_last() -> None:
    sent = in_doubt(["name"], {})

    assert changed_attributes({"name": "Acme"}, sent) == {"name": "Acme"}
    assert remembered({"name": "Acme"}, sent) == {"name": "Acme"}


def test_a_record_of_which_everything_is_in_doubt_is_new() -> None:
    assert not knows_some({})
    assert not knows_some(in_doubt(["a", "b"], {}))
    assert knows_some(in_doubt(["a"], {"b": 1}))


@pytest.mark.parametrize(("seconds", "is_going_on"), [(0, True), (59, True), (60, False), (3600, False)])
def test_a_telling_is_over_after_a_minute(seconds: int, is_going_on: bool) -> None:
    assert is_under_way(NOW - timedelta(seconds=seconds), NOW) is is_going_on
    assert not is_under_way(None, NOW)


def test_people_read_words() -> None:
    assert readable({"a": 1, "b": IN_DOUBT}) == {"a": 1, "b": NOT_KNOWN}
