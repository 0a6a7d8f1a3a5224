"""Close's webhook: made, looked after, repaired and removed, and what a delivery does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sync import tasks
from sync.models import Connector, Run
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it sets where this installation is reached, and counts every request")

PUBLIC = "https://connector.example.com"


@pytest.fixture
def subscribed(world: World, settings: Any) -> World:
    settings.PUBLIC_URL = PUBLIC
    world.pull()
    return world


def hooks(world: World) -> list[dict[str, Any]]:
    return list(world.close.store.webhooks.values())


def asked(world: World) -> list[tuple[str, str]]:
    return [(method, path) for method, path, *_ in world.close.requests if "/webhook/" in path]


def an_hour_later(world: World) -> None:
    world.close.requests.clear()
    world.clock.advance(minutes=61)
    world.pull()


def deliver(world: World) -> int:
    """Deliver all that Close has to deliver, and return the status of the last answer."""
    for _, signed in world.close.webhooks.take(world.clock.now + timedelta(minutes=10)):
        headers = {name: value for name, value in signed.headers.items() if name.startswith("close-")}
        url = signed.url.removeprefix(PUBLIC)
        answer = world.browser.post(url, signed.body, content_type="application/json", headers=headers)
    return int(answer.status_code)


def test_it_is_made_once_and_looked_at_once_an_hour(subscribed: World) -> None:
    assert [hook["url"] for hook in hooks(subscribed)] == [
        f"{PUBLIC}/close/webhooks/{subscribed.connector.public_id}/"
    ]
    subscribed.close.requests.clear()

    for _ in range(3):
        subscribed.clock.advance(minutes=5)
        subscribed.pull()
    assert asked(subscribed) == []

    an_hour_later(subscribed)
    assert asked(subscribed) == [("GET", "/webhook/")]
    assert len(hooks(subscribed)) == 1


def test_one_that_is_gone_is_made_again_and_its_key_is_the_new_one(subscribed: World) -> None:
    subscribed.close.store.webhooks.clear()

    an_hour_later(subscribed)

    (hook,) = hooks(subscribed)
    connector = Connector.objects.get()
    assert (connector.webhook_id, connector.webhook_signature_key.reveal()) == (
        hook["id"],
        hook["signature_key"],
    )
    subscribed.close.rep_create_lead({"name": "Acme"})
    assert deliver(subscribed) == 200


def test_one_that_was_paused_goes_on(subscribed: World) -> None:
    hooks(subscribed)[0]["status"] = "paused"

    an_hour_later(subscribed)

    assert [hook["status"] for hook in hooks(subscribed)] == ["active"]
    assert Connector.objects.get().webhook_id == hooks(subscribed)[0]["id"]


def test_one_whose_deliveries_fail_is_made_anew_and_the_page_says_so(
    subscribed: World, admin_client: Any
) -> None:
    failing = hooks(subscribed)[0]
    failing |= {"health_status": "unhealthy", "latest_error": "401 Unauthorized"}

    an_hour_later(subscribed)

    (hook,) = hooks(subscribed)
    assert hook["id"] != failing["id"]
    said = Connector.objects.get().webhook_problem
    assert said.startswith("Close could not deliver")
    assert said.endswith("401 Unauthorized A new subscription was made.")
    page = admin_client.get(subscribed.connector.get_absolute_url()).content.decode()
    assert "401 Unauthorized A new subscription was made." in page

    an_hour_later(subscribed)
    assert Connector.objects.get().webhook_problem == ""


def test_what_close_refuses_is_said_and_stops_nothing(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC
    world.close.faults.fail_next("POST", "/webhook/", "status:403", 99)
    world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})

    world.settle()

    assert [account["name"] for account in world.hull.accounts.values()] == ["Acme"]
    assert Connector.objects.get().webhook_problem != ""
    assert not Connector.objects.get().paused_at
    assert len([one for one in asked(world) if one[0] == "POST"]) == 1


def test_an_installation_without_a_public_address_asks_for_nothing(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = ""
    world.settle()

    assert asked(world) == []


def test_one_that_cannot_be_reached_any_more_is_removed(subscribed: World, settings: Any) -> None:
    settings.PUBLIC_URL = ""

    an_hour_later(subscribed)

    assert hooks(subscribed) == []
    assert Connector.objects.get().webhook_id == ""


@pytest.mark.parametrize("how", ["switched off", "deleted"])
def test_it_goes_with_its_connector(
    subscribed: World, how: str, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.tasks.dispatch", lambda task, **kwargs: task.apply(kwargs=kwargs, throw=True))
    connector = Connector.objects.get()

    with django_capture_on_commit_callbacks(execute=True):
        if how == "deleted":
            connector.delete()
        else:
            connector.enabled = False
            connector.save()

    assert hooks(subscribed) == []
    if how == "switched off":
        connector = Connector.objects.get()
        assert connector.webhook_id == ""
        connector.enabled = True
        connector.save()
        subscribed.pull()
        assert len(hooks(subscribed)) == 1


def test_a_close_that_is_away_does_not_keep_a_connector_from_being_deleted(
    subscribed: World, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.tasks.dispatch", lambda task, **kwargs: task.apply(kwargs=kwargs, throw=True))
    subscribed.close.faults.fail_next("DELETE", "^/webhook", "status:503", 99)

    with django_capture_on_commit_callbacks(execute=True):
        Connector.objects.get().delete()

    assert not Connector.objects.exists()
    assert len(hooks(subscribed)) == 1, "Close pauses it by itself, since nobody answers"


def test_a_burst_of_deliveries_is_one_pull_at_once_and_one_two_seconds_later(
    subscribed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, float]] = []
    monkeypatch.setattr(
        tasks, "dispatch", lambda task, *, after=0, **kwargs: sent.append((kwargs["trigger"], round(after)))
    )
    for number in range(20):
        subscribed.close.rep_create_lead({"name": f"Lead {number}"})

    assert deliver(subscribed) == 200
    assert sent == [(Run.Trigger.NOTIFICATION, 0), (Run.Trigger.NOTIFICATION, 2)]

    subscribed.clock.advance(seconds=10)
    subscribed.close.rep_create_lead({"name": "Later"})
    deliver(subscribed)
    assert sent[2:] == [(Run.Trigger.NOTIFICATION, 0)]


def test_a_delivery_for_a_connector_that_is_gone_is_answered_as_such(subscribed: World) -> None:
    subscribed.close.rep_create_lead({"name": "Acme"})
    Connector.objects.all().delete()

    assert deliver(subscribed) == 404
    answer = subscribed.browser.post("/close/webhooks/none/", json.dumps({}), content_type="application/json")
    assert answer.status_code == 404
