"""Segments, and what is told of them: who enters, who leaves, in which order, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import HullSandbox
from sandbox.moods import parse_moods
from tests.unit.sandbox.remotes import Clock, HullApi

HELD = {"tier": 1, "name": "Acme AS", "tags": ["a", "b"], "size": 50, "seen_at": "2026-02-01", "none": None}


@pytest.mark.parametrize(
    ("predicate", "fits"),
    [
        ({}, True), ({"attribute": "tier", "equals": 1}, True), ({"attribute": "tier", "equals": 2}, False),
        ({"attribute": "traits_tier", "equals": 1}, True), ({"attribute": "tier", "exists": True}, True),
        ({"attribute": "none", "exists": True}, False), ({"attribute": "gone", "exists": False}, True),
        ({"attribute": "tier", "in": [1, 2]}, True), ({"attribute": "tags", "in": [1]}, False),
        ({"attribute": "size", "greater_than": 49}, True), ({"attribute": "size", "less_than": 50}, False),
        ({"attribute": "name", "greater_than": 1}, False), ({"attribute": "seen_at", "greater_than": "2026-01-01"}, True),
        ({"attribute": "name", "contains": "acme"}, True), ({"attribute": "tags", "contains": "b"}, True),
        ({"attribute": "size", "contains": 5}, False), ({"all": []}, True), ({"any": []}, False), ({"none": []}, True),
        ({"all": [{"attribute": "tier", "equals": 1}, {"attribute": "size", "less_than": 9}]}, False),
        ({"any": [{"attribute": "tier", "equals": 1}, {"attribute": "size", "less_than": 9}]}, True),
        ({"none": [{"attribute": "tier", "equals": 2}, {"all": [{"attribute": "gone", "exists": True}]}]}, True),
    ],
)  # fmt: skip
def test_predicates(hull: HullApi, predicate: dict[str, Any], fits: bool) -> None:
    hull.hull.add_segment("account", "s1", "Some", predicate)
    hull.hull.add_account({"id": "a1"} | HELD)

    assert hull.account["segment_ids"] == (["s1"] if fits else [])
    search = {"query": hull.ok("GET", "/api/v1/s1")["query"]}
    assert isinstance(hull.ok("POST", "/api/v1/search/account_reports", search)["data"], list)


@pytest.mark.parametrize(
    "predicate",
    [
        None, [], "x", {"attribute": "a"}, {"equals": 1}, {"attribute": 5, "equals": 1}, {"attribute": "a", "is": 1},
        {"attribute": "a", "in": 5}, {"attribute": "a", "exists": "yes"}, {"attribute": "a", "less_than": None},
        {"all": {}}, {"all": [], "any": []}, {"any": [5]}, {"attribute": "a", "equals": 1, "in": []},
    ],
)  # fmt: skip
def test_what_is_no_predicate(hull: HullApi, predicate: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for people
        hull.hull.put_segment("account", "s1", "Some", predicate)
    assert not hull.hull.store.segments and not hull.hull.take_notifications()


def told(hull: HullApi) -> list[tuple[str, list[str], list[str], list[str]]]:
    """Return channel, records, and the names of segments entered and left, of all that is told."""
    found = []
    for _, body in hull.hull.take_notifications(500):
        kind, _, _ = body["channel"].partition(":")
        name = "segments" if kind == "user" else "account_segments"
        changes = [message.get("changes", {}).get(name, {}) for message in body["messages"]]
        ids = [message.get(kind, message)["id"] for message in body["messages"]]
        entered = [one["id"] for change in changes for one in change.get("entered", [])]
        left = [one["id"] for change in changes for one in change.get("left", [])]
        found.append((body["channel"], ids, entered, left))
    return found


def test_a_segment_that_is_made_changed_or_deleted_moves_people(hull: HullApi) -> None:
    hull.hull.add_user({"id": "u1", "title": "CEO"})
    hull.hull.add_user({"id": "u2", "title": "CTO"})
    hull.hull.take_notifications()

    hull.hull.put_segment("user", "s1", "Chiefs", {"attribute": "title", "equals": "CEO"})
    assert told(hull) == [("users_segment:update", ["s1"], [], []), ("user:update", ["u1"], ["s1"], [])]

    hull.hull.put_segment("user", "s1", "Chiefs", {"attribute": "title", "equals": "CTO"})
    assert told(hull) == [
        ("users_segment:update", ["s1"], [], []),
        ("user:update", ["u1", "u2"], ["s1"], ["s1"]),
    ]

    hull.hull.delete_segment("s1")
    assert told(hull)[0] == ("users_segment:delete", ["s1"], [], [])
    assert hull.hull.users["u2"]["segment_ids"] == []


def test_a_segment_of_the_set_up_is_not_told(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "tier": 1})
    hull.hull.take_notifications()

    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})

    assert told(hull) == [("account:update", ["a1"], ["s1"], [])]


def test_entered_and_left_before_it_was_told_is_neither(hull: HullApi) -> None:
    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})
    hull.hull.add_account({"id": "a1", "tier": 2})
    hull.hull.take_notifications()

    hull.hull.set_account("a1", {"tier": 1})
    hull.hull.set_account("a1", {"tier": 3})

    assert told(hull) == [("account:update", ["a1"], [], [])]


def test_anonymous_ids_are_told_one_by_one(hull: HullApi) -> None:
    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:1"})
    hull.hull.take_notifications()
    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:2"})

    ((_, body),) = hull.hull.take_notifications()
    assert body["messages"][0]["changes"]["account"] == {"anonymous_ids[1]": [None, "closeio:2"]}


def test_the_envelope_is_whole(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1"})
    (batch,) = hull.hull.take_notifications()

    body = batch[1]
    assert body["kraken"]["retries"] == 0 and body["is_export"] is False
    assert body["kraken"]["update-ids"] == [body["messages"][0]["message_id"]]
    assert body["connector"] == hull.ok("GET", "/api/v1/app")
    hull.hull.notifier.put_back(batch)
    assert hull.hull.take_notifications()[0][1]["kraken"]["retries"] == 1


def test_what_is_no_record_is_told_again_too(hull: HullApi) -> None:
    hull.hull.put_settings({"a": 1})
    hull.hull.put_segment("account", "s1", "All", {})
    batches = hull.hull.take_notifications()

    for batch in batches:
        hull.hull.notifier.put_back(batch)

    assert [one[0] for one in told(hull)] == ["ship:update", "accounts_segment:update"]


def test_an_export_has_no_changes(hull: HullApi) -> None:
    hull.hull.add_user({"id": "u1"})
    hull.hull.take_notifications()

    hull.hull.notifier.export(["u1"])
    (batch,) = hull.hull.take_notifications()

    assert batch[1]["is_export"] is True and batch[1]["messages"][0]["changes"] == {}
    hull.hull.notifier.put_back(batch)
    assert hull.hull.take_notifications()[0][1]["is_export"] is True


# ── Moods ────────────────────────────────────────────────────────────────────────────────────────


def history(clock: Clock, moods: str, seed: int = 1) -> list[list[str]]:
    hull = HullSandbox(clock, seed, moods=parse_moods(moods, seed))
    for number in range(60):
        hull.add_account({"id": f"a{number:02}"})
    taken = []
    while batches := hull.take_notifications(4):
        taken += [
            [body["notification_id"], *(one["account"]["id"] for one in body["messages"])]
            for _, body in batches
        ]
    assert not hull.notifier.pending
    return taken


def test_a_calm_hull_tells_once_and_in_order(clock: Clock) -> None:
    calm = history(clock, "")

    assert [one for _, *ids in calm for one in ids] == [f"a{number:02}" for number in range(60)]


def test_a_duplicate_has_the_same_notification_id(clock: Clock) -> None:
    moody = history(clock, "notifications=duplicate@0.5")

    again = [one for number, one in enumerate(moody) if one in moody[:number]]
    assert 2 < len(again) < 13 and len(moody) == 15 + len(again)


def test_what_is_overtaken_comes_later_and_nothing_is_lost(clock: Clock) -> None:
    moody = history(clock, "notifications=reorder@0.5")

    ids = [one for _, *ids in moody for one in ids]
    assert ids != sorted(ids) and sorted(ids) == [f"a{number:02}" for number in range(60)]


def test_the_same_seed_gives_the_same_history() -> None:
    moods = "notifications=reorder@0.3, notifications=duplicate@0.3"

    assert history(Clock(), moods) == history(Clock(), moods)
    assert history(Clock(), moods) != history(Clock(), moods, seed=2)
