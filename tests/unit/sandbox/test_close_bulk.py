"""Bulk actions: what a job says of itself, what it survives, who hears of it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from sandbox.close.app import CloseSandbox
from tests.unit.sandbox.remotes import Clock, CloseApi

EVERYBODY = {"type": "object_type", "object_type": "lead"}


@pytest.fixture
def products(api: CloseApi) -> str:
    choices = ["One", "Two", "Three"]
    return str(api.close.create_custom_field("lead", "Products", "choices", choices, True)["id"])


def started(api: CloseApi, clock: Clock, kind: str = "edit", **body: Any) -> Any:
    clock.advance(seconds=5)  # the index lags
    return api.ok("POST", f"/bulk_action/{kind}/", {"s_query": EVERYBODY} | body)


def test_a_job_takes_its_time(api: CloseApi, clock: Clock) -> None:
    status = api.ok("GET", "/status/lead/")["data"][1]["id"]
    api.lead()
    made = started(api, clock, type="set_lead_status", lead_status_id=status)
    seen = [made]
    for _ in range(3):
        clock.advance(seconds=0.8)
        seen.append(api.ok("GET", f"/bulk_action/edit/{made['id']}/"))

    assert made["id"].startswith("bulkedit_") and (made["lead_status_id"], made["sort"]) == (status, [])
    assert [(one["status"], one["n_objects"], one["n_objects_processed"]) for one in seen] == [
        ("created", None, 0), ("loading", None, 0), ("processing", 1, 0), ("done", 1, 1),
    ]  # fmt: skip
    assert [event for event in api.told() if event[0] == "bulk_action.edit"] == [
        ("bulk_action.edit", "created"),
        ("bulk_action.edit", "completed"),
    ]
    assert not {"ids", "actor", "due", "change", "kind"} & seen[-1].keys()


@pytest.mark.parametrize(
    ("operation", "values", "wanted"),
    [("replace", ["Two", "Three"], ["Two", "Three"]), ("add", ["Two", "One"], ["One", "Two"]), ("remove", ["One", "Two"], None)],
)  # fmt: skip
def test_several_values_at_once(
    api: CloseApi, clock: Clock, products: str, operation: str, values: list[str], wanted: Any
) -> None:
    lead = api.lead(**{f"custom.{products}": ["One"]})["id"]
    started(
        api, clock, type="set_custom_field", custom_field_name="Products", custom_field_values=values,
        custom_field_operation=operation,
    )  # fmt: skip
    clock.advance(seconds=3)

    assert api.ok("GET", f"/lead/{lead}/").get(f"custom.{products}") == wanted


def test_what_has_gone_in_the_meantime_breaks_nothing(api: CloseApi, clock: Clock, products: str) -> None:
    kept, gone = api.lead()["id"], api.lead()["id"]
    made = started(api, clock, type="set_custom_field", custom_field_id=products, custom_field_value="One")
    deleted = started(api, clock, "delete", s_query={"type": "id", "value": gone})
    api.close.rep_delete_lead(gone)
    api.close.delete_custom_field(products)
    clock.advance(seconds=3)

    assert [lead["id"] for lead in api.ok("GET", "/lead/")["data"]] == [kept]
    assert api.ok("GET", f"/bulk_action/edit/{made['id']}/")["status"] == "done"
    assert api.ok("GET", f"/bulk_action/delete/{deleted['id']}/")["status"] == "done"


def test_only_as_many_as_asked_for(api: CloseApi, clock: Clock) -> None:
    for number in range(3):
        api.lead(name=str(number))
    started(api, clock, "delete", results_limit=2)
    clock.advance(seconds=3)

    assert len(api.ok("GET", "/lead/")["data"]) == 1
    told = [event for event in api.close.events if event["meta"].get("bulk_action_id")]
    assert [(event["object_type"], event["action"]) for event in told] == [("lead", "deleted")] * 2


def test_a_job_goes_on_in_a_later_process(api: CloseApi, clock: Clock) -> None:
    api.lead()
    made = started(api, clock, "delete")
    later = CloseSandbox(clock)
    later.restore(pickle.loads(pickle.dumps(api.close.state())))
    clock.advance(seconds=3)

    again = CloseApi(later, clock)
    assert again.ok("GET", f"/bulk_action/delete/{made['id']}/")["status"] == "done"
    assert again.ok("GET", "/lead/")["data"] == []


@pytest.mark.parametrize(
    ("body", "name"),
    [({}, "type"), ({"type": []}, "type"), ({"s_query": None}, "s_query"), ({"s_query": []}, "s_query"), ({"sort": "x"}, "sort"),
     ({"type": "set_lead_status", "lead_status_id": {}}, "lead_status_id"), ({"results_limit": True}, "results_limit"),
     ({"custom_field_id": None}, "custom_field_id"), ({"custom_field_id": []}, "custom_field_id"),
     ({"custom_field_id": None, "custom_field_name": "x"}, "custom_field_name"), ({"custom_field_operation": []}, "custom_field_operation"),
     ({"custom_field_operation": "x"}, "custom_field_operation"), ({"custom_field_value": None}, "custom_field_value"),
     ({"custom_field_value": "Four"}, "custom_field_value"), ({"custom_field_values": [{}]}, "custom_field_values")],
)  # fmt: skip
def test_what_an_edit_refuses(api: CloseApi, products: str, body: dict[str, Any], name: str) -> None:
    right = {"s_query": EVERYBODY, "custom_field_id": products, "custom_field_value": "One"}
    kind = {} if name == "type" else {"type": "set_custom_field"}
    status, told = api.refused("POST", "/bulk_action/edit/", right | kind | body)
    assert (status, list(told["field-errors"])) == (400, [name])


def test_fields_of_others_and_of_one_value(api: CloseApi) -> None:
    of_contacts = api.close.create_custom_field("contact", "Role")["id"]
    single = api.close.create_custom_field("lead", "Tier")["id"]
    clear = {"s_query": EVERYBODY, "type": "clear_custom_field", "custom_field_id": of_contacts}
    add = {
        "s_query": EVERYBODY, "type": "set_custom_field", "custom_field_id": single, "custom_field_value": "x",
        "custom_field_operation": "add",
    }  # fmt: skip

    assert list(api.refused("POST", "/bulk_action/edit/", clear)[1]["field-errors"]) == ["custom_field_id"]
    assert list(api.refused("POST", "/bulk_action/edit/", add)[1]["field-errors"]) == [
        "custom_field_operation"
    ]


@pytest.mark.parametrize(
    ("kind", "names"),
    [("email", ["s_query", "template_id", "sender"]), ("sequence_subscription", ["s_query", "action_type", "sequence_id"])],
)  # fmt: skip
def test_what_is_not_done_here_says_what_it_needs(api: CloseApi, kind: str, names: list[str]) -> None:
    path = f"/bulk_action/{kind}/"
    assert list(api.refused("POST", path, {})[1]["field-errors"]) == names
    assert list(api.refused("POST", path, dict.fromkeys(names, "x"))[1]["field-errors"]) == names[-1:]
    assert api.ok("GET", path) == {"data": [], "has_more": False}
    assert api.refused("GET", f"{path}bulk_x/")[0] == 404
