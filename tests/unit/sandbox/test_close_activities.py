"""Activities as Close keeps them: what each type holds, what of the past can be noted, types of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.remotes import Clock, CloseApi


@pytest.fixture
def lead(api: CloseApi) -> str:
    return str(api.lead(contacts=[{"name": "Gob"}])["id"])


def kinds(api: CloseApi, path: str = "/activity/", **query: Any) -> list[str]:
    return [one["_type"] for one in api.ok("GET", path, **query)["data"]]


# ── What each type holds ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [("note", {"note": "a & b", "pinned": True}, {"note_html": "<body><p>a &amp; b</p></body>", "pinned": True}),
     ("note", {"note_html": "<p>Hi</p>", "note": "x"}, {"note": "Hi", "note_html": "<p>Hi</p>"}),
     ("call", {"duration": 153, "direction": "inbound"}, {"status": "completed", "duration": 153, "source": "External"}),
     ("email", {"to": ["gob@example.com"], "subject": "Hi"}, {"status": "draft", "to": ["gob@example.com"], "cc": []}),
     ("sms", {"text": "Hi", "status": "inbox"}, {"_type": "SMS", "status": "inbox", "direction": "outbound"})],
)  # fmt: skip
def test_what_an_activity_holds(
    api: CloseApi, lead: str, kind: str, body: dict[str, Any], wanted: dict[str, Any]
) -> None:
    made = api.ok("POST", f"/activity/{kind}/", {"lead_id": lead} | body)

    assert {name: made[name] for name in wanted} == wanted
    assert api.ok("GET", f"/activity/{kind}/{made['id']}/") == made
    assert (made["user_name"], made["updated_by_name"], made["users"]) == (
        "Integration User",
        "Integration User",
        [],
    )


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [("note", {"note_html": 5}, "note_html"), ("note", {"pinned": "yes"}, "pinned"), ("note", {"contact_id": "cont_x"}, "contact_id"),
     ("call", {"duration": -1}, "duration"), ("call", {"duration": "5"}, "duration"), ("call", {"direction": "up"}, "direction"),
     ("email", {"to": "gob@example.com"}, "to"), ("email", {"cc": [5]}, "cc"), ("email", {"status": []}, "status"), ("sms", {"status": "x"}, "status"),
     ("note", {"activity_at": "9999-12-31T23:59:59-14:00"}, "activity_at"), ("note", {"date_created": {}}, "date_created")],
)  # fmt: skip
def test_what_an_activity_refuses(
    api: CloseApi, lead: str, kind: str, body: dict[str, Any], name: str
) -> None:
    status, told = api.refused("POST", f"/activity/{kind}/", {"lead_id": lead} | body)
    assert (status, list(told["field-errors"])) == (400, [name])


def test_a_contact_is_one_of_the_lead(api: CloseApi, lead: str) -> None:
    (gob,) = api.ok("GET", f"/lead/{lead}/")["contacts"]
    stranger = api.lead(contacts=[{"name": "Tobias"}])["contacts"][0]
    made = api.ok("POST", "/activity/note/", {"lead_id": lead, "contact_id": gob["id"]})
    path = f"/activity/note/{made['id']}/"

    assert api.refused("PUT", path, {"contact_id": stranger["id"]})[0] == 400
    assert api.ok("PUT", path, {"contact_id": None})["contact_id"] is None


def test_a_change_that_changes_nothing_leaves_no_trace(api: CloseApi, lead: str) -> None:
    made = api.ok("POST", "/activity/note/", {"lead_id": lead, "note": "x"})
    assert api.ok("PUT", f"/activity/note/{made['id']}/", {"note": "x"}) == made
    assert ("activity.note", "updated") not in api.told()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/activity/meeting/"), ("POST", "/activity/created/"), ("POST", "/activity/emailthread/"), ("POST", "/activity/lead_merge/"),
     ("PUT", "/activity/status_change/lead/acti_x/"), ("DELETE", "/activity/created/acti_x/")],
)  # fmt: skip
def test_what_the_api_does_not_do(api: CloseApi, method: str, path: str) -> None:
    assert api.refused(method, path, {})[0] == 405


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────


def test_newest_is_by_the_moment_not_by_its_spelling(api: CloseApi, lead: str) -> None:
    for at in ("2026-01-01T12:00:00Z", "2026-01-01T23:00:00+14:00", "2026-01-01T06:30:00-06:00"):
        api.ok("POST", "/activity/note/", {"lead_id": lead, "activity_at": at})

    data = api.ok("GET", "/activity/", lead_id=lead)["data"]
    assert [one["activity_at"][11:16] for one in data] == ["12:30", "12:00", "09:00"]
    oldest = api.ok("GET", "/activity/", lead_id=lead, _order_by="activity_at")["data"]
    assert [one["id"] for one in oldest] == [one["id"] for one in reversed(data)]
    assert len(api.ok("GET", "/activity/", activity_at__gte="2026-01-01T12:00:00")["data"]) == 2
    assert api.refused("GET", "/activity/", _order_by="note")[0] == 400


def test_a_filter_takes_several(api: CloseApi, lead: str, clock: Clock) -> None:
    other = api.lead()["id"]
    for kind, on in (("note", lead), ("call", other), ("sms", other)):
        api.ok("POST", f"/activity/{kind}/", {"lead_id": on})
        clock.advance(minutes=1)

    assert kinds(api, lead_id=f"{lead},{other}") == ["SMS", "Call", "Note"]
    assert kinds(api, lead_id=f"{lead},{other}", _type__in="Note,SMS") == ["SMS", "Note"]
    first = api.ok("GET", "/activity/note/")["data"][0]["id"]
    assert kinds(api, id__in=f"{first},acti_x") == ["Note"]
    page = api.ok("GET", "/activity/", _limit=2, _skip=2)
    assert ([one["_type"] for one in page["data"]], page["has_more"]) == (["Note"], False)


# ── What Close notes itself, and what of the past may be noted ───────────────────────────────────


def test_a_status_that_changes_is_noted(api: CloseApi, lead: str) -> None:
    statuses = api.ok("GET", "/status/lead/")["data"]
    api.ok("PUT", f"/lead/{lead}/", {"status_id": statuses[1]["id"]})

    for path in ("/activity/status_change/lead/", "/activity/lead_status_change/"):
        (noted,) = api.ok("GET", path)["data"]
        assert (noted["old_status_label"], noted["new_status_label"]) == ("Potential", "Bad Fit")
    api.ok("DELETE", f"/activity/status_change/lead/{noted['id']}/")
    assert api.ok("GET", f"/lead/{lead}/")["status_id"] == statuses[1]["id"]


def test_a_status_change_of_the_past_changes_no_status(api: CloseApi, lead: str) -> None:
    old, new = (one["id"] for one in api.ok("GET", "/status/lead/")["data"][1:3])
    made = api.ok("POST", "/activity/status_change/lead/", {
        "lead_id": lead, "old_status_id": old, "new_status_id": new, "date_created": "2013-08-23T20:57:45.956000+00:00",
    })  # fmt: skip

    assert made["date_created"] == made["activity_at"] == "2013-08-23T20:57:45.956000+00:00"
    assert made["new_status_label"] == "Qualified"
    assert api.ok("GET", f"/lead/{lead}/")["status_label"] == "Potential"
    assert ("activity.lead_status_change", "created") in api.told()


def test_the_change_of_an_opportunity_says_all_about_it(api: CloseApi, lead: str) -> None:
    stages = api.close.settings.stages()
    sale = api.ok("POST", "/opportunity/", {"lead_id": lead, "value": 500, "value_period": "annual"})
    api.ok("PUT", f"/opportunity/{sale['id']}/", {"status_id": stages[1]["id"]})

    (noted,) = api.ok("GET", "/activity/status_change/opportunity/", opportunity_id=sale["id"])["data"]
    wanted = {
        "old_status_type": "active", "new_status_type": "won", "old_pipeline_name": "Sales", "new_pipeline_name": "Sales",
        "opportunity_value": 500, "opportunity_value_formatted": "$5 annual", "opportunity_date_won": "2026-03-02",
    }  # fmt: skip
    assert {name: noted[name] for name in wanted} == wanted
    past = {"lead_id": lead, "old_status_id": stages[0]["id"], "new_status_id": stages[2]["id"]}
    made = api.ok("POST", "/activity/status_change/opportunity/", past | {"opportunity_id": sale["id"]})
    assert made["new_status_type"] == "lost"
    assert api.ok("GET", f"/opportunity/{sale['id']}/")["status_type"] == "won"


@pytest.mark.parametrize(
    ("kind", "body", "names"),
    [("lead", {}, ["old_status_id", "new_status_id"]), ("lead", {"old_status_id": [], "new_status_id": "stat_x"}, ["old_status_id", "new_status_id"]),
     ("opportunity", {"opportunity_id": {}}, ["opportunity_id", "old_status_id", "new_status_id"])],
)  # fmt: skip
def test_what_a_status_change_refuses(
    api: CloseApi, lead: str, kind: str, body: dict[str, Any], names: list[str]
) -> None:
    status, told = api.refused("POST", f"/activity/status_change/{kind}/", {"lead_id": lead} | body)
    assert (status, list(told["field-errors"])) == (400, names)


def test_a_merge_is_noted(api: CloseApi, lead: str) -> None:
    other = api.lead()["id"]
    api.ok("POST", "/activity/note/", {"lead_id": other, "note": "comes along"})
    api.ok("POST", "/lead/merge/", {"source": other, "destination": lead})

    assert kinds(api, lead_id=lead) == ["LeadMerge", "Note"]
    (noted,) = api.ok("GET", "/activity/lead_merge/")["data"]
    assert (noted["source_lead_id"], noted["destination_lead_id"]) == (other, lead)


# ── Types of custom activities ───────────────────────────────────────────────────────────────────


def made_type(api: CloseApi, *, required: bool = True) -> tuple[str, str]:
    """Return a type and the field that was made for it."""
    kind = api.ok("POST", "/custom_activity/", {"name": "Entered segment"})["id"]
    field = api.ok("POST", "/custom_field/activity/", {"name": "Segment", "type": "text"})["id"]
    api.close.store.custom_fields[field] |= {"custom_activity_type_id": kind, "required": required}
    return kind, field


def test_a_type_is_made_at_an_address(api: CloseApi) -> None:
    answer = api.send("POST", "/custom_activity/", {"name": "Demo", "api_create_only": True})
    assert answer.status == 201
    path = answer.headers["Location"].removeprefix("/api/v1")
    assert (api.ok("GET", path)["name"], api.ok("GET", path)["api_create_only"]) == ("Demo", True)
    assert [one["name"] for one in api.ok("GET", "/custom_activity/")["data"]] == ["Demo"]


def test_a_published_one_needs_its_required_fields(api: CloseApi, lead: str) -> None:
    kind, field = made_type(api)
    body = {"lead_id": lead, "custom_activity_type_id": kind}

    refused = api.refused("POST", "/activity/custom/", body)
    assert refused == (400, {"errors": [], "field-errors": {f"custom.{field}": "This field is required."}})
    draft = api.ok("POST", "/activity/custom/", body | {"status": "draft"})
    path = f"/activity/custom/{draft['id']}/"
    assert api.refused("PUT", path, {"status": "published"})[0] == 400
    done = api.ok("PUT", path, {"status": "published", f"custom.{field}": "VIP"})
    assert (done["status"], done[f"custom.{field}"]) == ("published", "VIP")
    assert [one["id"] for one in api.ok("GET", f"/custom_activity/{kind}/")["fields"]] == [field]
    assert len(api.ok("GET", "/activity/custom/", custom_activity_type_id=kind)["data"]) == 1


def test_a_field_belongs_to_its_type_and_a_type_stays(api: CloseApi, lead: str) -> None:
    _, field = made_type(api, required=False)
    other = api.ok("POST", "/custom_activity/", {"name": "Other"})["id"]
    body = {"lead_id": lead, "custom_activity_type_id": other}
    assert api.refused("POST", "/activity/custom/", body | {f"custom.{field}": "x"})[0] == 400

    made = api.ok("POST", "/activity/custom/", body)
    refused = api.refused("PUT", f"/activity/custom/{made['id']}/", {"custom_activity_type_id": "actitype_x"})
    assert refused[0] == 400


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"name": " "}, {"name": 5}, {"name": "x", "api_create_only": 1}, {"name": "x", "editable_with_roles": "admin"}]
)  # fmt: skip
def test_what_a_type_refuses(api: CloseApi, body: dict[str, Any]) -> None:
    assert api.refused("POST", "/custom_activity/", body)[0] == 400


def test_a_type_that_changes_tells_what_was_before(api: CloseApi) -> None:
    kind = api.ok("POST", "/custom_activity/", {"name": "Demo"})["id"]
    for name in ("Shown", "Shown"):
        api.ok("PUT", f"/custom_activity/{kind}/", {"name": name})

    told = [event for event in api.close.events if event["object_type"] == "custom_activity_type"]
    assert [(event["action"], event["previous_data"]) for event in told] == [
        ("created", {}),
        ("updated", {"name": "Demo"}),
    ]
