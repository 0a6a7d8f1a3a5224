"""Lists that two sides write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.mapping.lists import merge_entries, values_of


def entries(*pairs: str) -> list[dict[str, str]]:
    """Read `a@x.com/office` as an entry."""
    return [dict(zip(("email", "type"), pair.split("/"), strict=True)) for pair in pairs]


@pytest.mark.parametrize(
    ("what", "current", "owned", "desired", "merged"),
    [
        ("into an empty list", [], {}, {"office": ["a@x.com"]}, ["a@x.com/office"]),
        ("beside a rep's", ["r@x.com/home"], {}, {"office": ["a@x.com"]}, ["r@x.com/home", "a@x.com/office"]),
        ("already there", ["a@x.com/office"], {}, {"office": ["a@x.com"]}, None),
        ("there in another spelling", ["A@X.com/office"], {}, {"office": ["a@x.com"]}, None),
        ("there under another type", ["a@x.com/home"], {}, {"office": ["a@x.com"]}, None),
        ("ours changes in place", ["a@x.com/office", "r@x.com/home"], {"office": ["a@x.com"]}, {"office": ["b@x.com"]}, ["b@x.com/office", "r@x.com/home"]),
        ("ours goes", ["r@x.com/home", "a@x.com/office"], {"office": ["a@x.com"]}, {"office": []}, ["r@x.com/home"]),
        ("ours is gone already", ["r@x.com/home"], {"office": ["a@x.com"]}, {"office": []}, None),
        ("a rep moved ours", ["a@x.com/home"], {"office": ["a@x.com"]}, {"office": ["b@x.com"]}, ["a@x.com/home", "b@x.com/office"]),
        ("two of one type", [], {}, {"office": ["a@x.com", "b@x.com"]}, ["a@x.com/office", "b@x.com/office"]),
        ("two types", ["a@x.com/office"], {"office": ["a@x.com"]}, {"office": ["b@x.com"], "home": ["c@x.com"]}, ["b@x.com/office", "c@x.com/home"]),
        ("nothing wanted", ["r@x.com/home"], {}, {}, None),
    ],
)  # fmt: skip
def test_our_entries_are_changed_in_place_and_others_stay(
    what: str, current: list[str], owned: dict[str, Any], desired: dict[str, Any], merged: list[str] | None
) -> None:
    found = merge_entries("emails", entries(*current), owned, desired)

    assert found == (None if merged is None else entries(*merged)), what


ADDRESSES = some.sampled_from([f"{name}@x.com" for name in "abcdef"])
TYPES = some.sampled_from(["office", "home", "other"])
LISTS = some.lists(
    some.fixed_dictionaries({"email": ADDRESSES, "type": TYPES}), unique_by=lambda entry: entry["email"]
)


@given(
    current=LISTS,
    owned=some.lists(ADDRESSES, unique=True, max_size=2),
    wanted=some.lists(ADDRESSES, unique=True, max_size=2),
)
def test_what_is_wanted_is_there_and_what_was_not_ours_stays(
    current: list[dict[str, str]], owned: list[str], wanted: list[str]
) -> None:
    before = [dict(entry) for entry in current]
    merged = merge_entries("emails", current, {"office": owned}, {"office": wanted})
    after = current if merged is None else merged

    assert set(wanted) <= set(values_of(after, "emails"))
    foreign = [
        entry
        for entry in before
        if not (entry["email"] in owned and entry["type"] == "office" and entry["email"] not in wanted)
    ]
    assert [entry for entry in after if entry in foreign] == foreign
    assert current == before
    assert merge_entries("emails", after, {"office": wanted}, {"office": wanted}) is None
