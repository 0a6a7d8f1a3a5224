"""Webhooks: subscriptions, filters, and deliveries that are late, repeated, out of order, and given up at last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import CloseSandbox
from sandbox.moods import parse_moods
from tests.unit.sandbox.remotes import Clock, CloseApi

URL = "https://example.com/hook"


def subscribed(api: CloseApi, *events: tuple[str, str], extra_filter: Any = None) -> dict[str, Any]:
    wanted: list[dict[str, Any]] = [{"object_type": kind, "action": action} for kind, action in events]
    if extra_filter is not None:
        wanted = [one | {"extra_filter": extra_filter} for one in wanted]
    made: dict[str, Any] = api.ok("POST", "/webhook/", {"url": URL, "events": wanted})
    return made


def delivered(api: CloseApi, is_taken: bool = True) -> list[str]:
    """Deliver what is due, and return what was told."""
    told = []
    for delivery, signed in api.close.webhooks.take(api.clock()):
        event = json.loads(signed.body)["event"]
        told.append(f"{event['object_type']} {event['action']}")
        api.close.webhooks.settle(delivery, is_taken, "status 500")
    return told


def test_an_update_is_told_once_it_has_come_to_rest(api: CloseApi, clock: Clock) -> None:
    subscribed(api, ("lead", "created"), ("lead", "updated"))
    path = f"/lead/{api.lead()['id']}/"
    assert delivered(api) == ["lead created"]

    api.ok("PUT", path, {"name": "One"})
    clock.advance(seconds=2)
    api.ok("PUT", path, {"name": "Two"})
    clock.advance(seconds=2)
    assert delivered(api) == []  # the second joined the first, and they rest from then on
    clock.advance(seconds=2)
    (_, signed), *rest = api.close.webhooks.take(clock())
    assert json.loads(signed.body)["event"]["data"]["name"] == "Two" and not rest


def test_a_delivery_that_fails_comes_again_ever_more_slowly(api: CloseApi, clock: Clock) -> None:
    made = subscribed(api, ("lead", "created"))
    api.lead()
    waits = []
    for _ in range(14):
        (delivery, _), *rest = api.close.webhooks.take(clock())
        assert not rest
        api.close.webhooks.settle(delivery, False, "status 500")
        (again,) = api.close.webhooks.queue
        waits.append(round((again.due - clock.now).total_seconds()))
        clock.now = again.due

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1200, 1200, 1200]
    shown = api.ok("GET", f"/webhook/{made['id']}/")
    assert (shown["health_status"], shown["latest_error"], shown["status"]) == (
        "unhealthy",
        "status 500",
        "active",
    )
    assert delivered(api) == ["lead created"]
    assert api.ok("GET", f"/webhook/{made['id']}/")["health_status"] == "healthy"


def test_after_three_days_of_failing_it_is_paused_and_its_queue_lost(api: CloseApi, clock: Clock) -> None:
    made = subscribed(api, ("lead", "created"))
    api.lead()
    delivered(api, is_taken=False)
    clock.advance(hours=73)
    api.lead()
    delivered(api, is_taken=False)

    shown = api.ok("GET", f"/webhook/{made['id']}/")
    assert (shown["status"], shown["pause_reason"], api.close.webhooks.queue) == ("paused", "failing", [])
    api.lead()
    assert api.close.webhooks.queue == []
    active = api.ok("PUT", f"/webhook/{made['id']}/", {"status": "active"})
    assert (active["status"], active["pause_reason"]) == ("active", None)


def test_it_is_paused_over_the_api(api: CloseApi) -> None:
    made = subscribed(api, ("lead", "created"))
    api.lead()
    paused = api.ok("PUT", f"/webhook/{made['id']}/", {"status": "paused"})

    assert (paused["status"], paused["pause_reason"], api.close.webhooks.queue) == ("paused", "api", [])
    assert api.refused("PUT", f"/webhook/{made['id']}/", {"status": "gone"})[0] == 400
    assert api.refused("PUT", f"/webhook/{made['id']}/", {"signature_key": "00"})[0] == 400


def test_a_subscription_is_changed_whole(api: CloseApi) -> None:
    made = subscribed(api, ("lead", "created"))
    events = [{"object_type": "contact", "action": "created"}]
    changed = api.ok("PUT", f"/webhook/{made['id']}/", {"events": events, "verify_ssl": False})
    api.lead(contacts=[{"name": "Gob"}])

    assert changed["events"] == events and changed["signature_key"] == made["signature_key"]
    assert delivered(api) == ["contact created"]


OTHERS = {"type": "field_accessor", "field": "api_key_id", "filter": {"type": "is_null"}}
RENAMED = {
    "type": "field_accessor",
    "field": "changed_fields",
    "filter": {"type": "contains", "value": "name"},
}
BIG = {
    "type": "field_accessor", "field": "data",
    "filter": {"type": "field_accessor", "field": "name", "filter": {"type": "equals", "value": "Big"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("extra_filter", "told"),
    [(OTHERS, 1), (RENAMED, 1), (BIG, 1), ({"type": "not", "filter": RENAMED}, 1), ({"type": "or", "filters": [RENAMED, OTHERS]}, 2),
     ({"type": "and", "filters": [BIG, OTHERS]}, 0), ({"type": "and", "filters": []}, 2)],
)  # fmt: skip
def test_a_filter_is_asked_of_every_event(api: CloseApi, clock: Clock, extra_filter: Any, told: int) -> None:
    first, second = api.lead()["id"], api.lead()["id"]
    subscribed(api, ("lead", "updated"), extra_filter=extra_filter)
    api.ok("PUT", f"/lead/{first}/", {"name": "Big"})
    api.close.rep_update_lead(second, {"description": "said by a rep"})
    clock.advance(seconds=5)

    assert len(delivered(api)) == told


@pytest.mark.parametrize(
    "extra_filter", ["x", {}, {"type": "equal"}, {"type": "not"}, {"type": "and"}, {"type": "equals"}, {"type": "field_accessor", "filter": OTHERS}]
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused(api: CloseApi, extra_filter: Any) -> None:
    events = [{"object_type": "lead", "action": "updated", "extra_filter": extra_filter}]
    assert api.refused("POST", "/webhook/", {"url": URL, "events": events})[0] == 400


def test_deliveries_come_twice_and_out_of_order(clock: Clock) -> None:
    def history(seed: int) -> list[str]:
        moods = parse_moods("webhooks=duplicate@0.3, webhooks=reorder@0.3", seed)
        api = CloseApi(CloseSandbox(clock, seed, moods=moods), clock)
        subscribed(api, ("lead", "created"))
        names = {api.lead(name=str(number))["id"]: number for number in range(20)}
        told = []
        for _ in range(100):
            clock.advance(seconds=1)
            for delivery, signed in api.close.webhooks.take(clock()):
                told.append(str(names[json.loads(signed.body)["event"]["object_id"]]))
                api.close.webhooks.settle(delivery, True)
        return told

    told = history(4)
    assert set(told) == {str(number) for number in range(20)} and len(told) > 20
    assert told != sorted(told, key=int)
    assert history(4) == told != history(5)


def test_others_than_administrators_see_their_own(api: CloseApi) -> None:
    made = subscribed(api, ("lead", "created"))
    api.close.add_key("api_agent.secret", "role_agent")
    agent = CloseApi(api.close, api.clock, key="api_agent.secret")

    assert agent.ok("GET", "/webhook/")["data"] == []
    assert agent.refused("DELETE", f"/webhook/{made['id']}/")[0] == 404
    mine = subscribed(agent, ("lead", "created"))
    assert [one["id"] for one in api.ok("GET", "/webhook/")["data"]] == [made["id"], mine["id"]]
