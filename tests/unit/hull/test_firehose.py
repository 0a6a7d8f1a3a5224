"""What reaches Hull: who is meant, what is set, and how much of it was taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from sync.errors import CredentialsError, DryRunError, RejectedError, SyncError, TransientError
from sync.hull.firehose import Firehose, FirehoseMessage, Operation, default_url
from sync.hull.tokens import decode_hs256
from sync.records import Claims, ObjectType

URL = "https://firehose.hullapp.io/"
NOW = datetime(2026, 11, 23, 9, 2, 57, 156999, UTC)
CREDENTIALS = ("acme.hullapp.io", "5a43ce781f6d9f471d005d44", "995ece09c8d843f6")
ADA = Claims(hull_id="u1", email="ada@example.com", anonymous_id="closeio:cont_1")
ACME = Claims(hull_id="a1", domain="example.com", anonymous_id="closeio:lead_1")


@pytest.fixture
def hull() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def firehose() -> Firehose:
    return Firehose(*CREDENTIALS, clock=lambda: NOW)


def lead(**attributes: Any) -> FirehoseMessage:
    return FirehoseMessage(ObjectType.LEAD, None, ACME, attributes)


def batch(hull: responses.RequestsMock, place: int = -1) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(hull.calls[place].request.body or b"")["batch"]
    return rows


def test_the_request_is_that_of_hulls_client(firehose: Firehose, hull: responses.RequestsMock) -> None:
    hull.post(URL, status=204)
    firehose.send([lead(**{"closeio/id": "lead_1", "name": Operation("Acme", "setIfNull")})])
    request = hull.calls[0].request
    names = {
        "Hull-App-Id": CREDENTIALS[1],
        "Hull-Access-Token": CREDENTIALS[2],
        "Hull-Organization": CREDENTIALS[0],
    }
    assert names.items() <= dict(request.headers).items()
    body = json.loads(request.body or b"")
    assert body["timestamp"] == body["sentAt"] == "2026-11-23T09:02:57.156Z"
    (row,) = body["batch"]
    assert row.pop("headers").keys() == {"Hull-Access-Token"}
    assert row == {
        "type": "traits",
        "body": {"closeio/id": "lead_1", "name": {"operation": "setIfNull", "value": "Acme"}},
        "timestamp": "2026-11-23T09:02:57.156Z",
    }


CLAIMS = [
    (
        FirehoseMessage(ObjectType.CONTACT, ADA, None, {}),
        {"sub": "u1", "io.hull.asUser": {"id": "u1", "email": "ada@example.com", "anonymous_id": "closeio:cont_1"},
         "io.hull.subjectType": "user"},
    ),
    (
        FirehoseMessage(ObjectType.LEAD, None, ACME, {}),
        {"sub": "a1", "io.hull.asAccount": {"id": "a1", "domain": "example.com", "anonymous_id": "closeio:lead_1"},
         "io.hull.subjectType": "account"},
    ),
    (
        FirehoseMessage(ObjectType.CONTACT, Claims(email="a@b.com"), ACME, {}),
        {"io.hull.asUser": {"email": "a@b.com"},
         "io.hull.asAccount": {"id": "a1", "domain": "example.com", "anonymous_id": "closeio:lead_1"},
         "io.hull.subjectType": "user"},
    ),
    (
        FirehoseMessage(ObjectType.LEAD, ADA, Claims(domain="b.com", email="not an account's claim"), {}),
        {"io.hull.asUser": {"id": "u1", "email": "ada@example.com", "anonymous_id": "closeio:cont_1"},
         "io.hull.asAccount": {"domain": "b.com"}, "io.hull.subjectType": "account"},
    ),
    (
        FirehoseMessage(ObjectType.CONTACT, ADA, Claims(), {}),
        {"sub": "u1", "io.hull.asUser": {"id": "u1", "email": "ada@example.com", "anonymous_id": "closeio:cont_1"},
         "io.hull.subjectType": "user"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "claims"), CLAIMS)
def test_who_is_meant(
    firehose: Firehose, hull: responses.RequestsMock, message: FirehoseMessage, claims: dict[str, Any]
) -> None:
    hull.post(URL)
    firehose.send([message])
    token = batch(hull)[0]["headers"]["Hull-Access-Token"]
    expected = {"iss": CREDENTIALS[1], "iat": int(NOW.timestamp())} | claims
    assert decode_hs256(token, CREDENTIALS[2]) == expected


@pytest.mark.parametrize(
    ("subject", "user", "account"),
    [
        (ObjectType.LEAD, None, None),
        (ObjectType.LEAD, None, Claims()),
        (ObjectType.CONTACT, None, ACME),
        (ObjectType.CONTACT, Claims(), ACME),
    ],
)
def test_a_message_about_nobody_cannot_be_made(
    subject: ObjectType, user: Claims | None, account: Claims | None
) -> None:
    with pytest.raises(ValueError, match="names no record"):
        FirehoseMessage(subject, user, account, {})


def test_an_alias(firehose: Firehose, hull: responses.RequestsMock) -> None:
    hull.post(URL)
    firehose.send([FirehoseMessage(ObjectType.LEAD, None, ACME, {"anonymous_id": "closeio:lead_2"}, "alias")])
    row = batch(hull)[0]
    assert (row["type"], row["body"]) == ("alias", {"anonymous_id": "closeio:lead_2"})


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("x", "x"),
        (None, None),
        ([1, 2], [1, 2]),
        (Operation(None), {"operation": "set", "value": None}),
        ({"operation": "setIfNull", "value": 3}, {"operation": "setIfNull", "value": 3}),
    ],
)
def test_how_a_value_is_set(firehose: Firehose, hull: responses.RequestsMock, value: Any, sent: Any) -> None:
    hull.post(URL)
    firehose.send([lead(name=value)])
    assert batch(hull)[0]["body"] == {"name": sent}


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────


def test_nothing_to_send_is_not_sent(firehose: Firehose, hull: responses.RequestsMock) -> None:
    firehose.send([])
    assert len(hull.calls) == 0


def test_batches_of_fifty_in_order(firehose: Firehose, hull: responses.RequestsMock) -> None:
    hull.post(URL)
    firehose.send([lead(n=number) for number in range(120)])
    sizes = [[row["body"]["n"] for row in batch(hull, place)] for place in range(3)]
    assert sizes == [list(range(50)), list(range(50, 100)), list(range(100, 120))]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 500}, TransientError),
        ({"status": 401}, CredentialsError),
        ({"status": 400}, RejectedError),
        ({"body": "<html>"}, TransientError),
    ],
)
def test_the_first_failure_tells_how_many_were_taken(
    firehose: Firehose, hull: responses.RequestsMock, answer: dict[str, Any], error: type[SyncError]
) -> None:
    hull.post(URL, status=204)
    hull.post(URL, **answer)
    with pytest.raises(error) as caught:
        firehose.send([lead(n=number) for number in range(120)])
    assert vars(caught.value)["accepted"] == 50
    assert len(hull.calls) == 2


def test_a_dropped_connection_is_transient_although_it_is_a_post(
    firehose: Firehose, hull: responses.RequestsMock
) -> None:
    hull.post(URL, body=requests.ConnectionError("reset"))
    with pytest.raises(TransientError) as caught:
        firehose.send([lead()])
    assert type(caught.value) is TransientError
    assert vars(caught.value)["accepted"] == 0


def test_a_batch_that_is_too_large_goes_in_halves(firehose: Firehose, hull: responses.RequestsMock) -> None:
    taken: list[int] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        rows = [row["body"]["n"] for row in json.loads(request.body or b"")["batch"]]
        if len(rows) > 3 or 7 in rows:
            return 413, {}, ""
        taken.extend(rows)
        return 204, {}, ""

    hull.add_callback("POST", URL, answer)
    with pytest.raises(RejectedError) as caught:
        firehose.send([lead(n=number) for number in range(10)])
    assert vars(caught.value)["accepted"] == 7
    assert taken == list(range(7))


def test_a_dry_run_sends_nothing(hull: responses.RequestsMock) -> None:
    with pytest.raises(DryRunError):
        Firehose(*CREDENTIALS, dry_run=True, clock=lambda: NOW).send([lead()])


@pytest.mark.parametrize(
    ("organization", "url"),
    [
        ("acme.hullapp.io", "https://firehose.hullapp.io"),
        ("a.eu.hull.io", "https://firehose.eu.hull.io"),
        ("local", "https://firehose.local"),
    ],
)
def test_where_an_organization_writes_to(organization: str, url: str) -> None:
    assert default_url(organization) == url


def test_another_address_is_used_as_it_is(hull: responses.RequestsMock) -> None:
    hull.post("http://127.0.0.1:9002/firehose")
    calls: list[Any] = []
    firehose = Firehose(
        *CREDENTIALS,
        firehose_url="http://127.0.0.1:9002/firehose",
        clock=lambda: NOW,
        observer=lambda *call: calls.append(call),
    )
    firehose.send([lead()])
    assert calls == [("POST", "/firehose", 200)]
