"""Trouble is told once, to those who want to know, and so is its end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail

from accounts.models import Agency
from sync import queries
from sync.errors import RejectedError, TransientError
from sync.models import Alert, AlertChannel, AlertDelivery, Connector, Run
from sync.services import alerting
from tests.integration.admin.rows import everything

KEY = "whsec_dGhlLWtleS1vZi1vdXItdGVzdHM"
KEY_REFUSED = "The Close key was refused."


@pytest.fixture
def ours(db: None, now: datetime) -> SimpleNamespace:
    rows = everything("northwind", now)
    rows.approval.delete()
    rows.run.counters = {}
    rows.run.save()
    rows.alert.delete()
    rows.alertchannel.delete()
    return rows


class Posts:
    """What was posted, and what the other side makes of it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self.error = error

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        if self.error:
            raise self.error
        self.sent.append((url, body, dict(headers)))


def channel(agency: Agency, **fields: Any) -> AlertChannel:
    given = {"name": "On call", "kind": "EMAIL", "emails": ["ann@example.com"], **fields}
    return AlertChannel.objects.create(agency=agency, **given)


def stop(connector: Connector, now: datetime) -> None:
    connector.pause(KEY_REFUSED, now=now)


def watch(now: datetime, post: Posts | None = None) -> None:
    alerting.watch(now=now)
    alerting.send_due(now=now, jitter=lambda: 0.0, post=post or Posts())


def test_trouble_and_its_end_are_told_once_each(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency)
    stop(ours.connector, now)

    for minute in range(3):
        watch(now + timedelta(minutes=minute))
    Connector.objects.get(pk=ours.connector.pk).resume()
    for minute in range(3, 6):
        watch(now + timedelta(minutes=minute))

    told = [(one.subject, one.body.split("\n")[0], one.to) for one in mail.outbox]
    assert told == [
        ("Northwind to Close is failing", f"It stopped: {KEY_REFUSED}", ["ann@example.com"]),
        ("Northwind to Close recovered", f"It is over: It stopped: {KEY_REFUSED}", ["ann@example.com"]),
    ]
    alert = Alert.objects.get()
    assert (alert.opened_at, alert.closed_at) == (now, now + timedelta(minutes=3))


def test_a_pause_by_a_person_is_no_trouble(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency)
    ours.connector.pause("Paused by ann: holidays", now=now)

    watch(now)

    assert not Alert.objects.exists()


def test_only_who_wants_to_know_is_told(ours: SimpleNamespace, now: datetime) -> None:
    theirs = everything("southwind", now)
    wanted = channel(ours.agency, connector=ours.connector)
    channel(ours.agency, kinds=["BRAKE"])
    channel(ours.agency, enabled=False)
    channel(theirs.agency)
    stop(ours.connector, now)

    row = queries.with_health(Connector.objects.filter(pk=ours.connector.pk), now=now).get()
    alerting.look_at(row, now=now)

    assert [one.channel_id for one in AlertDelivery.objects.all()] == [wanted.pk]


def test_who_is_muted_is_told_nothing_of_it_later(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency, muted_until=now + timedelta(hours=1))
    stop(ours.connector, now)

    watch(now)
    Connector.objects.get(pk=ours.connector.pk).resume()
    watch(now + timedelta(hours=2))

    assert mail.outbox == []
    assert AlertDelivery.objects.get().state == "MUTED"


def test_slack_and_a_signed_webhook(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency, kind="SLACK", url="https://hooks.example/slack", emails=[])
    channel(ours.agency, kind="WEBHOOK", url="https://hooks.example/signed", emails=[], signing_key=KEY)
    stop(ours.connector, now)
    posts = Posts()

    watch(now, posts)

    (_, slack, _), (url, body, headers) = posts.sent
    assert "*Northwind to Close is failing*" in json.loads(slack)["text"]
    assert url == "https://hooks.example/signed"
    told = json.loads(body)
    assert (told["type"], told["kind"], told["connector"]["slug"]) == (
        "connector.alert",
        "failing",
        "northwind-close",
    )
    secret = b"the-key-of-our-tests"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("error", "state", "is_tried_again"),
    [
        (TransientError("hooks.example answered 503."), "PENDING", True),
        (RejectedError("hooks.example answered 404.", status=404), "FAILED", False),
    ],
)
def test_what_does_not_arrive(
    ours: SimpleNamespace, now: datetime, error: Exception, state: str, is_tried_again: bool
) -> None:
    row = channel(ours.agency, kind="SLACK", url="https://hooks.example/slack", emails=[])
    stop(ours.connector, now)

    watch(now, Posts(error))

    delivery = AlertDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == (state, 1)
    assert "hooks.example" in AlertChannel.objects.get(pk=row.pk).last_problem
    later = Posts()
    watch(now + timedelta(minutes=10), later)
    assert len(later.sent) == is_tried_again


def test_a_test_message_says_why_it_did_not_arrive(ours: SimpleNamespace, now: datetime) -> None:
    row = channel(ours.agency, kind="SLACK", url="https://hooks.example/slack", emails=[])

    assert alerting.try_out(row, now=now, post=Posts()) == ""
    refused = Posts(RejectedError("hooks.example answered 404.", status=404))
    assert alerting.try_out(row, now=now, post=refused) == "hooks.example answered 404."


def test_silence_is_told_by_what_runs_wrote(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency)
    for hour in range(3, 30):
        at = now - timedelta(hours=hour)
        Run.objects.create(
            connector=ours.connector, kind="DRAIN", direction="INBOUND", trigger="SCHEDULE", state="FINISHED", considered=5,
            counters={"UPDATED": 5} if hour > 4 else {"SKIPPED": 5}, started_at=at, finished_at=at,
        )  # fmt: skip

    watch(now)

    (alert,) = Alert.objects.all()
    assert (alert.kind, "longer than usual (an hour)" in alert.message) == ("SILENT", True)

    ours.run.counters, ours.run.started_at = {"CREATED": 1}, now
    ours.run.save()
    watch(now + timedelta(minutes=1))

    assert [one.subject for one in mail.outbox] == [
        "Northwind to Close is silent",
        "Northwind to Close recovered",
    ]


def test_a_message_that_is_being_sent_is_not_sent_twice(ours: SimpleNamespace, now: datetime) -> None:
    channel(ours.agency, kind="SLACK", url="https://hooks.example/slack", emails=[])
    stop(ours.connector, now)
    alerting.watch(now=now)
    delivery = AlertDelivery.objects.get()
    posts = Posts()

    for _ in range(2):
        alerting.send(delivery, now=now, jitter=lambda: 0.0, post=posts)

    assert len(posts.sent) == 1
