"""The event log: newest first, few filters, quick updates as one, thirty days; and the webhooks that follow it."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.remotes import Clock, CloseApi


def listed(api: CloseApi, **query: Any) -> list[tuple[str, str]]:
    return [(one["object_type"], one["action"]) for one in api.ok("GET", "/event/", **query)["data"]]


def test_an_event_has_what_close_documents(api: CloseApi) -> None:
    lead = api.lead()

    (event,) = api.ok("GET", "/event/")["data"]

    assert event["id"].startswith("ev_")
    assert (event["object_type"], event["object_id"], event["lead_id"], event["action"]) == (
        "lead",
        lead["id"],
        lead["id"],
        "created",
    )
    assert event["data"] == {name: value for name, value in lead.items() if name not in ("contacts", "tasks", "opportunities")}  # fmt: skip
    assert (event["previous_data"], event["changed_fields"]) == ({}, [])
    assert event["meta"] == {"request_method": "POST", "request_path": "/api/v1/lead/"}
    assert api.ok("GET", f"/event/{event['id']}/") == event


def test_newest_first_fifty_at_a_time_with_cursors_both_ways(api: CloseApi) -> None:
    ids = [api.lead()["id"] for _ in range(60)]

    first = api.ok("GET", "/event/", _cursor="")
    second = api.ok("GET", "/event/", _cursor=first["cursor_next"])

    assert [one["object_id"] for one in first["data"] + second["data"]] == ids[::-1]
    assert (len(first["data"]), first["cursor_previous"], second["cursor_next"]) == (50, None, None)
    assert api.ok("GET", "/event/", _cursor=second["cursor_previous"])["data"] == first["data"]
    assert len(api.ok("GET", "/event/", _limit=2)["data"]) == 2


@pytest.mark.parametrize(
    "query", [{"_limit": 51}, {"_limit": 0}, {"_limit": "x"}, {"_cursor": "x"}, {"_cursor": "cC01"}, {"date_updated__gte": "soon"}]
)  # fmt: skip
def test_what_the_log_refuses(api: CloseApi, query: dict[str, Any]) -> None:
    api.lead()

    assert api.refused("GET", "/event/", **query)[0] == 400


@pytest.mark.parametrize(
    "names",
    [
        "object_type", "object_id", "action", "object_type object_id action", "lead_id action", "lead_id object_id",
        "lead_id user_id action", "user_id action", "user_id object_type object_id", "request_id object_type",
        "request_id lead_id",
    ],
)  # fmt: skip
def test_filters_go_in_few_combinations_only(api: CloseApi, names: str) -> None:
    assert api.refused("GET", "/event/", **dict.fromkeys(names.split(), "x"))[0] == 400


@pytest.mark.parametrize(
    "names",
    [
        "object_type object_id", "object_type action", "object_id action", "lead_id", "lead_id object_type",
        "lead_id object_type action", "lead_id user_id", "lead_id user_id object_type", "lead_id user_id object_type action",
        "user_id", "user_id object_id", "user_id object_id action", "user_id object_type", "user_id object_type action",
        "request_id",
    ],
)  # fmt: skip
def test_the_combinations_that_close_documents_filter(api: CloseApi, names: str) -> None:
    api.lead(contacts=[{"name": "Gob"}])
    api.close.rep_create_lead({"name": "Other"})
    wanted = api.close.events[0]
    values = {name: wanted[name] for name in names.split()}

    found = api.ok("GET", "/event/", date_updated__gte="2026-01-01", **values)["data"]

    assert wanted in found
    assert all(event[name] == value for event in found for name, value in values.items())
    assert len(found) < len(api.close.events)


def test_a_moment_bounds_the_log(api: CloseApi, clock: Clock) -> None:
    moments = []
    for _ in range(3):
        api.lead()
        moments.append(api.close.events[-1]["date_updated"])
        clock.advance(minutes=1)

    def count(**query: str) -> int:
        return len(api.ok("GET", "/event/", **query)["data"])

    second = moments[1]
    assert [count(**{f"date_updated__{one}": second}) for one in ("gt", "gte", "lt", "lte")] == [1, 2, 1, 2]
    assert count(date_updated__gte=f"{second}+00:00") == 2
    assert count(date_updated__gt=moments[0], date_updated__lt=moments[2]) == 1


def test_quick_updates_become_one_event_that_moves(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(description="before")
    path = f"/lead/{lead['id']}/"
    clock.advance(minutes=1)
    api.ok("PUT", path, {"name": "One"})
    first = api.ok("GET", "/event/")["data"][0]
    clock.advance(seconds=1)
    api.ok("PUT", path, {"name": "Two", "description": "after"})

    second, created = api.ok("GET", "/event/")["data"]

    assert created["action"] == "created"
    assert (second["id"], second["date_created"]) == (first["id"], first["date_created"])
    assert second["date_updated"] > first["date_updated"]
    assert second["previous_data"] | {"date_updated": ""} == {"name": "Acme", "description": "before", "date_updated": ""}  # fmt: skip
    assert second["changed_fields"] == ["date_updated", "description", "name"]
    assert (second["data"]["name"], second["data"]["description"]) == ("Two", "after")


def test_slow_updates_and_other_writers_have_events_of_their_own(api: CloseApi, clock: Clock) -> None:
    lead = api.lead()
    api.ok("PUT", f"/lead/{lead['id']}/", {"name": "One"})
    api.close.rep_update_lead(lead["id"], {"name": "Two"})
    clock.advance(minutes=1)
    api.close.rep_update_lead(lead["id"], {"name": "Three"})

    before = [event["previous_data"]["name"] for event in api.close.events[1:]]
    assert before == ["Acme", "One", "Two"]


def test_it_tells_a_key_from_a_person(api: CloseApi) -> None:
    lead = api.lead()
    api.close.rep_update_lead(lead["id"], {"name": "Typed"})

    by_person, by_key = api.ok("GET", "/event/")["data"]

    assert by_key["api_key_id"] == api.close.api_key.partition(".")[0]
    assert (by_person["api_key_id"], by_person["user_id"]) == (None, api.close.user_ids[1])


def test_a_put_that_changes_nothing_leaves_no_trace(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(url="https://acme.com", contacts=[{"name": "Gob", "phones": [{"phone": "8004445555"}]}])
    clock.advance(minutes=1)

    again = api.ok(
        "PUT", f"/lead/{lead['id']}/", {"name": "Acme", "url": "https://acme.com", "description": None}
    )
    api.ok("PUT", f"/contact/{lead['contact_ids'][0]}/", {"phones": [{"phone": "+1 800 444 5555"}]})

    assert again == lead
    assert len(api.close.events) == 2


def test_a_contact_that_comes_is_an_update_of_its_lead(api: CloseApi, clock: Clock) -> None:
    lead = api.lead()
    clock.advance(minutes=1)

    contact = api.contact(lead["id"])

    assert api.told()[1:] == [("contact", "created"), ("lead", "updated")]
    updated = api.close.events[-1]
    assert "contact_ids" in updated["changed_fields"]
    assert (updated["previous_data"]["contact_ids"], updated["data"]["contact_ids"]) == ([], [contact["id"]])


def test_a_changed_contact_moves_its_leads_date_without_an_event(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])
    clock.advance(minutes=1)

    api.ok("PUT", f"/contact/{lead['contact_ids'][0]}/", {"title": "CEO"})

    assert api.told()[2:] == [("contact", "updated")]
    assert api.close.leads[lead["id"]]["date_updated"] > lead["date_updated"]


def test_thirty_days_later_it_is_forgotten(api: CloseApi, clock: Clock) -> None:
    api.lead()
    event_id = api.close.events[0]["id"]
    clock.advance(days=29)
    assert listed(api) == [("lead", "created")]
    clock.advance(days=1)

    assert listed(api) == []
    assert api.refused("GET", f"/event/{event_id}/")[0] == 404


def test_an_event_may_be_seen_late(api: CloseApi, clock: Clock) -> None:
    api.close.log.lag = timedelta(seconds=5)
    api.lead()

    assert listed(api) == []
    clock.advance(seconds=5)
    assert listed(api) == [("lead", "created")]


def test_a_reader_changes_nothing(api: CloseApi) -> None:
    api.lead()
    api.ok("GET", "/event/")["data"][0]["data"]["name"] = "changed by a reader"

    assert api.close.events[0]["data"]["name"] == "Acme"


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_verifies_by_the_documented_recipe(api: CloseApi, clock: Clock) -> None:
    webhook = {"url": "https://example.com/hook", "events": [{"object_type": "lead", "action": "created"}]}
    made = api.ok("POST", "/webhook/", webhook)
    api.lead(name="Ålesund 💥", contacts=[{"name": "Gob"}])

    ((url, headers, body),) = api.close.webhooks.pending

    assert url == "https://example.com/hook"
    signed = headers["close-sig-timestamp"].encode() + body
    wanted = hmac.new(bytes.fromhex(made["signature_key"]), signed, hashlib.sha256).hexdigest()
    assert headers["close-sig-hash"] == wanted
    assert abs(int(headers["close-sig-timestamp"]) - clock.now.timestamp()) < 2
    delivery = json.loads(body)
    assert delivery == {"event": api.close.events[0], "subscription_id": made["id"]}


def test_nothing_is_delivered_to_a_subscription_that_is_gone(api: CloseApi) -> None:
    webhook = {"url": "https://example.com/hook", "events": [{"object_type": "lead", "action": "created"}]}
    made = api.ok("POST", "/webhook/", webhook)
    api.ok("DELETE", f"/webhook/{made['id']}/")

    api.lead()

    assert api.close.webhooks.pending == []
