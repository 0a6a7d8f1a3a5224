"""Both sides change the same field: whose value stays, a person's choice, and a field that two tools write in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from sync.models import Change, Link, Outcome
from tests.journeys.world import SEGMENT, World, map_rows

pytestmark = pytest.mark.inline(reason="both sides must be edited before the product looks")

ACME = "5a0000000000000000000001"
BOTH_WAYS = ("about", "description")


@pytest.fixture
def acme(world: World) -> World:
    """A world in which Acme's description is mapped both ways, and both sides hold the same."""
    rows = world.connector.mappings.filter(object_type="LEAD", close="description")
    rows.delete()
    map_rows(world.connector, "LEAD", "OUTBOUND", [BOTH_WAYS])
    map_rows(world.connector, "LEAD", "INBOUND", [BOTH_WAYS])
    world.hull.add_segment("account", SEGMENT, "Prospects", {"attribute": "is_prospect", "equals": True})
    world.hull.add_account(
        {"id": ACME, "name": "Acme", "domain": "acme.com", "about": "Rockets", "is_prospect": True}
    )
    world.settle()
    assert values(world) == ("Rockets", "Rockets")
    return world


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ops@example.com", "ops@example.com", "pw"))
    return client


def use(world: World, policy: str) -> None:
    world.connector.mappings.filter(direction="OUTBOUND", close="description").update(conflict=policy)


def rep_writes(world: World, value: str, **fields: Any) -> None:
    world.clock.advance(minutes=1)
    world.close.rep_update_lead(lead_id(world), {"description": value, **fields})


def marketer_writes(world: World, value: str | None, **attributes: Any) -> None:
    world.clock.advance(minutes=1)
    world.hull.set_account(ACME, {"about": value, **attributes})


def lead_id(world: World) -> str:
    (one,) = world.close.leads.values()
    return str(one["id"])


def values(world: World) -> tuple[Any, Any]:
    """Return the contested value in Hull and in Close."""
    (lead,) = world.close.leads.values()
    return world.hull.accounts[ACME].get("about"), lead["description"]


