"""Hull's courier: flow control, subscriptions, scheduled calls, extracts, imports, installation. No socket is opened."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.hull.courier import Courier
from sandbox.hull.schedules import Timetable
from tests.unit.sandbox.remotes import START, Clock, HullApi

SITE = "http://connector.test"
NEXT = {"type": "next", "size": 100, "in": 0, "in_time": 0}


@dataclass
class Connector:
    """A connector that answers what it is told to, and remembers what it was sent."""

    answer: tuple[int, dict[str, Any]] = (200, {"flow_control": NEXT})
    files: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        assert not self.lock.locked(), "the network is used under the lock"
        assert headers["Content-Type"] == "application/json"
        self.sent.append((url, json.loads(body)))
        return self.answer

    def fetch(self, url: str) -> tuple[int, bytes]:
        assert not self.lock.locked(), "the network is used under the lock"
        return (200, self.files[url]) if url in self.files else (404, b"")

    def sizes(self) -> list[int]:
        """Return how many messages each notification had, and forget them."""
        found, self.sent = [len(body["messages"]) for _, body in self.sent], []
        return found


@pytest.fixture
def connector() -> Connector:
    return Connector()


@pytest.fixture
def courier(hull: HullApi, connector: Connector) -> Courier:
    hull.hull.connected_to = f"{SITE}/smart-notifier"
    return Courier(hull.hull, connector.post, connector.fetch)


def fill(hull: HullApi, number: int) -> None:
    for one in range(number):
        hull.hull.add_account({"id": f"a{one:03}"})


# ── Flow control ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("control", "wait", "size"),
    [
        ({"type": "next", "size": 7, "in": 0}, 0, 7), ({"type": "next", "size": 7, "in": 3000}, 3, 7),
        ({"type": "next", "max_messages": 7, "min_delay": 3000}, 3, 7), ({"type": "next"}, 0, 10), ({"type": "next", "size": 0}, 0, 10),
        ({"type": "next", "size": "7", "in": "x"}, 0, 10), ({"type": "next", "size": 7, "at": START.timestamp() + 60}, 60, 7),
        ({"type": "retry", "size": 7, "in": 5000}, 5, 7), ({"type": "retry", "size": 7}, 1, 7),
    ],
)  # fmt: skip
def test_the_connector_says_how_many_and_when(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock, control: dict[str, Any], wait: float, size: int
) -> None:  # fmt: skip
    fill(hull, 80)
    connector.answer = (200, {"flow_control": control})
    courier.run_once(connector.lock)
    assert connector.sizes() == [50]

    if wait:
        clock.advance(seconds=wait - 0.5)
        assert courier.run_once(connector.lock) == 0
        clock.advance(seconds=0.5)
    courier.run_once(connector.lock)

    assert connector.sizes() == [size]
    left = 80 - size - 50 if control["type"] == "next" else 80
    assert hull.hull.notifier.pending == left


@pytest.mark.parametrize(
    "answer",
    [(500, {}), (0, {}), (400, {"flow_control": {"type": "next", "in": 0}}), (503, {"flow_control": []})],
)
def test_what_was_not_taken_is_told_again(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock, answer: Any
) -> None:
    fill(hull, 3)
    connector.answer = answer
    courier.run_once(connector.lock)
    connector.answer = (200, {"flow_control": NEXT})
    clock.advance(seconds=2)
    courier.run_once(connector.lock)

    first, second = (body for _, body in connector.sent)
    assert [one["account"]["id"] for one in first["messages"]] == [
        one["account"]["id"] for one in second["messages"]
    ]
    assert (first["kraken"]["retries"], second["kraken"]["retries"]) == (0, 1)
    assert courier.run_once(connector.lock) == 0


def test_failures_are_followed_by_longer_and_longer_pauses(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock
) -> None:
    fill(hull, 1)
    connector.answer = (0, {})
    tries = []
    for second in range(200):
        if courier.run_once(connector.lock):
            tries.append(second)
        clock.advance(seconds=1)

    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[:5] == sorted(pauses[:5]) and pauses[0] <= 2 and 58 <= pauses[-1] <= 62


def test_a_shipment_waits_for_more_as_long_as_it_may(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock
) -> None:
    connector.answer = (200, {"flow_control": {"type": "next", "size": 3, "in": 0, "in_time": 10_000}})
    fill(hull, 1)
    courier.run_once(connector.lock)
    assert connector.sizes() == [1]

    hull.hull.set_account("a000", {"name": "Acme"})
    assert courier.run_once(connector.lock) == 0
    clock.advance(seconds=11)
    assert courier.run_once(connector.lock) == 1
    fill(hull, 3)
    courier.run_once(connector.lock)
    assert connector.sizes() == [1, 3]


def test_without_an_address_nothing_goes_out(hull: HullApi, courier: Courier, connector: Connector) -> None:
    hull.hull.connected_to = ""
    fill(hull, 1)

    assert courier.run_once(connector.lock) == 0 and hull.hull.notifier.pending == 1


# ── Installation and subscriptions ───────────────────────────────────────────────────────────────

MANIFEST: dict[str, Any] = {
    "name": "Close",
    "tags": ["kraken"],
    "private_settings": [{"name": "a", "default": 1}, {"name": "b", "default": 2}, {"name": "c"}, "x"],
    "subscriptions": [
        {"url": "/hull", "conditions": {"channels": {"only": ["account:update", "ship:update"]}}}
    ],
    "batches": [{"url": "/batch-accounts", "channels": [{"channel": "account:update"}]}],
    "schedules": [
        {"url": "/fetch", "type": "cron", "value": "*/5 * * * *"},
        {"url": "/export", "type": "interval", "value_from": "private_settings.every", "value": "60"},
    ],
    "statuses": [{"url": "/status", "type": "interval", "value": "30"}],
}


def test_a_connector_is_installed_from_its_manifest(
    hull: HullApi, courier: Courier, connector: Connector
) -> None:
    connector.files[f"{SITE}/manifest.json"] = json.dumps(MANIFEST).encode()
    hull.hull.private_settings = {"b": 5}

    assert hull.send("POST", "/_sandbox/install", {"url": f"{SITE}/"}).status == 202
    courier.run_once(connector.lock)
    courier.run_once(connector.lock)

    ((url, body),) = connector.sent
    assert (url, body["channel"]) == (f"{SITE}/hull", "ship:update")
    (told,) = body["messages"]
    assert told["private_settings"] == {"a": 1, "b": 5} and told["manifest"]["name"] == "Close"


def test_without_a_manifest_nothing_is_installed(
    hull: HullApi, courier: Courier, connector: Connector
) -> None:
    for content in (None, b"no json", b"[]"):
        connector.files = {f"{SITE}/manifest.json": content} if content else {}
        hull.send("POST", "/_sandbox/install", {"url": SITE})
        courier.run_once(connector.lock)

    assert hull.hull.connector.url == "" and len(hull.noted()) == 3


def install(hull: HullApi, **changes: Any) -> None:
    hull.ok("POST", "/_sandbox/install", {"url": SITE, "manifest": MANIFEST | changes})
    hull.hull.take_notifications()


def test_only_what_was_subscribed_to_is_told(hull: HullApi, courier: Courier, connector: Connector) -> None:
    install(hull)
    hull.hull.add_user({"id": "u1"})
    hull.hull.add_account({"id": "a1"})

    courier.run_once(connector.lock)

    assert [body["channel"] for _, body in connector.sent] == ["account:update"]
    assert hull.hull.notifier.pending == 0


@pytest.mark.parametrize(
    "segments", [["s1"], {"only": ["s1"]}, "private_settings.wanted", {"only": "wanted"}]
)
def test_a_subscription_may_be_to_segments(
    hull: HullApi, courier: Courier, connector: Connector, segments: Any
) -> None:
    install(hull, subscriptions=[{"url": "/hull", "conditions": {"segments": segments}}])
    hull.hull.private_settings = {"wanted": ["s1"]}
    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})
    hull.hull.add_account({"id": "a1", "tier": 1})
    hull.hull.add_account({"id": "a2", "tier": 2})
    courier.run_once(connector.lock)
    hull.hull.set_account("a1", {"tier": 2})
    hull.hull.set_account("a2", {"tier": 3})
    courier.run_once(connector.lock)

    assert [[one["account"]["id"] for one in body["messages"]] for _, body in connector.sent] == [
        ["a1"],
        ["a1"],
    ]


# ── Scheduled calls ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "settings", "minutes"),
    [
        ({"type": "cron", "value": "*/5 * * * *"}, {}, [5, 10, 15]), ({"type": "cron", "value": "7 * * * *"}, {}, [37]),
        ({"type": "cron", "value": "0,10 9-10 * * 1"}, {}, [30, 40]), ({"type": "cron", "value": "* * 1 1 *"}, {}, []),
        ({"type": "interval", "value": "20"}, {}, [20, 40, 60]), ({"type": "interval", "value": 30}, {}, [30, 60]),
        ({"type": "interval", "value_from": "private_settings.every", "value": "60"}, {"every": 25}, [25, 50]),
        ({"type": "interval", "value_from": "private_settings.every", "value": "60"}, {}, [60]),
        ({"type": "interval", "value": "x"}, {}, []), ({"type": "interval", "value": "-1"}, {}, []), ({"type": "interval"}, {}, []),
        ({"type": "cron", "value": "*/x * * * *"}, {}, []), ({"type": "cron", "value": "99 * * * *"}, {}, []),
        ({"type": "cron", "value": "* *"}, {}, []), ({"type": "cron", "value": "*/0 * * * *"}, {}, []), ({"type": "cron"}, {}, []),
    ],
)  # fmt: skip
def test_when_a_call_is_due(call: dict[str, Any], settings: dict[str, Any], minutes: list[int]) -> None:
    timetable, calls = Timetable(), [{"url": "/fetch"} | call]
    found = [
        minute
        for minute in range(66)
        if timetable.due_calls(calls, settings, START + timedelta(minutes=minute))
    ]

    assert found[: len(minutes)] == minutes and bool(found) == bool(minutes)


def test_a_call_that_was_missed_is_made_once() -> None:
    timetable, calls = Timetable(), [{"url": "/fetch", "type": "interval", "value": "5"}]

    assert timetable.due_calls(calls, {}, START) == []
    assert timetable.due_calls(calls, {}, START + timedelta(days=3)) == ["/fetch"]
    assert timetable.due_calls(calls, {}, START + timedelta(days=3, minutes=4)) == []


def test_a_call_carries_credentials_and_the_connector(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock
) -> None:
    install(hull)
    clock.advance(minutes=31)
    courier.run_once(connector.lock)

    assert [urlsplit(url).path for url, _ in connector.sent] == ["/fetch", "/status"]
    url, body = connector.sent[0]
    assert parse_qs(urlsplit(url).query) == {
        "ship": [hull.hull.connector_id], "organization": [hull.hull.organization], "secret": [hull.hull.secret],
    }  # fmt: skip
    assert {"notification_id", "configuration", "connector", "segments", "accounts_segments"} == set(body)
    assert next((one["url"], one["status"]) for one in hull.hull.calls) == (f"{SITE}/fetch", 200)


def test_all_schedules_at_once(hull: HullApi, courier: Courier, connector: Connector) -> None:
    install(hull)

    assert hull.ok("POST", "/_sandbox/call-schedules")["called"] == ["/fetch", "/export", "/status"]
    courier.run_once(connector.lock)
    courier.run_once(connector.lock)

    assert [urlsplit(url).path for url, _ in connector.sent] == ["/fetch", "/export", "/status"]


# ── Extracts and imports ─────────────────────────────────────────────────────────────────────────


def test_an_extract_is_announced_and_tried_again(
    hull: HullApi, courier: Courier, connector: Connector, clock: Clock
) -> None:
    hull.ok("POST", "/api/v1/extract/account_reports", {"url": f"{SITE}/batch?ship=1", "format": "json"})
    connector.answer = (500, {})
    for _ in range(10):
        courier.run_once(connector.lock)
        clock.advance(minutes=1)

    assert len(connector.sent) == 5
    url, body = connector.sent[0]
    assert (url, body["format"], body["object_type"]) == (f"{SITE}/batch?ship=1", "json", "account_report")
    assert body["url"].startswith("http://hull.sandbox/_files/extracts/")
    assert [job["status"] for job in hull.hull.jobs.jobs.values()] == ["failed"]


def test_an_import_is_fetched(hull: HullApi, courier: Courier, connector: Connector) -> None:
    connector.files[f"{SITE}/part1"] = b'{"accountId": "1", "traits": {"tier": 1}}\n'
    hull.ok(
        "POST", "/api/v1/import/accounts", {"url": f"{SITE}/part1", "schedule_at": "2026-03-02T09:00:00Z"}
    )

    courier.run_once(connector.lock)

    assert (hull.account["external_id"], hull.account["tier"]) == ("1", 1)
    assert [job["status"] for job in hull.hull.jobs.jobs.values()] == ["done"]


@pytest.mark.parametrize(
    ("order", "path"),
    [
        ({"kind": "account"}, "/batch-accounts"), ({"kind": "account", "segment_id": "s1"}, "/batch-accounts"),
        ({"kind": "user", "url": f"{SITE}/elsewhere"}, "/elsewhere"), ({"kind": "user"}, "/hull"),
    ],
)  # fmt: skip
def test_an_operator_pushes_a_batch(
    hull: HullApi, courier: Courier, connector: Connector, order: dict[str, Any], path: str
) -> None:
    install(hull, subscriptions=[{"url": "/hull"}])
    hull.hull.add_segment("account", "s1", "Customers", {"attribute": "tier", "equals": 1})
    hull.hull.add_user({"id": "u1"})
    hull.hull.take_notifications()

    hull.ok("POST", "/_sandbox/batch", order)
    courier.run_once(connector.lock)

    ((url, body),) = connector.sent
    assert urlsplit(url).path == path and (body.get("is_export") is True) == (path == "/hull")
    assert ("segment_id=s1" in url) == ("segment_id" in order)
