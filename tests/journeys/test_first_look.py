"""The look before the first sync: what is on both sides, what would be done, and nothing done."""

from __future__ import annotations

import pytest

from sync.models import Connector, Outcome
from sync.services import first_sync
from tests.journeys.world import SEGMENT, World

pytestmark = pytest.mark.inline(reason="looks at one run from inside")


def look(world: World) -> first_sync.Report:
    world.connector.refresh_from_db()
    while first_sync.read_on(world.connector, clock=world.clock):
        pass
    return first_sync.report(Connector.objects.get(), now=world.clock())


@pytest.fixture
def paused(world: World) -> World:
    world.connector.pause("Paused by ann: it is being set up.", now=world.clock())
    return world


def test_what_would_be_made_and_what_is_there_already(paused: World) -> None:
    world = paused
    world.close.rep_create_lead({"name": "There", "url": "there.com", "contacts": [{"name": "Ann"}]})
    world.close.rep_create_lead({"name": "Alone"})
    world.hull.add_segment("account", SEGMENT, "Prospects", {"all": []})
    for name in ("There", "New"):
        world.hull.add_account({"id": f"a-{name}", "name": name, "domain": f"{name.lower()}.com"})
    before = world.close.snapshot(), len(world.hull.firehose_messages)

    found = look(world)

    assert (found.leads, found.contacts, found.accounts, found.is_read) == (2, 1, 2, True)
    assert found.run
    assert {(row["result"], row["reason"]): row["count"] for row in found.run.report["records"]} == {
        ("CREATED", "NEW"): 1, ("UNCHANGED", "ADOPTED"): 1,
    }  # fmt: skip
    assert (world.close.snapshot(), len(world.hull.firehose_messages)) == before
    assert {one.result for one in Outcome.objects.filter(direction="OUTBOUND")} <= {"DRY_RUN", "UNCHANGED"}
    assert not Connector.objects.get().is_active

    Connector.objects.get().resume()
    world.settle()
    assert sorted(lead["name"] for lead in world.close.leads.values()) == ["Alone", "New", "There"]


def test_a_key_that_is_refused_is_told(paused: World) -> None:
    paused.connector.close_api_key = "api_of_nobody"
    paused.connector.save()

    found = look(paused)

    assert (found.is_read, found.run) == (False, None)
    assert "key" in Connector.objects.get().pause_reason.lower()
