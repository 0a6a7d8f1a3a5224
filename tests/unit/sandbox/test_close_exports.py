"""Exports and bulk actions: what is done in the background."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import pytest

from sandbox.http import Response, make_request
from tests.unit.sandbox.remotes import Clock, CloseApi

EVERYBODY = {"query": {"type": "object_type", "object_type": "lead"}}


def fetched(api: CloseApi, url: str) -> Response:
    return api.close.handle(make_request("GET", url, {}, b""))


def done(api: CloseApi, clock: Clock, path: str = "/export/lead/", **body: Any) -> Any:
    made = api.ok("POST", path, {"format": "json"} | body)
    clock.advance(seconds=3)
    return api.ok("GET", f"/export/{made['id']}/")


# ── Exports ──────────────────────────────────────────────────────────────────────────────────────


def test_an_export_takes_its_time(api: CloseApi, clock: Clock) -> None:
    for number in range(3):
        api.lead(name=str(number))
    made = api.ok("POST", "/export/lead/", {"format": "json", "type": "leads"})
    assert (made["status"], made["n_docs"], made["n_docs_processed"], made["download_url"]) == (
        "created",
        None,
        0,
        None,
    )

    clock.advance(seconds=0.7)
    assert api.ok("GET", f"/export/{made['id']}/")["status"] == "started"
    clock.advance(seconds=2)
    ready = api.ok("GET", f"/export/lead/{made['id']}/")
    assert (ready["status"], ready["n_docs"], ready["n_docs_processed"]) == ("done", 3, 3)
    assert [one["id"] for one in api.ok("GET", "/export/")["data"]] == [made["id"]]


def test_the_file_is_compressed_and_holds_whole_leads(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(name="Ålesund", contacts=[{"name": "Gob"}])
    answer = fetched(api, done(api, clock, type="leads")["download_url"])

    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(answer.body)) == [api.ok("GET", f"/lead/{lead['id']}/")]


def test_only_what_is_asked_for(api: CloseApi, clock: Clock) -> None:
    first = api.lead(name="Acme", contacts=[{"name": "Gob"}])
    api.lead(name="Bolt")
    clock.advance(seconds=5)  # the index lags
    query = {"query": {"type": "id", "value": first["id"]}}

    def rows(**body: Any) -> Any:
        return json.loads(gzip.decompress(fetched(api, done(api, clock, **body)["download_url"]).body))

    assert rows(s_query=query, fields=["name"]) == [{"name": "Acme"}]
    assert [row["name"] for row in rows(type="contacts")] == ["Gob"]
    assert [row["name"] for row in rows(query="name:bolt")] == ["Bolt"]
    assert len(rows(results_limit=1)) == 1
    api.ok("POST", "/activity/note/", {"lead_id": first["id"], "note": "x"})
    assert [len(row["activities"]) for row in rows(include_activities=True)] == [1, 0]


def test_a_csv_export(api: CloseApi, clock: Clock) -> None:
    api.lead(name='Acme, "Inc."')
    answer = fetched(api, done(api, clock, format="csv", fields=["name", "addresses"])["download_url"])

    assert list(csv.reader(io.StringIO(gzip.decompress(answer.body).decode()))) == [
        ["name", "addresses"],
        ['Acme, "Inc."', "[]"],
    ]


def test_an_address_expires_and_cannot_be_forged(api: CloseApi, clock: Clock) -> None:
    api.lead()
    url = done(api, clock)["download_url"]
    assert fetched(api, url).status == 200
    assert fetched(api, url[:-1] + ("0" if url[-1] != "0" else "1")).status == 403
    assert fetched(api, url.split("?")[0]).status == 403
    clock.advance(seconds=61)
    late = fetched(api, url)
    assert (late.status, b"expired" in late.body) == (403, True)


def test_opportunities_are_exported_too(api: CloseApi, clock: Clock) -> None:
    made = api.ok("POST", "/opportunity/", {"lead_id": api.lead()["id"], "value": 5})
    answer = fetched(api, done(api, clock, "/export/opportunity/")["download_url"])
    assert [row["id"] for row in json.loads(gzip.decompress(answer.body))] == [made["id"]]


@pytest.mark.parametrize(
    "body", [{"format": "xml"}, {"type": "people"}, {"results_limit": 0}, {"results_limit": "5"}, {"fields": "name"}, {"s_query": {"query": {"type": "x"}}}]
)  # fmt: skip
def test_what_an_export_refuses(api: CloseApi, body: dict[str, Any]) -> None:
    assert api.refused("POST", "/export/lead/", body)[0] == 400


def test_only_who_may_exports_and_edits_in_bulk(api: CloseApi) -> None:
    api.close.add_key("api_agent.x", "role_agent")
    agent = CloseApi(api.close, api.clock, key="api_agent.x")
    for path in ("/export/lead/", "/bulk_action/edit/"):
        assert agent.refused("POST", path, {})[0] == 403


# ── Bulk ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_status_for_everybody_with_an_event_each(api: CloseApi, clock: Clock) -> None:
    for number in range(3):
        api.lead(name=str(number))
    clock.advance(seconds=5)
    status = api.ok("GET", "/status/lead/")["data"][2]["id"]
    body = {"type": "set_lead_status", "lead_status_id": status, "s_query": EVERYBODY}
    made = api.ok("POST", "/bulk_action/edit/", body)
    assert made["status"] == "created" and {lead["status_id"] for lead in api.close.leads.values()} != {
        status
    }

    clock.advance(seconds=3)
    ready = api.ok("GET", f"/bulk_action/edit/{made['id']}/")
    assert (ready["status"], ready["n_objects"], ready["n_objects_processed"]) == ("done", 3, 3)
    assert {lead["status_id"] for lead in api.close.leads.values()} == {status}
    told = [event for event in api.close.events if event["meta"].get("bulk_action_id") == made["id"]]
    assert [(event["object_type"], event["action"]) for event in told] == [("lead", "updated")] * 3


@pytest.mark.parametrize(
    ("change", "wanted"),
    [({"type": "set_custom_field", "custom_field_value": "Two"}, ["Two"]),
     ({"type": "set_custom_field", "custom_field_value": "Two", "custom_field_operation": "add"}, ["One", "Two"]),
     ({"type": "set_custom_field", "custom_field_value": "One", "custom_field_operation": "remove"}, None),
     ({"type": "clear_custom_field"}, None)],
)  # fmt: skip
def test_custom_values_in_bulk(api: CloseApi, clock: Clock, change: dict[str, Any], wanted: Any) -> None:
    field = api.close.create_custom_field("lead", "Products", "choices", ["One", "Two"], True)["id"]
    lead = api.lead(**{f"custom.{field}": ["One"]})["id"]
    clock.advance(seconds=5)
    api.ok("POST", "/bulk_action/edit/", {"s_query": EVERYBODY, "custom_field_id": field} | change)
    clock.advance(seconds=3)

    assert api.ok("GET", f"/lead/{lead}/").get(f"custom.{field}") == wanted


def test_leads_are_deleted_in_bulk(api: CloseApi, clock: Clock) -> None:
    kept, gone = api.lead(name="kept")["id"], api.lead(name="gone")["id"]
    clock.advance(seconds=5)
    api.ok("POST", "/bulk_action/delete/", {"s_query": {"query": {"type": "id", "value": gone}}})
    clock.advance(seconds=3)

    assert [lead["id"] for lead in api.ok("GET", "/lead/")["data"]] == [kept]


@pytest.mark.parametrize(
    ("path", "body"),
    [("edit", {}), ("edit", {"s_query": EVERYBODY}), ("edit", {"s_query": EVERYBODY, "type": "set_lead_status"}),
     ("edit", {"s_query": EVERYBODY, "type": "set_custom_field", "custom_field_id": "cf_x"}), ("delete", {"s_query": "x"}),
     ("delete", {"s_query": EVERYBODY, "results_limit": 0}), ("email", {}), ("sequence_subscription", {})],
)  # fmt: skip
def test_what_bulk_actions_refuse(api: CloseApi, path: str, body: dict[str, Any]) -> None:
    assert api.refused("POST", f"/bulk_action/{path}/", body)[0] == 400
    assert api.ok("GET", f"/bulk_action/{path}/")["data"] == []
