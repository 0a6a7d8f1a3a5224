"""The process dies between Hull's taking a value and our writing that down, and then the value changes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from sync.mapping.inbound import IN_DOUBT
from sync.models import Change, Link
from sync.services import apply, telling
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="dies at one exact place, and moves the clock past its lease")

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}


class Killed(BaseException):
    """No handler of the product may catch this, as none catches a kill."""


@pytest.fixture
def dies_once_told(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes the next telling of Hull the last act of a process."""
    to_hull = apply.to_hull

    def arm() -> None:
        def tell_and_die(*args: Any) -> None:
            taken = to_hull(*args)
            monkeypatch.setattr(apply, "to_hull", to_hull)
            if args[0]:
                raise Killed(taken)
            arm()

        monkeypatch.setattr(apply, "to_hull", tell_and_die)

    return arm


def go_on(world: World) -> None:
    """Another process takes over, once the dead one's lease and telling have run out."""
    for _ in range(4):
        world.clock.advance(minutes=3)
        world.settle()


def test_an_edit_that_is_undone_after_a_kill_is_undone_in_hull(
    world: World, dies_once_told: Callable[[], None]
) -> None:
    lead = world.close.rep_create_lead({"name": "Acme", "description": "before"})
    world.settle()
    world.close.rep_update_lead(lead["id"], {"description": "typo"})
    dies_once_told()

    with pytest.raises(Killed):
        world.settle()
    assert world.told(f"closeio:{lead['id']}")["closeio/description"] == "typo"
    world.close.rep_update_lead(lead["id"], {"description": "before"})
    go_on(world)

    assert world.told(f"closeio:{lead['id']}")["closeio/description"] == "before"
    messages = len(world.hull.firehose_messages)
    go_on(world)
    assert len(world.hull.firehose_messages) == messages


def test_a_field_that_is_emptied_again_after_a_kill_is_emptied_in_hull(
    world: World, dies_once_told: Callable[[], None]
) -> None:
    lead = world.close.rep_create_lead({"name": "Acme"})
    contact = world.close.rep_create_contact({"lead_id": lead["id"], "name": "Ada"})
    world.settle()
    phones = [{"type": "mobile", "phone": "+4930123456"}]
    world.close.rep_update_contact(contact["id"], {"phones": phones})
    dies_once_told()

    with pytest.raises(Killed):
        world.settle()
    world.close.rep_update_contact(contact["id"], {"phones": []})
    go_on(world)

    told = world.told(f"closeio:{contact['id']}")
    assert (told["closeio/phone_mobile"], told["closeio/phones"]) == (None, None)


def test_a_record_whose_first_telling_was_cut_short_is_told_whole_and_deleted_once(
    world: World, dies_once_told: Callable[[], None]
) -> None:
    lead = world.close.rep_create_lead({"name": "Acme", "description": "new"})
    dies_once_told()

    with pytest.raises(Killed):
        world.settle()
    go_on(world)
    assert world.told(f"closeio:{lead['id']}")["closeio/description"] == "new"
    assert world.outcome(lead["id"]).result == "CREATED"

    world.close.rep_delete_lead(lead["id"])
    dies_once_told()
    with pytest.raises(Killed):
        world.settle()
    go_on(world)
    assert world.told(f"closeio:{lead['id']}")["closeio/deleted_at"]
    assert not Link.objects.exclude(telling_since=None).exists()


@pytest.mark.parametrize("is_there", [True, False], ids=["adopted", "made"])
def test_the_new_id_reaches_hull_although_its_telling_was_cut_short(
    world: World, dies_once_told: Callable[[], None], is_there: bool
) -> None:
    if is_there:
        world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com"})
    world.settle()
    world.tell_account(**ACME)
    dies_once_told()

    with pytest.raises(Killed):
        world.settle()
    world.close.rep_update_lead(world.lead("Acme")["id"], {"description": "by hand"})
    go_on(world)

    told = world.told("a-acme")
    assert (told["closeio/id"], told["closeio/description"]) == (world.lead("Acme")["id"], "by hand")
    assert not Link.objects.exclude(telling_since=None).exists()
    assert not Change.objects.exclude(state="DONE").exists()


def test_what_was_never_sent_is_told_without_another_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is linked without a write to Close: no event of Close would ever remind of it."""
    world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com"})
    world.settle()
    to_hull = apply.to_hull
    monkeypatch.setattr(apply, "to_hull", lambda *args: _die() if args[0] else to_hull(*args))
    world.tell_account(**ACME)

    with pytest.raises(Killed):
        world.settle()
    monkeypatch.setattr(apply, "to_hull", to_hull)
    go_on(world)

    assert world.told("a-acme")["closeio/id"] == world.lead("Acme")["id"]


def _die() -> tuple[int, None]:
    raise Killed


def test_what_both_lanes_told_at_once_is_told_once_more_later(world: World) -> None:
    """Nobody knows whose message came last, so neither lane writes down that Hull holds its own."""
    lead = world.close.rep_create_lead({"name": "Acme", "description": "before"})
    world.settle()
    link, now = Link.objects.get(close_id=lead["id"]), world.clock()
    with transaction.atomic():
        first = telling.begin([(link, ["closeio/description"])], now=now)
        second = telling.begin([(link, ["closeio/description"])], now=world.clock())
        telling.end(first, [(link, {"closeio/description": "older"})], [], now=world.clock())
        telling.end(second, [(link, {"closeio/description": "newer"})], [], now=world.clock())
    link.refresh_from_db()
    assert link.sent["closeio/description"] == IN_DOUBT

    world.clock.advance(minutes=2)
    world.settle()

    link.refresh_from_db()
    assert (link.sent["closeio/description"], link.telling_since) == ("before", None)
    assert world.hull.firehose_messages[-1]["body"]["closeio/description"] == "before"
