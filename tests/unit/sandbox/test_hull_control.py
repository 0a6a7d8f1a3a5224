"""What a person does to the simulated Hull over HTTP: whatever is sent, it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import HullSandbox
from tests.unit.sandbox.remotes import Clock, HullApi

MADE = [
    ("POST", "/_sandbox/account", {"id": "a1", "name": "Acme", "domain": "acme.com"}),
    ("POST", "/_sandbox/user", {"id": "u1", "email": "gob@else.net", "account_id": "a1"}),
    ("POST", "/_sandbox/segment", {"id": "s1", "kind": "account", "name": "All", "predicate": {}}),
]


@pytest.fixture
def made(hull: HullApi) -> HullApi:
    for method, path, body in MADE:
        hull.ok(method, path, body)
    return hull


def test_records_are_made_changed_linked_and_deleted(made: HullApi) -> None:
    assert made.hull.account_of("u1")["segment_ids"] == ["s1"]
    made.ok("POST", "/_sandbox/user/u1", {"title": "CEO", "account_id": None})
    assert (made.user["traits_title"], made.hull.snapshot()["users"]["u1"]["account_id"]) == ("CEO", None)
    made.ok("PUT", "/_sandbox/user/u1", {"account_id": "a1", "id": "another"})
    assert made.user["id"] == "u1"
    made.ok("POST", "/_sandbox/segment/s1", {"predicate": {"attribute": "tier", "equals": 1}})
    assert made.account["segment_ids"] == []
    made.ok("DELETE", "/_sandbox/segment/s1")
    made.ok("DELETE", "/_sandbox/account/a1")
    assert made.hull.snapshot()["users"]["u1"]["account_id"] is None and not made.hull.store.segments


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/_sandbox/account", {"id": "a1"}, 400), ("POST", "/_sandbox/account", {"id": 5}, 400), ("POST", "/_sandbox/account", [], 400),
        ("POST", "/_sandbox/user", {"account_id": "gone"}, 404), ("POST", "/_sandbox/user/a1", {}, 404), ("DELETE", "/_sandbox/user/a1", None, 404),
        ("GET", "/_sandbox/account", None, 405), ("GET", "/_sandbox/nothing", None, 404), ("POST", "/_sandbox/segment", {"kind": "x"}, 400),
        ("POST", "/_sandbox/segment", {"kind": "user"}, 400), ("POST", "/_sandbox/segment/gone", {}, 404), ("DELETE", "/_sandbox/segment/gone", None, 404),
        ("POST", "/_sandbox/segment", {"kind": "user", "name": "x", "predicate": {"attribute": "a"}}, 400),
        ("POST", "/_sandbox/connect", {"url": "nowhere"}, 400), ("POST", "/_sandbox/connect", b"{", 400), ("POST", "/_sandbox/connect", {"url": ""}, 200),
        ("POST", "/_sandbox/install", {}, 400), ("POST", "/_sandbox/install", {"url": "http://x", "manifest": []}, 400),
        ("POST", "/_sandbox/batch", {"kind": "nobody"}, 400), ("POST", "/_sandbox/batch", {"kind": "user", "segment_id": "s1"}, 404),
        ("POST", "/_sandbox/batch", {"kind": "account", "segment_id": "s1"}, 200), ("POST", "/_sandbox/connector", {"private_settings": 5}, 400),
        ("POST", "/_sandbox/connector", {"organization_enabled": "no"}, 400), ("POST", "/_sandbox/moods", {"moods": "sunny"}, 400),
        ("POST", "/_sandbox/moods", {"moods": "notifications=duplicate@0.5"}, 200), ("GET", "/_sandbox/moods", None, 200),
        ("GET", "/_files/extracts/x", None, 403), ("GET", "/openapi.json", None, 200), ("GET", "/_sandbox/status", None, 200),
        ("GET", "/_sandbox/public-key", None, 200),
    ],
)  # fmt: skip
def test_controls(made: HullApi, method: str, path: str, body: Any, status: int) -> None:
    answer = made.send(method, path, body)

    assert answer.status == status, answer.body
    assert status < 400 or "message" in json.loads(answer.body)


def test_the_dashboard_changes_settings_and_switches(hull: HullApi) -> None:
    hull.hull.private_settings = {"a": 1}
    hull.ok("POST", "/_sandbox/connector", {"private_settings": {"b": 2}, "accept_incoming_webhooks": False})

    ((_, body),) = hull.hull.take_notifications()
    assert body["channel"] == "ship:update" and body["connector"]["private_settings"] == {"a": 1, "b": 2}
    assert body["connector"]["accept_incoming_webhooks"] is False
    hull.ok("POST", "/_sandbox/connector", {"organization_enabled": False})
    assert hull.send("GET", "/api/v1/app").status == 402


def test_the_page_gets_what_it_shows(made: HullApi) -> None:
    made.tell_account({"domain": "acme.com"}, tier=1)
    whole, brief = made.ok("GET", "/_sandbox/data"), made.ok("GET", "/_sandbox/data?brief=1&search=nobody")

    assert whole["accounts"]["a1"]["tier"] == 1 and whole["users"]["u1"]["account_id"] == "a1"
    assert whole["firehose"][0]["attributes"] == {"tier": 1} and whole["counts"]["accounts"] == 1
    assert {"segments", "log", "sent", "pending", "statuses", "calls"} <= set(whole)
    assert not brief["accounts"] and not brief["users"] and brief["counts"]["users"] == 1


def test_a_later_process_goes_on_with_all_of_it(made: HullApi, clock: Clock) -> None:
    made.hull.add_user({"id": "u2"}, "a1")
    made.ok("PUT", "/api/v1/app/status", {"status": "ok"})
    made.ok("POST", "/api/v1/extract/user_reports", {"url": "http://connector.test/batch"})
    later = HullApi(HullSandbox(clock), clock)

    later.hull.restore(made.hull.state())

    assert later.hull.snapshot() == made.hull.snapshot() and later.hull.status["status"] == "ok"
    assert later.hull.notifier.public_key() == made.hull.notifier.public_key()
    assert later.ok("GET", "/api/v1/accounts_segments")[0]["id"] == "s1"
    assert len(later.hull.jobs.take_due(clock())) == 1
    later.hull.set_account("a1", {"name": "Acme AS"})
    assert len(later.hull.take_notifications()[1][1]["messages"]) == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.sampled_from(["a1", "u1", "s1", "account", "user"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "id", "kind", "name", "predicate", "attribute", "equals", "url", "manifest", "private_settings", "query", "sort", "bool", "term", "range",
        "filter", "terms", "exists", "field", "page", "per_page", "batch", "type", "body", "headers", "schedule_at", "fields", "account_id", "moods",
        "segment_id", "subscriptions", "schedules", "status", "messages", "email", "domain", "external_id", "created_at", "traits_x",
    ]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ADDRESSES = [
    *(f"/_sandbox/{name}" for name in ("account", "user", "account/a1", "user/u1", "segment", "segment/s1", "connect", "install", "connector",
                                       "batch", "moods", "call-schedules", "data", "status")),
    *(f"/api/v1/{name}" for name in ("app", "app/status", "search/user_reports", "search/account_reports", "search/events", "a1", "u1",
                                     "extract/user_reports", "extract/account_reports", "import/users", "import/events", "users/schema",
                                     "search/user_reports/bootstrap", "users_segments")),
    "/firehose", "/",
]  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    path=st.sampled_from(ADDRESSES),
    body=ANYTHING,
)
def test_whatever_is_sent_is_answered(method: str, path: str, body: Any) -> None:
    clock = Clock()
    hull = HullApi(HullSandbox(clock), clock)
    for one in MADE:
        hull.ok(*one)

    answer = hull.send(method, path, json.dumps(body).encode())

    assert answer.status < 500
    for _, told in hull.hull.take_notifications():
        assert told["messages"]
    hull.ok("GET", "/_sandbox/data")
