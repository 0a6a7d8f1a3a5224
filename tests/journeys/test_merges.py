"""A rep merges two leads in Close: what becomes of their accounts and people in Hull."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Link
from tests.journeys.world import World, map_rows


def lead(world: World, name: str, **more: Any) -> str:
    contacts = [{"name": f"Jo {name}", "emails": [{"email": f"jo@{name.lower()}.com", "type": "office"}]}]
    made = world.close.rep_create_lead(
        {"name": name, "url": f"https://{name.lower()}.com", "contacts": contacts} | more
    )
    world.clock.advance(minutes=1)
    return str(made["id"])


def merge(world: World, loser: str, survivor: str) -> None:
    world.clock.advance(minutes=1)
    world.close.rep_merge(loser, survivor)
    world.clock.advance(minutes=1)
    world.settle()


def test_two_leads_that_only_came_in_become_one_account(world: World) -> None:
    loser, survivor = lead(world, "Acme", description="old"), lead(world, "Bluth", description="new")
    world.settle()

    merge(world, loser, survivor)

    (account,) = world.hull.accounts.values()
    assert account["closeio/id"] == survivor
    assert account["closeio/name"] == "Bluth"
    assert account["closeio/description"] == "new"
    assert set(account["anonymous_ids"]) == {f"closeio:{loser}", f"closeio:{survivor}"}
    assert {world.hull.account_of(user["id"])["id"] for user in world.hull.users.values()} == {account["id"]}
    assert {user["traits_closeio/lead_id"] for user in world.hull.users.values()} == {survivor}
    assert world.outcome(loser).reason == "MERGED"
    assert world.outcome(loser).notes == ["The accounts of both leads become one in Hull."]


@pytest.mark.parametrize("linked", ["loser", "survivor"])
def test_the_account_that_is_linked_stays_and_goes_on_with_the_survivor(world: World, linked: str) -> None:
    ids = {"loser": lead(world, "Acme"), "survivor": lead(world, "Bluth")}
    name = {"loser": "acme", "survivor": "bluth"}[linked]
    world.settle()
    ours = next(one["id"] for one in world.hull.accounts.values() if one["domain"] == f"{name}.com")
    world.tell_account(id=ours, name=name, domain=f"{name}.com")
    world.settle()

    merge(world, ids["loser"], ids["survivor"])

    (account,) = world.hull.accounts.values()
    assert (account["id"], account["closeio/id"]) == (ours, ids["survivor"])
    assert Link.objects.get(close_id=ids["survivor"]).hull_id == ours
    assert Link.objects.get(close_id=ids["loser"]).hull_id is None
    world.tell_account(id=ours, name=name, domain=f"{name}.com", description="after the merge")
    world.settle()
    assert list(world.close.leads) == [ids["survivor"]]
    assert world.close.leads[ids["survivor"]]["description"] == "after the merge"


def test_two_linked_accounts_stay_two(world: World) -> None:
    loser, survivor = lead(world, "Acme"), lead(world, "Bluth")
    world.settle()
    ours = {one["domain"]: one["id"] for one in world.hull.accounts.values()}
    for domain, hull_id in ours.items():
        world.tell_account(id=hull_id, name=domain.split(".")[0], domain=domain)
    world.settle()

    merge(world, loser, survivor)

    assert {one["id"]: one["closeio/id"] for one in world.hull.accounts.values()} == dict.fromkeys(
        ours.values(), survivor
    )
    (note,) = world.outcome(loser).notes
    assert ours["acme.com"] in note
    assert "stay two" in note


def test_what_the_survivor_holds_is_in_hull_whichever_account_stays(world: World) -> None:
    """Hull keeps the account with an external id, which here is the one of the lead that went."""
    map_rows(world.connector, "LEAD", "INBOUND", [("closeio/site", "url")])
    loser, survivor = lead(world, "Acme", description="old"), lead(world, "Bluth", description="new")
    world.settle()
    with_id = next(one["id"] for one in world.hull.accounts.values() if one["domain"] == "acme.com")
    world.hull.set_account(with_id, {"external_id": "x1"})

    merge(world, loser, survivor)

    (account,) = world.hull.accounts.values()
    assert account["id"] == with_id
    told = {name: account[f"closeio/{name}"] for name in ("id", "name", "description", "site")}
    assert told == {"id": survivor, "name": "Bluth", "description": "new", "site": "https://bluth.com"}


def test_a_chain_of_merges_ends_in_one_account(world: World) -> None:
    first, second, third = lead(world, "Acme"), lead(world, "Bluth"), lead(world, "Cyberdyne")
    world.settle()

    world.close.rep_merge(first, second)
    world.clock.advance(minutes=1)
    merge(world, second, third)

    (account,) = world.hull.accounts.values()
    assert account["closeio/id"] == third
    assert account["closeio/name"] == "Cyberdyne"


@pytest.mark.parametrize("seen", [True, False])
def test_a_survivor_that_is_deleted_takes_the_accounts_of_the_merged_along(world: World, seen: bool) -> None:
    loser, survivor = lead(world, "Acme"), lead(world, "Bluth")
    world.settle()
    world.close.rep_merge(loser, survivor)
    if seen:
        world.clock.advance(minutes=1)
        world.settle()
    world.clock.advance(minutes=1)
    world.close.rep_delete_lead(survivor)
    world.clock.advance(minutes=1)
    world.settle()

    assert [bool(one.get("closeio/deleted_at")) for one in world.hull.accounts.values()] == (
        [True] if seen else [True, True]
    )


def test_where_two_linked_accounts_stayed_two_both_hear_of_the_deletion(world: World) -> None:
    loser, survivor = lead(world, "Acme"), lead(world, "Bluth")
    world.settle()
    for one in list(world.hull.accounts.values()):
        world.tell_account(id=one["id"], name=one["name"], domain=one["domain"])
    world.settle()
    merge(world, loser, survivor)

    world.clock.advance(minutes=1)
    world.close.rep_delete_lead(survivor)
    world.clock.advance(minutes=1)
    world.settle()

    assert all(one.get("closeio/deleted_at") for one in world.hull.accounts.values())
