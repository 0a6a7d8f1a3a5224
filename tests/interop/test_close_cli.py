"""`close`, the command line of agent-tool-close-crm-cli: strict about errors, paging and what a status is."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import home
from tests.interop.remotes import INDUSTRY, Remotes, sandbox
from tests.interop.running import need, surroundings

OK, GENERIC, AUTH, NOT_FOUND, VALIDATION = 0, 1, 4, 5, 7


@dataclass(frozen=True)
class Said:
    """How a command ended: its code, and the JSON on its outputs."""

    code: int
    out: Any
    error: Any


Close = Callable[..., Said]


def command_line(remotes: Remotes, folder: Path, key: str = "") -> Close:
    """Return a function that runs `close` with some arguments."""
    need("close-cli")

    def run(*arguments: str) -> Said:
        found = subprocess.run(
            [str(home("close-cli") / "bin" / "close"), "-o", "json", *arguments], capture_output=True, text=True, timeout=60,
            check=False, stdin=subprocess.DEVNULL, cwd=folder,
            env=surroundings(CLOSECLI_BASE_URL=f"{remotes.close}/api/v1", CLOSE_API_KEY=key or remotes.close_api_key, CLOSECLI_CONFIG_DIR=str(folder)),
        )  # fmt: skip
        return Said(found.returncode, _json(found.stdout), _json(found.stderr))

    return run


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture(scope="module")
def close(remotes: Remotes, tmp_path_factory: pytest.TempPathFactory) -> Close:
    return command_line(remotes, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def lead(close: Close) -> Any:
    said = close(
        "lead",
        "create",
        "-n",
        "Initech",
        "--url",
        "https://initech.example",
        "-s",
        "Qualified",
        "--description",
        "Paper.",
    )
    assert said.code == OK, said
    return said.out


def test_a_lead_is_made_found_by_name_and_moved(close: Close, remotes: Remotes, lead: Any) -> None:
    assert (lead["name"], lead["status"], lead["url"], lead["description"]) == ("Initech", "Qualified", "https://initech.example", "Paper.")  # fmt: skip
    moved = close("lead", "status", "Initech", "Customer")
    renamed = close(
        "lead", "update", lead["id"], "-n", "Initech Global", "--custom", '{"Industry": "Software"}'
    )
    read = close("lead", "get", "Initech Global")

    assert (moved.code, moved.out["status"]) == (OK, "Customer")
    assert renamed.code == OK and renamed.out["custom"]["Industry"] == "Software"
    assert read.out == renamed.out
    held = remotes.in_close()["leads"][lead["id"]]
    assert (held["name"], held["status_label"], held[f"custom.{INDUSTRY}"]) == (
        "Initech Global",
        "Customer",
        "Software",
    )


def test_contacts(close: Close, remotes: Remotes, lead: Any) -> None:
    added = close("contact", "add", "--lead", lead["id"], "-n", "Peter", "--title", "Engineer", "--email", "peter@initech.example", "--phone", "+14155550102")  # fmt: skip
    changed = close(
        "contact", "update", added.out["id"], "--email", "p@initech.example", "--email", "peter@home.example"
    )
    listed = close("contact", "list", "--lead", lead["id"])
    held = remotes.in_close()["contacts"][added.out["id"]]

    assert added.code == changed.code == listed.code == OK
    assert added.out["phones"] == [{"phone": "+1 415-555-0102", "type": "mobile"}]
    assert changed.out["emails"] == [{"email": "p@initech.example", "type": "office"}, {"email": "peter@home.example", "type": "office"}]  # fmt: skip
    assert [one["email"] for one in held["emails"]] == ["p@initech.example", "peter@home.example"]
    assert [one["id"] for one in listed.out] == [added.out["id"]]
    assert close("contact", "get", "Peter").out == changed.out


def test_opportunities(close: Close, remotes: Remotes, lead: Any) -> None:
    made = close("opportunity", "create", "--lead", lead["id"], "--value", "5000", "--confidence", "40", "--close", "2026-12-24", "-m", "Big")  # fmt: skip
    assert made.code == OK, made
    moved = close("opportunity", "reschedule", made.out["id"], "--by", "+1w")
    active = close("opportunity", "list", "--active", "--lead", lead["id"])
    won = close("opportunity", "won", made.out["id"])
    after = close("opportunity", "list", "--active", "--lead", lead["id"])
    held = remotes.get(f"/opportunity/{made.out['id']}/")

    assert (made.out["value"], made.out["expected_value"], made.out["status_type"], made.out["close_date"]) == (5000.0, 2000.0, "active", "2026-12-24")  # fmt: skip
    assert moved.out["close_date"] == "2026-12-31"
    assert [one["id"] for one in active.out] == [made.out["id"]]
    assert (won.out["status_type"], after.out) == ("won", [])
    assert (held["value"], held["status_type"], held["lead_name"]) == (500000, "won", remotes.get(f"/lead/{lead['id']}/")["display_name"])  # fmt: skip


def test_tasks(close: Close, remotes: Remotes, lead: Any) -> None:
    made = close(
        "task", "create", "Send the offer", "--lead", lead["id"], "--due", "2026-12-01", "--assignee", "me"
    )
    assert made.code == OK, made
    moved = close("task", "reschedule", made.out["id"], "--by", "+3d")
    done = close("task", "done", made.out["id"])
    still_open, every = (
        close("task", "list", "--lead", lead["id"]),
        close("task", "list", "--lead", lead["id"], "--all"),
    )
    overdue = close("task", "list", "--overdue")
    deleted = close("task", "delete", made.out["id"])

    assert (made.out["due_date"][:10], made.out["is_complete"]) == ("2026-12-01", False)
    assert moved.out["due_date"][:10] == "2026-12-04"
    assert done.out["is_complete"] is True
    assert (still_open.out, [one["id"] for one in every.out], overdue.code) == ([], [made.out["id"]], OK)
    assert deleted.out == {"status": "deleted", "id": made.out["id"]}
    assert remotes.pages("/task/", lead_id=lead["id"]) == []


def test_the_timeline(close: Close, lead: Any) -> None:
    note = close("activity", "note", "Met at the fair.", "--lead", lead["id"])
    call = close("activity", "call", "--lead", lead["id"], "-m", "Discovery", "--duration", "720")
    timeline = close("activity", "list", "--lead", lead["id"])
    notes = close("activity", "list", "--lead", lead["id"], "--type", "note")
    recent = close("activity", "recent", "--limit", "5")

    assert (note.code, note.out["type"], note.out["summary"]) == (OK, "note", "Met at the fair.")
    assert (call.code, call.out["type"], call.out["duration"], call.out["direction"]) == (
        OK,
        "call",
        720,
        "outbound",
    )
    assert {note.out["id"], call.out["id"]} <= {one["id"] for one in timeline.out}
    assert [one["id"] for one in notes.out] == [note.out["id"]]
    assert recent.code == OK and len(recent.out) == 5
    dates = [one["date"] for one in recent.out]
    assert dates == sorted(dates, reverse=True)


def test_statuses(close: Close, remotes: Remotes) -> None:
    leads, opportunities = close("status", "lead"), close("status", "opportunity")

    assert [(one["id"], one["label"]) for one in leads.out] == [(one["id"], one["label"]) for one in remotes.get("/status/lead/")["data"]]  # fmt: skip
    assert {one["type"] for one in opportunities.out} == {"active", "won", "lost"}
    assert all(one["pipeline_id"] for one in opportunities.out)


def test_lists_go_on_until_there_is_no_more(close: Close, remotes: Remotes) -> None:
    for number in range(60):
        remotes.post(
            "/lead/", {"name": f"Counted {number:03d}", "contacts": [{"name": f"Counted {number:03d}"}]}
        )
    held = remotes.in_close()
    leads = close("lead", "list", "--limit", "1000")
    contacts = close("contact", "list", "--limit", "1000")

    assert sorted(one["id"] for one in leads.out) == sorted(held["leads"])
    assert sorted(one["id"] for one in contacts.out) == sorted(held["contacts"])
    assert close("lead", "list", "--count").out["count"] == len(held["leads"])
    assert len(close("lead", "list", "--limit", "7").out) == 7
    assert close("contact", "list", "--count").out["count"] is None


def test_searches(close: Close, remotes: Remotes, lead: Any) -> None:
    qualified = {
        one["id"] for one in remotes.in_close()["leads"].values() if one["status_label"] == "Qualified"
    }
    by_status = close("search", "leads", 'status:"Qualified"', "--limit", "500")
    assert {one["id"] for one in by_status.out} == qualified
    assert close("search", "leads", 'status:"Qualified"', "--count").out["count"] == len(qualified)
    some = next(one for one in remotes.in_close()["contacts"].values() if len(one["emails"]) == 1 and "lead-only" in one["emails"][0]["email"])  # fmt: skip
    assert some["id"] in {one["id"] for one in close("search", "contacts", some["emails"][0]["email"]).out}
    body = {
        "query": {"type": "and", "queries": [
            {"type": "object_type", "object_type": "lead"},
            {"type": "field_condition", "field": {"type": "regular_field", "object_type": "lead", "field_name": "status_id"},
             "condition": {"type": "term", "values": [one["id"] for one in remotes.get("/status/lead/")["data"] if one["label"] == "Bad Fit"]}},
        ]},
        "_fields": {"lead": ["id", "display_name", "status_label"]},
    }  # fmt: skip
    time.sleep(3)  # until the search index has what was just written
    found = close("search", "advanced", "--json", json.dumps(body), "--limit", "200")
    assert found.code == OK, found
    held = remotes.in_close()["leads"]
    assert {one["id"] for one in found.out["results"]} == {
        one["id"] for one in held.values() if one["status_label"] == "Bad Fit"
    }


def test_a_field_error_has_the_path_of_its_field(close: Close) -> None:
    body = {"name": "x", "contacts": [{"name": "y", "emails": [{"email": "not an address"}]}]}
    said = close("raw", "post", "lead/", "--data", json.dumps(body))

    assert said.code == VALIDATION
    assert said.error["fieldErrors"] == {"contacts.0.emails.0.email": "Invalid email address."}


def test_each_kind_of_refusal_has_its_code(close: Close, remotes: Remotes, lead: Any, tmp_path: Path) -> None:
    missing, unknown_name = close("lead", "get", "lead_nothing"), close("lead", "get", "Nobody Of That Name")
    stranger = command_line(remotes, tmp_path, key="api_wrong.key")("lead", "list")
    bad_email = close("contact", "add", "--lead", lead["id"], "-n", "Bad", "--email", "nope")
    typed = close("raw", "get", "activity/", "-P", "_type=Note")

    assert (missing.code, unknown_name.code) == (NOT_FOUND, NOT_FOUND), (missing, unknown_name)
    assert (stranger.code, stranger.error["error"]) == (AUTH, "Unauthorized")
    assert (bad_email.code, bad_email.error["fieldErrors"]) == (VALIDATION, {"emails.0.email": "Invalid email address."})  # fmt: skip
    assert typed.code == VALIDATION, "activities of a type are listed for one lead only"


def test_a_deleted_lead_takes_its_people_along(close: Close, remotes: Remotes) -> None:
    made = close("lead", "create", "-n", "Short-lived")
    person = close("contact", "add", "--lead", made.out["id"], "-n", "Shorter")
    deleted = close("lead", "delete", made.out["id"], "--yes")
    held = remotes.in_close()

    assert deleted.out == {"status": "deleted", "id": made.out["id"], "name": "Short-lived"}
    assert made.out["id"] not in held["leads"] and person.out["id"] not in held["contacts"]


def test_it_waits_when_told_to(tmp_path: Path) -> None:
    with sandbox("--faults", "GET /lead/=status:429@0.3", "--seed", "3") as remotes:
        close = command_line(remotes, tmp_path)
        said = [close("lead", "list", "--limit", "3") for _ in range(4)]
        asked = remotes.in_close()["requests"]

    assert [(one.code, len(one.out)) for one in said] == [(OK, 3)] * 4, said
    assert 429 in [one["status"] for one in asked]
