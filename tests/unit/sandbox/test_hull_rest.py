"""Hull's REST API: the connector's own object, what an organization has, search, extracts and imports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.http import make_request
from sandbox.hull.openapi import paths
from tests.unit.sandbox.remotes import Clock, HullApi, token

A1, A2, A3 = "5a0000000000000000000001", "5a0000000000000000000002", "5a0000000000000000000003"
U1, U2 = "5b0000000000000000000001", "5b0000000000000000000002"


@pytest.fixture
def filled(hull: HullApi) -> HullApi:
    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})
    hull.hull.add_account(
        {
            "id": A1,
            "name": "Acme",
            "domain": "acme.com",
            "external_id": "1",
            "tier": 1,
            "seen_at": "2026-01-01",
        }
    )
    hull.hull.add_account(
        {"id": A2, "name": "Beta", "domain": "beta.com", "tier": 2, "seen_at": "2026-02-01T00:00:00Z"}
    )
    hull.hull.add_account({"id": A3, "name": "Gamma", "tags": ["x", "y"], "closeio/id": "lead_3"})
    hull.hull.add_user({"id": U1, "email": "gob@acme.com", "title": "CEO"}, A1)
    hull.hull.add_user({"id": U2, "email": "nobody@else.net", "is_lead": True})
    return hull


# ── The connector ────────────────────────────────────────────────────────────────────────────────


def test_the_connector_is_whole(hull: HullApi) -> None:
    connector = hull.ok("GET", "/api/v1/app")

    assert {"id", "name", "type", "secret", "tags", "manifest", "settings", "private_settings", "extra", "status",
            "created_at", "updated_at", "accept_incoming_webhooks"} <= set(connector)  # fmt: skip
    assert connector["type"] == "ship" and connector["status"]["status"] == "setupRequired"


def test_settings_are_replaced_whole_and_the_connector_is_told(hull: HullApi) -> None:
    path = f"/api/v1/{hull.hull.connector_id}"
    hull.ok("PUT", path, {"private_settings": {"a": 1}})
    hull.ok("PUT", path, {"private_settings": {"b": 2}})

    ((_, body),) = hull.hull.take_notifications()
    assert body["channel"] == "ship:update"
    assert [one["private_settings"] for one in body["messages"]] == [{"b": 2}]
    assert body["connector"]["private_settings"] == {"b": 2}
    assert not hull.hull.take_notifications()


@pytest.mark.parametrize("body", [{}, {"private_settings": []}, {"private_settings": None}, [], b"{", None])
def test_settings_are_an_object(hull: HullApi, body: Any) -> None:
    assert hull.send("PUT", "/api/v1/app", body).status == 400
    assert not hull.hull.take_notifications()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "ok", "messages": []}, 200), ({"status": "setupRequired"}, 200), ({"status": "fine"}, 400),
        ({"status": "ok", "messages": "x"}, 400), ({"status": "ok", "messages": [1]}, 400), ({}, 400), ([], 400),
    ],
)  # fmt: skip
def test_a_status_is_one_of_four(hull: HullApi, body: Any, status: int) -> None:
    assert hull.send("PUT", f"/api/v1/{hull.hull.connector_id}/status", body).status == status


def test_statuses_are_remembered(hull: HullApi, clock: Clock) -> None:
    for status in ("ok", "warning"):
        hull.ok("PUT", "/api/v1/app/status", {"status": status, "messages": [status]})
        clock.advance(minutes=1)

    assert [one["status"] for one in hull.hull.connector.statuses] == ["ok", "warning"]
    assert hull.ok("GET", "/api/v1/app")["status"]["messages"] == ["warning"]


def test_a_disabled_organization_is_not_served(hull: HullApi) -> None:
    hull.hull.connector.is_organization_enabled = False

    assert hull.send("GET", "/api/v1/app").status == 402
    assert hull.send("POST", "/firehose", {"batch": []}).status == 402


@pytest.mark.parametrize(
    ("secret", "claims", "status"),
    [
        ("", {}, 200), ("another", {}, 401), ("", {"iss": "another"}, 401), ("", {"exp": 1}, 401), ("", {"iat": None}, 401),
        ("", {"nbf": 2**40}, 401),
    ],
)  # fmt: skip
def test_a_signed_token_opens_the_api(
    hull: HullApi, secret: str, claims: dict[str, Any], status: int
) -> None:
    payload = {"iss": hull.hull.connector_id, "iat": 1, "scopes": ["admin"]} | claims
    signed = token(payload, secret or hull.hull.secret)

    assert hull.send("GET", "/api/v1/app", hull_access_token=signed).status == status
    assert hull.send("POST", "/firehose", {"batch": []}, hull_access_token=signed).status == 401


# ── What there is ────────────────────────────────────────────────────────────────────────────────


def test_schemas_know_the_types(filled: HullApi) -> None:
    accounts = {one["key"]: one["type"] for one in filled.ok("GET", "/api/v1/accounts/schema")}
    users = {one["key"]: one["type"] for one in filled.ok("GET", "/api/v1/users/schema")}

    wanted = {
        "name": "string",
        "tier": "number",
        "seen_at": "date",
        "tags": "json",
        "closeio/id": "string",
        "domain": "string",
    }
    assert wanted.items() <= accounts.items()
    assert {"email": "string", "traits_title": "string", "traits_is_lead": "boolean"}.items() <= users.items()


def test_the_tree_groups_by_what_is_before_the_slash(filled: HullApi) -> None:
    tree = filled.ok("GET", "/api/v1/search/account_reports/bootstrap")["tree"]

    groups = {group["text"]: group["children"] for group in tree}
    assert groups["closeio"] == [{"id": "closeio/id", "text": "id", "type": "string"}]


def test_one_of_anything(filled: HullApi) -> None:
    assert filled.ok("GET", f"/api/v1/{A1}")["domain"] == "acme.com"
    assert filled.ok("GET", f"/api/v1/{U1}")["account"]["id"] == A1
    assert filled.ok("GET", "/api/v1/s1")["query"] == {"term": {"tier": 1}}
    assert filled.send("GET", "/api/v1/accounts_segments?shipId=other").status == 404


def test_who_is_deleted_is_gone_and_nobody_is_told(filled: HullApi) -> None:
    filled.hull.take_notifications(50)

    filled.ok("DELETE", f"/api/v1/{U2}")

    assert set(filled.hull.users) == {U1} and not filled.hull.take_notifications()
    assert filled.send("DELETE", f"/api/v1/{U2}").status == 404
    filled.ok("DELETE", f"/api/v1/{A1}")
    assert filled.hull.snapshot()["users"][U1]["account_id"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/app", 405), ("GET", "/firehose", 405), ("PUT", "/api/v1/users/schema", 405), ("GET", "/api/v1/a/b/c", 404),
        ("GET", "/elsewhere", 404), ("GET", "/api/v1/nobody", 404),
    ],
)  # fmt: skip
def test_what_is_no_address(hull: HullApi, method: str, path: str, status: int) -> None:
    assert hull.send(method, path, {}).status == status


# ── Search ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (None, [A1, A2, A3]), ({"match_all": {}}, [A1, A2, A3]), ({"term": {"domain.exact": "ACME.com"}}, [A1]),
        ({"term": {"external_id.raw": "1"}}, [A1]), ({"term": {"external_id.raw": "9"}}, []), ({"term": {"tier": 2}}, [A2]),
        ({"term": {"id": A3}}, [A3]), ({"term": {"segment_ids": "s1"}}, [A1]), ({"terms": {"segment_ids": ["s1", "s2"]}}, [A1]),
        ({"terms": {"tags": ["y"]}}, [A3]), ({"exists": {"field": "closeio/id"}}, [A3]), ({"range": {"tier": {"gt": 1}}}, [A2]),
        ({"range": {"tier": {"gte": 1, "lt": 2}}}, [A1]), ({"range": {"seen_at": {"gte": "2026-01-15T00:00:00+01:00"}}}, [A2]),
        ({"bool": {"must_not": [{"exists": {"field": "tier"}}]}}, [A3]),
        ({"bool": {"filter": [{"terms": {"tier": [1, 2]}}], "must_not": {"term": {"name": "Acme"}}}}, [A2]),
        ({"bool": {"should": [{"term": {"tier": 1}}, {"term": {"name": "gamma"}}]}}, [A1, A3]),
        ({"bool": {"must": {"bool": {"filter": {"term": {"domain.exact": "beta.com"}}}}}}, [A2]),
        ({"prefix": {"name": "be"}}, [A2]), ({"wildcard": {"name": "*mm*"}}, [A3]),
    ],
)  # fmt: skip
def test_queries(filled: HullApi, query: Any, found: list[str]) -> None:
    answer = filled.ok("POST", "/api/v1/search/account_reports", {"query": query, "raw": True})

    assert sorted(row["id"] for row in answer["data"]) == found
    assert answer["pagination"]["total"] == len(found)


def test_users_are_found_by_their_own_fields(filled: HullApi) -> None:
    query = {
        "bool": {"filter": [{"term": {"traits_title": "CEO"}}, {"term": {"email.exact": "gob@acme.com"}}]}
    }

    (row,) = filled.ok("POST", "/api/v1/search/user_reports", {"query": query})["data"]

    assert (row["id"], row["traits_title"], row["account"]["domain"]) == (U1, "CEO", "acme.com")


@pytest.mark.parametrize(
    "body",
    [
        {"query": []}, {"query": {"nonsense": {}}}, {"query": {"term": {}}}, {"query": {"term": []}}, {"query": {"terms": {"a": 1}}},
        {"query": {"range": {"a": {"above": 1}}}}, {"query": {"range": {"a": {"gt": None}}}}, {"query": {"bool": []}},
        {"query": {"bool": {"unless": []}}}, {"query": {"exists": {}}}, {"query": {"match_all": {}, "term": {}}}, {"page": 0},
        {"page": "x"}, {"per_page": True}, {"sort": {"a": "up"}}, {"sort": [[]]}, {"sort": {"a": "asc", "b": "asc"}}, [], b"x",
    ],
)  # fmt: skip
def test_what_is_no_query(filled: HullApi, body: Any) -> None:
    for kind in ("account", "user"):
        assert filled.send("POST", f"/api/v1/search/{kind}_reports", body).status == 400


def test_a_query_nested_without_end_is_refused(filled: HullApi) -> None:
    query: dict[str, Any] = {"match_all": {}}
    for _ in range(40):
        query = {"bool": {"filter": [query]}}

    assert filled.send("POST", "/api/v1/search/account_reports", {"query": query}).status == 400


def test_pages_hold_fifty_at_most_in_the_wanted_order(hull: HullApi) -> None:
    for number in range(120):
        hull.hull.add_account({"id": f"a{number:03}", "number": number})
    search = {"sort": {"number": "desc"}, "per_page": 500}

    pages = [
        hull.ok("POST", "/api/v1/search/account_reports", search | {"page": page}) for page in (1, 2, 3, 4)
    ]

    assert [len(page["data"]) for page in pages] == [50, 50, 20, 0]
    assert pages[0]["pagination"] == {"total": 120, "page": 1, "pages": 3, "per_page": 50}
    assert [row["number"] for page in pages for row in page["data"]] == list(range(119, -1, -1))
    hull.hull.set_account("a000", {"number": 1000})
    assert hull.ok("POST", "/api/v1/search/account_reports", search | {"page": 1})["data"][0]["id"] == "a000"


def test_events_are_searched_by_their_user(filled: HullApi) -> None:
    for email, name in (("gob@acme.com", "Opened"), ("nobody@else.net", "Left")):
        message = filled.message({"event": name, "properties": {"a": 1}}, kind="user", user={"email": email})
        filled.fire(message | {"type": "track"})
    query = {"has_parent": {"parent_type": "user_report", "query": {"term": {"id": U1}}}}

    (event,) = filled.ok("POST", "/api/v1/search/events", {"query": query})["data"]

    assert (event["event"], event["user_id"]) == ("Opened", U1)
    assert {one["name"] for one in filled.ok("GET", "/api/v1/search/event/bootstrap")} == {"Opened", "Left"}


# ── Extracts and imports ─────────────────────────────────────────────────────────────────────────

HOOK = "http://connector.test/batch?ship=x"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"url": HOOK, "format": "json", "query": {}, "fields": []}, 200), ({"url": HOOK, "format": "csv"}, 200), ({}, 400),
        ({"url": "file:///etc/passwd"}, 400), ({"url": HOOK, "format": "xml"}, 400), ({"url": HOOK, "query": {"x": 1}}, 400),
        ({"url": HOOK, "fields": "id"}, 400), ([], 400),
    ],
)  # fmt: skip
def test_orders_of_extracts(filled: HullApi, body: Any, status: int) -> None:
    for kind in ("account", "user"):
        assert filled.send("POST", f"/api/v1/extract/{kind}_reports", body).status == status


def fetched(hull: HullApi, url: str) -> tuple[int, bytes]:
    answer = hull.hull.handle(make_request("GET", url, {}, b""))
    return answer.status, answer.body


def test_an_extract_is_fetched_by_its_signature_for_an_hour(filled: HullApi, clock: Clock) -> None:
    filled.ok("POST", "/api/v1/extract/user_reports", {"url": HOOK, "format": "json"})
    (job,) = filled.hull.jobs.take_due(clock())
    told = filled.hull.jobs.extract(job, filled.hull.base_url)

    assert (told["format"], told["object_type"]) == ("json", "user_report")
    status, content = fetched(filled, told["url"])
    rows = [json.loads(line) for line in content.splitlines()]
    assert (status, [row["id"] for row in rows], rows[0]["account"]["segment_ids"]) == (200, [U1, U2], ["s1"])
    assert fetched(filled, told["url"].replace("Signature=", "Signature=0"))[0] == 403
    clock.advance(hours=2)
    assert fetched(filled, told["url"])[0] == 403


def test_an_extract_may_be_a_table_of_some_columns(filled: HullApi, clock: Clock) -> None:
    order = {"url": HOOK, "format": "csv", "fields": ["name", "tags"], "query": {"term": {"id": A3}}}
    filled.ok("POST", "/api/v1/extract/account_reports", order)
    (job,) = filled.hull.jobs.take_due(clock())

    told = filled.hull.jobs.extract(job, filled.hull.base_url)

    assert fetched(filled, told["url"])[1].decode() == f'id,name,tags\n{A3},Gamma,"[""x"",""y""]"\n'


@pytest.mark.parametrize("at", [None, "soon", 5, ""])
def test_an_import_says_when(hull: HullApi, at: Any) -> None:
    assert hull.send("POST", "/api/v1/import/users", {"url": HOOK, "schedule_at": at}).status == 400


def imported(hull: HullApi, kind: str, clock: Clock, *lines: Any, **order: Any) -> None:
    order = {"url": HOOK, "format": "json", "schedule_at": "2026-03-02T09:30:00Z"} | order
    hull.ok("POST", f"/api/v1/import/{kind}", order)
    (job,) = hull.hull.jobs.take_due(clock())
    hull.hull.take_in(job, b"\n".join(json.dumps(line).encode() for line in lines))


def test_imports_make_accounts_users_and_events(hull: HullApi, clock: Clock) -> None:
    imported(hull, "accounts", clock, {"accountId": "a-1", "traits": {"domain": "acme.com", "tier": 1}})
    imported(
        hull,
        "users",
        clock,
        {"userId": "u-1", "accountId": "a-1", "traits": {"email": "gob@acme.com"}},
        5,
        {},
    )
    imported(
        hull,
        "events",
        clock,
        {"userId": "u-1", "event": "Opened", "eventId": "e-1", "timestamp": "2026-01-01T00:00:00Z"},
    )

    assert (hull.account["external_id"], hull.account["tier"]) == ("a-1", 1)
    assert hull.hull.account_of(hull.user["id"])["id"] == hull.account["id"]
    assert [event["event_id"] for event in hull.hull.events] == ["e-1"]
    assert len(hull.noted()) == 2


def test_an_import_may_tell_nobody(hull: HullApi, clock: Clock) -> None:
    imported(hull, "accounts", clock, {"accountId": "a-1", "traits": {"tier": 1}}, notify=False)

    assert hull.account["tier"] == 1 and not hull.hull.take_notifications()


def test_an_import_waits_for_its_time(hull: HullApi, clock: Clock) -> None:
    hull.ok("POST", "/api/v1/import/users", {"url": HOOK, "schedule_at": "2026-03-02T09:40:00Z"})
    assert not hull.hull.jobs.take_due(clock())
    clock.advance(minutes=10)
    assert len(hull.hull.jobs.take_due(clock())) == 1


def test_every_described_address_is_one(hull: HullApi) -> None:
    for path, item in paths().items():
        for method in item:
            answer = hull.send(method.upper(), path.replace("{id}", "nobody"), b"[]")
            assert str(answer.status) in item[method]["responses"], (method, path, answer.status)
            assert answer.status not in (404, 405) or "{id}" in path
