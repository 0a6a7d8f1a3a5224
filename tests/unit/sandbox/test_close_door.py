"""What Close refuses before it looks at a record: keys, paths, methods, bodies, pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sandbox import CloseSandbox
from sandbox.close.limits import LIMITS
from tests.unit.sandbox.remotes import Clock, CloseApi, fields


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""}, {"authorization": "Basic"}, {"authorization": "Basic ä"}, {"authorization": "Basic !!!"},
        basic("api_wrong:"), basic(":"), {"authorization": "Bearer api_sandbox"},
    ],
)  # fmt: skip
def test_without_the_key_nothing_is_answered(api: CloseApi, headers: dict[str, str]) -> None:
    answer = api.send("GET", "/me/", headers=headers)

    assert (answer.status, answer.body) == (401, b'{"error":"Unauthorized"}')


def test_a_key_goes_without_a_password(api: CloseApi) -> None:
    key = api.close.api_key

    assert api.send("GET", "/me/", headers=basic(f"{key}:")).status == 200
    assert api.send("GET", "/me/", headers=basic(f"{key}:password")).status == 401


@pytest.mark.parametrize("path", ["/status/lead/", "/status/lead", "//status/lead/", "/status//lead"])
def test_slashes_are_forgiven(api: CloseApi, path: str) -> None:
    assert len(api.ok("GET", path)["data"]) == 4


def test_a_record_is_reached_without_the_last_slash_too(api: CloseApi) -> None:
    lead = api.ok("POST", "/lead", {"name": "Acme"})

    assert api.ok("GET", f"/lead/{lead['id']}") == api.ok("GET", f"/lead/{lead['id']}/")


@pytest.mark.parametrize("path", ["/nothing/", "/leads/", "/lead/x/y/", "/custom_field_schema/nothing/"])
def test_an_unknown_path_is_not_found(api: CloseApi, path: str) -> None:
    status, body = api.refused("GET", path)

    assert status == 404
    assert set(body) == {"error"}


@pytest.mark.parametrize("path", ["/lead/lead_x/", "/contact/cont_x/", "/event/ev_x/", "/webhook/whsub_x/", "/user/user_x/"])  # fmt: skip
def test_an_unknown_record_is_an_empty_query(api: CloseApi, path: str) -> None:
    status, body = api.refused("GET", path)

    assert status == 404
    assert body["error"].startswith("Empty query: ")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/lead/"), ("PUT", "/contact/"), ("POST", "/lead/lead_x/"), ("PATCH", "/lead/lead_x/"), ("GET", "/data/search/"), ("POST", "/me/")],
)  # fmt: skip
def test_a_path_knows_its_methods(api: CloseApi, method: str, path: str) -> None:
    assert api.refused(method, path, {})[0] == 405


@pytest.mark.parametrize("path", ["/lead/", "/contact/", "/data/search/", "/webhook/", "/lead/merge/"])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The request contains invalid JSON."),
        (b"{", "The request contains invalid JSON."),
        (b"\xff", "The request contains invalid JSON."),
        (b'{"name": NaN}', "The request contains invalid JSON."),
        (b"[]", "JSON data must be a dict."),
        (b'"text"', "JSON data must be a dict."),
        (b"null", "JSON data must be a dict."),
    ],
)
def test_a_body_is_a_json_object(api: CloseApi, path: str, body: bytes, text: str) -> None:
    assert api.refused("POST", path, body) == (400, {"error": text})
    assert not api.close.leads


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ({"content-type": "text/plain"}, "Please send valid JSON with a 'Content-Type: application/json' header."),
        ({"content-type": ""}, "Please send valid JSON with a 'Content-Type: application/json' header."),
        ({"transfer-encoding": "chunked"}, "Chunked Transfer-Encoding is not supported."),
    ],
)  # fmt: skip
def test_a_body_says_that_it_is_json_and_comes_whole(
    api: CloseApi, header: dict[str, str], text: str
) -> None:
    answer = api.send("POST", "/lead/", {"name": "Acme"}, headers=header)

    assert (answer.status, text in answer.body.decode()) == (400, True)
    assert not api.close.leads


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────

TOO_MANY = "The limit you set is larger than the maximum limit for this resource (max_limit = 100)."
TOO_FAR = "The skip you set is larger than the maximum skip for this resource (max_skip = 250000).\nPlease refine your search query."


@pytest.mark.parametrize("path", ["/lead/", "/contact/"])
def test_pages_have_bounds(api: CloseApi, path: str) -> None:
    assert api.refused("GET", path, _limit=101) == (400, {"error": TOO_MANY})
    assert api.refused("GET", path, _skip=250_001) == (400, {"error": TOO_FAR})
    assert api.ok("GET", path, _limit=100, _skip=250_000)["data"] == []


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "²"])
@pytest.mark.parametrize("name", ["_limit", "_skip"])
def test_pages_are_counted_in_numbers(api: CloseApi, name: str, value: str) -> None:
    assert api.refused("GET", "/lead/", **{name: value})[0] == 400


def test_leads_come_a_hundred_at_a_time_with_their_number(api: CloseApi) -> None:
    for number in range(103):
        api.lead(name=str(number))

    first = api.ok("GET", "/lead/")
    rest = api.ok("GET", "/lead/", _skip=100)

    assert (len(first["data"]), first["has_more"], first["total_results"]) == (100, True, 103)
    assert ([lead["name"] for lead in rest["data"]], rest["has_more"]) == (["100", "101", "102"], False)


def test_contacts_come_without_their_number(api: CloseApi) -> None:
    lead = api.lead()
    for name in ("a", "b"):
        api.contact(lead["id"], name=name)
    api.contact(api.lead()["id"], name="elsewhere")

    page = api.ok("GET", "/contact/", lead_id=lead["id"], _limit=1)

    assert set(page) == {"data", "has_more"}
    assert ([one["name"] for one in page["data"]], page["has_more"]) == (["a"], True)
    assert len(api.ok("GET", "/contact/")["data"]) == 3


def test_only_the_fields_asked_for(api: CloseApi) -> None:
    field = api.close.create_custom_field("lead", "Tier")
    lead = api.lead(**{f"custom.{field['id']}": "one"})
    path = f"/lead/{lead['id']}/"

    assert api.ok("GET", path, _fields="id,nothing,name") == {"id": lead["id"], "name": "Acme"}
    assert api.ok("GET", path, _fields="custom") == {f"custom.{field['id']}": "one"}
    assert api.ok("GET", path, _fields=f"custom.{field['id']}") == {f"custom.{field['id']}": "one"}
    assert api.ok("GET", "/lead/", _fields="id")["data"] == [{"id": lead["id"]}]


def test_the_old_query_compares_to_the_minute_and_sorts(api: CloseApi, clock: Clock) -> None:
    first = api.lead(name="first")
    clock.advance(minutes=5)
    second = api.lead(name="second")

    def names(query: str) -> list[str]:
        return [lead["name"] for lead in api.ok("GET", "/lead/", query=query)["data"]]

    assert names('date_updated >= "2026-03-02T09:34:59"') == ["second"]
    assert names(f'date_updated >= "{first["date_updated"][:16]}:59"') == ["first", "second"]
    assert names("sort:-date_created") == ["second", "first"]
    assert names(f'id:"{second["id"]}"') == ["second"]
    assert api.refused("GET", "/lead/", query='date_updated > "2026-"')[0] == 400


def test_a_limit_of_nothing_counts(api: CloseApi) -> None:
    api.lead()

    assert api.ok("GET", "/lead/", _limit=0, query="sort:created") == {
        "data": [],
        "has_more": True,
        "total_results": 1,
    }


# ── The organization ─────────────────────────────────────────────────────────────────────────────


def test_me_nests_organizations_and_users_name_them(api: CloseApi) -> None:
    me = api.ok("GET", "/me/")

    (organization,) = me["organizations"]
    assert organization["name"] and organization["id"].startswith("orga_")
    assert organization["lead_statuses"][0]["label"] == "Potential"
    assert me["memberships"][0]["organization_id"] == organization["id"]
    assert api.ok("GET", f"/user/{me['id']}/")["organizations"] == [organization["id"]]
    assert api.ok("GET", f"/api_key/{api.close.api_key}/")["organization_id"] == organization["id"]
    assert api.ok("GET", f"/organization/{organization['id']}/")["name"] == organization["name"]
    assert api.refused("GET", "/organization/orga_other/")[0] == 404


def test_a_schema_has_its_own_and_the_shared_fields(api: CloseApi) -> None:
    for kind, name in (("lead", "Tier"), ("contact", "Role"), ("shared", "Region")):
        field_id = api.ok("POST", f"/custom_field/{kind}/", {"name": name, "type": "text"})["id"]
        assert field_id.startswith("cf_")
    for kind in ("lead", "contact"):
        path = f"/custom_field/shared/{field_id}/association/"
        assert api.send("POST", path, {"object_type": kind}).status == 201
        assert api.refused("POST", path, {"object_type": kind})[0] == 400

    def named(path: str, key: str) -> list[str]:
        return [field["name"] for field in api.ok("GET", path)[key]]

    assert named("/custom_field_schema/lead/", "fields") == ["Tier", "Region"]
    assert named("/custom_field_schema/contact/", "fields") == ["Role", "Region"]
    assert named("/custom_field/lead/", "data") == named("/custom_fields/lead/", "data") == ["Tier"]
    assert named("/custom_field/shared/", "data") == ["Region"]


@pytest.mark.parametrize(
    "body",
    [{"name": "x", "type": "boolean"}, {"type": "text"}, {"name": "x", "type": "text", "accepts_multiple_values": True}],
)  # fmt: skip
def test_a_field_is_of_a_known_type(api: CloseApi, body: dict[str, Any]) -> None:
    assert api.refused("POST", "/custom_field/lead/", body)[0] == 400


def test_a_deleted_field_takes_its_values_along(api: CloseApi) -> None:
    field = api.close.create_custom_field("lead", "Tier")
    lead = api.lead(**{f"custom.{field['id']}": "one"})

    api.close.delete_custom_field(field["id"])

    assert f"custom.{field['id']}" not in api.ok("GET", f"/lead/{lead['id']}/")
    assert api.refused("PUT", f"/lead/{lead['id']}/", {f"custom.{field['id']}": "x"})[0] == 400
    assert ("custom_fields.lead", "deleted") in api.told()


# ── Rate limits ──────────────────────────────────────────────────────────────────────────────────


def limited(clock: Clock) -> CloseApi:
    return CloseApi(CloseSandbox(clock, rate_limits=True), clock)


def test_the_header_comes_in_both_spellings(clock: Clock) -> None:
    api = limited(clock)

    documented, observed = api.send("GET", "/lead/").headers["RateLimit"], api.send("GET", "/me/").headers["RateLimit"]  # fmt: skip

    assert documented.startswith("limit=240, remaining=239, reset=")
    assert observed.startswith("limit=160; remaining=159; reset=")


def test_leads_and_contacts_share_a_window_and_search_has_its_own(clock: Clock) -> None:
    api = limited(clock)
    for _ in range(3):
        api.send("GET", "/lead/")

    assert "remaining=236" in api.send("GET", "/contact/").headers["RateLimit"]
    assert "limit=16, remaining=15" in api.send("POST", "/data/search/", {"query": {"type": "match_all"}}).headers["RateLimit"]  # fmt: skip


def test_a_spent_window_is_429_until_it_ends(clock: Clock) -> None:
    api = limited(clock)
    search = {"query": {"type": "match_all"}}
    for _ in range(LIMITS["search"]):
        assert api.send("POST", "/data/search/", search).status == 200

    answer = api.send("POST", "/data/search/", search)

    assert answer.status == 429
    assert answer.headers["retry-after"].isdigit() and 1 <= int(answer.headers["retry-after"]) <= 8
    assert "remaining=0" in answer.headers["RateLimit"]
    assert b"API call count exceeded" in answer.body
    assert api.send("GET", "/lead/").status == 200
    clock.advance(seconds=8)
    assert api.send("POST", "/data/search/", search).status == 200


def test_without_limits_there_is_no_header(api: CloseApi) -> None:
    assert "RateLimit" not in api.send("GET", "/lead/").headers


def test_every_request_is_remembered_with_its_answer(api: CloseApi) -> None:
    api.send("GET", "/lead", _limit=5)
    api.send("POST", "/lead/", b"{")

    assert api.close.requests == [
        ("GET", "/lead/", {"_limit": ["5"]}, None, 200),
        ("POST", "/lead/", {}, "{", 400),
    ]


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────

WEBHOOK = {"url": "https://example.com/hook", "events": [{"object_type": "lead", "action": "created"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"url": 1}, {"url": "example.com"}, {"events": "all"}, {"events": []}, {"events": ["lead.created"]},
        {"events": [{"object_type": "lead"}]}, {"name": "x"},
    ],
)  # fmt: skip
def test_a_subscription_that_close_would_not_take(api: CloseApi, change: dict[str, Any]) -> None:
    assert api.refused("POST", "/webhook/", WEBHOOK | change)[0] == 400
    assert api.ok("GET", "/webhook/")["data"] == []


def test_a_subscription_is_201_with_its_key(api: CloseApi) -> None:
    answer = api.send("POST", "/webhook/", WEBHOOK)
    (made,) = api.ok("GET", "/webhook/")["data"]

    assert answer.status == 201
    assert answer.headers["Location"].endswith(f"/webhook/{made['id']}/")
    assert made["id"].startswith("whsub_") and len(bytes.fromhex(made["signature_key"])) == 32
    assert api.ok("GET", f"/webhook/{made['id']}/") == made
    assert api.ok("DELETE", f"/webhook/{made['id']}/") == {}
    assert api.refused("DELETE", f"/webhook/{made['id']}/")[0] == 404


def test_forty_subscriptions_are_the_limit(api: CloseApi) -> None:
    for _ in range(40):
        api.ok("POST", "/webhook/", WEBHOOK)

    assert api.refused("POST", "/webhook/", WEBHOOK)[0] == 400


def test_the_old_name_of_an_error_is_kept(api: CloseApi) -> None:
    assert api.refused("POST", "/webhook/", WEBHOOK | {"name": "x"}) == fields({"name": "Unknown field."})
