"""Hull → Close: what becomes of values that are emptied, that stand beside a rep's, or that Close does not offer."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Change, CloseField
from sync.models import Mapping as MappingRow
from sync.services import options, setup
from tests.journeys.world import World

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "ada@acme.com"}
READ_AGAIN = 6  # minutes: what Close offers is read once a day, and sooner while something is missing


def map_out(world: World, object_type: str, hull: str, close: str, **given: str) -> None:
    MappingRow.objects.create(
        connector=world.connector,
        object_type=object_type,
        direction="OUTBOUND",
        hull=hull,
        close=close,
        **given,
    )


def tell(world: World, **attributes: Any) -> None:
    world.tell_account(**ACME, **attributes)
    world.settle()


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────


def test_an_address_is_kept_in_step_beside_a_reps(world: World) -> None:
    map_out(world, "LEAD", "city", "addresses.business.city")
    map_out(world, "LEAD", "street", "addresses.business.address_1")
    mailing = {"label": "mailing", "address_1": "Box 7", "city": "Bonn", "country": "DE"}
    there = world.close.rep_create_lead({"name": "Acme", "url": "acme.com", "addresses": [mailing]})
    before = world.close.leads[there["id"]]["addresses"][0]

    tell(world, city="Rome", street="Via 1")

    kept, ours = world.lead("Acme")["addresses"]
    assert kept == before
    assert (ours["label"], ours["city"], ours["address_1"]) == ("business", "Rome", "Via 1")
    world.close.rep_update_lead(there["id"], {"addresses": [before, ours | {"zipcode": "00100"}]})

    tell(world, city="Oslo", street="")

    kept, ours = world.lead("Acme")["addresses"]
    assert kept == before
    assert (ours["city"], ours["address_1"], ours["zipcode"]) == ("Oslo", "", "00100")

    tell(world, city=None, street=None)
    assert [one["label"] for one in world.lead("Acme")["addresses"]] == ["mailing", "business"]
    assert world.lead("Acme")["addresses"][1]["city"] == ""


def test_an_address_of_ours_alone_goes_with_its_last_part(world: World) -> None:
    map_out(world, "LEAD", "city", "addresses.business.city")
    tell(world, city="Rome")

    tell(world, city=None)

    assert world.lead("Acme")["addresses"] == []


# ── Sets, options and users ──────────────────────────────────────────────────────────────────────


def test_a_field_of_several_values_keeps_what_a_rep_chose(world: World) -> None:
    field = world.close.create_custom_field("lead", "Products", "choices", ["a", "b", "c"], multiple=True)
    name = f"custom.{field['id']}"
    map_out(world, "LEAD", "products", name)
    there = world.close.rep_create_lead({"name": "Acme", "url": "acme.com", name: ["c"]})

    tell(world, products=["a", "b"])
    assert set(world.lead("Acme")[name]) == {"a", "b", "c"}
    written = len(world.writes_to_close())
    tell(world, products=["b", "a"])
    assert len(world.writes_to_close()) == written

    tell(world, products=["b"])
    assert set(world.lead("Acme")[name]) == {"b", "c"}
    assert there["id"] == world.lead("Acme")["id"]


def test_an_unknown_option_is_told_added_and_then_written_by_itself(world: World) -> None:
    field = world.close.create_custom_field("lead", "Industry", "choices", ["Robotics"])
    name = f"custom.{field['id']}"
    map_out(world, "LEAD", "industry", name)

    tell(world, industry="Rocketry", description="Rockets")

    assert world.lead("Acme")["description"] == "Rockets"
    assert name not in world.lead("Acme")
    change = Change.objects.get(key="a-acme")
    assert (change.state, change.left_out) == ("DONE", [{"field": name, "option": "Rocketry"}])
    row = CloseField.objects.get(close_id=field["id"])
    assert row.missing_options == {"Rocketry": 1}
    assert "Industry has no option “Rocketry”: 1 record." in " ".join(
        str(problem) for problem in setup.load_settings(world.connector)[1]
    )

    assert options.add_missing(row, clock=world.clock) == ("Rocketry",)
    world.settle()

    assert world.close.store.custom_fields[field["id"]]["choices"] == ["Robotics", "Rocketry"]
    assert world.lead("Acme")[name] == "Rocketry"
    row.refresh_from_db()
    assert row.missing_options == {}
    assert Change.objects.get(key="a-acme").left_out == []


@pytest.mark.inline(reason="waits until Close is asked again what it offers")
def test_an_option_that_somebody_adds_in_close_heals_the_records(world: World) -> None:
    field = world.close.create_custom_field("lead", "Industry", "choices", ["Robotics"])
    map_out(world, "LEAD", "industry", f"custom.{field['id']}")
    tell(world, industry="Rocketry")

    world.close.fields.change(field["id"], {"choices": ["Rocketry", "Robotics"]})
    world.clock.advance(minutes=READ_AGAIN)
    world.settle()
    world.settle()

    assert world.lead("Acme")[f"custom.{field['id']}"] == "Rocketry"


@pytest.mark.inline(reason="waits until Close is asked again what it offers")
def test_a_user_is_found_by_address_and_looked_for_again_when_somebody_joins(world: World) -> None:
    rep = world.close.store.add_person("Ann", "Rep")
    field = world.close.create_custom_field("lead", "Owner", "user")
    name = f"custom.{field['id']}"
    map_out(world, "LEAD", "owner", name)

    tell(world, owner="Ann@SANDBOX.example")
    assert world.lead("Acme")[name] == rep["id"]
    tell(world, owner="bo@sandbox.example")
    assert world.lead("Acme")[name] == rep["id"]
    assert CloseField.objects.get(close_id=field["id"]).missing_options == {"bo@sandbox.example": 1}

    bo = world.close.store.add_person("Bo", "Rep")
    world.clock.advance(minutes=READ_AGAIN)
    world.settle()
    world.settle()

    assert world.lead("Acme")[name] == bo["id"]


# ── What Close refuses to take back ──────────────────────────────────────────────────────────────


def test_an_old_entry_that_close_refuses_today_does_not_stop_the_rest(world: World) -> None:
    world.tell_account(**ACME)
    world.tell_user(ACME, **ADA, title="CTO")
    world.settle()
    contact = world.contact("Ada Example")
    world.close.store.contacts[contact["id"]]["phones"] = [{"phone": "12", "type": "home"}]

    world.tell_user(ACME, **ADA, title="CEO", phone="+14155550100")
    world.settle()

    contact = world.contact("Ada Example")
    assert contact["title"] == "CEO"
    assert [one["phone"] for one in contact["phones"]] == ["12"]
    outcome = world.outcome("u-ada")
    assert outcome.result == "UPDATED"
    assert "phones stays as it is" in outcome.notes[-1] and "“12”" in outcome.notes[-1]


# ── Empties and conversions ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("on_null", "told", "held"),
    [("clear", None, ""), ("leave", None, "Rockets"), ("leave", "", ""), ("clear", "", "")],
)
def test_an_emptied_attribute(world: World, on_null: str, told: Any, held: str) -> None:
    MappingRow.objects.filter(object_type="LEAD", direction="OUTBOUND", close="description").update(
        on_null=on_null
    )
    tell(world, description="Rockets")

    tell(world, description=told)

    assert world.lead("Acme")["description"] == held


def test_neither_null_nor_an_empty_text_wipes_what_a_rep_wrote_before_us(world: World) -> None:
    world.close.rep_create_lead({"name": "Acme", "url": "acme.com", "description": "By hand"})

    tell(world, description="")
    tell(world, description=None)

    assert world.lead("Acme")["description"] == "By hand"


def test_a_value_is_converted_as_its_row_says(world: World) -> None:
    field = world.close.create_custom_field("lead", "Budget", "number")
    map_out(world, "LEAD", "cents", f"custom.{field['id']}", transform="cents_to_units")
    map_out(world, "LEAD", "town", "addresses.business.city", transform="title")

    tell(world, cents=123456, town="new york")
    assert world.lead("Acme")[f"custom.{field['id']}"] == 1234.56
    assert world.lead("Acme")["addresses"][0]["city"] == "New York"

    tell(world, cents="many", town="rome")
    assert world.lead("Acme")[f"custom.{field['id']}"] == 1234.56
    assert world.lead("Acme")["addresses"][0]["city"] == "Rome"
    assert "“many” is not a number" in world.outcome("a-acme").notes[0]
