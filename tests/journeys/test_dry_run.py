"""A dry run: the full plan of a real run, down to each field, and not one write."""

from __future__ import annotations

from typing import Any

import pytest

from sync.errors import DryRunError
from sync.models import Change, Connector, Intent, Link, Outcome, Run
from sync.services import inbound, outbound, setup
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="looks at one run from inside")

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
OTHER = {"id": "a-other", "name": "Other", "domain": "other.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "ada@acme.com"}


def state() -> Any:
    """Return everything of ours that a dry run must leave alone."""
    return [
        list(Change.objects.order_by("pk").values()),
        list(Link.objects.order_by("pk").values("close_id", "hull_id", "base", "sent", "paired_at")),
        Intent.objects.count(),
    ]


def rehearse(world: World) -> tuple[Run, dict[str, Outcome]]:
    Connector.objects.get().refresh_from_db()
    run = outbound.drain(world.connector, trigger="COMMAND", clock=world.clock, dry_run=True)
    assert run is not None
    return run, {outcome.key: outcome for outcome in run.outcomes.all()}


def test_a_dry_run_shows_what_a_real_run_then_does(world: World) -> None:
    there = world.close.rep_create_lead({"name": "There", "url": "there.com", "description": "by a rep"})
    world.tell_user(ACME, **ADA)
    world.settle()
    world.tell_user(OTHER, **ADA, title="CTO")
    world.tell_account(id="a-there", name="There Inc", domain="there.com")
    before, remote = state(), (world.close.snapshot(), len(world.hull.firehose_messages))

    run, told = rehearse(world)

    assert state() == before
    assert (world.close.snapshot(), len(world.hull.firehose_messages)) == remote
    assert (told["a-other"].result, told["a-other"].close_id) == ("DRY_RUN", "lead_virtual_1")
    assert told["a-other"].values == {"name": [None, "Other"], "url": [None, "https://other.com"]}
    assert told["u-ada"].values == {
        "lead_id": [world.lead("Acme")["id"], "lead_virtual_1"], "title": ["", "CTO"],
    }  # fmt: skip
    assert told["a-there"].values == {"name": ["There", "There Inc"]}
    assert told["a-there"].close_id == there["id"]
    assert run.report["requests"] == 3

    writes = len(world.writes_to_close())
    world.settle()
    assert len(world.writes_to_close()) - writes == run.report["requests"]
    assert world.contact("Ada Example")["lead_id"] == world.lead("Other")["id"]
    assert world.lead("There Inc")["description"] == "by a rep"


def test_a_dry_run_says_what_the_brake_would_hold(world: World) -> None:
    world.settle()
    Connector.objects.update(brake_creates=1)
    world.tell_account(**ACME)
    world.tell_account(**OTHER)
    world.connector.refresh_from_db()

    run, told = rehearse(world)

    assert {outcome.reason for outcome in told.values()} == {"NEEDS_APPROVAL"}
    assert Change.objects.filter(state="PENDING", direction="OUTBOUND").count() == 2
    assert run.report["requests"] == 0


def test_a_dry_run_inbound_tells_hull_nothing(world: World) -> None:
    world.settle()
    world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    world.pull()

    run = inbound.drain(world.connector, trigger="COMMAND", clock=world.clock, dry_run=True)

    assert run is not None and run.counters == {"CREATED": 1}
    assert list(run.outcomes.values_list("result", flat=True)) == ["DRY_RUN"]
    assert world.hull.firehose_messages == []
    world.settle()
    assert len(world.hull.accounts) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda remotes: remotes.close.create_lead({"name": "Acme"}),
        lambda remotes: remotes.close.update_lead("lead_1", {"name": "Acme"}),
        lambda remotes: remotes.close.create_contact({"lead_id": "lead_1", "name": "Ada"}),
        lambda remotes: remotes.close.delete_webhook("whsub_1"),
        lambda remotes: remotes.hull.put_status("ok", []),
    ],
)
def test_no_write_gets_through_the_door_of_a_dry_run(world: World, write: Any) -> None:
    remotes = setup.connect(world.connector, clock=world.clock, dry_run=True)

    with pytest.raises(DryRunError):
        write(remotes)

    assert world.close.requests == []
