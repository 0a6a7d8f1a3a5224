"""One working webhook subscription per connector: what is made, set right, made anew and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine.webhook_health import Repair, repair
from sync.records import Webhook

URL = "https://connector.example.com/close/webhooks/11111111/"
OLD = "https://old.example.com/close/webhooks/11111111/"
EVENTS = frozenset({("lead", "created"), ("lead", "updated")})


def hook(close_id: str = "w1", url: str = URL, **values: Any) -> Webhook:
    return Webhook(close_id, url, **{"events": EVENTS} | values)


FAILING = {"is_healthy": False, "latest_error": "401 from the server"}


@pytest.mark.parametrize(
    ("what", "found", "plan"),
    [
        ("none yet", [], Repair(creates=True)),
        ("somebody else's", [hook("x", "https://other.example.com/hook")], Repair(creates=True)),
        ("another connector's", [hook("x", URL.replace("1", "2"))], Repair(creates=True)),
        ("ours", [hook()], Repair("w1")),
        ("ours and more events than we ask for", [hook(events=EVENTS | {("lead", "merged")})], Repair("w1")),
        ("paused", [hook(status="paused")], Repair("w1", updates=True)),
        ("an event is missing", [hook(events=frozenset({("lead", "created")}))], Repair("w1", updates=True)),
        ("a second one", [hook(), hook("w2")], Repair("w1", deletes=("w2",))),
        ("one that we do not know", [hook("w2")], Repair(creates=True, deletes=("w2",))),
        (
            "deliveries fail", [hook(**FAILING)],
            Repair(creates=True, deletes=("w1",), problem=f"Close could not deliver to {URL}: 401 from the server"),
        ),
        ("unwell without an error yet", [hook(is_healthy=False)], Repair("w1")),
        ("ours at an earlier address", [hook(url=OLD)], Repair(creates=True, deletes=("w1",))),
        ("a copy that works elsewhere", [hook(), hook("w2", OLD)], Repair("w1")),
        ("a copy that nobody answers for", [hook(), hook("w2", OLD, **FAILING)], Repair("w1", deletes=("w2",))),
        ("a copy that is paused", [hook(), hook("w2", OLD, status="paused")], Repair("w1", deletes=("w2",))),
    ],
)  # fmt: skip
def test_what_is_done(what: str, found: list[Webhook], plan: Repair) -> None:
    assert repair(found, url=URL, mine="w1", has_key=True, events=EVENTS) == plan


def test_without_its_key_a_subscription_is_made_anew() -> None:
    plan = repair([hook()], url=URL, mine="w1", has_key=False, events=EVENTS)

    assert plan == Repair(creates=True, deletes=("w1",))


def test_without_a_public_address_ours_is_deleted_and_no_other() -> None:
    plan = repair([hook(), hook("w2")], url="", mine="w1", has_key=True, events=EVENTS)

    assert plan == Repair(deletes=("w1",))
