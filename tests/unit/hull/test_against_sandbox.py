"""The Hull clients and a simulated Hull that was written without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests

from sandbox import HullSandbox, SandboxAdapter
from sandbox.hull.app import CONNECTOR_ID, ORGANIZATION, SECRET
from sync.errors import CredentialsError, RejectedError, SyncError, TransientError
from sync.hull.client import HullClient
from sync.hull.firehose import Firehose, FirehoseMessage, Operation
from sync.hull.notifications import (
    InvalidSignature,
    Notification,
    is_hull_key_url,
    newest,
    parse_notification,
    verify_signature,
)
from sync.records import Claims, ObjectType, Segment
from sync.transport import new_session

PUBLIC = "https://sandbox.hullapp.io"


class Clock:
    """A clock that a test moves. Each look takes a millisecond, so that no two moments are equal."""

    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class World:
    """A simulated Hull and both clients of one connector."""

    hull: HullSandbox
    clock: Clock
    session: requests.Session
    secret: str = SECRET

    @property
    def client(self) -> HullClient:
        api_url = f"{PUBLIC}/api/v1"
        return HullClient(ORGANIZATION, CONNECTOR_ID, self.secret, api_url=api_url, session=self.session)

    @property
    def firehose(self) -> Firehose:
        url = f"{PUBLIC}/firehose"
        return Firehose(
            ORGANIZATION, CONNECTOR_ID, self.secret, firehose_url=url, session=self.session, clock=self.clock
        )

    def told(self) -> list[tuple[dict[str, str], bytes]]:
        """What Hull would post next, as it comes to our door."""
        return [
            (dict(headers), json.dumps(body).encode()) for headers, body in self.hull.take_notifications()
        ]

    def fetch(self, url: str, token: str) -> str:
        answer = self.session.post(url, data=token)
        return answer.text


@pytest.fixture
def world() -> Iterator[World]:
    clock, session = Clock(), new_session()
    hull = HullSandbox(clock, public_url=PUBLIC)
    session.mount(PUBLIC, SandboxAdapter(hull))
    yield World(hull, clock, session)
    session.close()


def lead(claims: Claims, **attributes: Any) -> FirehoseMessage:
    return FirehoseMessage(ObjectType.LEAD, None, claims, attributes)


ACME = Claims(domain="acme.com", anonymous_id="closeio:lead_1")
ADA = Claims(email="ada@acme.com", anonymous_id="closeio:cont_1")


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────


def test_an_account_and_its_user_arrive_and_are_linked(world: World) -> None:
    world.firehose.send(
        [
            lead(ACME, **{"closeio/id": "lead_1", "name": Operation("Acme", "setIfNull")}),
            FirehoseMessage(ObjectType.CONTACT, ADA, ACME, {"closeio/id": "cont_1", "closeio/title": "CTO"}),
        ]
    )
    (account,) = world.hull.accounts.values()
    (user,) = world.hull.users.values()
    assert (account["domain"], account["name"], account["closeio/id"]) == ("acme.com", "Acme", "lead_1")
    assert user["email"] == "ada@acme.com"
    assert "CTO" in user.values()
    assert world.hull.account_of(user["id"])["id"] == account["id"]


def test_a_value_is_filled_changed_and_cleared(world: World) -> None:
    world.firehose.send([lead(ACME, **{"name": "Acme", "closeio/note": "x"})])
    world.firehose.send(
        [lead(ACME, name=Operation("Other", "setIfNull")), lead(ACME, **{"closeio/note": None})]
    )
    (account,) = world.hull.accounts.values()
    assert (account["name"], account.get("closeio/note")) == ("Acme", None)


def test_one_record_under_hulls_own_id(world: World) -> None:
    world.hull.add_account({"id": "a1", "domain": "acme.com"})
    world.firehose.send(
        [lead(Claims(hull_id="a1", anonymous_id="closeio:lead_1"), **{"closeio/id": "lead_1"})]
    )
    assert {hull_id: account["closeio/id"] for hull_id, account in world.hull.accounts.items()} == {
        "a1": "lead_1"
    }


def test_more_than_one_batch(world: World) -> None:
    world.firehose.send([lead(Claims(domain=f"acme{number}.com"), n=number) for number in range(120)])
    assert len(world.hull.accounts) == 120
    assert [status for *_, status in world.hull.requests] == [204] * 3


TROUBLE = [
    # what Hull does, what is raised, how many messages were taken
    ("status:500", TransientError, 50),
    ("status:400", RejectedError, 50),
    ("html", TransientError, 50),
    ("html_after", TransientError, 50),
    ("timeout_after", TransientError, 50),
    ("drop_after", None, None),
]


@pytest.mark.parametrize(("kind", "error", "accepted"), TROUBLE)
def test_trouble_with_the_second_batch(
    world: World, kind: str, error: type[SyncError] | None, accepted: int | None
) -> None:
    world.hull.faults.fail_next("POST", ".*", kind, skip=1)
    raised: Any = None
    try:
        world.firehose.send([lead(Claims(domain=f"acme{number}.com"), n=number) for number in range(120)])
    except SyncError as caught:
        raised = caught
    assert (type(raised) if raised else None) is error
    assert getattr(raised, "accepted", None) == accepted


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def test_a_connector_and_its_settings(world: World) -> None:
    assert world.client.get_connector()["id"] == CONNECTOR_ID
    world.hull.private_settings = {"lead_status": "Potential", "api_key": "api_1"}
    world.client.update_settings({"lead_status": "Qualified"})
    assert world.hull.private_settings == {"lead_status": "Qualified", "api_key": "api_1"}
    world.client.put_status("warning", ["No segments."])
    assert world.hull.status == {"status": "warning", "messages": ["No segments."]}


def test_segments_and_attributes(world: World) -> None:
    world.hull.add_segment("account", "s1", "Prospects", {"attribute": "domain", "equals": "acme.com"})
    world.hull.add_segment("user", "s2", "Fans", {"attribute": "email", "equals": "ada@acme.com"})
    world.hull.add_account({"id": "a1", "domain": "acme.com", "industry": "Retail"})
    world.hull.add_user({"id": "u1", "email": "ada@acme.com", "closeio/title": "CTO"}, "a1")
    assert world.client.account_segments() == (Segment("s1", "Prospects"),)
    assert world.client.user_segments() == (Segment("s2", "Fans"),)
    assert {"domain", "industry"} <= {attribute.key for attribute in world.client.account_attributes()}
    assert {"email", "closeio/title"} <= {attribute.key for attribute in world.client.user_attributes()}


def test_a_wrong_secret(world: World) -> None:
    world.secret = "other"
    with pytest.raises(CredentialsError):
        world.client.get_connector()
    with pytest.raises(CredentialsError):
        world.firehose.send([lead(ACME)])


# ── Hearing ──────────────────────────────────────────────────────────────────────────────────────


def test_notifications_are_read_and_verified(world: World) -> None:
    world.hull.add_segment("account", "s1", "Prospects", {"attribute": "domain", "equals": "acme.com"})
    world.hull.add_account({"id": "a1", "domain": "acme.com", "name": "Acme"})
    world.hull.add_user({"id": "u1", "email": "ada@acme.com", "closeio/title": "CTO"}, "a1")
    allowed = partial(is_hull_key_url, allow_loopback=False)
    read: dict[str, Notification] = {}
    for headers, raw in world.told():
        notification = parse_notification(raw)
        read[notification.channel] = notification
        assert notification.malformed == ()
        assert verify_signature(headers, notification.notification_id, world.fetch, world.clock(), allowed)
        with pytest.raises(InvalidSignature):
            verify_signature(headers, "another", world.fetch, world.clock(), allowed)
    (about_account,) = newest(read["account:update"].messages)
    (about_user,) = newest(read["user:update"].messages)
    assert about_account.account is not None
    assert (about_account.account.hull_id, about_account.account.domain) == ("a1", "acme.com")
    assert about_account.account.segment_ids == ("s1",)
    assert about_user.user is not None
    assert about_user.user.attributes["closeio/title"] == "CTO"
    assert about_user.user.account is not None
    assert (about_user.user.account.hull_id, about_user.user.account.segment_ids) == ("a1", ("s1",))
    assert read["account:update"].credentials.connector_id == CONNECTOR_ID
    assert read["account:update"].account_segments == (Segment("s1", "Prospects"),)


def test_what_we_write_comes_back_as_we_name_it(world: World) -> None:
    message = FirehoseMessage(ObjectType.CONTACT, ADA, None, {"closeio/id": "cont_1", "closeio/title": "CTO"})
    world.firehose.send([message])
    told = [parse_notification(raw) for _, raw in world.told()]
    users = [message.user for notification in told for message in notification.messages if message.user]
    assert users[-1].close_id == "cont_1"
    assert users[-1].attributes["closeio/title"] == "CTO"
    assert users[-1].email == "ada@acme.com"
