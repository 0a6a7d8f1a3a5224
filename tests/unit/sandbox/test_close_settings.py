"""What an administrator sets up: roles, keys, statuses, pipelines, custom fields; and how requests are counted."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import CloseSandbox
from tests.unit.sandbox.remotes import Clock, CloseApi, fields


@pytest.fixture
def agent(api: CloseApi) -> CloseApi:
    """Somebody who is no administrator."""
    api.close.add_key("api_agent.secret", "role_agent")
    return CloseApi(api.close, api.clock, key="api_agent.secret")


# ── Roles and keys ───────────────────────────────────────────────────────────────────────────────


def test_a_key_is_of_one_user(api: CloseApi, agent: CloseApi) -> None:
    assert api.ok("GET", "/me/")["memberships"][0]["role_id"] == "admin"
    assert agent.ok("GET", "/me/")["memberships"][0]["role_id"] == "role_agent"
    assert agent.ok("GET", "/api_key/api_agent.secret/")["id"] == "api_agent"
    assert agent.refused("GET", f"/api_key/{api.close.api_key}/")[0] == 404
    agent.lead()
    assert api.close.events[-1]["api_key_id"] == "api_agent"
    assert len(api.ok("GET", "/user/")["data"]) == 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/status/lead/", {"label": "New"}), ("POST", "/custom_field/lead/", {"name": "X", "type": "text"}),
     ("POST", "/pipeline/", {"name": "X"}), ("POST", "/status/opportunity/", {"label": "X"})],
)  # fmt: skip
def test_only_an_administrator_sets_up(agent: CloseApi, method: str, path: str, body: Any) -> None:
    assert agent.refused(method, path, body) == (
        403,
        {"error": "You do not have permission to perform this action."},
    )


def test_who_is_no_administrator_sees_what_changed_for_an_hour(
    api: CloseApi, agent: CloseApi, clock: Clock
) -> None:
    lead = api.lead(name="Acme")
    (event,) = agent.ok("GET", "/event/")["data"]
    assert event["data"]["name"] == "Acme"

    clock.advance(minutes=61)
    (event,) = agent.ok("GET", "/event/")["data"]
    assert event["object_id"] == lead["id"] and not {"data", "previous_data"} & set(event)
    assert "data" not in agent.ok("GET", f"/event/{event['id']}/")
    assert api.ok("GET", "/event/")["data"][0]["data"]["name"] == "Acme"


def test_a_field_may_be_kept_for_some_roles(api: CloseApi, agent: CloseApi) -> None:
    body = {"name": "Tier", "type": "text", "editable_with_roles": ["admin"]}
    path = "custom." + api.ok("POST", "/custom_field/lead/", body)["id"]
    told = fields({path: "You do not have permission to edit this field."})

    assert agent.refused("POST", "/lead/", {"name": "Acme", path: "A"}) == told
    assert api.lead(**{path: "A"})[path] == "A"
    shared = api.ok("POST", "/custom_field/shared/", {"name": "Region", "type": "text"})["id"]
    roles = {"object_type": "contact", "editable_with_roles": ["role_agent"]}
    assert api.send("POST", f"/custom_field/shared/{shared}/association/", roles).status == 201
    lead = api.lead()["id"]
    assert agent.contact(lead, **{f"custom.{shared}": "x"})[f"custom.{shared}"] == "x"
    assert api.refused("POST", "/contact/", {"lead_id": lead, f"custom.{shared}": "x"})[0] == 400


# ── Custom fields over the API ───────────────────────────────────────────────────────────────────


def test_a_field_is_renamed_given_choices_and_deleted(api: CloseApi) -> None:
    body = {"name": "Tier", "type": "choices", "choices": ["A"], "description": "How large"}
    path = f"/custom_field/lead/{api.ok('POST', '/custom_field/lead/', body)['id']}/"

    changed = api.ok("PUT", path, {"name": "Size", "choices": ["A", "B"]})
    assert (changed["name"], changed["choices"], changed["description"]) == ("Size", ["A", "B"], "How large")
    assert api.ok("GET", path)["name"] == "Size"
    assert api.refused("GET", path.replace("lead", "contact"))[0] == 404
    assert api.ok("DELETE", path) == {}
    assert api.refused("GET", path)[0] == 404
    told = [event for event in api.close.events if event["object_type"] == "custom_fields.lead"]
    assert [event["action"] for event in told] == ["created", "updated", "deleted"]
    assert set(told[1]["changed_fields"]) == {"name", "choices"}


@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": 5}, {"type": "boolean"}, {"choices": "A"}, {"choices": [1]}, {"description": "x" * 281},
     {"editable_with_roles": "admin"}, {"accepts_multiple_values": True}],
)  # fmt: skip
def test_a_field_is_not_changed_into_nonsense(api: CloseApi, body: Any) -> None:
    path = f"/custom_field/lead/{api.ok('POST', '/custom_field/lead/', {'name': 'X', 'type': 'text'})['id']}/"
    assert api.refused("PUT", path, body)[0] == 400
    assert api.ok("GET", path)["name"] == "X"


def test_a_shared_field_leaves_an_object_with_its_values(api: CloseApi) -> None:
    field_id = api.close.create_custom_field("shared", "Region")["id"]
    lead = api.lead(**{f"custom.{field_id}": "EMEA"})
    path = f"/custom_field/shared/{field_id}/association/lead/"

    assert api.send("DELETE", path).status == 204
    assert f"custom.{field_id}" not in api.ok("GET", f"/lead/{lead['id']}/")
    assert api.ok("GET", "/custom_field_schema/lead/")["fields"] == []
    assert len(api.ok("GET", "/custom_field_schema/contact/")["fields"]) == 1
    assert api.refused("DELETE", path)[0] == 404
    assert api.refused("PUT", f"/custom_field/shared/{field_id}/", {"type": "number"})[0] == 400


# ── Statuses, pipelines, the organization ────────────────────────────────────────────────────────


def test_lead_statuses_come_and_go(api: CloseApi) -> None:
    made = api.ok("POST", "/status/lead/", {"label": "New"})
    assert api.refused("POST", "/status/lead/", {"label": "New"})[0] == 400
    assert api.ok("PUT", f"/status/lead/{made['id']}/", {"label": "Fresh"})["label"] == "Fresh"
    lead = api.lead(status_id=made["id"])
    assert api.refused("DELETE", f"/status/lead/{made['id']}/")[0] == 400
    api.ok("DELETE", f"/lead/{lead['id']}/")
    api.ok("DELETE", f"/status/lead/{made['id']}/")
    assert api.refused("GET", f"/status/lead/{made['id']}/")[0] == 404
    assert [event["action"] for event in api.close.events if event["object_type"] == "status.lead"] == [
        "created", "updated", "deleted",
    ]  # fmt: skip


def test_the_first_status_is_the_default_and_the_order_can_be_changed(api: CloseApi) -> None:
    organization = api.ok("GET", "/me/")["organizations"][0]
    path = f"/organization/{organization['id']}/"
    turned = [{"id": one["id"]} for one in reversed(organization["lead_statuses"])]

    assert api.lead()["status_label"] == "Potential"
    assert api.ok("PUT", path, {"lead_statuses": turned})["lead_statuses"][0]["label"] == "Customer"
    assert api.lead()["status_label"] == "Customer"
    assert api.refused("PUT", path, {"lead_statuses": turned[1:]})[0] == 400
    assert api.ok("PUT", path, {"name": "New name"})["name"] == "New name"
    assert "user" in api.ok("GET", path, _expand="memberships__user")["memberships"][0]


def test_a_pipeline_has_statuses_of_three_kinds(api: CloseApi) -> None:
    (sales,) = api.ok("GET", "/pipeline/")["data"]
    assert [one["type"] for one in sales["statuses"]] == ["active", "won", "lost"]
    made = api.ok(
        "POST", "/pipeline/", {"name": "Renewals", "statuses": [{"label": "Due", "type": "active"}]}
    )
    stage = api.ok(
        "POST", "/status/opportunity/", {"label": "Kept", "type": "won", "pipeline_id": made["id"]}
    )
    assert stage["pipeline_id"] == made["id"]
    assert len(api.ok("GET", "/status/opportunity/")["data"]) == 5
    assert api.refused("POST", "/status/opportunity/", {"label": "X", "type": "lose"})[0] == 400
    assert api.ok("PUT", f"/status/opportunity/{stage['id']}/", {"label": "Held"})["label"] == "Held"
    api.ok("DELETE", f"/status/opportunity/{stage['id']}/")
    api.ok("DELETE", f"/pipeline/{made['id']}/")
    assert api.refused("GET", f"/pipeline/{made['id']}/")[0] == 404


def test_a_status_that_changes_is_an_activity_and_an_event(api: CloseApi) -> None:
    lead = api.lead()
    qualified = next(one["id"] for one in api.close.store.statuses if one["label"] == "Qualified")
    api.ok("PUT", f"/lead/{lead['id']}/", {"status_id": qualified})

    assert ("activity.lead_status_change", "created") in api.told()


# ── How it is asked ──────────────────────────────────────────────────────────────────────────────


def test_a_long_get_comes_as_a_post(api: CloseApi) -> None:
    api.lead(name="Acme")
    headers = {"x-http-method-override": "GET"}
    body = {"_params": {"_limit": 1, "_fields": ["name"]}}
    answer = api.send("POST", "/lead/", body, headers)

    assert answer.body == b'{"data":[{"name":"Acme"}],"has_more":false,"total_results":1}'


@pytest.mark.parametrize(
    ("query", "names"),
    [("", ["Acme", "Bolt", "Core"]), ("name:bolt", ["Bolt"]), ("bolt", ["Bolt"]), ("id:{0}", ["Acme"]), ("email:gob@bolt.test", ["Bolt"]),
     ('date_created >= "2026-03-02T10:00"', ["Core"]), ("created < 2026-03-02T10:00 sort:-created", ["Bolt", "Acme"]),
     ("sort:-date_updated", ["Core", "Bolt", "Acme"]), ("status:Potential", ["Acme", "Bolt", "Core"]), ("nothing", [])],
)  # fmt: skip
def test_the_old_text_query(api: CloseApi, clock: Clock, query: str, names: list[str]) -> None:
    first = api.lead(name="Acme")["id"]
    api.lead(name="Bolt", contacts=[{"emails": [{"email": "gob@bolt.test"}]}])
    clock.advance(hours=1)
    api.lead(name="Core")

    found = api.ok("GET", "/lead/", query=query.format(first))
    assert [lead["name"] for lead in found["data"]] == names
    assert found["total_results"] == len(names)


def test_slices_are_the_whole_without_overlap(api: CloseApi) -> None:
    made = {api.lead(name=str(number))["id"] for number in range(30)}
    slices = [
        {lead["id"] for lead in api.ok("GET", "/lead/", query=f"slice:{part}/3")["data"]} for part in range(3)
    ]

    assert set.union(*slices) == made and sum(map(len, slices)) == 30 and all(slices)


def test_the_organization_has_three_times_the_limit_of_a_key(clock: Clock) -> None:
    api = CloseApi(CloseSandbox(clock, rate_limits=True), clock)
    keys = [api.close.api_key]
    for number in range(4):
        api.close.add_key(f"api_{number}.x")
        keys.append(f"api_{number}.x")
    statuses = [
        CloseApi(api.close, clock, key=key).send("POST", "/data/search/", {"query": {"type": "match_all"}}).status
        for _ in range(14)
        for key in keys
    ]  # fmt: skip

    assert statuses.count(200) == 48  # three times sixteen, though every key has some of its own left
    last = CloseApi(api.close, clock, key=keys[0]).send("POST", "/data/search/", {})
    assert b'"rate_limit_type":"organization"' in last.body
