"""Extracts: an operator in Hull pushes a segment, and its records go to Close whatever the whitelist says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sync.errors import RejectedError, TransientError
from sync.models import Batch, Change
from sync.services import batches
from tests.journeys.world import HULL_ID, ORGANIZATION, SECRET, World

QUERY = f"?ship={HULL_ID}&organization={ORGANIZATION}&secret={SECRET}"
URL = "https://hull-extracts.s3.amazonaws.com/e.json?X-Amz-Signature=abc"
ACCOUNTS = [
    {"id": f"a{number}", "name": f"Company {number}", "domain": f"company{number}.com", "segment_ids": [], "indexed_at": "2026-03-02T09:00:00Z"}
    for number in range(5)
]  # fmt: skip


def pushed(world: World, path: str = "/batch-accounts", query: str = QUERY, **body: Any) -> Any:
    sent = {"url": URL, "format": "json"} | body
    return world.browser.post(path + query, json.dumps(sent), content_type="application/json")


def read(world: World, *pieces: bytes | Exception) -> Batch:
    """Read the one batch, over a line that brings these pieces; an exception breaks it."""

    def fetch(url: str) -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    batch = Batch.objects.get()
    batches.read(batch, fetch, clock=world.clock, jitter=lambda: 0.0)
    batch.refresh_from_db()
    return batch


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def names(world: World) -> list[str]:
    return sorted(lead["name"] for lead in world.close.leads.values())


# ── From the push to Close ───────────────────────────────────────────────────────────────────────


def test_accounts_outside_the_whitelist_are_sent_all_the_same(world: World) -> None:
    answer = pushed(world)
    assert (answer.status_code, answer.content) == (200, b"ok")

    batch = read(world, lines(ACCOUNTS))
    world.settle()

    assert (batch.state, batch.lines, batch.queued, batch.problem_count) == ("DONE", 5, 5, 0)
    assert names(world) == [row["name"] for row in ACCOUNTS]
    assert not batch.url


def test_users_come_with_their_accounts(world: World) -> None:
    user = {
        "id": "u1",
        "email": "ann@company0.com",
        "traits_title": "CEO",
        "segment_ids": [],
        "account": ACCOUNTS[0],
    }
    pushed(world, "/batch", object_type="user_report")
    read(world, lines([user]))
    world.settle()

    (lead,) = world.close.leads.values()
    (contact,) = lead["contacts"]
    assert (lead["name"], contact["title"], contact["emails"][0]["email"]) == (
        "Company 0",
        "CEO",
        "ann@company0.com",
    )


def test_what_has_no_identifier_is_told_and_not_sent(world: World) -> None:
    pushed(world)
    batch = read(world, lines([{"name": "Nobody"}, {"id": "a9", "name": "No domain"}]))
    world.settle()

    assert batch.problems == ["Line 1 names no record: it has no id or other identifier."]
    assert (batch.lines, batch.queued, world.outcome("a9").reason) == (2, 1, "NO_IDENTIFIER")
    assert not world.close.leads


def test_a_csv_extract(world: World) -> None:
    pushed(world, format="csv")
    read(world, b"id,name,domain\na1,Acme,acme.com\n", b'a2,"Bolt, Inc.",bolt.com\n')
    world.settle()

    assert names(world) == ["Acme", "Bolt, Inc."]


def test_the_segment_that_was_pushed_is_known(world: World) -> None:
    pushed(world, query=f"{QUERY}&segment_id=seg-9")
    read(world, lines(ACCOUNTS[:1]))

    assert Change.objects.get().payload["account"]["segment_ids"] == ["seg-9"]


def test_an_older_line_sends_the_newer_state_that_we_know(world: World) -> None:
    world.tell_account(False, id="a0", name="Newer", domain="company0.com", indexed_at="2026-03-02T09:30:00Z")
    world.settle()
    assert not world.close.leads

    pushed(world)
    read(world, lines(ACCOUNTS[:1]))
    world.settle()
    assert names(world) == ["Newer"]


def test_the_same_push_twice_sends_nothing_twice(world: World) -> None:
    pushed(world)
    pushed(world)
    read(world, lines(ACCOUNTS))
    world.settle()
    before = world.close.snapshot()

    pushed(world)
    batch = Batch.objects.latest("pk")
    batches.read(batch, lambda url: [lines(ACCOUNTS)], clock=world.clock, jitter=lambda: 0.0)
    world.settle()

    assert Batch.objects.count() == 2
    assert world.close.snapshot() == before


# ── When the line breaks ─────────────────────────────────────────────────────────────────────────


def test_it_goes_on_where_the_line_broke(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 2)
    data = lines(ACCOUNTS)
    pushed(world)

    broken = read(world, data[: len(data) // 2], TransientError("the connection was dropped"))
    assert (broken.state, broken.lines, broken.message) == ("READING", 2, "the connection was dropped")
    assert read(world, data).lines == 2  # not before its time
    world.clock.advance(minutes=1)
    done = read(world, data)
    world.settle()

    assert (done.state, done.lines, done.queued) == ("DONE", 5, 5)
    assert names(world) == [row["name"] for row in ACCOUNTS]


def test_a_line_that_keeps_breaking_is_given_up_with_its_reason(world: World) -> None:
    pushed(world)
    for _ in range(20):
        batch = read(world, TransientError("no answer in time"))
        world.clock.advance(hours=1)

    assert (batch.state, batch.message, batch.attempts) == ("FAILED", "no answer in time", 10)


def test_an_address_that_expired_fails_at_once(world: World) -> None:
    pushed(world)
    batch = read(
        world,
        RejectedError(
            "hull-extracts.s3.amazonaws.com answered 403: the address has expired, or was never good.",
            status=403,
        ),
    )

    assert (batch.state, bool(batch.url)) == ("FAILED", False)
    assert "expired" in batch.message


def test_a_paused_connector_keeps_its_batches(world: World) -> None:
    pushed(world)
    world.connector.pause("Paused by ann", now=world.clock())
    assert read(world, lines(ACCOUNTS)).lines == 0
    world.connector.resume()
    assert read(world, lines(ACCOUNTS)).lines == 5


def test_two_readers_do_not_meet(world: World) -> None:
    pushed(world)
    other = Batch.objects.get()

    def fetch(url: str) -> Iterator[bytes]:
        assert (
            batches.read(other, lambda url: [lines(ACCOUNTS)], clock=world.clock, jitter=lambda: 0.0) is False
        )
        yield lines(ACCOUNTS)

    batches.read(Batch.objects.get(), fetch, clock=world.clock, jitter=lambda: 0.0)
    assert Batch.objects.get().lines == 5


# ── At the door ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://evil.example/e.json"}, "FOREIGN_HOST"),
        ({"url": "http://hull-extracts.s3.amazonaws.com/e.json"}, "FOREIGN_HOST"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "FOREIGN_HOST"),
        ({"url": "http://127.0.0.1:8000/admin/"}, "FOREIGN_HOST"),
        ({"url": None}, "MALFORMED_BATCH"),
        ({"format": "xml"}, "UNSUPPORTED_FORMAT"),
        ({"object_type": "lead"}, "MALFORMED_BATCH"),
    ],
)
def test_what_is_refused(world: World, body: dict[str, Any], code: str, settings: Any) -> None:
    settings.ALLOW_INSECURE_REMOTES = False
    answer = pushed(world, **body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    "query", ["", QUERY.replace(SECRET, "no"), QUERY.replace(ORGANIZATION, "other.hullapp.io")]
)
def test_nobody_pushes_without_credentials(world: World, query: str) -> None:
    assert pushed(world, query=query).status_code == 401
    assert not Batch.objects.exists()


def test_an_export_as_notifications_bypasses_the_whitelist_too(world: World) -> None:
    message = world.account_message(False, id="a1", name="Acme", domain="acme.com")
    assert world.notify("account:update", [message], is_export=True).status_code == 200
    world.settle()

    assert names(world) == ["Acme"]
