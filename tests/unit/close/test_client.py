"""The Close client against answers as Close gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from sync.close import search
from sync.close.client import CloseClient
from sync.close.pagination import iter_contacts, iter_events, iter_leads
from sync.errors import (
    ConfigurationError,
    CredentialsError,
    DryRunError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.records import CustomField, LeadStatus, ObjectType

API = "https://api.close.com/api/v1"
KEY = "api_3fkq.7hGk"
SINCE = datetime(2026, 3, 2, 10, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def close() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def calls() -> list[tuple[str, str, int | None]]:
    return []


@pytest.fixture
def client(calls: list[Any]) -> CloseClient:
    return CloseClient(KEY, observer=lambda *call: calls.append(call), clock=lambda: 0.0)


def query(**params: Any) -> Callable[..., Any]:
    return matchers.query_param_matcher({name: str(value) for name, value in params.items()})


def sent(close: responses.RequestsMock, place: int = 0) -> Any:
    return json.loads(close.calls[place].request.body or b"null")


# ── Who ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_key_goes_as_user_name(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(
        f"{API}/me/",
        json={"id": "user_1", "email": "a@b.com", "organizations": [{"id": "orga_1", "name": "A"}]},
    )
    assert client.me().organization_name == "A"
    assert close.calls[0].request.headers["Authorization"] == requests.auth._basic_auth_str(KEY, "")


@pytest.mark.parametrize(("key", "key_id"), [(KEY, "api_3fkq"), ("0123456789abcdef", None)])
def test_the_id_of_a_key(key: str, key_id: str | None) -> None:
    assert CloseClient(key).api_key_id == key_id


def test_a_refused_key(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(f"{API}/me/", status=401, json={"error": "Unauthorized"})
    with pytest.raises(CredentialsError):
        client.me()


def test_an_address_without_close(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(f"{API}/me/", status=404, json={"error": "The requested URL was not found on the server."})
    with pytest.raises(ConfigurationError, match=r"no Close API at https://api\.close\.com"):
        client.me()


# ── What there is ────────────────────────────────────────────────────────────────────────────────


def test_statuses_are_read_to_the_end(client: CloseClient, close: responses.RequestsMock) -> None:
    url = f"{API}/status/lead/"
    close.get(url, json={"data": [{"id": "stat_1", "label": "A"}], "has_more": True}, match=[query()])
    close.get(url, json={"data": [{"id": "stat_2", "label": "B"}], "has_more": False}, match=[query(_skip=1)])
    assert client.lead_statuses() == (LeadStatus("stat_1", "A"), LeadStatus("stat_2", "B"))


def test_fields_come_from_the_schema(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(
        f"{API}/custom_field_schema/contact/", json={"fields": [{"id": "cf_1", "name": "X", "type": "text"}]}
    )
    assert client.custom_fields(ObjectType.CONTACT) == (CustomField("cf_1", "X"),)


@pytest.mark.parametrize("gone", [1, 2])
def test_fields_of_an_organization_with_older_paths_only(
    client: CloseClient, close: responses.RequestsMock, gone: int
) -> None:
    paths = ["custom_field_schema/lead/", "custom_field/lead/", "custom_fields/lead/"]
    for path in paths[:gone]:
        close.get(f"{API}/{path}", status=404, json={"error": "Not found"})
    close.get(f"{API}/{paths[gone]}", json={"data": [{"id": "cf_1", "name": "X"}], "has_more": False})
    assert client.custom_fields(ObjectType.LEAD) == (CustomField("cf_1", "X"),)


def test_fields_that_may_not_be_seen_are_not_looked_for_elsewhere(
    client: CloseClient, close: responses.RequestsMock
) -> None:
    close.get(f"{API}/custom_field_schema/lead/", status=403, json={"error": "No."})
    with pytest.raises(ConfigurationError):
        client.custom_fields(ObjectType.LEAD)


# ── Leads and contacts ───────────────────────────────────────────────────────────────────────────


def test_leads_are_paged_in_a_stable_order(
    client: CloseClient, close: responses.RequestsMock, calls: list[Any]
) -> None:
    first = {"data": [{"id": "lead_1"}, {"name": "without id"}], "has_more": True, "total_results": 3}
    close.get(f"{API}/lead/", json=first, match=[query(_skip=0, _limit=100, query="sort:created")])
    last = {"data": [{"id": "lead_2"}], "has_more": False, "total_results": 3}
    close.get(f"{API}/lead/", json=last, match=[query(_skip=2, _limit=100, query="sort:created")])
    assert [lead.close_id for lead in iter_leads(client)] == ["lead_1", "lead_2"]
    assert calls == [("GET", "/lead/", 200)] * 2


def test_leads_of_a_close_that_knows_no_text_queries(
    client: CloseClient, close: responses.RequestsMock
) -> None:
    close.get(
        f"{API}/lead/",
        status=400,
        json={"error": "Unknown parameter: query"},
        match=[query(_skip=0, _limit=10, query="sort:created")],
    )
    close.get(f"{API}/lead/", json={"data": [], "has_more": False}, match=[query(_skip=0, _limit=10)])
    close.get(f"{API}/lead/", json={"data": [], "has_more": False}, match=[query(_skip=10, _limit=10)])
    client.lead_page(limit=10)
    client.lead_page(skip=10, limit=10)


def test_a_skip_that_is_too_large_is_not_taken_for_that(
    client: CloseClient, close: responses.RequestsMock
) -> None:
    close.get(f"{API}/lead/", status=400, json={"error": "The skip you set is larger than the maximum skip."})
    with pytest.raises(RejectedError, match="skip"):
        client.lead_page(skip=300_000)


def test_contacts_of_one_lead(client: CloseClient, close: responses.RequestsMock) -> None:
    url = f"{API}/contact/"
    close.get(
        url,
        json={"data": [{"id": "cont_1"}], "has_more": True},
        match=[query(_skip=0, _limit=100, lead_id="lead_1")],
    )
    close.get(
        url,
        json={"data": [{"id": "cont_2"}], "has_more": False},
        match=[query(_skip=1, _limit=100, lead_id="lead_1")],
    )
    found = [(contact.close_id, contact.lead_id) for contact in iter_contacts(client, lead_id="lead_1")]
    assert found == [("cont_1", "lead_1"), ("cont_2", "lead_1")]


def test_a_record_is_made_and_changed(
    client: CloseClient, close: responses.RequestsMock, calls: list[Any]
) -> None:
    close.post(f"{API}/lead/", json={"id": "lead_1", "contacts": [{"id": "cont_1"}]})
    close.put(f"{API}/lead/lead_1/", json={"id": "lead_1"})
    close.post(f"{API}/contact/", json={"id": "cont_2"})
    close.put(f"{API}/contact/cont_2/", json={"id": "cont_2", "lead_id": "lead_1"})
    made = client.create_lead({"name": "A"})
    client.update_lead("lead_1", {"custom.cf_1": None})
    contact = client.create_contact({"lead_id": "lead_1"})
    client.update_contact("cont_2", {"emails": []})
    assert (made.contacts or ())[0].lead_id == contact.lead_id == "lead_1"
    assert [sent(close, place) for place in range(4)] == [
        {"name": "A"}, {"custom.cf_1": None}, {"lead_id": "lead_1"}, {"emails": []},
    ]  # fmt: skip
    assert calls == [
        ("POST", "/lead/", 200),
        ("PUT", "/lead/{id}/", 200),
        ("POST", "/contact/", 200),
        ("PUT", "/contact/{id}/", 200),
    ]


def test_a_contact_needs_a_lead(client: CloseClient) -> None:
    with pytest.raises(ValueError, match="lead_id"):
        client.create_contact({"name": "Gob"})


@pytest.mark.parametrize("close_id", ["", ".", "..", "lead_1/../../me", "lead 1", "lead_1?x=1"])
def test_what_cannot_be_an_id_is_not_asked_for(client: CloseClient, close_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.get_lead(close_id)
    with pytest.raises(NotFoundError):
        client.update_contact(close_id, {})


def test_a_deleted_lead(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(f"{API}/lead/lead_1/", status=404, json={"error": "Empty query: Lead does not exist."})
    with pytest.raises(NotFoundError, match="does not exist"):
        client.get_lead("lead_1")


@pytest.mark.parametrize("status", [200, 404], ids=["there", "gone already"])
def test_deleting(client: CloseClient, close: responses.RequestsMock, status: int) -> None:
    close.delete(f"{API}/lead/lead_1/", status=status, json={})
    close.delete(f"{API}/contact/cont_1/", status=status, json={})
    client.delete_lead("lead_1")
    client.delete_contact("cont_1")
    assert [call.request.method for call in close.calls] == ["DELETE", "DELETE"]


def test_deleting_what_has_no_id_asks_nothing(client: CloseClient) -> None:
    with pytest.raises(NotFoundError):
        client.delete_lead("")


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"id": '])
def test_a_made_lead_whose_answer_says_nothing(
    client: CloseClient, close: responses.RequestsMock, body: str
) -> None:
    close.post(f"{API}/lead/", body=body)
    with pytest.raises(UnknownResultError):
        client.create_lead({"name": "A"})


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"data": '])
def test_a_page_that_is_none(client: CloseClient, close: responses.RequestsMock, body: str) -> None:
    close.get(f"{API}/lead/", body=body)
    with pytest.raises(TransientError):
        client.lead_page()


def test_a_dry_run_reads_and_searches_but_does_not_write(close: responses.RequestsMock) -> None:
    close.get(f"{API}/lead/lead_1/", json={"id": "lead_1"})
    close.post(f"{API}/data/search/", json={"data": [], "cursor": None})
    client = CloseClient(KEY, dry_run=True)
    client.get_lead("lead_1")
    client.search_page({}, fields={})
    writes: list[Callable[[], Any]] = [
        lambda: client.create_lead({}),
        lambda: client.update_lead("lead_1", {}),
        lambda: client.create_contact({"lead_id": "lead_1"}),
        lambda: client.update_contact("cont_1", {}),
        lambda: client.delete_lead("lead_1"),
        lambda: client.delete_contact("cont_1"),
        lambda: client.create_webhook("https://x.test/", []),
        lambda: client.delete_webhook("whsub_1"),
        client.start_lead_export,
    ]
    for write in writes:
        with pytest.raises(DryRunError):
            write()


# ── Events and search ────────────────────────────────────────────────────────────────────────────


def event(number: int, moment: str) -> dict[str, Any]:
    return {
        "id": f"ev_{number}",
        "object_type": "lead",
        "object_id": "lead_1",
        "action": "updated",
        "date_updated": moment,
    }


def test_events_are_followed_to_older_pages(client: CloseClient, close: responses.RequestsMock) -> None:
    url, since = f"{API}/event/", "2026-03-02T09:30:00+00:00"
    close.get(
        url,
        json={"data": [event(3, "2026-03-02T09:50:00")], "cursor_next": "c1"},
        match=[query(_limit=50, date_updated__gte=since)],
    )
    close.get(
        url,
        json={"data": [event(2, "2026-03-02T09:40:00")], "cursor_next": None},
        match=[query(_limit=50, _cursor="c1")],
    )
    assert [found.close_id for found in iter_events(client, since=SINCE)] == ["ev_3", "ev_2"]


def test_events_from_before_end_the_walk(client: CloseClient, close: responses.RequestsMock) -> None:
    page = {"data": [event(3, "2026-03-02T09:50:00"), event(2, "2026-03-02T09:29:59")], "cursor_next": "c1"}
    close.get(f"{API}/event/", json=page)
    assert [found.close_id for found in iter_events(client, since=SINCE)] == ["ev_3"]


def test_filters_go_with_a_cursor_again(client: CloseClient, close: responses.RequestsMock) -> None:
    matching = query(_limit=1, _cursor="c", object_type="lead", action="merged")
    close.get(f"{API}/event/", json={"data": [], "cursor_next": None}, match=[matching])
    assert (
        client.event_page(since=SINCE, cursor="c", limit=1, object_type="lead", action="merged").events == ()
    )


def test_a_search_names_its_fields_and_order(client: CloseClient, close: responses.RequestsMock) -> None:
    close.post(
        f"{API}/data/search/", json={"data": [{"__object_type": "contact", "id": "cont_1"}], "cursor": "c"}
    )
    wanted = search.contacts_by_email("a@b.com")
    order = [search.ascending("contact", "date_updated")]
    page = client.search_page(wanted, fields={"contact": ["id", "emails"]}, cursor="b", sort=order)
    assert ([contact.close_id for contact in page.contacts], page.cursor) == (["cont_1"], "c")
    assert sent(close) == {
        "query": {
            "type": "and",
            "queries": [
                {"type": "object_type", "object_type": "contact"},
                {
                    "type": "has_related",
                    "this_object_type": "contact",
                    "related_object_type": "contact_email",
                    "related_query": {
                        "type": "and",
                        "queries": [
                            {
                                "type": "field_condition",
                                "field": {"type": "regular_field", "object_type": "contact_email", "field_name": "email"},
                                "condition": {"type": "text", "mode": "full_words", "value": "a@b.com"},
                            }
                        ],
                    },
                },
            ],
        },
        "_fields": {"contact": ["id", "emails"]},
        "_limit": 200,
        "cursor": "b",
        "sort": [{"direction": "asc", "field": {"type": "regular_field", "object_type": "contact", "field_name": "date_updated"}}],
    }  # fmt: skip


def test_a_custom_field_is_searched_by_its_id() -> None:
    condition = search.by_field("lead", "custom.cf_1", "x")["queries"][1]
    assert condition["field"] == {"type": "custom_field", "custom_field_id": "cf_1"}


def test_updates_since_a_moment() -> None:
    condition = search.updated_since("lead", "2026-03-01")["queries"][1]["condition"]
    assert condition == {"type": "moment_range", "on_or_after": {"type": "fixed_utc", "value": "2026-03-01"}}
    assert len(search.updated_since("lead", None)["queries"]) == 1


# ── Webhooks and exports ─────────────────────────────────────────────────────────────────────────


def test_webhooks(client: CloseClient, close: responses.RequestsMock) -> None:
    hook = {"id": "whsub_1", "url": "https://x.test/", "status": "active", "signature_key": "ab" * 32}
    close.get(f"{API}/webhook/", json={"data": [hook], "has_more": False})
    close.post(f"{API}/webhook/", json=hook, status=201)
    close.delete(f"{API}/webhook/whsub_1/", json={})
    close.delete(f"{API}/webhook/whsub_2/", status=404, json={"error": "gone"})
    made = client.create_webhook("https://x.test/", [("lead", "created"), ("contact", "deleted")])
    assert client.webhooks() == (made,)
    assert made.signature_key == "ab" * 32
    client.delete_webhook("whsub_1")
    client.delete_webhook("whsub_2")
    assert sent(close) == {
        "url": "https://x.test/",
        "events": [
            {"object_type": "lead", "action": "created"},
            {"object_type": "contact", "action": "deleted"},
        ],
    }


def test_exports(client: CloseClient, close: responses.RequestsMock) -> None:
    started = {
        "id": "expo_1",
        "status": "created",
        "n_docs": None,
        "n_docs_processed": 0,
        "download_url": None,
    }
    close.post(f"{API}/export/lead/", json=started)
    close.get(
        f"{API}/export/expo_1/",
        json=started | {"status": "done", "n_docs": 3, "download_url": "https://s3.test/x"},
    )
    assert client.start_lead_export().status == "created"
    done = client.get_export("expo_1")
    assert (done.status, done.total, done.download_url) == ("done", 3, "https://s3.test/x")
    assert sent(close) == {"format": "json", "type": "leads", "send_done_email": False}


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_sent_while_nothing_is_left(
    client: CloseClient, close: responses.RequestsMock, calls: list[Any]
) -> None:
    spent = {"RateLimit": "limit=160; remaining=0; reset=4"}
    close.get(f"{API}/lead/lead_1/", json={"id": "lead_1"}, headers=spent)
    close.get(f"{API}/me/", json={"id": "user_1"})
    client.get_lead("lead_1")
    with pytest.raises(RateLimitedError) as caught:
        client.update_contact("cont_1", {})
    assert caught.value.retry_after == 4
    client.me()
    assert calls == [("GET", "/lead/{id}/", 200), ("GET", "/me/", 200)]


def test_a_429_is_remembered(client: CloseClient, close: responses.RequestsMock) -> None:
    close.put(f"{API}/lead/lead_1/", status=429, json={}, headers={"Retry-After": "3"})
    for _ in range(2):
        with pytest.raises(RateLimitedError) as caught:
            client.update_lead("lead_1", {})
        assert caught.value.retry_after == 3
    assert len(close.calls) == 1


@pytest.mark.parametrize("error", [RejectedError, SyncError])
def test_a_refusal_carries_closes_words(
    client: CloseClient, close: responses.RequestsMock, error: type[SyncError]
) -> None:
    body = {
        "errors": [],
        "field-errors": {"emails": {"errors": {"0": {"field-errors": {"email": "Invalid email address."}}}}},
    }
    close.post(f"{API}/contact/", status=400, json=body)
    with pytest.raises(error, match=r"emails\.0\.email: Invalid email address\."):
        client.create_contact({"lead_id": "lead_1", "emails": [{"email": "x"}]})


def test_a_moment_is_told_in_utc(client: CloseClient, close: responses.RequestsMock) -> None:
    close.get(
        f"{API}/event/",
        json={"data": []},
        match=[query(_limit=50, date_updated__gte="2026-03-02T00:00:00+00:00")],
    )
    client.event_page(since=datetime(2026, 3, 2, tzinfo=UTC))
