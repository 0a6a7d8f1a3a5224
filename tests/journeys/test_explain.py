"""“Why is this company not in Close?”: the page that answers it, and the moves on one record."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from sync.models import Change, Outcome, RecordPause
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="asks the admin of this process")

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com", "description": "Robots"}
FIND, MOVE = "/admin/sync/link/explain/", "/admin/sync/link/explain/move/"


def page(client: Client, q: str) -> str:
    """Return the page's text, without its markup."""
    shown = client.get(FIND, {"q": q}).content.decode()
    return re.sub(
        r"\s+", " ", html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", shown, flags=re.S))
    )


def move(client: Client, world: World, what: str, hull_id: str, close_id: str = "", **more: str) -> None:
    sent = {
        "connector": world.connector.pk,
        "object": "LEAD",
        "hull_id": hull_id,
        "close_id": close_id,
        "move": what,
    }
    assert client.post(MOVE, sent | more).status_code == 302
    world.connector.refresh_from_db()


def verdicts(client: Client, q: str) -> dict[str, str]:
    """Return what happens with each field that goes out."""
    context = client.get(FIND, {"q": q}).context
    record = context["record"]
    return {one.close: one.verdict.value for one in record.fields if one.direction == "OUTBOUND"}


@pytest.mark.parametrize("name", ["Acme", "acme", "acme.com", "https://www.acme.com/", "a-acme"])
def test_a_record_that_was_never_sent_is_explained(world: World, admin_client: Client, name: str) -> None:
    world.tell_account(in_segment=False, **ACME)
    world.settle()

    shown = page(admin_client, name)

    assert "Only in Hull" in shown
    assert "Not in segment" in shown
    assert "Add the segment, or change the record so that it enters one." in shown
    assert verdicts(admin_client, name) == {"name": "RECORD", "url": "RECORD", "description": "RECORD"}


def test_each_field_says_its_rule_and_who_holds_what(world: World, admin_client: Client) -> None:
    world.tell_account(**ACME)
    world.settle()
    lead = world.lead("Acme")
    world.close.rep_update_lead(lead["id"], {"description": "Edited by a rep"})
    world.settle()

    assert verdicts(admin_client, lead["id"]) == {
        "name": "IN_STEP",
        "url": "IN_STEP",
        "description": "OTHER_SIDE",
    }
    shown = page(admin_client, "acme.com")
    for said in (
        "Edited by a rep",
        "Close's value stays",
        "version 1",
        "closeio/description",
        "Open in Close",
    ):
        assert said in shown


def test_one_record_is_paused_keeps_what_arrives_and_goes_on(world: World, admin_client: Client) -> None:
    world.tell_account(**ACME)
    world.tell_account(id="a-other", name="Other", domain="other.com")
    world.settle()
    lead = world.lead("Acme")

    move(admin_client, world, "pause", "a-acme", lead["id"], reason="They asked us to wait.")
    world.tell_account(**{**ACME, "description": "Newer"})
    world.tell_account(id="a-other", name="Other", domain="other.com", description="Newer")
    world.close.rep_update_lead(lead["id"], {"status_id": world.close.store.statuses[1]["id"]})
    world.settle()

    assert world.lead("Acme")["description"] == "Robots"
    assert world.lead("Other")["description"] == "Newer"
    assert world.told("a-acme")["closeio/status"] == "Potential"
    assert {
        one.reason for one in Outcome.objects.filter(key__in=["a-acme", lead["id"]]).order_by("-pk")[:2]
    } == {"PAUSED"}
    assert Change.objects.stuck().count() == 0
    assert "Paused by admin: They asked us to wait." in page(admin_client, "a-acme")

    move(admin_client, world, "resume", "a-acme", lead["id"])
    world.settle()

    assert world.lead("Acme")["description"] == "Newer"
    assert world.told("a-acme")["closeio/status"] == world.close.store.statuses[1]["label"]
    assert not RecordPause.objects.exists()


def test_one_record_is_synced_at_once(world: World, admin_client: Client) -> None:
    world.tell_account(**ACME)
    world.settle()
    before = Outcome.objects.count()

    move(admin_client, world, "sync", "a-acme", world.lead("Acme")["id"])
    world.settle()

    assert Outcome.objects.count() == before + 2
    assert world.outcome("a-acme").result == "UNCHANGED"


def test_a_name_that_fits_several_offers_them(world: World, admin_client: Client) -> None:
    for number in (1, 2):
        world.tell_account(id=f"a-{number}", name=f"Acme {number}", domain=f"acme{number}.com")
    world.settle()

    shown = page(admin_client, "Acme")

    assert "Several records fit" in shown
    assert "Acme 1" in shown and "Acme 2" in shown


def test_what_nobody_told_of_is_not_known(world: World, admin_client: Client) -> None:
    assert "Nothing of that name is known" in page(admin_client, "nobody.example")
