"""Hull: takes nearly everything at the firehose and drops what is wrong, resolves claims, tells what changed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox import HullSandbox
from sandbox.hull.attributes import MOST_ATTRIBUTES
from tests.unit.sandbox.remotes import Clock, HullApi, token

# ── Gone, and made one ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["account", "user"])
def test_a_deletion_is_told_only_where_a_test_wants_it(hull: HullApi, kind: str) -> None:
    for number in range(3):
        hull.hull.create(kind, {"id": f"x{number}", "name": f"Number {number}"})
    hull.hull.take_notifications()
    hull.hull.delete("x0")
    assert hull.hull.take_notifications() == []
    hull.hull.delete("x1", is_told=True)
    hull.hull.delete("x2", is_told=True)

    told = hull.hull.take_notifications()
    for batch in told:
        hull.hull.notifier.put_back(batch)
    again = hull.hull.take_notifications()
    for batches in (told, again):
        assert [(body["channel"], body["messages"][0][kind]["id"]) for _, body in batches] == [
            (f"{kind}:delete", "x1"), (f"{kind}:delete", "x2"),
        ]  # fmt: skip


def test_the_survivor_of_a_merge_holds_the_anonymous_ids_and_the_account_of_both(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "name": "Acme"})
    hull.hull.add_user({"id": "u1", "external_id": "1", "anonymous_ids": ["closeio:cont_1"]})
    hull.hull.add_user({"id": "u2", "email": "ada@acme.com", "anonymous_ids": ["closeio:cont_2"]}, "a1")

    assert hull.hull.merge("u2", "u1").hull_id == "u1", "the one with an external id stays"
    assert list(hull.hull.users) == ["u1"]
    assert hull.hull.users["u1"]["anonymous_ids"] == ["closeio:cont_1", "closeio:cont_2"]
    assert hull.hull.account_of("u1")["id"] == "a1"


# ── The door ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"hull_access_token": "wrong"}, 401), ({"hull_access_token": ""}, 401),
        ({"hull_app_id": "000000000000000000000000"}, 404), ({"hull_organization": "other.hullapp.io"}, 404),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/v1/app", "/api/v1/accounts_segments"])
def test_credentials_open_the_api(hull: HullApi, path: str, headers: dict[str, str], status: int) -> None:
    assert hull.send("GET", path, **headers).status == status


@pytest.mark.parametrize("path", ["/", "/firehose", "/api/v1/firehose"])
def test_credentials_open_the_firehose(hull: HullApi, path: str) -> None:
    assert hull.send("POST", path, {"batch": []}).status == 204
    assert hull.send("POST", path, {"batch": []}, hull_access_token="wrong").status == 401
    assert hull.send("POST", path, {"batch": []}, hull_app_id="wrong").status == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"batch": {}}', b'{"batch": null}'])
def test_a_batch_is_a_list(hull: HullApi, body: bytes) -> None:
    assert hull.send("POST", "/firehose", body).status == 400


def test_fifty_messages_and_no_more(hull: HullApi) -> None:
    messages = [hull.message({}, account={"domain": f"{number}.com"}) for number in range(51)]

    assert hull.fire(*messages).status == 413
    assert not hull.hull.accounts
    assert hull.fire(*messages[:50]).status == 204
    assert len(hull.hull.accounts) == 50


def test_settings_and_status_are_put(hull: HullApi) -> None:
    path = f"/api/v1/{hull.hull.connector_id}"
    hull.ok("PUT", path, {"private_settings": {"a": 1, "b": 2}})
    hull.ok("PUT", path, {"private_settings": {"b": 3}})
    hull.ok("PUT", f"{path}/status", {"status": "ok", "messages": []})

    for where in (path, "/api/v1/app"):
        assert hull.ok("GET", where)["private_settings"] == {"b": 3}
    assert hull.hull.status == {"status": "ok", "messages": []}
    assert hull.send("GET", "/api/v1/nothing").status == 404


def test_segments_are_listed_by_kind(hull: HullApi) -> None:
    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})
    hull.hull.add_segment("user", "s2", "People", {"attribute": "title", "equals": 1})

    assert [(one["id"], one["type"]) for one in hull.ok("GET", "/api/v1/accounts_segments")] == [
        ("s1", "accounts_segment")
    ]
    assert [(one["id"], one["type"]) for one in hull.ok("GET", "/api/v1/users_segments")] == [
        ("s2", "users_segment")
    ]


def test_the_attribute_tree_has_the_prefix_for_users_only(hull: HullApi) -> None:
    hull.hull.add_account({"tier": 1})
    hull.hull.add_user({"title": "CEO"})

    assert "tier" in {one["key"] for one in hull.ok("GET", "/api/v1/accounts/schema")}
    assert "traits_title" in {one["key"] for one in hull.ok("GET", "/api/v1/users/schema")}
    (group,) = hull.ok("GET", "/api/v1/search/user_reports/bootstrap")["tree"]
    assert "traits_title" in {one["id"] for one in group["children"]}


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────

ACME = {"domain": "acme.com"}


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another"}, {"iss": "another"}, {"iat": None}, {"iat": "now"}, {"exp": 1}, {"exp": "later"},
        {"account": None}, {"account": {}}, {"account": {"name": "no claim"}}, {"account": {"domain": ""}},
        {"account": "acme.com"}, {"account": {"id": "000000000000000000000000"}}, {"io.hull.subjectType": "user"},
        {"io.hull.create": False},
    ],
)  # fmt: skip
def test_a_wrong_token_is_taken_dropped_and_noted(hull: HullApi, change: dict[str, Any]) -> None:
    wrong = hull.message({"name": "Acme"}, **{"account": ACME} | change)
    good = hull.message({"name": "Other"}, account={"domain": "other.com"})

    assert hull.fire(wrong, good).status == 204

    assert [one["name"] for one in hull.hull.accounts.values() if one.get("name")] == ["Other"]
    assert len(hull.noted()) == 1 and hull.noted()[0].startswith("incoming.")


@pytest.mark.parametrize(
    "message",
    [
        None, 7, "text", [], {}, {"type": "traits"}, {"type": "traits", "headers": "x", "body": {}},
        {"type": "traits", "headers": {"Hull-Access-Token": "a.b.c"}, "body": {}},
        {"type": "traits", "headers": {"Hull-Access-Token": 5}, "body": {}},
        {"type": "incinerate"},
    ],
)  # fmt: skip
def test_what_is_no_message_is_dropped_and_noted(hull: HullApi, message: Any) -> None:
    assert hull.fire(message).status == 204
    assert len(hull.noted()) == 1
    assert not hull.hull.accounts


@pytest.mark.parametrize("body", [None, [], "x"])
def test_a_body_is_a_map(hull: HullApi, body: Any) -> None:
    hull.fire(hull.message(body, account=ACME))

    assert not hull.hull.accounts and len(hull.noted()) == 1


def test_a_token_of_another_algorithm_is_dropped(hull: HullApi) -> None:
    claims = {
        "iss": hull.hull.connector_id,
        "iat": 1,
        "io.hull.subjectType": "account",
        "io.hull.asAccount": ACME,
    }
    hull.fire(
        {
            "type": "traits",
            "body": {},
            "headers": {"Hull-Access-Token": token(claims, hull.hull.secret, "none")},
        }
    )

    assert not hull.hull.accounts and len(hull.noted()) == 1


# ── Claims ───────────────────────────────────────────────────────────────────────────────────────


def test_claims_find_what_they_made(hull: HullApi) -> None:
    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:lead_1"}, name="Acme")
    hull.tell_account({"domain": "ACME.com"}, tier=1)
    hull.tell_account({"anonymous_id": "closeio:lead_1"}, city="Oslo")

    assert {name: hull.account[name] for name in ("name", "tier", "city", "domain")} == {
        "name": "Acme", "tier": 1, "city": "Oslo", "domain": "acme.com",
    }  # fmt: skip
    assert hull.account["anonymous_ids"] == ["closeio:lead_1"]


def test_the_strongest_claim_decides_and_the_others_are_added(hull: HullApi) -> None:
    hull.tell_account({"external_id": "1", "domain": "one.com"}, name="One")
    hull.tell_account({"external_id": "2", "domain": "two.com"}, name="Two")

    hull.tell_account({"external_id": "1", "domain": "two.com", "anonymous_id": "closeio:lead_1"}, tier=1)

    one = next(account for account in hull.hull.accounts.values() if account["external_id"] == "1")
    assert (one["tier"], one["domain"], one["anonymous_ids"]) == (1, "one.com", ["closeio:lead_1"])
    assert len(hull.hull.accounts) == 2


def test_two_that_turn_out_to_be_one_are_merged(hull: HullApi) -> None:
    hull.tell_account({"domain": "acme.com"}, name="Acme")
    hull.tell_account({"anonymous_id": "closeio:lead_1"}, name="Acme, Inc.", city="Oslo")
    hull.fire(
        hull.message(
            {}, kind="user", user={"email": "a@acme.com"}, account={"anonymous_id": "closeio:lead_1"}
        )
    )
    survivor = next(one for one in hull.hull.accounts.values() if one.get("domain"))

    hull.tell_account({"domain": "acme.com", "anonymous_id": "closeio:lead_1"}, tier=1)

    assert (hull.account["id"], hull.account["name"], hull.account["city"]) == (
        survivor["id"],
        "Acme",
        "Oslo",
    )
    assert hull.hull.account_of(hull.user["id"])["id"] == survivor["id"]
    assert any("merged" in line for line in hull.noted())


def test_hulls_id_names_what_is_there(hull: HullApi) -> None:
    hull.hull.add_account({"id": "5a0000000000000000000001", "name": "Acme"})
    hull.tell_account({"id": "5a0000000000000000000001", "anonymous_id": "closeio:lead_1"}, tier=1)

    assert (hull.account["tier"], hull.account["anonymous_ids"]) == (1, ["closeio:lead_1"])


def test_a_subject_alone_is_an_id(hull: HullApi) -> None:
    hull.hull.add_account({"id": "5a0000000000000000000001", "name": "Acme"})
    hull.fire(hull.message({"tier": 1}, sub="5a0000000000000000000001"))

    assert hull.account["tier"] == 1


def test_an_id_of_the_other_kind_is_unknown(hull: HullApi) -> None:
    hull.hull.add_user({"id": "5b0000000000000000000001", "name": "Gob"})
    hull.tell_account({"id": "5b0000000000000000000001"}, tier=1)

    assert not hull.hull.accounts and len(hull.noted()) == 1


@pytest.mark.parametrize("kind", ["user", "account"])
def test_both_claims_link_and_the_subject_gets_the_attributes(hull: HullApi, kind: str) -> None:
    hull.fire(hull.message({"tier": 1}, kind=kind, user={"email": "gob@acme.com"}, account=ACME))

    assert hull.hull.account_of(hull.user["id"])["domain"] == "acme.com"
    assert (hull.user.get("traits_tier"), hull.account.get("tier")) == (
        (1, None) if kind == "user" else (None, 1)
    )


def test_an_alias_is_one_more_anonymous_id(hull: HullApi) -> None:
    hull.tell_account(ACME, name="Acme")
    alias = hull.message({"anonymous_id": "closeio:lead_1"}, account=ACME) | {"type": "alias"}
    hull.fire(alias, alias)

    assert hull.account["anonymous_ids"] == ["closeio:lead_1"]


# ── Attributes ───────────────────────────────────────────────────────────────────────────────────


def test_operations(hull: HullApi) -> None:
    def act(operation: str, value: Any) -> Any:
        hull.tell_account(ACME, **{"closeio/x": {"operation": operation, "value": value}})
        return hull.account.get("closeio/x")

    assert act("setIfNull", 5) == 5
    assert act("setIfNull", 6) == 5
    assert act("set", 7) == 7
    assert act("inc", 3) == act("increment", 0) == 10
    assert act("dec", 1) == act("decrement", 0) == 9
    assert act("set", None) is None
    assert act("setIfNull", 1) == 1
    assert not hull.noted()
    assert act("double", 2) == act("inc", "x") == 1
    assert len(hull.noted()) == 2


def test_an_attribute_keeps_the_type_of_its_first_value(hull: HullApi) -> None:
    hull.tell_account(ACME, tier="one", size=5)
    hull.tell_account({"domain": "other.com"}, tier=1, size=5.5, tags=["a"])

    other = next(one for one in hull.hull.accounts.values() if one["domain"] == "other.com")
    assert ("tier" in other, other["size"], other["tags"]) == (False, 5.5, ["a"])
    assert hull.noted() == [f"incoming.account.error tier tier was string, is number {other['id']}"]


def test_too_large_and_too_many(hull: HullApi) -> None:
    hull.tell_account(ACME, long="x" * 2047, fine="å" * 1000)
    assert ("long" in hull.account, "fine" in hull.account, len(hull.noted())) == (False, True, 1)

    for start in range(0, MOST_ATTRIBUTES, 500):
        hull.tell_account(ACME, **{f"a{number}": number for number in range(start, start + 500)})
    hull.tell_account(ACME, fine="changed", one_more=1)

    assert (hull.account["fine"], "one_more" in hull.account) == ("changed", False)


@pytest.mark.parametrize("name", ["id", "anonymous_ids", "segment_ids", "indexed_at"])
def test_what_hull_keeps_itself_is_not_changed(hull: HullApi, name: str) -> None:
    hull.tell_account(ACME, name="Acme")
    before = hull.account[name]

    hull.tell_account(ACME, **{name: "mine"})

    assert hull.account[name] == before and len(hull.noted()) == 1


def test_an_external_id_stays(hull: HullApi) -> None:
    hull.tell_account({"external_id": "1"}, name="Acme")
    hull.tell_account({"external_id": "1"}, external_id="2")

    assert hull.account["external_id"] == "1"


def test_traits_are_read_with_a_prefix_that_is_not_written(hull: HullApi) -> None:
    user = {"email": "gob@acme.com"}
    hull.tell_user(user, title="CEO", name="Gob", **{"closeio/id": "cont_1"})

    assert (hull.user["traits_title"], hull.user["name"], hull.user["traits_closeio/id"]) == (
        "CEO",
        "Gob",
        "cont_1",
    )
    hull.tell_user(user, traits_title="CTO")
    assert (hull.user["traits_title"], hull.user["traits_traits_title"]) == ("CEO", "CTO")


def test_messages_are_kept_as_they_came(hull: HullApi) -> None:
    hull.tell_account(ACME, name={"operation": "setIfNull", "value": "Acme"})

    (message,) = hull.hull.firehose_messages
    assert (message["subject"], message["asAccount"], message["body"]) == ("account", ACME, {"name": "Acme"})
    assert message["raw"] == {"name": {"operation": "setIfNull", "value": "Acme"}}


# ── Notifications ────────────────────────────────────────────────────────────────────────────────

SEGMENT = ("account", "s1", "Customers", {"attribute": "tier", "equals": 1})


def one_message(hull: HullApi) -> dict[str, Any]:
    ((_, body),) = hull.hull.take_notifications()
    (message,) = body["messages"]
    return dict(message)


def test_a_new_account_is_told_with_its_segments(hull: HullApi) -> None:
    hull.hull.add_segment(*SEGMENT)
    hull.hull.add_account({"id": "a1", "name": "Acme", "tier": 1})

    ((_, body),) = hull.hull.take_notifications()

    assert body["channel"] == "account:update"
    assert body["configuration"] == {"id": hull.hull.connector_id, "organization": hull.hull.organization, "secret": hull.hull.secret}  # fmt: skip
    assert [one["id"] for one in body["accounts_segments"]] == ["s1"]
    (message,) = body["messages"]
    assert message["changes"]["is_new"] is True
    assert message["changes"]["account"]["name"] == [None, "Acme"]
    assert [one["id"] for one in message["changes"]["account_segments"]["entered"]] == ["s1"]
    assert (message["account_segment_ids"], message["account"]["segment_ids"]) == (["s1"], ["s1"])
    assert message["account"]["indexed_at"].endswith("Z") and not hull.hull.take_notifications()


def test_segments_are_entered_and_left(hull: HullApi) -> None:
    hull.hull.add_segment(*SEGMENT)
    hull.hull.add_account({"id": "a1", "tier": 2})
    assert one_message(hull)["changes"]["account_segments"] == {"entered": [], "left": []}

    hull.hull.set_account("a1", {"tier": 1})
    message = one_message(hull)
    assert [one["name"] for one in message["changes"]["account_segments"]["entered"]] == ["Customers"]
    assert (message["changes"]["is_new"], message["changes"]["account"]) == (
        False,
        {"tier": [2, 1], "segment_ids": [[], ["s1"]]},
    )

    hull.hull.set_account("a1", {"tier": 3})
    assert [one["name"] for one in one_message(hull)["changes"]["account_segments"]["left"]] == ["Customers"]


def test_no_change_is_not_told(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "name": "Acme", "domain": "acme.com"})
    hull.hull.take_notifications()

    hull.hull.set_account("a1", {"name": "Acme"})
    hull.tell_account(ACME, name="Acme")

    assert hull.hull.take_notifications() == []


def test_what_the_firehose_changes_comes_back(hull: HullApi) -> None:
    hull.tell_account(ACME)
    assert one_message(hull)["account"]["domain"] == "acme.com"
    hull.tell_account(ACME, **{"closeio/id": "lead_1"})

    assert one_message(hull)["changes"]["account"] == {"closeio/id": [None, "lead_1"]}


def test_several_changes_before_they_are_told_are_one(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "name": "One"})
    hull.hull.take_notifications()

    for name in ("Two", "Three"):
        hull.hull.set_account("a1", {"name": name})

    assert one_message(hull)["changes"]["account"] == {"name": ["One", "Three"]}


def test_a_change_of_an_account_is_told_to_its_users(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "name": "Acme"})
    hull.hull.add_user({"id": "u1", "name": "Gob", "title": "CEO"}, "a1")
    hull.hull.add_user({"id": "u2", "name": "Elsewhere"})
    hull.hull.take_notifications()

    hull.hull.set_account("a1", {"name": "Acme AS"})
    hull.hull.set_account("a1", {"tier": 1})

    (_, users), (_, accounts) = hull.hull.take_notifications()
    (user,) = users["messages"]
    assert (users["channel"], accounts["channel"]) == ("user:update", "account:update")
    assert (user["user"]["id"], user["user"]["traits_title"], user["account"]["name"]) == (
        "u1",
        "CEO",
        "Acme AS",
    )
    assert user["changes"]["account"] == {"name": ["Acme", "Acme AS"], "tier": [None, 1]}
    assert user["changes"]["user"] == {}


def test_as_many_as_the_connector_wants(hull: HullApi) -> None:
    for number in range(5):
        hull.hull.add_account({"id": f"a{number}"})
    assert hull.hull.notifier.pending == 5

    sizes = [len(hull.hull.take_notifications(2)[0][1]["messages"]) for _ in range(3)]

    assert (sizes, hull.hull.notifier.pending, hull.hull.notifier.sent) == ([2, 2, 1], 0, 5)


def test_what_was_not_taken_is_told_again_whole(hull: HullApi) -> None:
    hull.hull.add_segment(*SEGMENT)
    hull.hull.add_account({"id": "a1", "name": "Acme", "tier": 1})
    (batch,) = hull.hull.take_notifications()

    hull.hull.notifier.put_back(batch)
    again = one_message(hull)
    assert again["changes"] == batch[1]["messages"][0]["changes"]
    assert again["account"] == batch[1]["messages"][0]["account"]

    hull.hull.notifier.put_back(batch)
    hull.hull.set_account("a1", {"name": "Acme AS"})
    assert one_message(hull)["changes"]["account"]["name"] == [None, "Acme AS"]


def test_what_was_not_taken_joins_what_came_since(hull: HullApi) -> None:
    hull.hull.add_account({"id": "a1", "name": "One"})
    hull.hull.add_user({"id": "u1", "name": "Gob"}, "a1")
    hull.hull.take_notifications()
    hull.hull.set_account("a1", {"name": "Two"})
    batches = hull.hull.take_notifications()
    hull.hull.set_account("a1", {"name": "Three", "tier": 1})

    for batch in batches:
        hull.hull.notifier.put_back(batch)

    (_, users), (_, accounts) = hull.hull.take_notifications()
    wanted = {"name": ["One", "Three"], "tier": [None, 1]}
    assert (
        users["messages"][0]["changes"]["account"] == accounts["messages"][0]["changes"]["account"] == wanted
    )


def test_a_notification_is_signed(hull: HullApi, clock: Clock) -> None:
    hull.hull.add_account({"id": "a1"})
    ((headers, body),) = hull.hull.take_notifications()

    assert headers["X-Hull-Smart-Notifier"] == "true"
    assert headers["X-Hull-Smart-Notifier-Signature-Version"] == "v1"
    head, payload, signature = headers["X-Hull-Smart-Notifier-Signature"].split(".")
    url = headers["X-Hull-Smart-Notifier-Signature-Public-Key-Url"]
    pem = hull.send("POST", url.removeprefix("http://hull.sandbox"), hull_app_id="").body
    assert pem.startswith(b"-----BEGIN PUBLIC KEY-----")
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(decoded(payload))
    assert json.loads(decoded(head))["alg"] == "RS256"
    assert claims["jti"] == body["notification_id"] and claims["exp"] > clock.now.timestamp()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_later_process_goes_on(hull: HullApi, clock: Clock) -> None:
    hull.hull.add_account({"id": "a1", "name": "Acme"})
    hull.hull.private_settings = {"a": 1}
    later = HullApi(HullSandbox(clock), clock)

    later.hull.restore(hull.hull.state())

    assert later.account["name"] == "Acme" and later.hull.private_settings == {"a": 1}
    assert one_message(later)["changes"]["is_new"] is True
    later.tell_account({"id": "a1"}, tier=1)
    assert one_message(later)["changes"]["account"] == {"tier": [None, 1]}
