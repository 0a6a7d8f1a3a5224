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


def test_it_holds_what_there_was_when_it_was_asked_for(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(name="Then", contacts=[{"name": "Gob"}])
    gone = api.lead(name="Gone")
    sale = api.ok("POST", "/opportunity/", {"lead_id": lead["id"], "value": 5, "confidence": 100})
    made = api.ok("POST", "/export/lead/", {"format": "json"})
    api.ok("PUT", f"/lead/{lead['id']}/", {"name": "Now"})
    api.ok("PUT", f"/opportunity/{sale['id']}/", {"value": 6})
    api.ok("DELETE", f"/lead/{gone['id']}/")
    clock.advance(seconds=3)

    url = api.ok("GET", f"/export/{made['id']}/")["download_url"]
    first, second = json.loads(gzip.decompress(fetched(api, url).body))
    assert (first["name"], first["contacts"][0]["name"], second["name"]) == ("Then", "Gob", "Gone")
    assert (first["opportunities"][0]["value"], first["opportunities"][0]["expected_value"]) == (5, 5)
    assert fetched(api, url).body == fetched(api, url).body


def test_each_kind_has_its_list(api: CloseApi, clock: Clock) -> None:
    of_leads, of_sales = (api.ok("POST", f"/export/{kind}/", {})["id"] for kind in ("lead", "opportunity"))

    def ids(path: str) -> list[str]:
        return [one["id"] for one in api.ok("GET", path)["data"]]

    assert ids("/export/") == [of_leads, of_sales]
    assert (ids("/export/lead/"), ids("/export/opportunity/")) == ([of_leads], [of_sales])
    assert api.ok("GET", f"/export/opportunity/{of_sales}/")["type"] == "opps"


def test_who_listens_hears_how_far_it_is(api: CloseApi, clock: Clock) -> None:
    made = api.ok("POST", "/export/lead/", {})
    clock.advance(seconds=3)
    api.close.exports.tick(clock())
    api.close.exports.tick(clock())

    told = [event for event in api.close.events if event["object_type"] == "export.lead"]
    assert [event["action"] for event in told] == ["created", "updated", "completed"]
    assert {event["object_id"] for event in told} == {made["id"]} and told[-1]["data"]["status"] == "done"


@pytest.mark.parametrize(
    ("params", "wanted"),
    [({}, [1, 2, 3]), ({"status_type": "won"}, [3]), ({"status_type__in": ["active", "won"], "value_period": None}, [1, 2, 3]),
     ({"value_period": "monthly"}, [2])],
)  # fmt: skip
def test_which_opportunities(api: CloseApi, clock: Clock, params: dict[str, Any], wanted: list[int]) -> None:
    won = next(one["id"] for one in api.close.settings.stages() if one["type"] == "won")
    for body in ({"value": 1}, {"value": 2, "value_period": "monthly"}, {"value": 3, "status_id": won}):
        api.ok("POST", "/opportunity/", body)
    answer = fetched(api, done(api, clock, "/export/opportunity/", params=params)["download_url"])

    rows = json.loads(gzip.decompress(answer.body))
    assert [row["value"] for row in rows] == wanted and all(row["status_label"] for row in rows)


@pytest.mark.parametrize(
    ("date_format", "wanted"),
    [("original", "2026-03-02 09:30:00.003000+00:00"), ("iso8601", "2026-03-02T09:30:00+00:00"), ("excel", "2026-03-02 09:30:00 AM")],
)  # fmt: skip
def test_how_a_csv_writes_times(api: CloseApi, clock: Clock, date_format: str, wanted: str) -> None:
    api.close.insert_lead(
        {"id": "lead_1", "status_id": None, "date_created": "2026-03-02T09:30:00.003000+00:00"}
    )
    asked: dict[str, Any] = {"format": "csv", "fields": ["date_created"], "date_format": date_format}
    answer = fetched(api, done(api, clock, **asked)["download_url"])
    assert gzip.decompress(answer.body).decode().splitlines() == ["date_created", wanted]
    assert answer.headers["content-type"] == "text/csv"


def test_asked_for_fields_that_are_not_there(api: CloseApi, clock: Clock) -> None:
    field = api.close.create_custom_field("lead", "Tier")["id"]
    api.lead(name="Acme", **{f"custom.{field}": "gold"})
    api.lead(name="Bolt")

    answer = fetched(api, done(api, clock, fields=["name", f"custom.{field}", "nothing"])["download_url"])
    assert json.loads(gzip.decompress(answer.body)) == [
        {"name": "Acme", f"custom.{field}": "gold"},
        {"name": "Bolt"},
    ]


@pytest.mark.parametrize("kind", ["lead", "opportunity"])
@pytest.mark.parametrize(
    ("body", "name"),
    [({"s_query": "x"}, "s_query"), ({"query": {}}, "query"), ({"params": []}, "params"), ({"sort": {}}, "sort"), ({"date_format": []}, "date_format"),
     ({"results_limit": True}, "results_limit"), ({"fields": [5]}, "fields")],
)  # fmt: skip
def test_what_every_export_refuses(api: CloseApi, kind: str, body: dict[str, Any], name: str) -> None:
    status, told = api.refused("POST", f"/export/{kind}/", body)
    assert (status, list(told["field-errors"])) == (400, [name])


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
