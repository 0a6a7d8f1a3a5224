"""Our own writes come back from Close: dropped where they say nothing new, and nobody else's edit with them."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Change, Link
from tests.journeys.rep import ask
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it counts messages and moves the clock between them")

ACCOUNT = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}


@pytest.fixture
def lead(world: World) -> str:
    world.settle()
    world.tell_user(ACCOUNT | {"description": "Rockets"}, id="u-ada", name="Ada", email="ada@acme.com")
    world.settle()
    world.clock.advance(minutes=10)
    world.settle()
    world.hull.firehose_messages.clear()
    world.close.requests.clear()
    return str(world.lead("Acme")["id"])


def told(world: World) -> list[dict[str, Any]]:
    return [message["body"] for message in world.hull.firehose_messages]


def test_our_write_comes_back_and_says_nothing(world: World, lead: str) -> None:
    world.tell_account(**ACCOUNT, description="Space")
    world.settle()
    world.hull.firehose_messages.clear()
    world.clock.advance(minutes=1)
    world.settle()

    assert told(world) == []
    assert world.outcome(lead).reason == "ECHO"


def test_another_tool_on_the_same_key_is_heard(world: World, lead: str) -> None:
    ask(world, "PUT", f"/lead/{lead}/", description="typed by a script")
    world.settle()

    assert [one["closeio/description"] for one in told(world)] == ["typed by a script"]
    assert world.writes_to_close() == [("PUT", f"/lead/{lead}/")]


def test_a_rep_who_changes_another_field_in_the_same_second_is_heard(world: World, lead: str) -> None:
    world.tell_account(**ACCOUNT, description="Space")
    world.deliver()
    world.drain()
    status = world.close.settings.create_status("Qualified")["id"]
    world.close.rep_update_lead(lead, {"status_id": status})
    world.settle()

    said = {name: value for body in told(world) for name, value in body.items()}
    assert said["closeio/status"] == "Qualified"
    assert said["closeio/description"] == "Space"
    assert world.close.leads[lead]["description"] == "Space"


def test_a_rep_who_changes_what_we_just_wrote_is_heard(world: World, lead: str) -> None:
    world.tell_account(**ACCOUNT, description="Space")
    world.drain()
    world.close.rep_update_lead(lead, {"description": "Not space"})
    for _ in range(3):
        world.clock.advance(minutes=1)
        world.settle()

    assert world.close.leads[lead]["description"] == "Not space"
    assert told(world)[-1]["closeio/description"] == "Not space"


@pytest.mark.parametrize(
    ("attribute", "value", "stored"),
    [("phone", "(415) 555-2671", "+14155552671"), ("email", " ADA@Acme.com ", "ada@acme.com")],
)
def test_what_close_makes_of_a_value_is_no_reason_to_write_it_again(
    world: World, lead: str, attribute: str, value: str, stored: str
) -> None:
    """Close keeps a phone number in its own form. That form comes back, and both sides rest."""
    world.tell_user(ACCOUNT, id="u-ada", name="Ada", **({"email": "ada@acme.com"} | {attribute: value}))
    world.settle()
    contact = world.contact("Ada")
    held = {entry[attribute] for entry in contact[f"{attribute}s"]}
    assert held == {stored}
    link = Link.objects.get(close_id=contact["id"])
    world.close.requests.clear()
    world.hull.firehose_messages.clear()

    for number in range(5):
        world.clock.advance(minutes=2)
        world.tell_user(
            ACCOUNT,
            id="u-ada",
            name="Ada",
            **({"email": "ada@acme.com", "visits": number} | {attribute: value}),
        )
        world.settle()

    assert world.writes_to_close() == []
    assert told(world) == []
    assert Link.objects.get(pk=link.pk).base == link.base
    assert not Change.objects.filter(state="PENDING").exists()
