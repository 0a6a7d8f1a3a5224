"""The edges of every door: methods, bodies, credentials in other places, a database or a broker that is away.

Whatever is refused is refused in JSON.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from kombu.exceptions import OperationalError as BrokerError

from sync import tasks
from sync.api import doors
from sync.hull.tokens import encode_hs256
from sync.models import Change, Connector, Delivery, HullSegment, Secret
from tests.journeys.world import HULL_ID, ORGANIZATION, SECRET, SEGMENT, World

CONFIGURATION = {"id": HULL_ID, "organization": ORGANIZATION, "secret": SECRET}
QUERY = f"?ship={HULL_ID}&organization={ORGANIZATION}&secret={SECRET}"
DOORS = ("/status", "/fetch", "/leadstatuses", "/fields-account-ident", "/handle-leads-export")
ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}


def webhook_path(world: World) -> str:
    return f"/close/webhooks/{world.connector.public_id}/"


def notification(**changes: Any) -> dict[str, Any]:
    return {
        "notification_id": "n", "channel": "account:update", "configuration": CONFIGURATION,
        "messages": [{"account": ACME, "account_segments": [{"id": SEGMENT}]}],
    } | changes  # fmt: skip


def post(world: World, path: str, body: Any) -> Any:
    return world.browser.post(path, json.dumps(body), content_type="application/json")


def is_told(answer: Any) -> bool:
    """Whether an answer is JSON that says what is wrong."""
    assert answer["Content-Type"].startswith("application/json"), answer["Content-Type"]
    error = answer.json()["error"]
    return bool(error["message"] if isinstance(error, dict) else error)


def busy(*args: Any, **kwargs: Any) -> None:
    raise OperationalError("database is locked")


# ── Methods ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_what_takes_posts_takes_nothing_else(world: World, method: str) -> None:
    for path in ("/smart-notifier", webhook_path(world)):
        answer = getattr(world.browser, method)(path)

        assert (answer.status_code, answer["Allow"]) == (405, "POST")
        assert is_told(answer)


@pytest.mark.parametrize("path", DOORS)
def test_hulls_calls_are_gets_or_posts(world: World, path: str) -> None:
    answer = world.browser.put(path + QUERY)

    assert (answer.status_code, answer["Allow"], is_told(answer)) == (405, "GET, POST", True)


@pytest.mark.parametrize("path", [*DOORS, "/manifest.json"])
def test_a_browser_may_ask_first(world: World, path: str) -> None:
    answer = world.browser.options(path)

    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, "*")


@pytest.mark.parametrize("path", DOORS)
def test_a_refusal_can_be_read_by_any_origin(world: World, path: str) -> None:
    answer = world.browser.get(path)

    assert (answer.status_code, answer["Access-Control-Allow-Origin"], is_told(answer)) == (401, "*", True)


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("body", [b"{", b"\xff\x00", b"[]", b"null", b'"text"', b'{"configuration": 5}'])
def test_a_body_may_be_anything_when_the_query_is_good(world: World, path: str, body: bytes) -> None:
    assert world.browser.post(path + QUERY, body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("path", DOORS)
def test_credentials_may_stand_in_the_body(world: World, path: str) -> None:
    assert post(world, path, {"configuration": CONFIGURATION}).status_code == 200
    assert (
        post(world, path, {"ship": HULL_ID, "organization": ORGANIZATION, "secret": SECRET}).status_code
        == 200
    )
    assert post(world, path, {"configuration": CONFIGURATION | {"secret": "no"}}).status_code == 401
    assert post(world, path, {"configuration": CONFIGURATION | {"id": 5}}).status_code == 401


@pytest.mark.parametrize("path", ["/status" + QUERY, "/smart-notifier"])
def test_too_large_a_body_is_413(world: World, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "BODY_LIMIT", 500)

    for connector_path in (path, webhook_path(world)):
        answer = post(world, connector_path, {"x": "y" * 600})
        assert (answer.status_code, is_told(answer)) == (413, True)


def test_a_body_that_is_too_deep_is_refused_in_words(world: World) -> None:
    answer = world.browser.post("/smart-notifier", b"[" * 100_000, content_type="application/json")

    assert (answer.status_code, is_told(answer)) == (400, True)


# ── Notifications ────────────────────────────────────────────────────────────────────────────────


def test_no_messages_are_taken_too(world: World) -> None:
    answer = post(world, "/smart-notifier", notification(messages=[]))

    assert answer.status_code == 200
    assert answer.json()["flow_control"]["type"] == "next"
    assert "errors" not in answer.json()
    assert not Change.objects.exists()


def test_a_notification_that_comes_twice_counts_once(world: World) -> None:
    for _ in range(2):
        assert post(world, "/smart-notifier", notification()).status_code == 200

    assert Change.objects.get().revision == Change().revision
    assert Delivery.objects.get().repeats == 1


def test_a_record_that_comes_twice_in_one_notification_is_one_change_the_newest(world: World) -> None:
    messages = [
        {"account": ACME | {"name": name, "indexed_at": f"2026-03-02T09:0{minute}:00Z"}}
        for name, minute in (("old", 1), ("new", 3), ("middle", 2))
    ]

    assert post(world, "/smart-notifier", notification(messages=messages)).status_code == 200

    assert Change.objects.get().payload["account"]["attributes"]["name"] == "new"


@pytest.mark.parametrize("name", ["notification_id", "channel"])
def test_a_name_of_any_length_is_harmless(world: World, name: str) -> None:
    assert post(world, "/smart-notifier", notification(**{name: "x" * 5000})).status_code == 200


@pytest.mark.parametrize("part", [{"id": "s" * 900, "name": "A"}, {"id": "s1", "name": "n" * 900}])
def test_a_segment_of_any_length_is_harmless(world: World, part: dict[str, str]) -> None:
    assert post(world, "/smart-notifier", notification(accounts_segments=[part])).status_code == 200


@pytest.mark.parametrize(
    "segments",
    [None, "x", 5, {}, [None, 1, "x", [], {}, {"id": None}, {"id": {}}], [{"id": "s", "name": {"a": 1}}], [{"id": "s", "name": None}]],
)  # fmt: skip
@pytest.mark.parametrize("name", ["accounts_segments", "account_segments", "segments", "users_segments"])
def test_any_list_of_segments_is_harmless(world: World, name: str, segments: Any) -> None:
    answer = post(world, "/smart-notifier", notification(**{name: segments}))

    assert answer.status_code == 200
    assert Change.objects.count() == 1


def test_segments_are_remembered_by_kind(world: World) -> None:
    lists = {"accounts_segments": [{"id": "s1", "name": "A"}], "segments": [{"id": "s2", "name": "U"}]}
    for name in ("A", "A renamed"):
        lists["accounts_segments"][0]["name"] = name
        post(world, "/smart-notifier", notification(notification_id=name, **lists))

    assert set(HullSegment.objects.values_list("kind", "hull_id", "name")) == {
        (HullSegment.Kind.ACCOUNT, "s1", "A renamed"),
        (HullSegment.Kind.USER, "s2", "U"),
    }


@pytest.mark.parametrize("part", ["sync.services.intake.accept_notification", "sync.queries.backlog", "sync.services.doors.find_connector"])  # fmt: skip
def test_a_busy_database_asks_hull_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(part, busy)

    answer = post(world, "/smart-notifier", notification())

    assert (answer.status_code, is_told(answer)) == (503, True)
    assert answer.json()["flow_control"]["type"] == "retry"


@pytest.mark.parametrize("path", DOORS)
def test_a_busy_database_is_no_page_of_html(world: World, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr("sync.services.doors.find_connector", busy)

    answer = world.browser.get(path + QUERY)

    assert (answer.status_code, is_told(answer), answer["Access-Control-Allow-Origin"]) == (503, True, "*")


def test_a_busy_database_has_close_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.queries.find_connector_by_public_id", busy)

    answer = post(world, webhook_path(world), {})

    assert (answer.status_code, is_told(answer)) == (503, True)


def test_a_fetch_without_a_broker_waits_for_the_schedule(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise BrokerError("connection refused")

    monkeypatch.undo()
    monkeypatch.setattr(tasks.pull, "apply_async", away)

    answer = world.browser.post("/fetch" + QUERY)

    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert "scheduled" in answer.json()["message"]


# ── Credentials ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["hullToken", "token", "state"])
@pytest.mark.parametrize("key", ["ship", "id"])
def test_a_token_goes_under_every_name_that_hull_uses(world: World, name: str, key: str) -> None:
    held = {"organization": ORGANIZATION, key: HULL_ID, "secret": SECRET}

    assert world.browser.get(f"/status?{name}={encode_hs256(held, settings.SECRET_KEY)}").status_code == 200


@pytest.mark.parametrize(
    "held",
    [
        {}, {"organization": ORGANIZATION, "ship": HULL_ID}, {"organization": ORGANIZATION, "ship": HULL_ID, "secret": "no"},
        {"organization": "other.hullapp.io", "ship": HULL_ID, "secret": SECRET}, {"organization": [], "ship": {}, "secret": 1},
    ],
)  # fmt: skip
def test_a_token_is_no_better_than_what_it_holds(world: World, held: dict[str, Any]) -> None:
    answer = world.browser.get(f"/leadstatuses?hullToken={encode_hs256(held, settings.SECRET_KEY)}")

    assert (answer.status_code, is_told(answer)) == (401, True)


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "%00", "%ff", "Zm9v", "a" * 5000])
def test_a_token_of_rubbish_is_refused(world: World, token: str) -> None:
    answer = world.browser.get(f"/status?hullToken={token}{QUERY.replace('?', '&')}")

    assert (answer.status_code, is_told(answer)) == (401, True)


@pytest.mark.parametrize(
    "query",
    [QUERY.replace(HULL_ID, "%00"), QUERY.replace(ORGANIZATION, "%00"), QUERY.replace(SECRET, "%00"), QUERY.replace(SECRET, "%ff")],
)  # fmt: skip
def test_no_byte_gets_past_the_credentials(world: World, query: str) -> None:
    answer = world.browser.get("/status" + query)

    assert (answer.status_code, is_told(answer)) == (401, True)


def test_an_organization_is_a_host_in_any_case(world: World) -> None:
    assert world.browser.get("/status" + QUERY.replace(ORGANIZATION, ORGANIZATION.upper())).status_code == 200


def test_a_row_that_cannot_be_decrypted_is_401_at_every_door(world: World) -> None:
    Connector.objects.update(
        hull_secret=Secret("gAAAAABnotatoken"), webhook_signature_key=Secret("gAAAAABno")
    )
    signed = {"close-sig-hash": "0" * 64, "close-sig-timestamp": str(int(world.clock().timestamp()))}

    answers = [world.browser.get(path + QUERY) for path in DOORS]
    answers.append(post(world, "/smart-notifier", notification()))
    answers.append(
        world.browser.post(webhook_path(world), b"{}", content_type="application/json", headers=signed)
    )

    assert {(answer.status_code, is_told(answer)) for answer in answers} == {(401, True)}


def test_a_close_key_that_cannot_be_decrypted_is_told_as_a_status(world: World) -> None:
    Connector.objects.update(close_api_key=Secret("gAAAAABnotatoken"))

    answer = world.browser.get("/status" + QUERY)

    assert (answer.status_code, answer.json()["status"]) == (200, "error")
    assert "gAAAAAB" not in answer.content.decode()


def test_nobody_reads_a_secret_from_an_answer(world: World) -> None:
    answers = [world.browser.get(path + QUERY) for path in (*DOORS, "/manifest.json", "/fields-lead-out")]

    text = "".join(answer.content.decode() for answer in answers)
    assert SECRET not in text and world.close.api_key not in text


# ── Status ───────────────────────────────────────────────────────────────────────────────────────


def test_every_problem_is_told_at_once_and_published(world: World) -> None:
    Connector.objects.update(
        close_api_key=Secret(""), account_segments=[], enabled=False, paused_at=world.clock(), pause_reason="holidays"
    )  # fmt: skip

    answer = world.browser.get("/status" + QUERY).json()

    assert answer["status"] == "setupRequired"
    for words in ("No Close API key", "No segments", "switched off", "holidays"):
        assert any(words in message for message in answer["messages"]), words
    assert answer["messages"][0].startswith("No Close API key")
    assert world.hull.status == answer


def test_a_status_that_hull_does_not_take_is_answered_all_the_same(world: World) -> None:
    world.hull.fail_next("PUT", "/status", "status:500", times=9)

    assert world.browser.get("/status" + QUERY).json()["status"] == "ok"


def test_a_close_that_is_away_for_a_moment_is_a_warning(world: World) -> None:
    world.close.fail_next("GET", ".*", "status:503", times=50)

    answer = world.browser.get("/status" + QUERY).json()

    assert (answer["status"], len(answer["messages"])) == ("warning", 1)


# ── Close's webhooks ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"close-sig-hash": "0" * 64}, {"close-sig-timestamp": "1"}, {"close-sig-hash": "ä", "close-sig-timestamp": "1"},
        {"close-sig-hash": "0" * 64, "close-sig-timestamp": "now"}, {"close-sig-hash": "0" * 64, "close-sig-timestamp": "9" * 400},
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["", "00" * 32, "no hex"])
def test_no_delivery_without_a_signature(world: World, headers: dict[str, str], key: str) -> None:
    Connector.objects.update(webhook_signature_key=Secret.of(key) if key else Secret(""))

    answer = world.browser.post(webhook_path(world), b"{}", content_type="application/json", headers=headers)

    assert (answer.status_code, is_told(answer)) == (401, True)


def test_an_unknown_connector_is_404_in_json(world: World) -> None:
    answer = post(world, "/close/webhooks/11111111-1111-1111-1111-111111111111/", {})

    assert (answer.status_code, is_told(answer)) == (404, True)


def test_closes_own_signature_opens_and_a_lead_arrives(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = "https://connector.example.com"
    world.pull()
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("sync.tasks.dispatch", lambda task, **kwargs: sent.append(kwargs) or True)
    world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com"})

    ((url, headers, body),) = world.close.webhooks.pending
    answer = world.browser.post(
        url.removeprefix("https://connector.example.com"), body, content_type="application/json", headers=headers
    )  # fmt: skip

    assert answer.status_code == 200
    assert [one["connector_id"] for one in sent] == [world.connector.pk]
