"""Opportunities, tasks, activities and integration links: what hangs on a lead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.sandbox.remotes import Clock, CloseApi, fields


def stage(api: CloseApi, kind: str) -> str:
    return str(next(one["id"] for one in api.close.settings.stages() if one["type"] == kind))


# ── Opportunities ────────────────────────────────────────────────────────────────────────────────


def test_an_opportunity_has_what_close_computes(api: CloseApi) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])
    made = api.ok("POST", "/opportunity/", {
        "lead_id": lead["id"], "contact_id": lead["contacts"][0]["id"], "value": 50_000, "value_period": "monthly", "confidence": 40,
    })  # fmt: skip

    shown = {
        name: made[name]
        for name in ("status_label", "status_type", "pipeline_name", "lead_name", "contact_name")
    }
    assert shown == {
        "status_label": "Active", "status_type": "active", "pipeline_name": "Sales", "lead_name": "Acme", "contact_name": "Gob",
    }  # fmt: skip
    assert (made["annualized_value"], made["expected_value"], made["value_formatted"]) == (
        600_000,
        20_000,
        "$500 monthly",
    )
    assert api.ok("GET", f"/opportunity/{made['id']}/") == made
    assert [one["id"] for one in api.ok("GET", f"/lead/{lead['id']}/")["opportunities"]] == [made["id"]]


def test_without_a_lead_it_makes_an_untitled_one(api: CloseApi) -> None:
    made = api.ok("POST", "/opportunity/", {"value": 1})
    assert api.ok("GET", f"/lead/{made['lead_id']}/")["display_name"] == "Untitled"


@pytest.mark.parametrize(("kind", "name"), [("won", "date_won"), ("lost", "date_lost")])
def test_a_status_fills_in_its_day_and_tells(api: CloseApi, kind: str, name: str) -> None:
    made = api.ok("POST", "/opportunity/", {"lead_id": api.lead()["id"]})
    changed = api.ok("PUT", f"/opportunity/{made['id']}/", {"status_id": stage(api, kind)})

    assert (changed[name][:10], changed["status_type"]) == ("2026-03-02", kind)
    assert api.told()[-2:] == [("opportunity", "updated"), ("activity.opportunity_status_change", "created")]
    assert (
        api.ok("PUT", f"/opportunity/{made['id']}/", {"status_id": stage(api, "active"), name: None})[name]
        is None
    )


@pytest.mark.parametrize(
    ("body", "name"),
    [({"value": 1.5}, "value"), ({"value": "1"}, "value"), ({"value": True}, "value"), ({"value_period": "weekly"}, "value_period"),
     ({"confidence": 101}, "confidence"), ({"confidence": None}, "confidence"), ({"status_id": "stat_x"}, "status_id"),
     ({"lead_id": "lead_x"}, "lead_id"), ({"lead_id": []}, "lead_id"), ({"contact_id": "cont_x"}, "contact_id"), ({"user_id": {}}, "user_id"),
     ({"note": 5}, "note"), ({"date_won": "soon"}, "date_won")],
)  # fmt: skip
def test_what_an_opportunity_refuses(api: CloseApi, body: dict[str, Any], name: str) -> None:
    lead = api.lead()
    status, told = api.refused("POST", "/opportunity/", {"lead_id": lead["id"]} | body)
    assert (status, list(told["field-errors"])) == (400, [name])


def test_lists_filter_order_and_add_up(api: CloseApi, clock: Clock) -> None:
    lead = api.lead()["id"]
    for value in (300, 100, 200):
        api.ok("POST", "/opportunity/", {"lead_id": lead, "value": value, "confidence": 50})
        clock.advance(minutes=1)
    api.ok("POST", "/opportunity/", {"value": 7, "value_period": "annual", "status_id": stage(api, "won")})

    def values(**query: Any) -> list[int]:
        return [one["value"] for one in api.ok("GET", "/opportunity/", **query)["data"]]

    assert values(lead_id=lead) == [300, 100, 200]
    assert values(lead_id=lead, _order_by="-date_updated") == [200, 100, 300]
    assert values(status_type__in="won,lost") == [7]
    assert values(date_created__gte="2026-03-02T09:31:30") == [200, 7]
    whole = api.ok("GET", "/opportunity/", _limit=1)
    assert (whole["total_results"], whole["has_more"], len(whole["data"])) == (4, True, 1)
    assert (whole["total_value_one_time"], whole["total_value_annual"], whole["total_value_annualized"]) == (
        600,
        7,
        607,
    )
    assert api.refused("GET", "/opportunity/", _limit=251)[0] == 400
    assert api.refused("GET", "/opportunity/", date_created__gte="soon")[0] == 400
    assert api.refused("GET", "/opportunity/", _order_by="name")[0] == 400


def test_the_sums_have_the_documented_names(api: CloseApi) -> None:
    for value, period, confidence in (
        (300_000, "one_time", 75),
        (50_000, "annual", 75),
        (5_000, "monthly", 50),
    ):
        api.ok("POST", "/opportunity/", {"value": value, "value_period": period, "confidence": confidence})

    # the numbers of Close's own sample
    assert {name: value for name, value in api.ok("GET", "/opportunity/").items() if name != "data"} == {
        "has_more": False, "total_results": 3, "count_by_value_period": {"annual": 1, "monthly": 1, "one_time": 1},
        "total_value_one_time": 300_000, "total_value_one_time_formatted": "$3,000",
        "total_value_monthly": 5_000, "total_value_monthly_formatted": "$50",
        "total_value_annual": 50_000, "total_value_annual_formatted": "$500",
        "total_value_annualized": 410_000, "total_value_annualized_formatted": "$4,100",
        "expected_value_one_time": 225_000, "expected_value_one_time_formatted": "$2,250",
        "expected_value_monthly": 2_500, "expected_value_monthly_formatted": "$25",
        "expected_value_annual": 37_500, "expected_value_annual_formatted": "$375",
        "expected_value_annualized": 292_500, "expected_value_annualized_formatted": "$2,925",
    }  # fmt: skip


def test_a_list_of_none(api: CloseApi) -> None:
    told = api.ok("GET", "/opportunity/", lead_id="lead_x")
    assert (told["data"], told["total_results"], told["total_value_annualized"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("order", "wanted"),
    [("value", [None, 5, 30, 200]), ("-value", [200, 30, 5, None]), ("annualized_value", [None, 30, 5, 200]),
     ("-confidence", [5, 30, 200, None]), ("user_name", [30, 200, 5, None])],
)  # fmt: skip
def test_numbers_are_ordered_as_numbers(api: CloseApi, order: str, wanted: list[int | None]) -> None:
    for value, period, confidence in (
        (30, "one_time", 9), (200, "annual", 8), (5, "monthly", 100), (None, "one_time", 0),
    ):  # fmt: skip
        body = {"value": value, "value_period": period, "confidence": confidence}
        api.ok("POST", "/opportunity/", body)

    assert [one["value"] for one in api.ok("GET", "/opportunity/", _order_by=order)["data"]] == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("2026-02-28", "2026-02-28"), ("2026-02-28T23:30:00-02:00", "2026-03-01"), ("9999-12-31", "9999-12-31")],
)
def test_a_day_is_kept_as_a_day_and_can_be_filtered_by(api: CloseApi, given: str, wanted: str) -> None:
    made = api.ok("POST", "/opportunity/", {"date_won": given})

    assert made["date_won"] == wanted
    assert [one["id"] for one in api.ok("GET", "/opportunity/", date_won__gt="2026-01-01")["data"]] == [
        made["id"]
    ]


@pytest.mark.parametrize(("offset", "day"), [("-10", "2026-03-01"), ("14.5", "2026-03-02"), ("x", "2026-03-02"), ("14", "2026-03-02")])  # fmt: skip
def test_today_is_the_callers_day(api: CloseApi, offset: str, day: str) -> None:
    body = {"status_id": stage(api, "won")}
    answer = api.send("POST", "/opportunity/", body, {"x-tz-offset": offset})
    assert json.loads(answer.body)["date_won"] == day


def test_a_day_won_stays_when_the_status_goes_back(api: CloseApi) -> None:
    made = api.ok("POST", "/opportunity/", {"status_id": stage(api, "won")})
    assert (
        api.ok("PUT", f"/opportunity/{made['id']}/", {"status_id": stage(api, "active")})["date_won"]
        == "2026-03-02"
    )


def test_a_note_is_plain_and_html(api: CloseApi) -> None:
    made = api.ok("POST", "/opportunity/", {"note": "1 < 2"})
    path = f"/opportunity/{made['id']}/"

    assert made["note_html"] == "<body><p>1 &lt; 2</p></body>"
    changed = api.ok("PUT", path, {"note_html": "<body><p>One</p><p>two &amp; three</p></body>", "note": "x"})
    assert changed["note"] == "One\ntwo & three"
    assert [api.ok("PUT", path, {"note": None})[name] for name in ("note", "note_html")] == ["", ""]


def test_a_change_tells_what_was_before(api: CloseApi) -> None:
    made = api.ok("POST", "/opportunity/", {"value": 1})
    api.ok("PUT", f"/opportunity/{made['id']}/", {"value": 2})
    api.ok("PUT", f"/opportunity/{made['id']}/", {"value": 2})

    told = [event for event in api.close.events if event["object_type"] == "opportunity"]
    assert [event["action"] for event in told] == ["created", "updated"]
    assert (told[1]["changed_fields"], told[1]["previous_data"]["value"]) == (["date_updated", "value"], 1)


def test_it_goes_with_its_lead_and_moves_in_a_merge(api: CloseApi) -> None:
    first, second = api.lead()["id"], api.lead()["id"]
    made = api.ok("POST", "/opportunity/", {"lead_id": first, "value": 1})
    api.ok("POST", "/lead/merge/", {"source": first, "destination": second})
    assert api.ok("GET", f"/opportunity/{made['id']}/")["lead_id"] == second

    api.ok("DELETE", f"/lead/{second}/")
    assert api.refused("GET", f"/opportunity/{made['id']}/")[0] == 404
    assert ("opportunity", "deleted") in api.told()


# ── Tasks ────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_of_tasks_has_those_on_leads_only(api: CloseApi) -> None:
    lead = api.lead()["id"]
    call = api.ok("POST", "/task/", {"lead_id": lead, "_type": "outgoing_call", "text": "Ring them"})
    task = api.ok("POST", "/task/", {"lead_id": lead, "text": "Write to them", "date": "2026-03-05"})

    def ids(**query: Any) -> list[str]:
        return [one["id"] for one in api.ok("GET", "/task/", **query)["data"]]

    assert ids() == [task["id"]] and ids(_type="all") == [call["id"], task["id"]]
    assert ids(_type__in="outgoing_call") == [call["id"]] and ids(is_complete="true") == []
    assert (task["due_date"], task["lead_name"], task["assigned_to_name"]) == (
        "2026-03-05",
        "Acme",
        "Integration User",
    )


def test_tasks_are_done_one_by_one_or_together(api: CloseApi) -> None:
    lead = api.lead()["id"]
    first, second, third = (
        api.ok("POST", "/task/", {"lead_id": lead, "text": str(number)})["id"] for number in range(3)
    )

    assert api.ok("PUT", f"/task/{first}/", {"is_complete": True})["is_complete"] is True
    api.ok("PUT", "/task/", {"is_complete": True}, id__in=f"{second},{third}")
    assert api.ok("GET", f"/lead/{lead}/")["tasks"] == []
    assert [event for event in api.told() if event[1] == "completed"] == [("task.lead", "completed")] * 3
    assert api.refused("PUT", "/task/", {"is_complete": True})[0] == 400
    assert api.refused("PUT", "/task/", {"is_complete": True}, id__in="task_x")[0] == 404
    assert api.ok("DELETE", f"/task/{first}/") == {}


@pytest.mark.parametrize(
    "body", [{}, {"lead_id": "lead_x"}, {"lead_id": 5}, {"_type": "x"}, {"text": 5}, {"date": "soon"}, {"is_complete": "yes"}, {"assigned_to": []}]
)  # fmt: skip
def test_what_a_task_refuses(api: CloseApi, body: dict[str, Any]) -> None:
    lead = {"lead_id": api.lead()["id"]} if body else {}
    assert api.refused("POST", "/task/", lead | body)[0] == 400


# ── Activities ───────────────────────────────────────────────────────────────────────────────────


def test_a_note_is_written_changed_and_deleted(api: CloseApi) -> None:
    lead = api.lead()["id"]
    note = api.ok("POST", "/activity/note/", {"lead_id": lead, "note": "Met at the fair"})
    path = f"/activity/note/{note['id']}/"

    assert (note["_type"], note["user_name"]) == ("Note", "Integration User")
    assert api.ok("PUT", path, {"note": "Met twice"})["note"] == "Met twice"
    assert api.refused("GET", f"/activity/call/{note['id']}/")[0] == 404
    api.ok("DELETE", path)
    told = [event for event in api.told() if event[0] == "activity.note"]
    assert told == [("activity.note", action) for action in ("created", "updated", "deleted")]


def test_activities_are_listed_newest_first_and_filtered(api: CloseApi, clock: Clock) -> None:
    lead, other = api.lead()["id"], api.lead()["id"]
    for kind, on in (("note", lead), ("call", lead), ("note", other)):
        api.ok("POST", f"/activity/{kind}/", {"lead_id": on, "note": "x"})
        clock.advance(minutes=1)

    def kinds(path: str = "/activity/", **query: Any) -> list[str]:
        return [one["_type"] for one in api.ok("GET", path, **query)["data"]]

    assert kinds() == ["Note", "Call", "Note"]
    assert kinds(lead_id=lead) == ["Call", "Note"]
    assert kinds(lead_id=lead, _type="Note") == ["Note"]
    assert kinds("/activity/note/") == ["Note", "Note"]
    assert kinds(date_created__gt="2026-03-02T09:31:30") == ["Note"]
    for name in ("user_id", "contact_id", "_type", "_type__in"):
        assert api.refused("GET", "/activity/", **{name: "x"})[0] == 400


@pytest.mark.parametrize(
    "body", [{"lead_id": None}, {"lead_id": "lead_x"}, {"note": 5}, {"user_id": "user_x"}, {"contact_id": []}, {"activity_at": 5}]
)  # fmt: skip
def test_what_a_note_refuses(api: CloseApi, body: dict[str, Any]) -> None:
    assert api.refused("POST", "/activity/note/", {"lead_id": api.lead()["id"]} | body)[0] == 400


def test_custom_activities_have_types(api: CloseApi) -> None:
    lead = api.lead()["id"]
    kind = api.ok("POST", "/custom_activity/", {"name": "Entered segment"})
    made = api.ok("POST", "/activity/custom/", {"lead_id": lead, "custom_activity_type_id": kind["id"]})

    assert (made["_type"], made["status"]) == ("CustomActivity", "published")
    assert ("activity.custom_activity", "created") in api.told()
    assert api.refused("POST", "/activity/custom/", {"lead_id": lead})[0] == 400
    assert (
        api.refused(
            "POST",
            "/activity/custom/",
            {"lead_id": lead, "custom_activity_type_id": kind["id"], "status": "x"},
        )[0]
        == 400
    )
    assert api.ok("PUT", f"/custom_activity/{kind['id']}/", {"name": "Entered"})["name"] == "Entered"
    assert api.refused("POST", "/custom_activity/", {"name": ""})[0] == 400
    assert api.ok("DELETE", f"/custom_activity/{kind['id']}/") == {}


# ── Integration links ────────────────────────────────────────────────────────────────────────────


def test_a_link_is_shown_on_every_record_of_its_kind(api: CloseApi) -> None:
    for kind in ("lead", "contact", "opportunity"):
        api.ok(
            "POST",
            "/integration_link/",
            {"name": "Hull", "type": kind, "url": "https://hull.test/?q={{ id }}"},
        )
    lead = api.lead(contacts=[{"name": "Gob"}])
    sale = api.ok("POST", "/opportunity/", {"lead_id": lead["id"]})

    for record in (lead, lead["contacts"][0], sale):
        assert record["integration_links"] == [
            {"name": "Hull", "url": f"https://hull.test/?q={record['id']}"}
        ]
    (first, *_) = api.ok("GET", "/integration_link/")["data"]
    path = f"/integration_link/{first['id']}/"
    assert api.ok("PUT", path, {"name": "View in Hull"})["name"] == "View in Hull"
    api.ok("DELETE", path)
    assert api.ok("GET", f"/lead/{lead['id']}/")["integration_links"] == []


@pytest.mark.parametrize(
    ("body", "name"),
    [({"url": "https://x"}, "name"), ({"name": "x"}, "url"), ({"name": "x", "url": "x"}, "url"), ({"name": "x", "url": "https://x", "type": "task"}, "type")],
)  # fmt: skip
def test_what_a_link_refuses(api: CloseApi, body: dict[str, Any], name: str) -> None:
    status, told = api.refused("POST", "/integration_link/", body)
    assert (status, list(told["field-errors"])) == (400, [name])


def test_an_unknown_custom_field_is_refused(api: CloseApi) -> None:
    told = fields({"custom.cf_x": "Custom field does not exist."})
    assert api.refused("POST", "/opportunity/", {"lead_id": api.lead()["id"], "custom.cf_x": "x"}) == told


def test_a_pipeline_in_use_stays(api: CloseApi) -> None:
    (pipeline,) = api.ok("GET", "/pipeline/")["data"]
    made = api.ok("POST", "/opportunity/", {"lead_id": api.lead()["id"]})

    assert api.refused("DELETE", f"/pipeline/{pipeline['id']}/")[0] == 400
    api.ok("DELETE", f"/opportunity/{made['id']}/")
    assert api.ok("DELETE", f"/pipeline/{pipeline['id']}/") == {}
