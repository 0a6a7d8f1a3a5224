"""Singer's tap for Close: it discovers its streams and reads every record of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.interop.remotes import Remotes

STREAMS = ["custom_fields", "leads", "activities", "tasks", "users", "event_log"]


@pytest.fixture(scope="module")
def expected(remotes: Remotes) -> dict[str, list[Any]]:
    """What the tap has to find: more than one page of leads and tasks, and something in each stream."""
    lead_ids = [remotes.post("/lead/", {"name": f"Tapped {number:03d}"})["id"] for number in range(50)]
    for number in range(104):
        remotes.post("/task/", {"_type": "lead", "lead_id": lead_ids[number % 50], "text": f"Task {number}", "date": "2026-12-01"})  # fmt: skip
    for lead_id in lead_ids[:5]:
        remotes.post("/activity/note/", {"lead_id": lead_id, "note": "Met at the fair."})
        remotes.post("/activity/call/", {"lead_id": lead_id, "note": "Called.", "duration": 60, "direction": "outbound", "phone": "+14155550100"})  # fmt: skip
        remotes.post("/opportunity/", {"lead_id": lead_id, "value": 1000, "confidence": 50})
    return {
        "custom_fields": remotes.get("/custom_field/lead/")["data"],
        "leads": [_as_the_tap_shows(lead) for lead in remotes.in_close()["leads"].values()],
        "activities": remotes.pages("/activity/"), "tasks": remotes.pages("/task/"), "users": remotes.pages("/user/"),
        "event_log": _events(remotes),
    }  # fmt: skip


@pytest.fixture(scope="module")
def got(remotes: Remotes, expected: Any, driven: Any) -> Any:
    return driven(
        "tap-closeio", "use_tap_closeio.py", remotes.close_login | {"start_date": "2010-01-01T00:00:00Z"}
    )


def test_it_discovers_every_stream(got: Any) -> None:
    assert [stream["tap_stream_id"] for stream in got["catalog"]["streams"]] == STREAMS


@pytest.mark.parametrize("stream", STREAMS)
def test_it_reads_every_record_of(stream: str, got: Any, expected: Any) -> None:
    read = [message["record"] for message in got["messages"] if message["type"] == "RECORD" and message["stream"] == stream]  # fmt: skip
    if stream == "event_log":
        read = [
            event | {name: json.loads(event[name]) for name in ("data", "previous_data")} for event in read
        ]

    assert expected[stream]
    assert sorted(one["id"] for one in read) == sorted(one["id"] for one in expected[stream])
    assert _by_id(read) == _by_id(expected[stream])


def test_the_records_fit_its_schemas(got: Any) -> None:
    assert got["misfits"] == []


def test_it_ends_with_a_bookmark_for_every_stream(got: Any) -> None:
    assert got["messages"][-1]["type"] == "STATE"
    assert got["messages"][-1]["value"]["currently_syncing"] is None
    assert sorted(got["messages"][-1]["value"]["bookmarks"]) == sorted(STREAMS)


def _events(remotes: Remotes) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = remotes.get("/event/", _cursor=cursor)
        found += page["data"]
        cursor = page["cursor_next"]
        if not cursor:
            return found


def _as_the_tap_shows(lead: dict[str, Any]) -> dict[str, Any]:
    custom = [
        {"id": name.removeprefix("custom."), "value": lead[name]}
        for name in lead
        if name.startswith("custom.")
    ]
    return {name: value for name, value in lead.items() if not name.startswith("custom")} | {
        "custom_fields": custom
    }


def _by_id(records: list[Any]) -> dict[str, Any]:
    return {one["id"]: _plain(one) for one in records}


def _plain(value: Any) -> Any:
    """Return a value with its times spelled one way: the tap writes them anew."""
    if isinstance(value, dict):
        return {name: _plain(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d)?)?", value):
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value
