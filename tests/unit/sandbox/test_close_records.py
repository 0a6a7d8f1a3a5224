"""Leads and contacts as Close keeps them: patches, whole lists, normalised values, exact refusals."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from tests.unit.sandbox.remotes import Clock, CloseApi, entries, fields

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
BARE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


# ── Leads ────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_lead(api: CloseApi) -> None:
    lead = api.ok("POST", "/lead/", {})

    empty = ("name", "description", "url", "addresses", "contacts", "contact_ids", "display_name")
    assert [lead[name] for name in empty] == ["", "", None, [], [], [], "Untitled"]
    assert lead["status_label"] == "Potential"
    assert lead["html_url"] == f"https://app.close.com/lead/{lead['id']}/"
    assert re.fullmatch(r"lead_[A-Za-z0-9]{43}", lead["id"])
    assert not [name for name in lead if name.startswith("custom.")] and lead["custom"] == {}


def test_the_spellings_of_times(api: CloseApi) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])
    field = api.close.create_custom_field("lead", "Tier")

    assert STAMP.fullmatch(lead["date_created"]) and STAMP.fullmatch(lead["contacts"][0]["date_updated"])
    assert lead["date_updated"] > lead["date_created"]
    assert lead["contacts"][0]["date_updated"] == lead["contacts"][0]["date_created"]
    assert BARE.fullmatch(api.close.events[0]["date_updated"]) and BARE.fullmatch(field["date_created"])


def test_a_put_is_a_patch(api: CloseApi) -> None:
    lead = api.lead(url="https://acme.com", description="d", addresses=[{"city": "Oslo"}])

    after = api.ok("PUT", f"/lead/{lead['id']}/", {"name": "Acme AS"})

    assert after == lead | {
        "name": "Acme AS",
        "display_name": "Acme AS",
        "date_updated": after["date_updated"],
        "updated_by": after["updated_by"],
    }
    assert after == api.ok("GET", f"/lead/{lead['id']}/")


def test_null_is_an_empty_text_but_no_address(api: CloseApi) -> None:
    lead = api.lead(url="https://acme.com", description="d")

    after = api.ok("PUT", f"/lead/{lead['id']}/", {"name": None, "description": None, "url": None})

    assert (after["name"], after["description"], after["url"]) == ("", "", None)


def test_addresses_are_replaced_whole(api: CloseApi) -> None:
    lead = api.lead(addresses=[{"city": "Oslo"}, {"city": "Bergen", "label": "mailing"}])
    path = f"/lead/{lead['id']}/"

    assert [one["label"] for one in lead["addresses"]] == ["business", "mailing"]
    assert [one["city"] for one in api.ok("PUT", path, {"addresses": [{"city": "Rome"}]})["addresses"]] == ["Rome"]  # fmt: skip
    assert api.ok("PUT", path, {"addresses": []})["addresses"] == []


@pytest.mark.parametrize(
    "url", ["acme.com", "https://WWW.acme.com/a?b#c", " http://acme.com ", "acme.com:8080/x"]
)
def test_what_a_lead_takes_as_its_address(api: CloseApi, url: str) -> None:
    assert api.lead(url=url)["url"] == url.strip()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": 5}, {"name": "Value must be of str type."}),
        ({"description": ["x"]}, {"description": "Value must be of str type."}),
        ({"url": "not an address"}, {"url": "Invalid URL."}),
        ({"url": 5}, {"url": "Invalid URL."}),
        ({"addresses": {"city": "Oslo"}}, {"addresses": "Value must be of list type."}),
        ({"addresses": ["Oslo"]}, {"addresses": "Value must be of list type."}),
        ({"addresses": [{"zipcode": 5003}]}, {"addresses": "Value must be of str type."}),
        ({"status_id": "stat_x"}, {"status_id": "Object does not exist."}),
        ({"status": "Nowhere"}, {"status": "Object does not exist."}),
        ({"contacts": "Gob"}, {"contacts": "Value must be of list type."}),
        ({"contacts": ["Gob"]}, {"contacts": "Value must be of list type."}),
    ],
)
def test_what_a_lead_refuses(api: CloseApi, body: dict[str, Any], errors: dict[str, Any]) -> None:
    assert api.refused("POST", "/lead/", body) == fields(errors)
    assert not api.close.leads


def test_a_status_by_label_or_id_but_not_both(api: CloseApi) -> None:
    _, second, *_ = api.ok("GET", "/status/lead/")["data"]

    assert api.lead(status="Bad Fit")["status_id"] == second["id"]
    assert api.lead(status_id=second["id"])["status_label"] == "Bad Fit"
    assert api.refused("POST", "/lead/", {"status": "Bad Fit", "status_id": second["id"]})[0] == 400


def test_unknown_keys_are_ignored_on_leads_and_refused_on_contacts(api: CloseApi) -> None:
    lead = api.lead(junk=1, date_created="2001-01-01", id="lead_mine")

    assert "junk" not in lead and lead["id"] != "lead_mine" and lead["date_created"] > "2026"
    assert api.refused("POST", "/contact/", {"lead_id": lead["id"], "junk": 1}) == fields(
        {"junk": "Unknown field."}
    )
    assert api.refused("PUT", f"/contact/{api.contact(lead['id'])['id']}/", {"display_name": "x"})[0] == 400


def test_contacts_cannot_be_changed_through_their_lead(api: CloseApi) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])

    after = api.ok("PUT", f"/lead/{lead['id']}/", {"contacts": [{"name": "Else"}], "name": "New"})

    assert [one["name"] for one in after["contacts"]] == ["Gob"]


def test_a_bad_address_of_a_nested_contact_refuses_the_whole_lead(api: CloseApi) -> None:
    body = {"name": "Acme", "contacts": [{"name": "Gob", "emails": [{"email": "not-an-email"}]}]}

    assert api.refused("POST", "/lead/", body) == (
        400,
        {
            "errors": [],
            "field-errors": {
                "contacts": {"errors": {"0": {"errors": [], "field-errors": {
                    "emails": {"errors": {"0": {"errors": [], "field-errors": {"email": "Invalid email address."}}}}
                }}}}
            },
        },
    )  # fmt: skip
    assert not api.close.leads and not api.close.contacts and not api.close.events


def test_every_wrong_entry_is_told_under_its_number(api: CloseApi) -> None:
    good, bad = {"email": "a@acme.com"}, {"email": "no"}
    contacts = [{"emails": [good]}, {"emails": [good, bad, {}], "urls": [{"url": "acme"}]}]

    told = {
        "emails": entries({1: {"email": "Invalid email address."}, 2: {"email": "This field is required."}})
    }
    told["urls"] = entries({0: {"url": "Invalid URL."}})
    assert api.refused("POST", "/lead/", {"contacts": contacts}) == fields({"contacts": entries({1: told})})


# ── Contacts ─────────────────────────────────────────────────────────────────────────────────────


def test_types_default_and_values_come_back_as_close_writes_them(api: CloseApi) -> None:
    contact = api.contact(
        api.lead()["id"],
        emails=[{"email": " Gob@Acme.com "}, {"email": "b@acme.com", "type": "home"}],
        phones=[{"phone": "8004445555"}, {"phone": "+201234567891", "type": "mobile"}],
        urls=[{"url": "https://acme.com"}],
    )

    assert [(one["email"], one["type"]) for one in contact["emails"]] == [("Gob@Acme.com", "office"), ("b@acme.com", "home")]  # fmt: skip
    assert [(one["phone"], one["phone_formatted"], one["country"], one["type"]) for one in contact["phones"]] == [
        ("+18004445555", "+1 800-444-5555", "US", "office"),
        ("+201234567891", "+20 12 34567891", "EG", "mobile"),
    ]  # fmt: skip
    assert [(one["url"], one["type"]) for one in contact["urls"]] == [("https://acme.com", "url")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"emails": [{"email": 5}]}, {"emails": entries({0: {"email": "Value must be of str type."}})}),
        ({"emails": [{"type": "office"}]}, {"emails": entries({0: {"email": "This field is required."}})}),
        ({"emails": ["a@acme.com"]}, {"emails": entries({0: {"email": "This field is required."}})}),
        ({"emails": "a@acme.com"}, {"emails": "Value must be of list type."}),
        ({"emails": [{"email": "a@b.c"}] * 101}, {"emails": "List is too long."}),
        ({"emails": [{"email": "a" * 250 + "@acme.com"}]}, {"emails": entries({0: {"email": "Invalid email address."}})}),
        ({"phones": [{"phone": "call me"}]}, {"phones": entries({0: {"phone": "Invalid phone number."}})}),
        ({"phones": [{"phone": 8004445555}]}, {"phones": entries({0: {"phone": "Value must be of str type."}})}),
        ({"urls": [{"url": "acme.com"}]}, {"urls": entries({0: {"url": "Invalid URL."}})}),
        ({"name": "x" * 1001}, {"name": "The value must be no longer than 1000 characters."}),
        ({"title": True}, {"title": "Value must be of str type."}),
        ({"lead_id": "lead_x"}, {"lead_id": "Object does not exist."}),
    ],
)  # fmt: skip
def test_what_a_contact_refuses(api: CloseApi, body: dict[str, Any], errors: dict[str, Any]) -> None:
    lead = api.lead()

    assert api.refused("POST", "/contact/", {"lead_id": lead["id"]} | body) == fields(errors)
    assert not api.close.contacts


def test_an_address_may_be_refused_although_it_looks_right(api: CloseApi) -> None:
    api.close.refuse_email("Gob@acme.com")

    assert api.refused("POST", "/contact/", {"emails": [{"email": "gob@acme.com"}]})[0] == 400
    assert not api.close.leads


@pytest.mark.parametrize("name", ["emails", "phones", "urls"])
def test_a_list_is_replaced_whole_and_cleared_by_an_empty_one(api: CloseApi, name: str) -> None:
    key = name.removesuffix("s")
    values = {"email": ["a@acme.com", "b@acme.com"], "phone": ["+18004445555", "+18004445556"], "url": ["https://a.com", "https://b.com"]}[key]  # fmt: skip
    contact = api.contact(api.lead()["id"], **{name: [{key: values[0]}]})
    path = f"/contact/{contact['id']}/"

    assert [one[key] for one in api.ok("PUT", path, {name: [{key: values[1]}]})[name]] == [values[1]]
    assert len(api.ok("PUT", path, {"title": "x"})[name]) == 1
    assert api.ok("PUT", path, {name: []})[name] == []


def test_what_was_read_can_be_written_back(api: CloseApi) -> None:
    contact = api.contact(
        api.lead()["id"], emails=[{"email": "a@acme.com"}], phones=[{"phone": "8004445555"}]
    )

    lists = {name: contact[name] for name in ("emails", "phones", "urls")}

    assert api.ok("PUT", f"/contact/{contact['id']}/", lists) == contact


def test_null_is_an_empty_text_for_contacts(api: CloseApi) -> None:
    contact = api.contact(api.lead()["id"], title="CEO", emails=[{"email": "a@acme.com"}])

    after = api.ok("PUT", f"/contact/{contact['id']}/", {"name": None, "title": None})

    assert (after["name"], after["title"], after["display_name"]) == ("", "", "a@acme.com")


def test_a_contact_without_a_lead_makes_one(api: CloseApi) -> None:
    contact = api.ok("POST", "/contact/", {"name": "Gob"})

    assert api.close.leads[contact["lead_id"]]["name"] == "Gob"


def test_two_contacts_may_have_one_address(api: CloseApi) -> None:
    lead = api.lead()
    twice = [api.contact(lead["id"], emails=[{"email": "a@acme.com"}])["id"] for _ in range(2)]

    assert api.ok("GET", f"/lead/{lead['id']}/")["contact_ids"] == twice


def test_a_moved_contact_is_told_on_both_leads(api: CloseApi, clock: Clock) -> None:
    one, other = api.lead(name="one"), api.lead(name="other")
    contact = api.contact(one["id"])
    clock.advance(minutes=1)

    api.ok("PUT", f"/contact/{contact['id']}/", {"lead_id": other["id"]})

    assert api.close.leads[one["id"]]["contact_ids"] == []
    assert api.close.leads[other["id"]]["contact_ids"] == [contact["id"]]
    moved, left, entered = api.close.events[-3:]
    assert (moved["object_type"], moved["previous_data"]["lead_id"]) == ("contact", one["id"])
    assert (left["object_id"], left["previous_data"]["contact_ids"]) == (one["id"], [contact["id"]])
    assert (entered["object_id"], entered["previous_data"]["contact_ids"]) == (other["id"], [])


# ── Custom values ────────────────────────────────────────────────────────────────────────────────


def field(api: CloseApi, kind: str, multiple: bool = False) -> str:
    choices = ["One", "Two"] if kind == "choices" else None
    return f"custom.{api.close.create_custom_field('lead', kind, kind, choices, multiple)['id']}"


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("text", " as it is ", " as it is "),
        ("number", 12.456, 12.456),
        ("number", 0, 0),
        ("date", "2009-02-13", "2009-02-13"),
        ("date", "2009-02-13T23:31:30.000Z", "2009-02-13"),
        ("datetime", "2009-02-13T23:31:30.000Z", "2009-02-13T23:31:30+00:00"),
        ("datetime", "2009-02-14T01:31:30+02:00", "2009-02-13T23:31:30+00:00"),
        ("choices", "One", "One"),
        ("user", "Riley Rep", "user_rep000000000000000000000000000000000000000001"),
        ("user", "user_rep000000000000000000000000000000000000000001", "user_rep000000000000000000000000000000000000000001"),
        ("hidden", 7, 7),
        ("hidden", "", ""),
    ],
)  # fmt: skip
def test_values_come_back_normalised(api: CloseApi, kind: str, sent: Any, kept: Any) -> None:
    name = field(api, kind)

    assert api.lead(**{name: sent})[name] == kept


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", 5, "Value must be of str type."),
        ("text", {"a": 1}, "Value must be of str type."),
        ("number", "12", "Value must be of number type."),
        ("number", True, "Value must be of number type."),
        ("date", "soon", "Could not parse date"),
        ("date", "2020-13-45", "Could not parse date"),
        ("date", 20200101, "Value must be of str type."),
        ("datetime", "soon", "Could not parse datetime"),
        ("datetime", 20200101, "Value must be of str type."),
        ("choices", "Three", "Not a valid choice."),
        ("choices", "one", "Not a valid choice."),
        ("user", "Nobody", "Object does not exist."),
        ("contact", "cont_x", "Object does not exist."),
        ("text", ["a"], "Custom field does not accept multiple values."),
        ("hidden", {"a": 1}, "Value must be of str type."),
    ],
)
def test_values_of_another_type_are_refused(api: CloseApi, kind: str, value: Any, text: str) -> None:
    name = field(api, kind)

    assert api.refused("POST", "/lead/", {name: value}) == fields({name: text})


@pytest.mark.parametrize("empty", [None, ""])
def test_a_value_is_unset_and_then_absent(api: CloseApi, empty: Any) -> None:
    name = field(api, "text")
    lead = api.lead(**{name: "x"})

    assert name not in api.ok("PUT", f"/lead/{lead['id']}/", {name: empty})
    assert name not in api.ok("GET", f"/lead/{lead['id']}/")


def test_fields_of_another_object_are_unknown(api: CloseApi) -> None:
    name = field(api, "text")
    told = {"field-errors": {name: "Custom field does not exist."}, "errors": []}

    assert api.refused("POST", "/contact/", {"name": "Gob", name: "x"}) == (400, told)
    assert api.refused("POST", "/lead/", {"custom.Text": "x"})[0] == 400
    assert api.refused("POST", "/lead/", {f"{name}.set": "x"})[0] == 400


def test_the_deprecated_names_of_fields_are_still_taken(api: CloseApi) -> None:
    path = field(api, "text")

    assert api.lead(**{"custom.text": "x"})[path] == "x"
    assert api.lead(custom={"text": "x"})[path] == "x"
    assert api.refused("POST", "/lead/", {"custom": {"Text": "x"}})[0] == 400
    assert api.refused("POST", "/lead/", {"custom": "x"})[0] == 400


def test_one_value_of_many_is_added_and_removed(api: CloseApi) -> None:
    name = field(api, "choices", multiple=True)
    lead = api.lead(**{name: "One"})
    path = f"/lead/{lead['id']}/"

    def put(**body: Any) -> Any:
        return api.ok("PUT", path, {f"{name}{suffix}": value for suffix, value in body.items()}).get(name)

    assert lead[name] == ["One"]
    assert put(**{".add": "Two"}) == ["One", "Two"]
    assert put(**{".add": "Two"}) == ["One", "Two"]
    assert put(**{".remove": "One"}) == ["Two"]
    assert put(**{"": ["One", "One"]}) == ["One"]
    assert put(**{".remove": "One"}) is None
    assert put(**{"": ["One"]}) == ["One"]
    assert put(**{"": []}) is None


@pytest.mark.parametrize("value", [None, "", "Three", ["One"]])
def test_only_a_good_value_is_added(api: CloseApi, value: Any) -> None:
    name = field(api, "choices", multiple=True)
    lead = api.lead(**{name: "One"})

    assert api.refused("PUT", f"/lead/{lead['id']}/", {f"{name}.add": value})[0] == 400
    assert api.close.leads[lead["id"]][name] == ["One"]


def test_a_field_of_one_value_has_nothing_to_add_to(api: CloseApi) -> None:
    name = field(api, "text")

    assert api.refused("POST", "/lead/", {f"{name}.add": "x"})[0] == 400


# ── Deleted and merged ───────────────────────────────────────────────────────────────────────────


def test_a_deleted_lead_takes_its_contacts_along(api: CloseApi) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}, {"name": "Michael"}])

    assert api.ok("DELETE", f"/lead/{lead['id']}/") == {}
    assert not api.close.leads and not api.close.contacts
    assert api.refused("GET", f"/lead/{lead['id']}/")[0] == 404
    assert api.refused("PUT", f"/lead/{lead['id']}/", {"name": "x"})[0] == 404
    assert api.refused("GET", f"/contact/{lead['contact_ids'][0]}/")[0] == 404
    assert api.told()[3:] == [("contact", "deleted"), ("contact", "deleted"), ("lead", "deleted")]
    gone = api.close.events[-1]
    assert (gone["data"], gone["previous_data"]["name"], gone["lead_id"]) == (None, "Acme", lead["id"])


def test_a_deleted_contact_is_an_update_of_its_lead(api: CloseApi, clock: Clock) -> None:
    lead = api.lead(contacts=[{"name": "Gob"}])
    clock.advance(minutes=1)

    api.ok("DELETE", f"/contact/{lead['contact_ids'][0]}/")

    assert api.told()[-2:] == [("contact", "deleted"), ("lead", "updated")]
    updated = api.close.events[-1]
    assert updated["changed_fields"] == ["contact_ids", "date_updated"]
    assert updated["previous_data"] == {
        "contact_ids": lead["contact_ids"],
        "date_updated": lead["date_updated"],
    }
    assert updated["data"]["contact_ids"] == []


def test_a_merge_moves_the_contacts_and_leaves_one(api: CloseApi, clock: Clock) -> None:
    source, destination = api.lead(name="s", contacts=[{"name": "Gob"}]), api.lead(name="d")
    clock.advance(minutes=1)

    assert api.ok("POST", "/lead/merge/", {"source": source["id"], "destination": destination["id"]}) == {}

    assert list(api.close.leads) == [destination["id"]]
    assert api.close.leads[destination["id"]]["contact_ids"] == source["contact_ids"]
    merged = [event for event in api.close.events if "merge_source_lead_id" in event["meta"]]
    assert [(event["object_type"], event["action"]) for event in merged] == [
        ("contact", "updated"),
        ("lead", "deleted"),
        ("lead", "merged"),
    ]
    assert {event["meta"]["merge_source_lead_id"] for event in merged} == {source["id"]}
    assert {event["meta"]["merge_destination_lead_id"] for event in merged} == {destination["id"]}
    assert merged[-1]["object_id"] == destination["id"]


def test_a_lead_is_not_merged_with_itself_or_with_nothing(api: CloseApi) -> None:
    lead = api.lead()["id"]

    assert api.refused("POST", "/lead/merge/", {"source": lead, "destination": lead})[0] == 400
    assert api.refused("POST", "/lead/merge/", {"source": "lead_x", "destination": lead})[0] == 404
    assert api.refused("POST", "/lead/merge/", {"source": lead})[0] == 400
    assert list(api.close.leads) == [lead]


def test_what_an_older_close_took_can_be_put_in(api: CloseApi) -> None:
    lead = api.lead()
    raw = {
        "id": "lead_old",
        "url": "no address",
        "status_id": lead["status_id"],
        "contacts": [{"emails": [{"email": " x"}]}],
    }
    api.close.insert_lead(raw)

    shown = api.ok("GET", "/lead/lead_old/")

    assert (shown["url"], shown["contacts"][0]["emails"]) == ("no address", [{"email": " x"}])
    assert datetime.fromisoformat(shown["date_updated"]) and len(api.close.events) == 1
