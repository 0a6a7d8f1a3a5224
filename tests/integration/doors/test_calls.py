"""Status, options, scheduled calls and webhooks: who may call, and what is answered."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings

from sync.hull.tokens import Credentials, encode_hull_token, encrypt_hull_token
from sync.models import Connector, Secret
from tests.journeys.world import HULL_ID, ORGANIZATION, SECRET, World

QUERY = f"?ship={HULL_ID}&organization={ORGANIZATION}&secret={SECRET}"
CALLS = [
    "/status",
    "/fetch",
    "/leadstatuses",
    "/fields-lead-in",
    "/fields-contact-out",
    "/trigger-leads-export",
    "/handle-leads-export",
]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?ship=x",
        QUERY.replace(SECRET, "no"),
        QUERY.replace(ORGANIZATION, "other.hullapp.io"),
        "?hullToken=garbage",
    ],
)
def test_nobody_calls_without_credentials(world: World, path: str, query: str) -> None:
    answer = world.browser.get(path + query)

    assert answer.status_code == 401
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_right_credentials_open_every_call_both_ways(world: World, path: str, method: str) -> None:
    answer = getattr(world.browser, method)(path + QUERY)

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_token_stands_for_the_credentials_in_both_forms(world: World) -> None:
    credentials = Credentials(organization=ORGANIZATION, connector_id=HULL_ID, secret=SECRET)
    for token in (
        encode_hull_token(credentials, settings.SECRET_KEY),
        encrypt_hull_token(credentials, settings.SECRET_KEY),
    ):
        assert world.browser.get(f"/leadstatuses?hullToken={quote(token, safe='%')}").status_code == 200


def test_a_token_signed_by_somebody_else_is_refused(world: World) -> None:
    credentials = Credentials(organization=ORGANIZATION, connector_id=HULL_ID, secret=SECRET)

    assert (
        world.browser.get(f"/status?hullToken={encode_hull_token(credentials, 'another host')}").status_code
        == 401
    )


def test_options_are_what_close_has(world: World) -> None:
    options = world.browser.get("/leadstatuses" + QUERY).json()["options"]

    assert [option["label"] for option in options] == [
        "(Use default)",
        "Potential",
        "Bad Fit",
        "Qualified",
        "Customer",
    ]


def test_options_without_close_say_why(world: World) -> None:
    world.close.fail_next("GET", "/me/", "status:401")

    answer = world.browser.get("/fields-lead-in" + QUERY)

    assert answer.status_code == 200
    assert "API key" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "value", "words"),
    [
        ({}, "ok", []),
        ({"close_api_key": Secret("")}, "setupRequired", ["No Close API key"]),
        ({"close_api_key": Secret.of("api_wrong.key")}, "error", ["refuses the API key"]),
        ({"account_segments": []}, "warning", ["No segments"]),
        (
            {"account_segments": [], "close_api_key": Secret("")},
            "setupRequired",
            ["No Close API key", "No segments"],
        ),
        ({"lead_status": "Nobody knows"}, "warning", ["Nobody knows"]),
        ({"enabled": False}, "warning", ["switched off"]),
    ],
)
def test_status_tells_every_problem_and_the_worst_level(
    world: World, change: dict[str, Any], value: str, words: list[str]
) -> None:
    Connector.objects.update(**change)

    answer = world.browser.get("/status" + QUERY).json()

    assert answer["status"] == value
    assert len(answer["messages"]) == len(words)
    assert all(word in message for word, message in zip(words, answer["messages"], strict=True))
    assert world.hull.status == answer


def test_the_manifest_names_the_originals_settings(world: World) -> None:
    answer = world.browser.get("/manifest.json")

    names = {setting["name"] for setting in answer.json()["private_settings"]}
    assert {"api_key", "synchronized_account_segments", "lead_status", "lead_attributes_outbound"} <= names
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_everything_that_the_manifest_names_is_answered(world: World) -> None:
    manifest = world.browser.get("/manifest.json").json()
    named = [one["url"] for name in ("subscriptions", "schedules", "statuses") for one in manifest[name]]

    assert {world.browser.options(url).status_code for url in named} <= {204, 405}
    assert world.browser.get("/logo.png")["Content-Type"] == "image/png"
    assert b"Close Connector" in world.browser.get("/readme").content
    panel = world.browser.get("/admin-panel" + QUERY)
    assert f"/admin/sync/connector/{world.connector.pk}/change/" in panel.content.decode()
    assert "frame-ancestors https://*.hullapp.io" in panel["Content-Security-Policy"]
    assert "X-Frame-Options" not in panel


# ── Close's webhooks ─────────────────────────────────────────────────────────────────────────────

KEY = "058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c"
BODY = b'{"event":{"id":"ev_1"},"subscription_id":"whsub_1"}'


def deliver(world: World, public_id: Any, key: str = KEY, body: bytes = BODY) -> Any:
    timestamp = str(int(world.clock().timestamp()))
    signature = hmac.new(bytes.fromhex(key), timestamp.encode() + body, hashlib.sha256).hexdigest()
    headers = {"close-sig-hash": signature, "close-sig-timestamp": timestamp}
    return world.browser.post(
        f"/close/webhooks/{public_id}/", BODY, content_type="application/json", headers=headers
    )


def test_a_signed_delivery_leads_to_a_pull(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("sync.tasks.dispatch", lambda task, **kwargs: sent.append((task.name, kwargs)))
    Connector.objects.update(webhook_signature_key=Secret.of(KEY))

    answer = deliver(world, world.connector.public_id)

    assert answer.status_code == 200
    assert [(name, kwargs["connector_id"]) for name, kwargs in sent] == [
        ("sync.tasks.pull", world.connector.pk)
    ]


def test_a_delivery_that_is_not_closes_is_refused(world: World) -> None:
    Connector.objects.update(webhook_signature_key=Secret.of(KEY))

    assert deliver(world, world.connector.public_id, key="00" * 32).status_code == 401
    assert deliver(world, world.connector.public_id, body=b"another").status_code == 401
    assert deliver(world, "11111111-1111-1111-1111-111111111111").status_code == 404


def test_a_connector_with_a_public_address_subscribes_once(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = "https://connector.example.com"
    for _ in range(2):
        Connector.objects.update(schema_read_at=None)
        world.pull()

    (webhook,) = world.close.store.webhooks.values()
    assert webhook["url"] == f"https://connector.example.com/close/webhooks/{world.connector.public_id}/"
    assert {(one["object_type"], one["action"]) for one in webhook["events"]} >= {
        ("lead", "merged"),
        ("contact", "deleted"),
    }
    assert world.connector.__class__.objects.get().webhook_signature_key.reveal() == webhook["signature_key"]
