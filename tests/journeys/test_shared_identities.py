"""Domains and mailboxes that many share: they bring nobody together, in Hull or in Close."""

from __future__ import annotations

from tests.journeys.world import World


def test_two_leads_with_a_social_network_as_address_stay_two_accounts(world: World) -> None:
    for name in ("Bluth", "Sitwell"):
        world.close.rep_create_lead({"name": name, "url": f"https://facebook.com/{name.lower()}"})

    world.settle()

    accounts = world.hull.accounts.values()
    assert sorted(account["name"] for account in accounts) == ["Bluth", "Sitwell"]
    assert [account.get("domain") for account in accounts] == [None, None]
    assert {account["closeio/url"] for account in accounts} == {
        "https://facebook.com/bluth",
        "https://facebook.com/sitwell",
    }
    lead = world.lead("Bluth")
    assert world.outcome(lead["id"]).notes == [
        "facebook.com is shared by many and does not identify it in Hull."
    ]


def test_a_host_that_the_connector_vouches_for_identifies(world: World) -> None:
    type(world.connector).objects.update(always_identities=["google.com"], never_identities=["supplier.com"])
    for name in ("google.com", "supplier.com"):
        world.close.rep_create_lead({"name": name, "url": f"https://{name}"})

    world.settle()

    assert {account["name"]: account.get("domain") for account in world.hull.accounts.values()} == {
        "google.com": "google.com",
        "supplier.com": None,
    }


def test_a_mailbox_is_no_person_but_the_next_address_is(world: World) -> None:
    info, jane = ({"email": f"{box}@acme.com", "type": "office"} for box in ("info", "jane"))
    world.close.rep_create_lead(
        {
            "name": "Acme", "url": "acme.com",
            "contacts": [{"name": "Front desk", "emails": [info]}, {"name": "Jane", "emails": [info, jane]}],
        }
    )  # fmt: skip

    world.settle()

    users = {user["name"]: user for user in world.hull.users.values()}
    assert users["Front desk"].get("email") is None
    assert users["Front desk"]["traits_closeio/email_office"] == "info@acme.com"
    assert users["Jane"]["email"] == "jane@acme.com"


def test_a_user_with_a_mailbox_is_not_taken_for_a_contact_of_another_lead(world: World) -> None:
    address = [{"email": "sales@agency.com", "type": "office"}]
    world.close.rep_create_lead({"name": "Other", "contacts": [{"name": "Agency", "emails": address}]})
    world.settle()

    account = {"id": "a1", "name": "Acme", "domain": "acme.com"}
    world.tell_user(account, id="u1", name="Agency", email="sales@agency.com")
    world.settle()

    leads = {lead["id"]: lead["name"] for lead in world.close.leads.values()}
    assert sorted(leads[contact["lead_id"]] for contact in world.close.contacts.values()) == ["Acme", "Other"]
