"""The firehose beyond plain attributes: events, aliases, erasure, merges, types, limits, who belongs to whom."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import HullSandbox
from tests.unit.sandbox.remotes import Clock, HullApi

ACME = {"domain": "acme.com"}
GOB = {"email": "gob@else.net"}


def track(hull: HullApi, claims: dict[str, Any] | None = None, **body: Any) -> None:
    message = hull.message({"event": "Opened", "event_id": "e-1"} | body, kind="user", user=claims or GOB)
    hull.fire(message | {"type": "track"})


# ── Events ───────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_told_with_the_next_update_of_its_user(hull: HullApi) -> None:
    hull.tell_user(GOB)
    hull.hull.take_notifications()

    track(
        hull,
        source="closeio",
        properties={"a": 1},
        created_at="2026-01-01T00:00:00Z",
        ip="1.2.3.4",
        type="email",
    )

    ((_, body),) = hull.hull.take_notifications()
    (message,) = body["messages"]
    (event,) = message["events"]
    assert message["changes"] == {"is_new": False, "user": {}, "segments": {"entered": [], "left": []}}
    assert (event["event"], event["event_id"], event["event_source"], event["event_type"]) == (
        "Opened",
        "e-1",
        "closeio",
        "email",
    )
    assert (event["user_id"], event["created_at"]) == (hull.user["id"], "2026-01-01T00:00:00.000Z")
    assert (event["properties"], event["context"]) == ({"a": 1}, {"ip": "1.2.3.4"})


def test_an_event_of_the_same_id_is_overwritten(hull: HullApi) -> None:
    track(hull, properties={"a": 1})
    track(hull, properties={"a": 2})
    track(hull, event_id="e-2")
    track(hull, event_id=None)

    assert [one["properties"] for one in hull.hull.events if one["event_id"] == "e-1"] == [{"a": 2}]
    assert len(hull.hull.events) == 3


@pytest.mark.parametrize(
    "body", [{"event": ""}, {"event": None}, {"event": 5}, {"created_at": "then"}, {"created_at": []}]
)
def test_a_wrong_event_is_dropped_and_makes_nobody(hull: HullApi, body: dict[str, Any]) -> None:
    track(hull, **body)

    assert not hull.hull.users and not hull.hull.events
    assert hull.noted()[0].startswith("incoming.user.error")


def test_accounts_have_no_events(hull: HullApi) -> None:
    hull.fire(hull.message({"event": "Opened"}, account=ACME) | {"type": "track"})

    assert hull.noted() == ["incoming.account.error account events are not supported"]


# ── Identity ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["user", "account"])
def test_an_alias_comes_and_goes(hull: HullApi, kind: str) -> None:
    claims = {"external_id": "1"}
    for what, held in (("traits", []), ("alias", ["closeio:1"]), ("unalias", []), ("unalias", [])):
        body = {} if what == "traits" else {"anonymous_id": "closeio:1"}
        hull.fire(hull.message(body, kind=kind, **{kind: claims}) | {"type": what})
        assert (hull.user if kind == "user" else hull.account)["anonymous_ids"] == held


def test_an_anonymous_id_that_was_given_up_finds_nobody(hull: HullApi) -> None:
    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:1"})
    hull.fire(hull.message({"anonymous_id": "closeio:1"}, account=ACME) | {"type": "unalias"})
    hull.tell_account({"anonymous_id": "closeio:1"}, name="Another")

    assert len(hull.hull.accounts) == 2


@pytest.mark.parametrize("anonymous_id", [None, "", 5, []])
def test_an_alias_names_an_id(hull: HullApi, anonymous_id: Any) -> None:
    hull.fire(hull.message({"anonymous_id": anonymous_id}, account=ACME) | {"type": "alias"})

    assert not hull.hull.accounts and len(hull.noted()) == 1


def test_an_alias_that_another_one_has_merges_the_two(hull: HullApi) -> None:
    hull.tell_user({"anonymous_id": "closeio:1"}, title="CEO")
    track(hull, {"anonymous_id": "closeio:1"})
    hull.tell_user(GOB, name="Gob")

    hull.fire(hull.message({"anonymous_id": "closeio:1"}, kind="user", user=GOB) | {"type": "alias"})

    assert (hull.user["email"], hull.user["traits_title"], hull.user["name"]) == (GOB["email"], "CEO", "Gob")
    assert [event["event"] for event in hull.hull.events] == ["Opened", "User Merged"]
    assert {event["user_id"] for event in hull.hull.events} == {hull.user["id"]}
    (batch,) = hull.hull.take_notifications()
    assert len(batch[1]["messages"]) == 1 and len(batch[1]["messages"][0]["events"]) == 2


def test_the_one_with_an_external_id_survives(hull: HullApi) -> None:
    hull.tell_account({"external_id": "1", "anonymous_id": "closeio:1"}, name="One")
    survivor = hull.account["id"]
    hull.tell_account(ACME, name="Acme", city="Oslo")

    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:1"}, tier=1)

    assert (hull.account["id"], hull.account["name"], hull.account["city"], hull.account["tier"]) == (
        survivor,
        "One",
        "Oslo",
        1,
    )


def test_what_belongs_to_another_with_an_external_id_stays_there(hull: HullApi) -> None:
    hull.tell_account({"external_id": "1", "anonymous_id": "closeio:1"})
    hull.tell_account({"external_id": "2"})
    hull.tell_account({"external_id": "2", "anonymous_id": "closeio:1"})

    assert [one["anonymous_ids"] for one in hull.hull.accounts.values()] == [["closeio:1"], []]


def test_a_subject_and_claims_together(hull: HullApi) -> None:
    hull.hull.add_account({"id": "5a0000000000000000000001", "name": "Acme"})
    hull.fire(
        hull.message({"tier": 1}, sub="5a0000000000000000000001", account={"anonymous_id": "closeio:1"})
    )

    assert (hull.account["tier"], hull.account["anonymous_ids"]) == (1, ["closeio:1"])


def test_a_user_alone_may_stand_for_the_users_account(hull: HullApi) -> None:
    hull.fire(hull.message({"tier": 1}, kind="account", user=GOB))
    assert not hull.hull.accounts and hull.noted() == ["incoming.account.error the user has no account"]

    hull.fire(hull.message({}, kind="user", user=GOB, account=ACME))
    hull.fire(hull.message({"tier": 2}, kind="account", user=GOB))
    assert hull.account["tier"] == 2


def test_a_link_is_told_as_a_change_of_the_account(hull: HullApi) -> None:
    hull.tell_user(GOB)
    hull.tell_account(ACME)
    hull.hull.take_notifications()

    hull.fire(hull.message({}, kind="user", user=GOB, account=ACME))

    ((_, body),) = hull.hull.take_notifications()
    assert body["messages"][0]["changes"]["account"] == {"id": [None, hull.account["id"]]}


@pytest.mark.parametrize("kind", ["user", "account"])
def test_who_is_incinerated_is_gone(hull: HullApi, kind: str) -> None:
    hull.fire(hull.message({}, kind="user", user=GOB, account=ACME))
    track(hull)

    hull.fire(
        hull.message(None, kind=kind, **{kind: GOB if kind == "user" else ACME}) | {"type": "incinerate"}
    )

    assert (len(hull.hull.users), len(hull.hull.accounts)) == ((0, 1) if kind == "user" else (1, 0))
    assert len(hull.hull.events) == (0 if kind == "user" else 1)
    hull.fire(hull.message({}, kind=kind, **{kind: {"external_id": "9"}}) | {"type": "incinerate"})
    assert (len(hull.hull.users), len(hull.hull.accounts)) == ((0, 1) if kind == "user" else (1, 0))


# ── Who belongs where by an e-mail address ───────────────────────────────────────────────────────


def test_people_belong_to_the_company_of_their_address(hull: HullApi) -> None:
    hull.tell_user({"email": "early@ACME.com"})
    hull.tell_account(ACME)
    hull.tell_user({"email": "late@acme.com"})
    hull.tell_user({"email": "other@else.net"})

    homes = {one["email"]: one["account_id"] for one in hull.hull.snapshot()["users"].values()}
    assert homes == {
        "early@ACME.com": hull.account["id"],
        "late@acme.com": hull.account["id"],
        "other@else.net": None,
    }


def test_a_link_that_was_made_stays(hull: HullApi) -> None:
    hull.fire(hull.message({}, kind="user", user={"email": "gob@acme.com"}, account={"domain": "other.com"}))
    hull.tell_account(ACME)

    assert hull.hull.account_of(hull.user["id"])["domain"] == "other.com"


def test_it_can_be_switched_off(clock: Clock) -> None:
    hull = HullApi(HullSandbox(clock, associate_by_domain=False), clock)
    hull.tell_account(ACME)
    hull.tell_user({"email": "gob@acme.com"})

    assert hull.hull.snapshot()["users"][hull.user["id"]]["account_id"] is None


# ── Values ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "first", "second", "kept"),
    [
        ("size", 5, 6.5, 6.5), ("size", 5, "6", 5), ("size", 5, True, 5), ("flag", True, 0, True), ("word", "a", 1, "a"), ("tags", ["a"], ["b"], ["b"]),
        ("tags", ["a"], "b", ["a"]), ("deep", {"a": 1}, {"b": 2}, {"b": 2}), ("word", "a", None, None),
        ("seen_at", "2026-01-01T00:00:00Z", "2026-02-01", "2026-02-01"), ("seen_at", 1767225600, "soon", "2026-01-01T00:00:00.000Z"),
        ("seen_at", "2026-01-01", 1767225600000, "2026-01-01"), ("start_date", "2026-01-01", True, "2026-01-01"),
        ("start_date", "2026-01-01", "", "2026-01-01"), ("name", "Acme", 5, "Acme"), ("", "a", "b", None),
    ],
)  # fmt: skip
def test_the_first_value_decides_the_type(
    hull: HullApi, name: str, first: Any, second: Any, kept: Any
) -> None:
    hull.tell_account(ACME, **{name: first})
    hull.tell_account(ACME, **{name: second})

    assert hull.account.get(name) == kept
    assert len(hull.noted()) == (2 if not name else int(kept != second))


def test_what_people_put_in_decides_types_too(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "domain": "acme.com", "tier": 1})
    hull.tell_account(ACME, tier="one")

    assert hull.account["tier"] == 1 and len(hull.noted()) == 1


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [("x" * 2046, True), ("x" * 2047, False), ("å" * 1023, True), ("å" * 1024, False), (["x" * 1000] * 2, True), (["x" * 1000] * 3, False),
     ("\x01" * 400, False), (2**63, True), (1e300, True)],
)  # fmt: skip
def test_two_kilobytes_a_value(hull: HullApi, value: Any, is_kept: bool) -> None:
    hull.tell_account(ACME, long=value)

    assert ("long" in hull.account) is is_kept


@pytest.mark.parametrize(
    "operation",
    [{"operation": ["set"], "value": 1}, {"operation": None, "value": 1}, {"operation": {}, "value": 1}],
)
def test_an_operation_is_one_of_those(hull: HullApi, operation: Any) -> None:
    hull.tell_account(ACME, x=operation)

    assert "x" not in hull.account and len(hull.noted()) == 1


def test_an_external_id_is_ones_own(hull: HullApi) -> None:
    hull.tell_account({"external_id": "1"})
    hull.tell_account(ACME, external_id="1")
    hull.tell_account(ACME, external_id="2")

    assert [one.get("external_id") for one in hull.hull.accounts.values()] == ["1", "2"]


@pytest.mark.parametrize("claims", [{"email": ["a"]}, {"email": {"a": 1}}, {"external_id": True}, {"id": 5}])
def test_a_claim_is_a_text(hull: HullApi, claims: Any) -> None:
    hull.tell_user(claims)

    assert not hull.hull.users and len(hull.noted()) == 1


def test_a_claim_that_changes_is_found_by_its_new_value_only(hull: HullApi) -> None:
    hull.tell_account(ACME, name="Acme")
    hull.tell_account(ACME, domain="acme.org")
    hull.tell_account({"domain": "acme.org"}, tier=1)
    assert hull.account["tier"] == 1

    hull.tell_account(ACME, name="Another")
    assert len(hull.hull.accounts) == 2
