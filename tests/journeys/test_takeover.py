"""A customer of the original connector changes one URL: what was there is linked, and nothing is written to Close."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.models import Connector, Link
from tests.journeys.world import SEGMENT, World
from tests.vectors.replay import RECORDED

pytestmark = pytest.mark.inline(reason="counts every request to Close")

COMPANIES = ("Aldermoor", "Bright Harbor", "Cinderpath", "Dovetail", "Eastgate")


def recorded_settings() -> dict[str, Any]:
    """Return the settings of a recorded customer, with our segment and key in place of theirs."""

    recorded = json.loads((RECORDED / "A05_update_with_closeio_id.json").read_text())
    settings: dict[str, Any] = recorded["input"]["private_settings"]
    return settings


@pytest.fixture
def installed(world: World) -> World:
    """Hull and Close as the original left them: accounts and users that carry their Close ids."""
    settings = recorded_settings() | {
        "api_key": world.close.api_key,
        "synchronized_account_segments": [SEGMENT],
        "lead_attributes_outbound": [
            {"hull_field_name": "name", "closeio_field_name": "name"},
            {"hull_field_name": "about", "closeio_field_name": "description"},
        ],
        "contact_attributes_outbound": [
            {"hull_field_name": "email", "closeio_field_name": "emails.office"},
            {"hull_field_name": "title", "closeio_field_name": "title"},
        ],
    }
    world.hull.add_segment("account", SEGMENT, "Prospects", {"attribute": "is_prospect", "equals": True})
    world.hull.private_settings = settings
    for number, name in enumerate(COMPANIES):
        domain = f"{name.lower().replace(' ', '')}.com"
        person = {
            "name": f"Person {number}",
            "title": "CEO",
            "emails": [{"email": f"p{number}@{domain}", "type": "office"}],
        }
        body = {
            "name": name,
            "url": f"https://{domain}",
            "description": f"{name} makes things",
            "contacts": [person],
        }
        lead = world.close.rep_create_lead(body)
        account_id, contact = f"5a{number:022x}", lead["contacts"][0]
        world.hull.add_account({
            "id": account_id, "name": name, "domain": domain, "about": f"{name} makes things", "is_prospect": True,
            "closeio/id": lead["id"], "closeio/name": name,
        })  # fmt: skip
        world.hull.add_user(
            {
                "id": f"5b{number:022x}", "name": f"Person {number}", "email": f"p{number}@{domain}", "traits_title": "CEO",
                "traits_closeio/id": contact["id"], "traits_closeio/lead_id": lead["id"],
            },
            account_id,
        )  # fmt: skip
    Connector.objects.filter(pk=world.connector.pk).update(home=Connector.Home.HULL)
    world.connector.mappings.all().delete()
    world.connector.refresh_from_db()
    return world


def test_everything_is_linked_without_a_single_write_to_close(installed: World) -> None:
    world = installed
    before = world.close.snapshot()
    told = {"private_settings": world.hull.private_settings, "updated_at": "2026-03-02T09:00:00Z"}
    world.notify("ship:update", [told], connector=told)
    world.connector.refresh_from_db()
    world.settle()

    assert world.writes_to_close() == []
    assert world.close.snapshot() == before
    links = Link.objects.filter(connector=world.connector)
    paired = {link.close_id: link.hull_id for link in links}
    for account in world.hull.accounts.values():
        assert paired[account["closeio/id"]] == account["id"]
    for user in world.hull.users.values():
        assert paired[user["traits_closeio/id"]] == user["id"]
    assert len(paired) == 2 * len(COMPANIES)


def test_from_then_on_a_change_travels_alone(installed: World) -> None:
    world = installed
    told = {"private_settings": world.hull.private_settings}
    world.notify("ship:update", [told], connector=told)
    world.connector.refresh_from_db()
    world.settle()
    account = next(iter(world.hull.accounts.values()))
    world.hull.set_account(account["id"], {"about": "Something new"})
    world.settle()

    lead = world.close.leads[account["closeio/id"]]
    assert lead["description"] == "Something new"
    assert world.writes_to_close() == [("PUT", f"/lead/{lead['id']}/")]
    (body,) = [body for method, _, _, body, _ in world.close.requests if method == "PUT"]
    assert body == {"description": "Something new"}
