"""The official Python client of Close."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.remotes import INDUSTRY, TIER, Remotes, sandbox

LEAD = {
    "name": "Bluth Company", "url": "https://bluth.example", "description": "Builds homes.", "status": "Qualified",
    "addresses": [{"label": "business", "address_1": "1 Sudden Valley", "city": "Newport", "zipcode": "92625", "country": "US"}],
    "contacts": [{"name": "Gob", "title": "Magician", "emails": [{"email": "gob@bluth.example", "type": "office"}], "phones": [{"phone": "8004445555", "type": "mobile"}]}],
    f"custom.{TIER}": "Small", f"custom.{INDUSTRY}": "Housing",
}  # fmt: skip
PATCH = {
    "name": "Bluth Company, Inc.",
    "description": None,
    f"custom.{INDUSTRY}": None,
    f"custom.{TIER}": "Enterprise",
}
CONTACT = {"name": "Michael", "emails": [{"email": "michael@bluth.example"}, {"email": "m@home.example", "type": "home"}], "urls": [{"url": "https://michael.example"}]}  # fmt: skip
CONTACT_PATCH = {"emails": [{"email": "michael@bluth.example", "type": "office"}], "phones": [{"phone": "+33142685300", "type": "office"}], "title": "Manager"}  # fmt: skip
MORE = 60


@pytest.fixture(scope="module")
def got(remotes: Remotes, driven: Any) -> Any:
    given = {
        "lead": LEAD,
        "patch": PATCH,
        "contact": CONTACT,
        "contact_patch": CONTACT_PATCH,
        "tier": TIER,
        "more": MORE,
    }
    return driven("closeio", "use_closeio.py", remotes.close_login | given)


@pytest.fixture(scope="module")
def held(remotes: Remotes, got: Any) -> Any:
    return remotes.in_close()


def test_a_lead_it_made_and_changed_is_the_one_close_holds(got: Any, held: Any) -> None:
    created, updated, lead_id = got["created"], got["updated"], got["created"]["id"]

    assert {name: created[name] for name in ("name", "url", "description", "status_label")} == {"name": "Bluth Company", "url": "https://bluth.example", "description": "Builds homes.", "status_label": "Qualified"}  # fmt: skip
    assert created[f"custom.{TIER}"] == "Small" and created[f"custom.{INDUSTRY}"] == "Housing"
    assert created["contacts"][0]["phones"][0]["phone"] == "+18004445555"
    assert updated["name"] == "Bluth Company, Inc." and updated["description"] == ""
    assert f"custom.{INDUSTRY}" not in updated and updated[f"custom.{TIER}"] == "Enterprise"
    assert updated["addresses"] == created["addresses"] and updated["date_created"] == created["date_created"]
    assert len(got["lead_read"]["contacts"]) == 2
    unmoved = {name for name in got["lead_read"] if name not in ("opportunities", "tasks", "date_updated")}
    assert {name: held["leads"][lead_id][name] for name in unmoved} == {name: got["lead_read"][name] for name in unmoved}  # fmt: skip
    assert got["lead_chosen"] == {name: got["lead_read"][name] for name in ("id", "name", "contacts")}


def test_a_contact_it_made_and_changed_is_the_one_close_holds(got: Any, held: Any) -> None:
    created, updated = got["contact_created"], got["contact_updated"]

    assert [one["type"] for one in created["emails"]] == ["office", "home"]
    assert [one["type"] for one in created["urls"]] == ["url"]
    assert updated == got["contact_read"] == held["contacts"][created["id"]]
    assert [one["email"] for one in updated["emails"]] == ["michael@bluth.example"]
    assert (
        updated["phones"][0]["phone_formatted"] == "+33 1 42 68 53 00"
        and updated["phones"][0]["country"] == "FR"
    )


def test_what_it_deleted_is_gone(got: Any, held: Any) -> None:
    assert got["deleted"] == {} and got["contact_deleted"] == {}
    assert got["doomed"]["id"] not in held["leads"]
    assert got["doomed"]["contacts"][0]["id"] not in held["contacts"]
    assert (got["gone"]["kind"], got["gone"]["status"]) == ("APIError", 404) and "error" in got["gone"][
        "body"
    ]
    assert got["gone_put"]["status"] == 404


def test_a_lead_it_merged_lives_on_in_the_other(got: Any, held: Any) -> None:
    source, into = got["merged"]["source"], held["leads"][got["merged"]["into"]]

    assert source["id"] not in held["leads"]
    assert [one["name"] for one in into["contacts"]] == ["Moves"]
    assert into["contacts"][0]["id"] == source["contacts"][0]["id"]


def test_what_hangs_on_a_lead(remotes: Remotes, got: Any) -> None:
    lead_id, opportunity, task, note = (
        got["created"]["id"],
        got["opportunity_won"],
        got["task_done"],
        got["note_updated"],
    )

    assert opportunity == remotes.get(f"/opportunity/{opportunity['id']}/")
    assert (opportunity["status_type"], opportunity["value"], opportunity["value_period"]) == (
        "won",
        500000,
        "one_time",
    )
    assert opportunity["date_won"] and opportunity["lead_id"] == lead_id
    assert task == remotes.get(f"/task/{task['id']}/")
    assert task["is_complete"] is True and task["text"] == "Call back" and task["date"] == "2026-12-01"
    assert note == remotes.get(f"/activity/note/{note['id']}/")
    assert note["note"] == "Met twice." and note["_type"] == "Note"
    assert got["notes"] == [note]
    assert note in got["activities"]
    assert got["lead_with_everything"]["opportunities"] == [opportunity], (
        "an opportunity in a lead is the whole opportunity"
    )
    assert [one["id"] for one in got["lead_with_everything"]["tasks"]] == [got["task_open"]["id"]]
    assert [one["id"] for one in got["activities"]] == [
        one["id"] for one in remotes.pages("/activity/", lead_id=lead_id)
    ]


def test_webhooks(got: Any) -> None:
    created, paused = got["webhook_created"], got["webhook_paused"]

    assert len(bytes.fromhex(created["signature_key"])) == 32
    assert (created["status"], created["verify_ssl"]) == ("active", False)
    assert created["events"][0].items() >= {"object_type": "lead", "action": "created"}.items()
    assert (paused["status"], paused["pause_reason"]) == ("paused", "api")
    assert (
        got["webhook_read"].items()
        >= {name: paused[name] for name in paused if name != "signature_key"}.items()
    )
    assert [one["id"] for one in got["webhooks"]] == [created["id"]]
    assert got["webhook_deleted"] in ({}, "") and got["webhook_gone"]["status"] == 404


def test_custom_fields_and_who_it_is(remotes: Remotes, got: Any, held: Any) -> None:
    renamed = got["field_renamed"]

    assert got["field_created"].items() >= {"name": "Met at", "type": "choices", "choices": ["Fair", "Web"], "accepts_multiple_values": False}.items()  # fmt: skip
    assert renamed["name"] == "First met at" and renamed in got["fields"]
    names = {one["name"] for one in held["custom_fields"]}
    assert {one["name"] for one in got["fields"]} < {one["name"] for one in got["schema"]["fields"]} <= names
    assert got["me"] == remotes.get("/me/")
    assert [one["label"] for one in got["me"]["organizations"][0]["lead_statuses"]] == [one["label"] for one in held["statuses"]]  # fmt: skip


def test_validation_errors_are_flattened_at_the_field(got: Any) -> None:
    refused = got["refused"]
    nested = {"errors": {"1": {"errors": [], "field-errors": {"email": "Invalid email address."}}}}
    bad_emails = {
        "emails": {"errors": {"0": {"errors": [], "field-errors": {"email": "Invalid email address."}}}}
    }

    assert refused["bad email in a lead"] == {
        "kind": "ValidationError", "status": 400, "errors": [],
        "field_errors": {"contacts": {"errors": {"0": {"errors": [], "field-errors": {"emails": nested}}}}},
    }  # fmt: skip
    assert refused["bad email"] == {
        "kind": "ValidationError",
        "status": 400,
        "errors": [],
        "field_errors": bad_emails,
    }
    for what, field in (("no such status", "status_id"), ("no such choice", f"custom.{TIER}"), ("no such lead", "lead_id")):  # fmt: skip
        assert refused[what]["kind"] == "ValidationError", what
        assert list(refused[what]["field_errors"]) == [field], what


def test_other_refusals(got: Any) -> None:
    refused = got["refused"]

    assert refused["too large a page"]["kind"] == refused["too far"]["kind"] == "ValidationError"
    assert refused["wrong key"] == {"kind": "APIError", "status": 401, "body": {"error": "Unauthorized"}}
    assert (refused["no such address"]["kind"], refused["no such address"]["status"]) == ("APIError", 404)


def test_pages_cover_everything_once(got: Any, held: Any) -> None:
    for kind in ("leads", "contacts"):
        ids = [one["id"] for one in got[kind]["records"]]
        assert sorted(ids) == sorted(held[kind])
        assert got[kind]["requests"] == -(-len(ids) // 100) >= 2
        assert all(
            one == {"id": one["id"], "name": held[kind][one["id"]]["name"]} for one in got[kind]["records"]
        )
    assert got["leads"]["total_results"] == len(held["leads"])
    assert got["contacts"]["total_results"] is None
    assert len(got["overridden"]["data"]) == 3


def test_a_search_by_cursor_finds_everything_once(got: Any, held: Any) -> None:
    found = [one for page in got["search"] for one in page]

    assert [len(page) for page in got["search"][:-1]] == [30] * (len(got["search"]) - 1)
    assert sorted(one["id"] for one in found) == sorted(held["leads"])
    assert all(one == {"__object_type": "lead", "id": one["id"], "name": held["leads"][one["id"]]["name"]} for one in found)  # fmt: skip
    assert got["count"]["total"] == len(held["leads"])


def test_the_event_log_tells_what_happened(remotes: Remotes, got: Any, held: Any) -> None:
    events = [event for page in got["events"] for event in page]

    assert all(len(page) == 50 for page in got["events"][:-1]) and len(got["events"]) > 2
    assert len({event["id"] for event in events}) == len(events)
    assert [event["date_updated"] for event in events] == sorted((event["date_updated"] for event in events), reverse=True)  # fmt: skip
    created = {
        event["object_id"]
        for event in events
        if (event["object_type"], event["action"]) == ("lead", "created")
    }
    assert {
        lead_id for lead_id, lead in held["leads"].items() if lead["name"].startswith("Paged ")
    } <= created
    deleted = next(event for event in events if (event["object_id"], event["action"]) == (got["doomed"]["id"], "deleted"))  # fmt: skip
    assert deleted["data"] is None and deleted["previous_data"]["name"] == "Doomed"
    merged = next(event for event in events if event["action"] == "merged")
    assert merged["object_id"] == got["merged"]["into"]
    assert merged["meta"]["merge_source_lead_id"] == got["merged"]["source"]["id"]
    assert events[0] == remotes.get(f"/event/{events[0]['id']}/")


def test_it_waits_when_told_to(driven: Any) -> None:
    """Refusals out of the blue, then the real rate limit of 240 requests in eight seconds: it sleeps and goes on."""
    with sandbox("--faults", "POST /lead/=status:429@0.3", "--seed", "3") as remotes:
        got = driven("closeio", "wait_with_closeio.py", remotes.close_login | {"posts": 6, "gets": 250})
        held = remotes.in_close()

    assert {lead["id"]: lead for lead in got["made"]}.items() <= held["leads"].items()
    assert got["slept_posting"] and all(0 < seconds <= 8 for seconds in got["slept_posting"])
    assert got["read"] == [len(held["leads"])] * 250
    assert got["slept_reading"] and all(0 < seconds <= 8 for seconds in got["slept_reading"])
    assert 429 in [one["status"] for one in held["requests"]]
