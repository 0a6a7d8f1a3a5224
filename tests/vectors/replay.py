"""Replays one recorded input of the original connector against ours, in the world of the journey tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync.models import Connector
from sync.models import Mapping as MappingRow
from sync.services.configuration import import_private_settings
from tests.journeys.world import World

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))
FIELDS = json.loads((RECORDED / "O_fields-lead-in.json").read_text())["observed"]["responses"][0]["body"][
    "options"
]
STATUSES = json.loads((RECORDED / "O_leadstatuses.json").read_text())["observed"]["responses"][0]["body"][
    "options"
]
NUMBERS = ("Fit Score", "FTEs")
START = datetime(2018, 7, 19, 12, 0, tzinfo=UTC)
# Recorded with invented numbers that Close would not take back in a list.
POSSIBLE_PHONES = {"+1": "+14155550101", "+2": "+14155550102"}
# How long a replay lets the product try again.
PATIENCE = 8


@dataclass
class Replay:
    """What the original did with an input, and what ours did."""

    name: str
    recorded: Mapping[str, Any]
    world: World
    answers: list[Any] = field(default_factory=list)

    @property
    def observed(self) -> Mapping[str, Any]:
        return self.recorded["observed"]

    # ── What was sent to Close ───────────────────────────────────────────────────────────────────

    def their_writes(self) -> list[tuple[str, str, Any]]:
        """Return the original's writes, and ours below, as `(method, path, body)`."""
        sent = [request for request in self.observed["close_requests"] if request["method"] != "GET"]
        return [(one["method"], one["path"].removeprefix("/api/v1"), one["body"]) for one in sent]

    def our_writes(self) -> list[tuple[str, str, Any]]:
        return [
            (method, path, body)
            for method, path, _, body, _ in self.world.close.requests
            if method != "GET" and not path.startswith("/data/search")
        ]

    # ── What Hull was told ───────────────────────────────────────────────────────────────────────

    def their_records(self) -> dict[str, dict[str, Any]]:
        """Return what Hull was told by the record it was told of, by its Close id, all messages added up."""
        told: dict[str, dict[str, Any]] = {}
        for message in self.observed.get("hull_traits") or []:
            values = {name: _value(value) for name, value in message["traits"].items()}
            if values:
                told.setdefault(str(values.get("closeio/id")), {}).update(values)
        return told

    def our_records(self) -> dict[str, dict[str, Any]]:
        told: dict[str, dict[str, Any]] = {}
        for message in self.world.hull.firehose_messages:
            claims = message["asUser"] if message["subject"] == "user" else message["asAccount"]
            close_id = str(claims["anonymous_id"]).removeprefix("closeio:")
            told.setdefault(close_id, {}).update(message["body"])
        return told

    def claims(self) -> list[dict[str, Any]]:
        """Return the claims of our messages: `{"user": …, "account": …}`."""
        return [
            {"user": one["asUser"], "account": one["asAccount"]} for one in self.world.hull.firehose_messages
        ]


def _value(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and "operation" in value else value


def load(name: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_text())


def replay(name: str, world: World) -> Replay:
    """Bring the world into the recorded state, give it the input, and let it work."""
    recorded = load(name)
    given = recorded["input"]
    world.clock.now = START
    _set_up_close(world, given)
    _set_up_connector(world, given["private_settings"])
    done = Replay(name, recorded, world)
    if name == "F04_status_unknown":
        world.close.store.statuses[:] = world.close.store.statuses[1:]
    if name == "S05_status_invalid_key":
        world.close.api_key = "api_another.key"
    _prepare(world, recorded["kind"])
    _add_faults(world, given)
    _give(done, recorded["kind"], given)
    return done


def _set_up_close(world: World, given: Mapping[str, Any]) -> None:
    close = world.close
    close.store.statuses.clear()
    for option in STATUSES[1:]:
        close.settings.create_status(option["label"], option["value"])
    for option in FIELDS:
        if option["value"].startswith("custom."):
            kind = "number" if option["label"] in NUMBERS else "text"
            close.create_custom_field(
                "lead", option["label"], kind, field_id=option["value"].removeprefix("custom.")
            )
    for lead in _leads(given.get("close_state") or [], is_written_back="notifications" in given):
        close.insert_lead(lead)
    close.events.clear()


def _leads(state: Any, *, is_written_back: bool) -> list[dict[str, Any]]:
    """Return the leads that Close holds: as recorded, or so many of a kind."""
    if isinstance(state, dict):
        count, updated_at = state["seed"]["leads"], state["seed"]["updated_at"].replace("Z", ".000000+00:00")
        times = {"date_created": updated_at, "date_updated": updated_at}
        return [
            {
                "id": f"lead_seed{number}",
                "name": f"Lead {number}",
                "url": f"lead{number}.com",
                "status_id": STATUSES[1]["value"],
            }
            | times
            for number in range(count)
        ]
    text = json.dumps([one["lead"] | one.get("fixed", {}) for one in state])
    for invented, possible in POSSIBLE_PHONES.items() if is_written_back else ():
        text = text.replace(f'"phone": "{invented}"', f'"phone": "{possible}"')
    return list(json.loads(text))


def _set_up_connector(world: World, settings: Mapping[str, Any]) -> None:
    connector = world.connector
    MappingRow.objects.filter(connector=connector).delete()
    known = {name: value for name, value in settings.items() if name not in ("api_key", "last_sync_at")}
    import_private_settings(connector, known, now=world.clock())
    if not settings.get("api_key"):
        Connector.objects.filter(pk=connector.pk).update(close_api_key="")
    connector.refresh_from_db()


def _prepare(world: World, kind: str) -> None:
    """The original knew Close's settings by then; ours has read Close once before it writes."""
    if kind not in ("fetch", "http"):
        world.pull()
        world.drain()
    world.close.requests.clear()


def _add_faults(world: World, given: Mapping[str, Any]) -> None:
    for fault in given.get("close_faults") or []:
        path = fault["path"].replace("v1/lead", "^/lead")
        kind = (
            "drop_before"
            if fault.get("destroy")
            else "timeout_after"
            if fault.get("pass")
            else f"status:{fault['status']}"
        )
        times = 1 if fault.get("pass") else fault.get("times", 99)
        world.close.faults.fail_next(
            fault["method"], path, kind, times, fault.get("match", ""), fault.get("skip", 0)
        )
    for fault in given.get("hull_faults") or []:
        world.hull.faults.fail_next(
            fault["method"], fault["path"], f"status:{fault['status']}", fault.get("times", 99)
        )


def _give(done: Replay, kind: str, given: Mapping[str, Any]) -> None:
    world = done.world
    if kind == "http":
        call = given["http"]
        query = "?ship=5a43ce781f6d9f471d005d44&organization=acme.hullapp.io&secret=sandbox-secret"
        send = world.browser.post if call["method"] == "POST" else world.browser.get
        done.answers.append(send(call["path"] + query))
    elif kind == "fetch":
        for _ in range(given.get("fetch", {}).get("times", 1)):
            world.pull()
        _work_off(world, pull=True)
    else:
        for messages in given["notifications"]:
            done.answers.append(world.notify(kind, messages))
            world.drain()
        _work_off(world, pull=False)


def _work_off(world: World, *, pull: bool) -> None:
    for _ in range(PATIENCE):
        if pull:
            world.pull()
        world.drain()
        world.clock.advance(seconds=20)
