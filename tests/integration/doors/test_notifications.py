"""Bad input at Hull's door: a clear answer at the right place, the other records unharmed, never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from kombu.exceptions import OperationalError as BrokerError

from sync import tasks
from sync.api import doors
from sync.models import Change, Connector, Delivery, Secret
from sync.services import intake
from tests.journeys.world import HULL_ID, ORGANIZATION, SECRET, SEGMENT, World

CONFIGURATION = {"id": HULL_ID, "organization": ORGANIZATION, "secret": SECRET}
ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}


def post(world: World, body: Any, **headers: str) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return world.browser.post("/smart-notifier", text, content_type="application/json", headers=headers)


def envelope(**changes: Any) -> dict[str, Any]:
    body = {
        "notification_id": "n",
        "channel": "account:update",
        "configuration": CONFIGURATION,
        "messages": [],
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", '"text"', "null", "12", b"\xff\xfe", "{}", json.dumps({"configuration": CONFIGURATION}),
        envelope(configuration=...), envelope(configuration=None), envelope(configuration="x"), envelope(configuration={}),
        envelope(channel=...), envelope(messages=...), envelope(messages="x"), envelope(messages={"a": 1}),
        envelope(configuration={"id": 1, "organization": [], "secret": {}}),
    ],
)  # fmt: skip
def test_what_is_no_notification_is_refused_in_words(world: World, body: Any) -> None:
    answer = post(world, body)

    assert answer.status_code in (400, 401)
    assert answer.json()["error"]["message"]
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "no"},
        {"id": "000000000000000000000000"},
        {"organization": "other.hullapp.io"},
        {"secret": SECRET + "x"},
    ],
)
def test_wrong_credentials_are_refused_without_saying_which(world: World, wrong: dict[str, str]) -> None:
    answer = post(world, envelope(configuration=CONFIGURATION | wrong))

    assert answer.status_code == 401
    assert SECRET not in answer.content.decode()


def test_a_row_whose_secret_cannot_be_read_admits_nobody(world: World) -> None:
    Connector.objects.update(hull_secret=Secret("gAAAAABnotatoken"))

    assert post(world, envelope()).status_code == 401


def test_a_body_that_is_too_large_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "BODY_LIMIT", 1000)

    answer = post(world, envelope(messages=[{"account": ACME | {"description": "x" * 2000}}]))

    assert answer.status_code == 413
    assert answer.json()["flow_control"] == answer.json()["flow_control"] | {"type": "retry", "size": 1}


@pytest.mark.parametrize("channel", ["ship:update", "accounts_segment:update", "nobody:knows"])
def test_other_channels_are_acknowledged_and_queue_nothing(world: World, channel: str) -> None:
    answer = post(world, envelope(channel=channel, messages=[{"id": "x", "name": "y"}]))

    assert answer.status_code == 200
    assert answer.json()["flow_control"]["type"] == "next"
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("told_at", "then_at", "is_gone"),
    [(None, None, True), (0, 0, True), (1, 0, True), (0, 1, False), (0, None, False)],
    ids=["deleted", "repeated", "older", "back", "back, without a time"],
)
def test_a_deletion_is_kept_with_what_was_known(
    world: World, told_at: int | None, then_at: int | None, is_gone: bool
) -> None:
    def moment(minute: int | None) -> dict[str, str]:
        return {} if minute is None else {"indexed_at": f"2026-03-02T09:3{minute}:00Z"}

    post(world, envelope(notification_id="1", messages=[{"account": ACME | moment(told_at)}]))
    gone = {"account": {"id": ACME["id"]}}
    post(world, envelope(notification_id="2", channel="account:delete", messages=[gone]))
    if (told_at, then_at) != (None, None):
        post(world, envelope(notification_id="3", messages=[{"account": ACME | moment(then_at)}]))

    change = Change.objects.get()
    assert (change.key, change.family, change.label) == (ACME["id"], ACME["id"], ACME["name"])
    assert change.payload.get("gone", False) is is_gone
    assert change.payload["account"]["attributes"]["domain"] == ACME["domain"]


def test_a_deletion_of_somebody_unknown_is_queued_once(world: World) -> None:
    for number in range(2):
        deletion = envelope(notification_id=f"d{number}", channel="user:delete", messages=[{"id": "u-9"}])
        assert post(world, deletion).status_code == 200

    change = Change.objects.get()
    assert (change.key, change.payload["user"], change.payload["gone"]) == ("u-9", {"id": "u-9"}, True)


def test_messages_that_name_no_record_harm_no_other(world: World) -> None:
    good = {"account": ACME, "account_segments": [{"id": SEGMENT}]}
    messages = [
        None,
        7,
        "text",
        [],
        {},
        {"account": None},
        {"account": {}},
        {"account": {"name": "nameless"}},
        good,
    ]

    answer = post(world, envelope(messages=messages))
    world.settle()

    assert answer.status_code == 200
    assert answer.json()["errors"]
    assert world.lead("Acme")


NASTY: list[Any] = [
    None, "", 0, -1, 1.5, 1e308, True, False, [], {}, [None], ["a", {"b": [1]}], {"a": {"b": {"c": 1}}}, "x" * 5000, "\u0000",
    "\ud800", "💥" * 50, "<script>", "2020-13-45", "-", " ", "null", "https://", "+", [[[]]], 10**30,
]  # fmt: skip


@pytest.mark.parametrize("value", NASTY, ids=repr)
@pytest.mark.parametrize(
    "name",
    ["id", "name", "description", "domain", "external_id", "indexed_at", "anonymous_ids", "closeio/id"],
)
def test_any_value_in_any_attribute_of_an_account_harms_no_other(world: World, name: str, value: Any) -> None:
    nasty = ACME | {"id": "a-nasty", "domain": "nasty.com"} | {name: value}
    messages = [{"account": one, "account_segments": [{"id": SEGMENT}]} for one in (nasty, ACME)]

    answer = post(world, envelope(messages=messages))
    world.settle()

    assert answer.status_code == 200
    assert "acme.com" in {str(lead["url"]).removeprefix("https://") for lead in world.close.leads.values()}


@pytest.mark.parametrize("value", NASTY, ids=repr)
@pytest.mark.parametrize("name", ["name", "email", "phone", "title", "account", "segment_ids"])
def test_any_value_in_any_attribute_of_a_user_harms_no_other(world: World, name: str, value: Any) -> None:
    user = {"id": "u-nasty", "name": "Nasty", "email": "n@acme.com"}
    nasty = world.user_message(ACME, **user)
    if name in nasty["user"] or name in ("phone", "title"):
        nasty["user"][name] = value
    else:
        nasty[name] = value
    good = world.user_message(ACME, id="u-good", name="Good", email="good@acme.com")

    answer = world.notify("user:update", [nasty, good])
    world.settle()

    assert answer.status_code == 200
    assert world.contact("Good")["lead_id"] == world.lead("Acme")["id"]


def test_a_busy_database_is_no_acknowledgement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(intake, "accept_notification", busy)

    answer = post(world, envelope())

    assert answer.status_code == 503
    assert answer.json()["flow_control"]["type"] == "retry"


def test_a_broker_that_is_away_costs_nothing_but_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise BrokerError("connection refused")

    monkeypatch.undo()
    monkeypatch.setattr(tasks.drain_outbound, "apply_async", away)

    answer = post(world, envelope(messages=[{"account": ACME}]))

    assert answer.status_code == 200
    assert Change.objects.get().state == "PENDING"


def test_only_posts_are_taken(world: World) -> None:
    assert world.browser.get("/smart-notifier").status_code == 405


def test_a_notification_without_a_name_is_taken_each_time(world: World) -> None:
    for _ in range(2):
        assert post(world, envelope(notification_id=..., messages=[{"account": ACME}])).status_code == 200

    assert Delivery.objects.count() == 2


# ── Signatures ───────────────────────────────────────────────────────────────────────────────────


def signed(world: World) -> tuple[dict[str, str], dict[str, Any]]:
    world.hull.add_account(dict(ACME))
    ((headers, body),) = world.hull.take_notifications()
    return dict(headers), body


def test_a_signed_notification_is_taken(world: World) -> None:
    headers, body = signed(world)

    assert post(world, body, **headers).status_code == 200


@pytest.mark.parametrize(
    ("what", "header", "value"),
    [
        ("a part is missing", "X-Hull-Smart-Notifier-Signature-Version", ""),
        ("an unknown version", "X-Hull-Smart-Notifier-Signature-Version", "v9"),
        (
            "a foreign key host",
            "X-Hull-Smart-Notifier-Signature-Public-Key-Url",
            "https://hullapp.io.evil.example/key",
        ),
        (
            "a key over http",
            "X-Hull-Smart-Notifier-Signature-Public-Key-Url",
            "http://dashboard.hullapp.io/key",
        ),
        ("garbage", "X-Hull-Smart-Notifier-Signature", "a.b.c"),
    ],
)
def test_a_signature_that_does_not_verify_is_refused_even_with_the_right_secret(
    world: World, what: str, header: str, value: str
) -> None:
    headers, body = signed(world)

    answer = post(world, body, **headers | {header: value})

    assert answer.status_code == 400, what
    assert answer.json()["flow_control"]["type"] == "retry"
    assert not Change.objects.exists()


def test_an_expired_signature_is_refused(world: World) -> None:
    headers, body = signed(world)
    world.clock.advance(hours=1)

    answer = post(world, body, **headers)
    assert answer.status_code == 400 and "expired" in answer.json()["error"]["message"]


def test_another_notifications_signature_is_refused(world: World) -> None:
    headers, body = signed(world)

    assert post(world, body | {"notification_id": "another"}, **headers).status_code == 400


def test_an_old_signature_is_refused(world: World) -> None:
    headers, body = signed(world)
    world.clock.advance(hours=1)

    assert post(world, body, **headers).status_code == 400