def whole(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return everything that both sides hold of Acme, without the times and the people of edits."""
    (lead,) = world.close.leads.values()
    moving = ("date_updated", "updated_by", "updated_by_name")
    account = {name: value for name, value in world.hull.accounts[ACME].items() if name not in _MOVING}
    return account, {name: value for name, value in lead.items() if name not in moving}


_MOVING = ("closeio/updated_at", "indexed_at", "updated_at")


def change(world: World) -> Change:
    return Change.objects.get(connector=world.connector, direction="OUTBOUND", key=ACME)


# ── Whose value stays ────────────────────────────────────────────────────────────────────────────


def rep_first(world: World) -> None:
    rep_writes(world, "rep's")
    marketer_writes(world, "Hull's")


def rep_last(world: World) -> None:
    marketer_writes(world, "Hull's")
    rep_writes(world, "rep's")


@pytest.mark.parametrize(
    ("policy", "edit", "stays"),
    [
        ("newest", rep_first, "Hull's"),
        ("newest", rep_last, "rep's"),
        ("hull", rep_first, "Hull's"),
        ("hull", rep_last, "Hull's"),
        ("close", rep_first, "rep's"),
        ("close", rep_last, "rep's"),
    ],
)
def test_the_policy_says_whose_value_stays_on_both_sides(
    acme: World, policy: str, edit: Callable[[World], None], stays: str
) -> None:
    use(acme, policy)
    account, lead = whole(acme)

    edit(acme)
    acme.settle()

    assert whole(acme) == (account | {"about": stays}, lead | {"description": stays})
    assert change(acme).state == "DONE"


@pytest.mark.parametrize("policy", ["newest", "hull", "close", "hold"])
def test_one_edit_alone_travels_under_every_policy(acme: World, policy: str) -> None:
    use(acme, policy)

    rep_writes(acme, "rep's")
    acme.settle()
    assert values(acme) == ("rep's", "rep's")
    acme.settle()  # Hull tells that it took the rep's value

    marketer_writes(acme, "Hull's")
    acme.settle()
    assert values(acme) == ("Hull's", "Hull's")


@pytest.mark.parametrize("policy", ["close", "hold"])
def test_an_edit_that_we_did_not_hear_of_yet_is_not_overwritten(acme: World, policy: str) -> None:
    use(acme, policy)

    rep_writes(acme, "rep's")
    marketer_writes(acme, "Hull's")
    acme.deliver()
    acme.drain()

    assert values(acme)[1] == "rep's"


# ── A person chooses ─────────────────────────────────────────────────────────────────────────────


def choose(admin: Client, held: Change, **sides: str) -> HttpResponse:
    posted = {f"side:{path}": side for path, side in sides.items()}
    return admin.post(reverse("admin:sync_change_choose_values", args=[held.pk]), posted)


@pytest.mark.parametrize(("side", "stays"), [("hull", "Hull's"), ("close", "rep's")])
@pytest.mark.parametrize("edit", [rep_first, rep_last])
def test_held_until_a_person_chooses(
    acme: World, admin: Client, side: str, stays: str, edit: Callable[[World], None]
) -> None:
    use(acme, "hold")
    account, lead = whole(acme)
    edit(acme)
    marketer_writes(acme, "Hull's", name="Acme Group")
    acme.settle()

    held = change(acme)
    assert (held.state, held.reason) == ("HELD", "CONFLICT")
    assert held.conflicts == {"description": ["Hull's", "rep's"]}
    assert whole(acme) == (
        account | {"about": "Hull's", "name": "Acme Group", "closeio/name": "Acme Group"},
        lead | {"description": "rep's", "name": "Acme Group", "display_name": "Acme Group"},
    )
    written = Outcome.objects.get(key=ACME, direction="OUTBOUND", fields=["name"])
    assert (written.reason, written.values) == ("CONFLICT", {"name": ["Acme", "Acme Group"]})

    assert choose(admin, held, description=side).status_code == 302
    acme.settle()

    assert values(acme) == (stays, stays)
    held = change(acme)
    assert (held.state, held.conflicts, held.chosen) == ("DONE", {}, {})


def test_an_edit_after_the_choice_is_not_lost(acme: World, admin: Client) -> None:
    use(acme, "hold")
    rep_first(acme)
    acme.settle()
    choose(admin, change(acme), description="hull")

    rep_writes(acme, "rep's second thought")
    acme.settle()

    assert values(acme) == ("Hull's", "rep's second thought")
    assert change(acme).reason == "CONFLICT"


def test_a_newer_message_withdraws_the_question(acme: World) -> None:
    use(acme, "hold")
    rep_first(acme)
    acme.settle()

    marketer_writes(acme, "rep's")
    acme.settle()

    assert values(acme) == ("rep's", "rep's")
    held = change(acme)
    assert (held.state, held.conflicts) == ("DONE", {})


def test_a_reps_later_edits_wait_beside_the_held_one(acme: World) -> None:
    use(acme, "hold")
    rep_first(acme)
    acme.settle()

    rep_writes(acme, "rep's again", url="https://acme.com/about")
    acme.settle()

    assert values(acme) == ("Hull's", "rep's again")
    assert acme.hull.accounts[ACME]["closeio/url"] == "https://acme.com/about"
    assert "changed on both sides" in " ".join(acme.outcome(lead_id(acme)).notes)


# ── Back and forth ───────────────────────────────────────────────────────────────────────────────


def ping_pong(world: World, rounds: int) -> None:
    """A processor in Hull insists on one value, an automation in Close on another; each answers the other."""
    for _ in range(rounds):
        world.clock.advance(seconds=30)
        if values(world)[1] != "automation's":
            world.close.rep_update_lead(lead_id(world), {"description": "automation's"})
        world.settle()
        world.settle()  # Hull tells that it took the automation's value, and the processor answers
        if values(world)[0] != "processor's":
            marketer_writes(world, "processor's")
        world.settle()


def test_a_ping_pong_stops_by_itself_and_goes_on_when_a_person_resumes_it(acme: World, admin: Client) -> None:
    account, lead = whole(acme)
    acme.connector.flip_limit = 3
    acme.connector.save()

    ping_pong(acme, 12)

    link = Link.objects.get(close_id=lead_id(acme))
    written = [body for method, _, _, body, _ in acme.close.requests if method == "PUT"]
    assert written == [{"description": "processor's"}] * 5
    assert list(link.paused_fields) == ["description"]
    assert acme.outcome(ACME).reason == "FLIPPING"
    notes = " ".join(acme.outcome(ACME).notes)
    assert "between “automation's” and “processor's”" in notes
    assert whole(acme) == (account | {"about": "processor's"}, lead | {"description": "automation's"})

    marketer_writes(acme, "processor's", name="Acme Group")
    acme.settle()
    assert next(iter(acme.close.leads.values()))["name"] == "Acme Group"
    assert values(acme)[1] == "automation's"

    admin.post(reverse("admin:sync_link_resume_one", args=[link.pk]), {"_form_submitted": "True"})
    acme.settle()

    link.refresh_from_db()
    assert (link.paused_fields, change(acme).state) == ({}, "DONE")
    assert whole(acme) == (
        account | {"about": "processor's", "name": "Acme Group", "closeio/name": "Acme Group"},
        lead | {"description": "processor's", "name": "Acme Group", "display_name": "Acme Group"},
    )


def test_a_counter_is_never_paused(acme: World) -> None:
    for number in range(20):
        marketer_writes(acme, f"visit {number}")
        acme.settle()

    assert values(acme) == ("visit 19", "visit 19")
    assert Link.objects.get(close_id=lead_id(acme)).paused_fields == {}
