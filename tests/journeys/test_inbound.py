"""Close → Hull: what a rep does in Close, and what Hull holds afterwards."""

from __future__ import annotations

import pytest

from tests.journeys.world import World, map_rows

BLUTH = {
    "name": "Bluth Company", "url": "http://www.Bluth.com/hello", "description": "Best. Show. Ever.",
    "addresses": [
        {"label": "business", "address_1": "747 Howard St", "city": "San Francisco", "country": "US"},
        {"label": "business", "city": "Atlanta"},
    ],
    "contacts": [
        {
            "name": "Gob", "title": "Sr. Vice President",
            "emails": [{"email": "gob@bluth.com", "type": "office"}, {"email": "gob2@bluth.com", "type": "office"}],
            "phones": [{"phone": "+18004445555", "type": "mobile"}],
        }
    ],
}  # fmt: skip


def test_a_lead_and_its_contact_come_in_with_names_that_customers_know(world: World) -> None:
    field = world.close.create_custom_field("lead", "# of Employees (est.)", "number")
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{field['id']}")])
    lead = world.close.rep_create_lead(BLUTH | {f"custom.{field['id']}": 12})

    world.settle()

    (account,) = world.hull.accounts.values()
    (user,) = world.hull.users.values()
    assert account["domain"] == "bluth.com"
    assert account["name"] == "Bluth Company"
    assert account["closeio/id"] == lead["id"]
    assert account["closeio/description"] == "Best. Show. Ever."
    assert account["closeio/status"] == lead["status_label"]
    assert account["closeio/address_business_city"] == "San Francisco"
    assert account["closeio/of_employees_est"] == 12
    assert account["closeio/created_at"]
    assert account["closeio/updated_at"]
    assert user["email"] == "gob@bluth.com"
    assert user["traits_closeio/email_office"] == "gob@bluth.com"
    assert user["traits_closeio/emails"] == ["gob@bluth.com", "gob2@bluth.com"]
    assert user["traits_closeio/phone_mobile"] == "+18004445555"
    assert user["traits_closeio/lead_id"] == lead["id"]
    assert world.hull.account_of(user["id"])["id"] == account["id"]


def test_a_reps_edit_arrives_and_only_that(world: World) -> None:
    lead = world.close.rep_create_lead(BLUTH)
    world.settle()
    world.hull.firehose_messages.clear()
    world.clock.advance(minutes=1)

    world.close.rep_update_lead(lead["id"], {"description": "Banana stand"})
    world.settle()

    (message,) = world.hull.firehose_messages
    assert set(message["body"]) == {"closeio/description", "closeio/updated_at"}
    assert message["body"]["closeio/description"] == "Banana stand"


def test_what_is_cleared_in_close_is_cleared_in_hull(world: World) -> None:
    lead = world.close.rep_create_lead(BLUTH)
    world.settle()
    contact = world.contact("Gob")
    world.clock.advance(minutes=1)

    world.close.rep_update_lead(lead["id"], {"description": "", "addresses": []})
    world.close.rep_update_contact(contact["id"], {"phones": [], "title": ""})
    world.settle()

    (account,) = world.hull.accounts.values()
    (user,) = world.hull.users.values()
    for gone in ("closeio/description", "closeio/address_business_city", "closeio/addresses"):
        assert account.get(gone) is None
    assert user.get("traits_closeio/phone_mobile") is None
    assert user.get("traits_closeio/title") is None
    assert user["traits_closeio/email_office"] == "gob@bluth.com"


def test_our_own_writes_are_recognised_when_they_come_back(world: World) -> None:
    world.tell_user(
        {"id": "a-acme", "name": "Acme", "domain": "acme.com"}, id="u-ada", name="Ada", email="ada@acme.com"
    )
    world.settle()
    lead, contact = world.lead("Acme"), world.contact("Ada")
    messages = len(world.hull.firehose_messages)
    world.clock.advance(minutes=1)

    world.pull()
    world.drain()

    assert len(world.hull.firehose_messages) == messages
    assert world.outcome(lead["id"]).reason == "ECHO"
    assert world.outcome(contact["id"]).reason == "ECHO"


def test_a_second_full_read_tells_hull_nothing(world: World) -> None:
    world.close.rep_create_lead(BLUTH)
    world.settle()
    messages = len(world.hull.firehose_messages)

    world.pull(full=True)
    world.settle()

    assert len(world.hull.firehose_messages) == messages


