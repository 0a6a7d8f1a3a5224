"""Fields, statuses and users change in Close: what follows in Hull, and what waits for a person."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from sync.models import CloseField, Connector, Cursor, Mapping
from sync.services import retelling, retyped, setup
from tests.journeys.world import World, map_rows

pytestmark = pytest.mark.inline(reason="it counts requests and moves the clock between them")


@pytest.fixture
def field(world: World) -> dict[str, Any]:
    made = world.close.create_custom_field("lead", "Industry", "choices", ["Housing", "Bananas"])
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{made['id']}")])
    return made


def leads(world: World, count: int = 3, **values: Any) -> list[str]:
    made = [
        world.close.rep_create_lead({"name": f"Lead {number}", "url": f"x{number}.com"} | values)["id"]
        for number in range(count)
    ]
    world.settle()
    world.clock.advance(minutes=10)
    world.close.requests.clear()
    world.hull.firehose_messages.clear()
    return made


def in_hull(world: World, close_id: str) -> dict[str, Any]:
    return next(one for one in world.hull.accounts.values() if one.get("closeio/id") == close_id)


def reads(world: World) -> list[str]:
    paths = [path for _, path, *_ in world.close.requests]
    return [path for path in paths if path.startswith(("/lead", "/contact", "/data", "/export"))]


def a_day_later(world: World) -> None:
    world.clock.advance(hours=25)
    world.settle()
    world.settle()


def rename_status(world: World, close_id: str, label: str) -> None:
    """Rename a status as an administrator does, in Close's own settings."""
    import requests

    url = f"http://close.sandbox/api/v1/status/lead/{close_id}/"
    from sync import transport

    answer: requests.Response = transport.new_session().put(
        url, json={"label": label}, auth=(world.close.api_key, "")
    )
    assert answer.status_code == 200


def test_a_renamed_status_reaches_every_account_without_reading_a_lead(world: World) -> None:
    ids = leads(world)
    other = world.close.settings.create_status("Lost")["id"]
    world.close.rep_update_lead(ids[2], {"status_id": other})
    world.settle()
    world.clock.advance(minutes=10)
    status = world.close.store.statuses[0]
    world.close.requests.clear()
    world.hull.firehose_messages.clear()

    rename_status(world, status["id"], "Brand new")
    for _ in range(2):
        world.clock.advance(minutes=1)
        world.settle()

    assert [in_hull(world, one)["closeio/status"] for one in ids] == ["Brand new", "Brand new", "Lost"]
    assert reads(world) == []
    told = [message["body"] for message in world.hull.firehose_messages]
    assert told == [{"closeio/status": "Brand new"}] * 2


def test_a_user_who_marries_keeps_the_id_and_gets_the_new_name(world: World) -> None:
    owner = world.close.create_custom_field("lead", "Owner", "user")
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{owner['id']}")])
    user_id = world.close.store.user_id
    (lead_id,) = leads(world, 1, **{f"custom.{owner['id']}": user_id})
    assert in_hull(world, lead_id)["closeio/owner"] == user_id

    world.close.store.users[user_id] = world.close.store.users[user_id] | {"last_name": "Bluth-Sitwell"}
    a_day_later(world)

    assert in_hull(world, lead_id)["closeio/owner_name"].endswith("Bluth-Sitwell")
    assert reads(world) == []


def test_attributes_follow_renamed_fields_where_that_is_asked_for(
    world: World, field: dict[str, Any]
) -> None:
    Connector.objects.update(follows_renames=True)
    (lead_id,) = leads(world, 1, **{f"custom.{field['id']}": "Housing"})

    world.close.rename_custom_field(field["id"], "Branch")
    for _ in range(2):
        world.clock.advance(minutes=1)
        world.settle()

    account = in_hull(world, lead_id)
    assert account["closeio/branch"] == "Housing"
    assert account.get("closeio/industry") is None
    assert reads(world) == []


def test_the_row_of_a_removed_field_rests_and_hull_keeps_its_values(
    world: World, field: dict[str, Any]
) -> None:
    ids = leads(world, 2, **{f"custom.{field['id']}": "Housing"})

    world.close.delete_custom_field(field["id"])
    world.clock.advance(minutes=1)
    world.settle()
    world.close.rep_update_lead(ids[0], {"description": "the rest runs"})
    world.clock.advance(minutes=1)
    world.settle()

    account = in_hull(world, ids[0])
    assert (account["closeio/description"], account["closeio/industry"]) == ("the rest runs", "Housing")
    assert "may have been deleted" in Connector.objects.get().problems[0]
    assert world.connector.paused_at is None


def retype(world: World, field: dict[str, Any], kind: str) -> None:
    """Close has no request for it: a field of the same id with another type, as after a restored backup."""
    held = world.close.store.custom_fields
    held[field["id"]] = held[field["id"]] | {"type": kind}


def test_the_row_of_a_retyped_field_rests_until_a_person_accepts_it(world: World) -> None:
    made = world.close.create_custom_field("lead", "Size", "text")
    map_rows(world.connector, "LEAD", "INBOUND", [("", f"custom.{made['id']}")])
    (lead_id,) = leads(world, 1, **{f"custom.{made['id']}": "12"})
    retype(world, made, "textarea")
    a_day_later(world)
    assert "was of type text when it was mapped" in " ".join(Connector.objects.get().problems)
    world.close.rep_update_lead(lead_id, {f"custom.{made['id']}": "many"})
    world.clock.advance(minutes=1)
    world.settle()
    assert in_hull(world, lead_id)["closeio/size"] == "12"

    connector = Connector.objects.get()
    schema = setup.load_schema(connector)
    resting = retyped.resting(connector, schema)
    assert list(resting.values()) == ["text → textarea"]
    retyped.accept(connector, schema, resting, now=world.clock())
    world.settle()

    assert in_hull(world, lead_id)["closeio/size"] == "many"
    assert Connector.objects.get().problems == []
    assert Mapping.objects.get(close=f"custom.{made['id']}").close_type == "textarea"


def test_new_options_are_noticed_once_and_stay_until_somebody_looked(
    world: World, field: dict[str, Any], admin_client: Any
) -> None:
    leads(world, 1)
    world.close.fields.change(field["id"], {"choices": ["Housing", "Bananas", "Frozen bananas"]})
    for _ in range(2):
        world.clock.advance(minutes=1)
        world.settle()

    row = CloseField.objects.get(close_id=field["id"])
    assert row.new_options == ["Frozen bananas"]
    page = f"/admin/sync/closefield/{row.pk}/change/"
    assert "Frozen bananas" in admin_client.get(page).content.decode()
    admin_client.post(
        reverse("admin:sync_closefield_dismiss_new_options", args=[row.pk]),
        {"_form_submitted": "True"},
        headers={"HX-Request": "true"},
    )
    assert CloseField.objects.get(pk=row.pk).new_options == []


def test_a_retelling_that_dies_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = leads(world, 7)
    monkeypatch.setattr(retelling, "AT_ONCE", 3)
    some, calls = retelling._some, []

    def dying(*args: Any) -> int:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return some(*args)

    monkeypatch.setattr(retelling, "_some", dying)
    rename_status(world, world.close.store.statuses[0]["id"], "Brand new")
    world.clock.advance(minutes=1)
    world.pull()
    world.clock.advance(minutes=1)
    with pytest.raises(KeyboardInterrupt):
        world.pull()
    assert Cursor.objects.get(stream="RETELLING").done > 0
    world.settle()

    assert {in_hull(world, one)["closeio/status"] for one in ids} == {"Brand new"}
    assert Cursor.objects.get(stream="RETELLING").method == ""
