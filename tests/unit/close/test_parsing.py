"""Close's payloads, whole, partial and odd."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sync.close import parsing
from sync.records import CloseIdentity, Contact, CustomField, LeadStatus

LEAD = {
    "id": "lead_1",
    "name": "Bluth Company",
    "url": None,
    "addresses": [],
    "custom.cf_1": "x",
    "date_updated": "2013-02-01T00:54:51.331000+00:00",
    "contacts": [{"id": "cont_1", "name": "Gob"}, {"name": "nobody"}, None],
    "contact_ids": ["cont_1"],
    "opportunities": [{}],
    "tasks": [{}],
    "custom": {"Industry": "x", "cf_2": 7},
    "new_in_2027": {"kept": True},
}


def test_a_lead_holds_its_fields_and_its_contacts() -> None:
    lead = parsing.parse_lead(LEAD)
    assert lead.fields == {
        "id": "lead_1",
        "name": "Bluth Company",
        "url": None,
        "addresses": [],
        "custom.cf_1": "x",
        "custom.cf_2": 7,
        "date_updated": "2013-02-01T00:54:51.331000+00:00",
        "contact_ids": ["cont_1"],
        "new_in_2027": {"kept": True},
    }
    assert lead.contacts == (Contact("cont_1", {"id": "cont_1", "name": "Gob"}, "lead_1"),)
    assert lead.updated_at == datetime(2013, 2, 1, 0, 54, 51, 331000, UTC)


@pytest.mark.parametrize("lead", [{"id": "lead_1"}, {"id": "lead_1", "contacts": None}])
def test_contacts_that_were_not_told_are_unknown(lead: dict[str, Any]) -> None:
    assert parsing.parse_lead(lead).contacts is None


def test_no_contacts_are_no_contacts() -> None:
    assert parsing.parse_lead({"id": "lead_1", "contacts": []}).contacts == ()


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": ""}, [], None, "lead_1"])
def test_a_record_without_an_id_is_none(raw: Any) -> None:
    with pytest.raises(ValueError, match="no id"):
        parsing.parse_lead(raw)
    with pytest.raises(ValueError, match="no id"):
        parsing.parse_contact(raw)


def test_a_contact_names_its_lead_itself() -> None:
    assert parsing.parse_contact({"id": "cont_1", "lead_id": "lead_2"}, "lead_1").lead_id == "lead_2"
    assert parsing.parse_contact({"id": "cont_1"}).lead_id is None


def test_a_page_tells_how_much_it_held() -> None:
    page = parsing.parse_lead_page({"data": [LEAD, {"name": "?"}], "has_more": True, "total_results": 7})
    assert (len(page.leads), page.received, page.has_more, page.total) == (1, 2, True, 7)
    contacts = parsing.parse_contact_page({"data": [{"id": "cont_1"}], "has_more": False}, "lead_1")
    assert contacts == parsing.ContactPage((Contact("cont_1", {"id": "cont_1"}, "lead_1"),), False, 1)


@pytest.mark.parametrize("raw", [{}, [], None, {"data": None}, {"data": {}}])
def test_what_is_no_page_is_not_taken_for_an_empty_one(raw: Any) -> None:
    for parse in (
        parsing.parse_lead_page,
        parsing.parse_contact_page,
        parsing.parse_event_page,
        parsing.parse_search_page,
        parsing.parse_rows,
    ):
        with pytest.raises(ValueError, match="no data"):
            parse(raw)


def test_search_hits_are_sorted_by_what_they_are() -> None:
    page = parsing.parse_search_page(
        {
            "data": [
                {"__object_type": "contact", "id": "cont_1", "lead_id": "lead_1"},
                {"__object_type": "lead", "id": "lead_1"},
                {"__object_type": "opportunity", "id": "oppo_1"},
            ],
            "cursor": "abc",
        }
    )
    assert [lead.close_id for lead in page.leads] == ["lead_1"]
    assert [(contact.close_id, contact.lead_id) for contact in page.contacts] == [("cont_1", "lead_1")]
    assert page.cursor == "abc"


# ── Events ───────────────────────────────────────────────────────────────────────────────────────

EVENT = {
    "id": "ev_1",
    "date_created": "2018-12-06T19:15:09.590432",
    "date_updated": "2018-12-06T19:16:09.590432",
    "object_type": "lead",
    "action": "updated",
    "object_id": "lead_1",
    "changed_fields": ["name", "date_updated"],
    "data": {"id": "lead_1", "name": "B"},
    "previous_data": {"name": "A"},
    "api_key_id": "api_1",
    "user_id": "user_1",
    "meta": {"request_method": "PUT"},
}


def test_an_event_without_an_offset_is_in_utc() -> None:
    event = parsing.parse_event(EVENT)
    assert event is not None
    assert event.date_updated == datetime(2018, 12, 6, 19, 16, 9, 590432, UTC)
    assert (event.object_id, event.lead_id, event.action) == ("lead_1", "lead_1", "updated")
    assert (event.data, event.previous_data) == ({"id": "lead_1", "name": "B"}, {"name": "A"})
    assert event.changed_fields == ("name", "date_updated")
    assert (event.api_key_id, event.user_id, event.meta) == ("api_1", "user_1", {"request_method": "PUT"})


def test_an_event_may_tell_little() -> None:
    event = parsing.parse_event(
        {"id": "ev_1", "object_type": "contact", "object_id": "cont_1", "date_created": "2018-12-06T19:15:09+02:00",
         "data": None, "previous_data": None, "changed_fields": None, "meta": None}
    )  # fmt: skip
    assert event is not None
    assert event.date_updated == datetime(2018, 12, 6, 17, 15, 9, tzinfo=UTC)
    assert (event.data, event.previous_data, event.lead_id) == (None, {}, None)


@pytest.mark.parametrize("missing", ["id", "object_id"])
def test_an_event_about_nothing_is_left_out(missing: str) -> None:
    event = {name: value for name, value in EVENT.items() if name != missing}
    page = parsing.parse_event_page({"data": [event, EVENT, None], "cursor_next": "older"})
    assert [found.close_id for found in page.events] == ["ev_1"]
    assert page.cursor_next == "older"


# ── What an organization has ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("me", "organization"),
    [
        ({"organizations": [{"id": "orga_1", "name": "Acme"}], "memberships": [{"organization_id": "orga_2"}]}, ("orga_1", "Acme")),
        ({"organizations": ["orga_1"]}, ("orga_1", "")),
        ({"memberships": [{"id": "memb_1", "organization_id": "orga_1"}]}, ("orga_1", "")),
        ({}, ("", "")),
    ],
)  # fmt: skip
def test_whose_key_it_is(me: dict[str, Any], organization: tuple[str, str]) -> None:
    read = parsing.parse_identity({"id": "user_1", "email": "a@b.com", **me})
    assert read == CloseIdentity("user_1", "a@b.com", *organization)


def test_statuses_and_fields() -> None:
    statuses = parsing.parse_statuses([{"id": "stat_1", "label": "Potential"}, {"id": "stat_2"}, {}])
    assert list(statuses) == [LeadStatus("stat_1", "Potential"), LeadStatus("stat_2", "stat_2")]
    fields = parsing.parse_custom_fields(
        [
            {
                "id": "cf_1",
                "name": "Industry",
                "type": "choices",
                "choices": ["A"],
                "accepts_multiple_values": True,
            },
            {"id": "custom.lcf_2", "name": "Note", "choices": None},
            {"name": "no id"},
        ]
    )
    assert list(fields) == [
        CustomField("cf_1", "Industry", "choices", ("A",), True),
        CustomField("lcf_2", "Note", "text"),
    ]
