"""Opportunities of a lead, added up as attributes of its account."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Connector, Opportunity
from tests.journeys.rep import ask
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it counts messages and moves the clock between them")


@pytest.fixture
def lead(world: World) -> str:
    made = str(world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})["id"])
    world.settle()
    return made


def switch_on(world: World) -> None:
    from sync.services.configuration import configuration_changed

    Connector.objects.update(reads_opportunities=True)
    configuration_changed(Connector.objects.get(), {"reads_opportunities"}, now=world.clock())
    world.clock.advance(minutes=1)
    world.settle()


def totals(world: World) -> dict[str, Any]:
    (account,) = world.hull.accounts.values()
    prefix = "closeio/opportunities_"
    return {
        name.removeprefix(prefix): value
        for name, value in account.items()
        if name.startswith(prefix) and value is not None
    }


def opportunity(world: World, lead: str, **values: Any) -> str:
    world.clock.advance(minutes=1)
    return str(ask(world, "POST", "/opportunity/", lead_id=lead, **values)["id"])


def of_type(world: World, kind: str) -> str:
    stages = [one for pipeline in world.close.store.pipelines for one in pipeline["statuses"]]
    return str(next(one["id"] for one in stages if one["type"] == kind))


def test_what_was_there_before_comes_in_when_it_is_switched_on(world: World, lead: str) -> None:
    opportunity(world, lead, value=50000, status_id=of_type(world, "active"))
    opportunity(world, lead, value=12050, status_id=of_type(world, "won"), date_won="2026-02-01")
    world.settle()
    assert totals(world) == {}

    switch_on(world)

    told = totals(world)
    assert (told["count"], told["open_count"], told["won_count"]) == (2, 1, 1)
    assert (told["open_value"], told["won_value"], told["currency"]) == (500, 120.5, "USD")
    assert told["last_won_date"] == "2026-02-01"


def test_each_change_of_an_opportunity_reaches_the_account_once(world: World, lead: str) -> None:
    switch_on(world)
    assert totals(world) == {}, "a lead that never had one is not told"
    deal = opportunity(world, lead, value=10000, status_id=of_type(world, "active"))
    world.settle()
    assert totals(world)["open_value"] == 100
    world.clock.advance(minutes=10)
    world.hull.firehose_messages.clear()

    ask(world, "PUT", f"/opportunity/{deal}/", status_id=of_type(world, "won"))
    for _ in range(3):
        world.clock.advance(seconds=40)
        world.settle()

    told = totals(world)
    assert (told["open_count"], told["won_count"], told["won_value"]) == (0, 1, 100)
    about = [
        one["body"]
        for one in world.hull.firehose_messages
        if "closeio/opportunities_won_count" in one["body"]
    ]
    assert len(about) == 1

    world.clock.advance(minutes=1)
    ask(world, "DELETE", f"/opportunity/{deal}/")
    world.settle()
    assert totals(world)["count"] == 0
    assert Opportunity.objects.get().deleted_at


def test_writing_to_close_leaves_the_totals_in_hull(world: World, lead: str) -> None:
    switch_on(world)
    opportunity(world, lead, value=10000, status_id=of_type(world, "active"))
    world.settle()
    (account,) = world.hull.accounts.values()

    world.tell_account(id=account["id"], name="Acme", domain="acme.com", description="Rockets")
    world.settle()

    assert world.lead("Acme")["description"] == "Rockets"
    assert totals(world)["open_value"] == 100


def test_switched_off_nothing_is_read(world: World, lead: str) -> None:
    opportunity(world, lead, value=10000)
    world.settle()
    world.close.requests.clear()
    world.clock.advance(minutes=10)
    world.settle()

    assert not any(path.startswith("/opportunity") for _, path, *_ in world.close.requests)
    assert not Opportunity.objects.exists()
