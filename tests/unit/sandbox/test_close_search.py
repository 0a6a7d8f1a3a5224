"""Advanced filtering: tokens instead of equality, an index that lags, cursors that end."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.close import search
from tests.unit.sandbox.remotes import Clock, CloseApi

ALL = {"type": "match_all"}


def condition(name: str, value: str, mode: str = "full_words", kind: str = "lead") -> dict[str, Any]:
    field = {"type": "regular_field", "object_type": kind, "field_name": name}
    return {
        "type": "field_condition",
        "field": field,
        "condition": {"type": "text", "mode": mode, "value": value},
    }


def of_type(kind: str, *queries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "and", "queries": [{"type": "object_type", "object_type": kind}, *queries]}


def with_email(value: str) -> dict[str, Any]:
    related = {
        "type": "has_related", "this_object_type": "contact", "related_object_type": "contact_email",
        "related_query": condition("email", value, kind="contact_email"),
    }  # fmt: skip
    return of_type("contact", related)


def find(api: CloseApi, query: dict[str, Any], **more: Any) -> list[str]:
    body = {"query": query, "_fields": {"lead": ["name"], "contact": ["name"]}} | more
    return [one["name"] for one in api.ok("POST", "/data/search/", body)["data"]]


@pytest.fixture
def three(api: CloseApi, clock: Clock) -> CloseApi:
    for name, url in (
        ("Acme Tools", "https://acme.com"),
        ("Acme", "https://acme.co.uk"),
        ("Tools of Trade", None),
    ):
        api.lead(name=name, url=url)
    clock.advance(seconds=10)
    return api


@pytest.mark.parametrize(
    ("value", "mode", "names"),
    [
        ("acme", "full_words", ["Acme Tools", "Acme"]),
        ("TOOLS acme", "full_words", ["Acme Tools"]),
        ("acm", "full_words", []),
        ("acm", "beginning_of_words", ["Acme Tools", "Acme"]),
        ("acme tools", "phrase", ["Acme Tools"]),
        ("tools acme", "phrase", []),
    ],
)
def test_text_matches_tokens(three: CloseApi, value: str, mode: str, names: list[str]) -> None:
    assert find(three, of_type("lead", condition("name", value, mode))) == names


def test_nodes(three: CloseApi) -> None:
    lead_id = next(iter(three.close.leads))
    field = {"type": "regular_field", "object_type": "lead", "field_name": "url"}
    exists = {"type": "field_condition", "field": field, "condition": {"type": "exists"}}
    term = exists | {"condition": {"type": "term", "values": ["https://acme.com"]}}
    trade = condition("name", "trade")

    assert find(three, of_type("lead", exists)) == ["Acme Tools", "Acme"]
    assert find(three, of_type("lead", exists | {"negate": True})) == ["Tools of Trade"]
    assert find(three, of_type("lead", term)) == ["Acme Tools"]
    assert find(three, {"type": "or", "queries": [term, trade]}) == ["Acme Tools", "Tools of Trade"]
    assert find(three, {"type": "id", "value": lead_id}) == ["Acme Tools"]
    assert find(three, {"type": "text", "value": "trade"}) == ["Tools of Trade"]
    assert find(three, of_type("contact")) == []


def test_an_address_is_found_by_its_parts_too(api: CloseApi, clock: Clock) -> None:
    lead = api.lead()
    for name, email in (
        ("exact", "gob@acme.com"),
        ("longer", "gob.bluth@acme.com"),
        ("other", "x@other.com"),
    ):
        api.contact(lead["id"], name=name, emails=[{"email": email}])
    clock.advance(seconds=10)

    assert find(api, with_email("GOB@acme.com")) == ["exact", "longer"]


def test_a_lead_is_found_by_its_contacts(api: CloseApi, clock: Clock) -> None:
    api.lead(name="with", contacts=[{"name": "Gob"}])
    api.lead(name="without")
    clock.advance(seconds=10)
    related = {"type": "has_related", "this_object_type": "lead", "related_object_type": "contact"}

    assert find(api, of_type("lead", related | {"related_query": condition("name", "gob")})) == ["with"]


def test_a_custom_field_is_searched_by_its_id(api: CloseApi, clock: Clock) -> None:
    field = api.close.create_custom_field("lead", "Hull id", "hidden")
    api.lead(name="mine", **{f"custom.{field['id']}": "abc"})
    api.lead(name="other")
    clock.advance(seconds=10)
    query = {
        "type": "field_condition", "field": {"type": "custom_field", "custom_field_id": field["id"]},
        "condition": {"type": "term", "values": ["abc"]},
    }  # fmt: skip

    assert find(api, query) == ["mine"]


def test_times_are_a_range(three: CloseApi) -> None:
    leads = list(three.close.leads.values())
    field = {"type": "regular_field", "object_type": "lead", "field_name": "date_updated"}

    def between(**bounds: str) -> list[str]:
        moments = {name: {"type": "fixed_utc", "value": value} for name, value in bounds.items()}
        query = {"type": "field_condition", "field": field, "condition": {"type": "moment_range"} | moments}
        return find(three, query)

    assert between(on_or_after=leads[1]["date_updated"]) == ["Acme", "Tools of Trade"]
    assert between(before=leads[1]["date_updated"]) == ["Acme Tools"]
    assert between(on_or_after=leads[0]["date_updated"], before=leads[2]["date_updated"]) == [
        "Acme Tools",
        "Acme",
    ]


def test_what_was_just_written_is_not_found_yet(api: CloseApi, clock: Clock) -> None:
    api.lead(name="Acme")

    assert find(api, ALL) == []
    clock.advance(seconds=2)
    assert find(api, ALL) == ["Acme"]


def test_only_ids_come_unless_fields_are_named(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])
    clock.advance(seconds=10)
    contact_id = lead["contact_ids"][0]

    answer = api.ok("POST", "/data/search/", {"query": ALL, "include_counts": True})

    assert answer["data"] == [
        {"__object_type": "lead", "id": lead["id"]},
        {"__object_type": "contact", "id": contact_id, "lead_id": lead["id"]},
    ]
    assert (answer["cursor"], answer["count"]) == (None, {"limited": 2, "total": 2})


def test_the_order_is_the_one_asked_for(three: CloseApi) -> None:
    def sort(name: str, direction: str) -> list[str]:
        field = {"type": "regular_field", "object_type": "lead", "field_name": name}
        return find(three, ALL, sort=[{"direction": direction, "field": field}])

    assert sort("name", "asc") == ["Acme", "Acme Tools", "Tools of Trade"]
    assert sort("date_created", "desc") == ["Tools of Trade", "Acme", "Acme Tools"]


def test_a_cursor_leads_on_for_thirty_seconds(three: CloseApi, clock: Clock) -> None:
    body: dict[str, Any] = {"query": ALL, "_limit": 2, "_fields": {"lead": ["name"]}}
    cursor = three.ok("POST", "/data/search/", body)["cursor"]

    clock.advance(seconds=20)
    rest = three.ok("POST", "/data/search/", body | {"cursor": cursor})
    assert ([one["name"] for one in rest["data"]], rest["cursor"]) == (["Tools of Trade"], None)
    clock.advance(seconds=11)
    status, told = three.refused("POST", "/data/search/", body | {"cursor": cursor})
    assert (status, "cursor" in told["field-errors"]) == (400, True)
    assert three.refused("POST", "/data/search/", body | {"cursor": "made up"})[0] == 400


def test_beyond_the_cap_a_cursor_is_refused(three: CloseApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "CAP", 2)
    body = {"query": ALL, "_limit": 2}
    cursor = three.ok("POST", "/data/search/", body)["cursor"]

    status, told = three.refused("POST", "/data/search/", body | {"cursor": cursor})

    assert (status, "cursor" in told["field-errors"]) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"query": "acme"}, {"query": {}}, {"query": {"type": "nothing"}}, {"query": ALL, "_limit": 201},
        {"query": ALL, "_limit": 0}, {"query": ALL, "_limit": "5"}, {"query": ALL, "_limit": True},
        {"query": {"type": "and", "queries": ["x"]}}, {"query": {"type": "has_related", "related_object_type": "lead"}},
        {"query": {"type": "field_condition", "field": {"field_name": "name"}, "condition": {"type": "nothing"}}},
        {"query": {"type": "field_condition", "field": {"field_name": "date_updated"}, "condition": {"type": "moment_range", "before": "x"}}},
        {"query": {"type": "field_condition", "field": "name", "condition": {"type": "exists"}}},
        {"query": ALL, "sort": ["name"]},
    ],
)  # fmt: skip
def test_what_the_search_refuses(three: CloseApi, body: dict[str, Any]) -> None:
    assert three.refused("POST", "/data/search/", body)[0] == 400


def test_a_page_has_two_hundred_at_most(api: CloseApi, clock: Clock) -> None:
    for _ in range(201):
        api.lead()
    clock.advance(seconds=10)

    answer = api.ok("POST", "/data/search/", {"query": ALL, "_limit": 200})

    assert len(answer["data"]) == 200
    assert answer["cursor"]