@pytest.mark.inline(reason="counts every request; the scheduler reads Close meanwhile")
def test_a_pull_with_nothing_new_costs_one_call(world: World) -> None:
    world.close.rep_create_lead(BLUTH)
    world.settle()
    world.close.requests.clear()

    world.pull()
    world.drain()

    assert [(method, path) for method, path, *_ in world.close.requests] == [("GET", "/event/")]


def test_a_contact_that_moves_to_another_lead_is_linked_to_the_other_account(world: World) -> None:
    world.close.rep_create_lead(BLUTH)
    other = world.close.rep_create_lead({"name": "Sitwell", "url": "sitwell.com"})
    world.settle()
    world.clock.advance(minutes=1)

    world.close.rep_update_contact(world.contact("Gob")["id"], {"lead_id": other["id"]})
    world.settle()

    (user,) = world.hull.users.values()
    assert world.hull.account_of(user["id"])["closeio/id"] == other["id"]


def test_a_deleted_lead_is_marked_in_hull(world: World) -> None:
    lead = world.close.rep_create_lead(BLUTH)
    world.settle()
    world.clock.advance(minutes=1)

    world.close.rep_delete_lead(lead["id"])
    world.settle()

    (account,) = world.hull.accounts.values()
    (user,) = world.hull.users.values()
    assert account["closeio/deleted_at"]
    assert user["traits_closeio/deleted_at"]


def test_two_contacts_with_one_address_stay_two_people(world: World) -> None:
    shared = {"emails": [{"email": "info@bluth.com", "type": "office"}]}
    world.close.rep_create_lead(
        BLUTH | {"contacts": [{"name": "Gob"} | shared, {"name": "Michael"} | shared]}
    )

    world.settle()

    assert len(world.hull.users) == 2


def test_a_renamed_field_keeps_its_attribute(world: World) -> None:
    field = world.close.create_custom_field("lead", "Industry", "text")
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{field['id']}")])
    lead = world.close.rep_create_lead(BLUTH | {f"custom.{field['id']}": "Housing"})
    world.settle()
    world.clock.advance(minutes=10)

    world.close.rename_custom_field(field["id"], "Branch")
    world.close.rep_update_lead(lead["id"], {f"custom.{field['id']}": "Bananas"})
    world.settle()

    (account,) = world.hull.accounts.values()
    assert account["closeio/industry"] == "Bananas"
    assert "closeio/branch" not in account


def test_two_fields_with_one_label_keep_both_values(world: World) -> None:
    fields = [world.close.create_custom_field("lead", "Industry", "text") for _ in range(2)]
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{field['id']}") for field in fields])
    values = {f"custom.{field['id']}": f"value {number}" for number, field in enumerate(fields)}
    world.close.rep_create_lead(BLUTH | values)

    world.settle()

    (account,) = world.hull.accounts.values()
    assert {account["closeio/industry"], account["closeio/industry_2"]} == {"value 0", "value 1"}


def test_a_full_read_tells_hull_what_a_new_row_of_the_mapping_asks_for(world: World) -> None:
    field = world.close.create_custom_field("lead", "Industry", "text")
    world.close.rep_create_lead(BLUTH | {f"custom.{field['id']}": "Housing"})
    world.settle()
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{field['id']}")])

    world.pull(full=True)
    world.settle()

    (account,) = world.hull.accounts.values()
    assert account["closeio/industry"] == "Housing"


def test_a_new_time_alone_is_not_worth_a_message(world: World) -> None:
    field = world.close.create_custom_field("lead", "Not mapped", "text")
    lead = world.close.rep_create_lead(BLUTH)
    world.settle()
    messages = len(world.hull.firehose_messages)
    world.clock.advance(minutes=1)

    world.close.rep_update_lead(lead["id"], {f"custom.{field['id']}": "anything"})
    world.settle()

    assert len(world.hull.firehose_messages) == messages
    assert world.outcome(lead["id"]).reason == "IN_SYNC"


def test_contacts_that_do_not_come_nested_are_read_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [{"name": f"Person {number}"} for number in range(130)]
    world.close.rep_create_lead({"name": "Bluth Company", "url": "bluth.com", "contacts": people})
    nested = world.close.records.lead

    def without_contacts(close_id: str, nested_too: bool = True) -> dict[str, object]:
        return {name: value for name, value in nested(close_id, nested_too).items() if name != "contacts"}

    monkeypatch.setattr(world.close.records, "lead", without_contacts)
    world.close.events.clear()

    world.settle()

    assert len(world.hull.users) == 130
