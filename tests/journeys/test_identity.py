"""One company is one lead, one person one contact: whoever knows it, whatever the network does."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.moods import parse_moods
from sync.models import Change, Connector, Intent, Link
from sync.services import inbound, outbound, replay
from tests.journeys.world import SEGMENT, World, map_rows

pytestmark = pytest.mark.inline(reason="moves the clock, or counts every request")

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
ADA = {"id": "u-ada", "name": "Ada Example", "email": "ada@acme.com"}


def wait(world: World, **amount: float) -> None:
    world.clock.advance(**amount)
    world.settle()


def searches(world: World) -> int:
    return sum("/data/search" in path for _, path, *_ in world.close.requests)


# ── Known, adopted, never guessed ────────────────────────────────────────────────────────────────


def test_adopting_what_the_backfill_read_asks_close_nothing(world: World) -> None:
    there = world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    world.settle()
    asked = len(world.close.requests)

    world.tell_account(**ACME)
    world.drain()

    assert len(world.close.requests) == asked
    assert Link.objects.get(hull_id="a-acme").close_id == there["id"]


def test_a_lead_is_recognised_by_an_external_id_that_a_mapping_wrote(world: World) -> None:
    field = world.close.create_custom_field("lead", "Customer number")
    map_rows(world.connector, "LEAD", "OUTBOUND", [("external_id", f"custom.{field['id']}")])
    there = world.close.rep_create_lead(
        {"name": "Acme renamed", "url": "elsewhere.com", f"custom.{field['id']}": "77"}
    )

    world.tell_account(**ACME, external_id="77")
    world.settle()

    assert list(world.close.leads) == [there["id"]]
    assert world.outcome("a-acme").reason == "ADOPTED"


def test_a_lead_with_the_same_web_address_but_another_number_is_another_company(world: World) -> None:
    field = world.close.create_custom_field("lead", "Customer number")["id"]
    Connector.objects.update(identity_hull="external_id", identity_close=f"custom.{field}")
    empty = world.close.rep_create_lead({"name": "Acme", "url": "acme.com"})
    other = world.close.rep_create_lead({"name": "Acme of old", "url": "acme.com", f"custom.{field}": "1"})

    world.tell_account(**ACME, external_id="2")
    world.settle()

    assert Link.objects.get(hull_id="a-acme").close_id == empty["id"]
    assert world.close.leads[other["id"]][f"custom.{field}"] == "1"
    assert world.close.leads[empty["id"]][f"custom.{field}"] == "2"


def test_a_person_may_say_that_none_of_them_is_it(world: World) -> None:
    twin = {"id": "a-twin", "name": "Acme Labs", "domain": "acme.com"}
    world.tell_account(**ACME)
    world.tell_account(**twin)
    world.settle()
    wait(world, seconds=15)
    assert len(world.close.leads) == 1

    assert replay.choose_none(Change.objects.get(key="a-twin"), now=world.clock())
    world.close.fail_next("POST", "/lead/", "timeout_after")
    for _ in range(5):
        wait(world, seconds=20)
    world.tell_account(**twin, description="Second")
    world.settle()

    assert {lead["name"] for lead in world.close.leads.values()} == {"Acme", "Acme Labs"}
    assert world.lead("Acme Labs")["description"] == "Second"
    assert not Change.objects.filter(makes_new=True).exists()


# ── The Hull id kept in Close ────────────────────────────────────────────────────────────────────


def test_the_hull_id_is_kept_in_a_hidden_field_and_recognised_by_a_connector_that_forgot(
    world: World,
) -> None:
    Connector.objects.update(keeps_hull_id=True)
    world.tell_user(ACME, **ADA)
    world.settle()
    fields = [one for one in world.close.store.custom_fields.values() if one["name"] == "Hull ID"]
    assert [one["type"] for one in fields] == ["hidden", "hidden"]
    lead, contact = world.lead("Acme"), world.contact("Ada Example")
    world.connector.refresh_from_db()
    assert lead[f"custom.{world.connector.lead_hull_id_field}"] == "a-acme"
    assert contact[f"custom.{world.connector.contact_hull_id_field}"] == "u-ada"

    # everything that could name them changes in Close, and our memory is lost
    world.close.rep_update_lead(lead["id"], {"name": "New name", "url": "new.com"})
    world.close.rep_update_contact(contact["id"], {"name": "A. E.", "emails": []})
    Link.objects.all().delete()
    Change.objects.all().delete()
    Connector.objects.update(backfilled_at=None)
    world.tell_user(ACME, **ADA)
    world.settle()

    assert len(world.close.leads) == len(world.close.contacts) == 1
    assert Link.objects.get(hull_id="a-acme").close_id == lead["id"]
    assert Link.objects.get(hull_id="u-ada").close_id == contact["id"]


def test_a_key_that_may_not_make_fields_says_so_and_syncs_on(world: World) -> None:
    Connector.objects.update(keeps_hull_id=True)
    world.close.fail_next("POST", "/custom_field/.*", "status:403", times=9)

    world.tell_account(**ACME)
    world.settle()

    assert world.lead("Acme")
    assert any("Hull ID" in problem for problem in world.connector.problems)


# ── Created once ─────────────────────────────────────────────────────────────────────────────────


def test_one_company_under_two_hull_ids_in_one_notification_is_one_lead(world: World) -> None:
    twin = {"id": "a-twin", "name": "ACME Ltd", "domain": "www.acme.com"}
    world.notify("account:update", [world.account_message(**ACME), world.account_message(**twin)])

    world.settle()
    wait(world, seconds=30)

    assert len(world.close.leads) == 1
    held = Change.objects.get(key="a-twin")
    assert (held.state, held.reason) == ("HELD", "AMBIGUOUS_MATCH")
    assert "a-acme" in held.message


def sibling(world: World) -> Connector:
    """Return another connector of the same Close organization."""
    world.settle()
    mine = Connector.objects.get()
    return Connector.objects.create(
        organization=mine.organization, slug="second", name="Second", hull_connector_id="6b43ce781f6d9f471d005d45",
        hull_secret="other", hull_api_url=mine.hull_api_url, hull_firehose_url=mine.hull_firehose_url,
        close_api_url=mine.close_api_url, close_api_key=mine.close_api_key.reveal(), account_segments=[SEGMENT],
    )  # fmt: skip


def drain_both(world: World, second: Connector) -> None:
    for connector in (world.connector, second):
        connector.refresh_from_db()
        outbound.drain(connector, trigger="COMMAND", clock=world.clock)


def queued_for(world: World, second: Connector) -> None:
    """Queue the same company for the other connector."""
    change = Change.objects.get(key="a-acme", connector=world.connector, direction="OUTBOUND")
    change.pk, change.connector, change.state = None, second, "PENDING"
    change.save()


def test_two_connectors_of_one_close_organization_make_one_lead(world: World) -> None:
    second = sibling(world)
    inbound.pull(second, trigger="COMMAND", clock=world.clock)
    world.tell_account(**ACME)
    queued_for(world, second)
    # the second one has read Close right before the first one's lead is made
    drain_both(world, second)

    assert len(world.close.leads) == 1
    links = {link.connector_id: link.close_id for link in Link.objects.filter(hull_id="a-acme")}
    assert links == {world.connector.pk: world.lead("Acme")["id"], second.pk: world.lead("Acme")["id"]}


def test_while_one_connector_creates_a_company_another_waits(world: World) -> None:
    second = sibling(world)
    inbound.pull(second, trigger="COMMAND", clock=world.clock)
    world.pull()
    inbound.pull(second, trigger="COMMAND", clock=world.clock)
    second.refresh_from_db()
    world.close.set_moods(parse_moods("event_lag=10m"))
    world.tell_account(**ACME)
    queued_for(world, second)
    world.close.fail_next("POST", "/lead/", "timeout_after")

    drain_both(world, second)

    assert len([one for one in world.writes_to_close() if one == ("POST", "/lead/")]) == 1
    waiting = Change.objects.get(connector=second, key="a-acme")
    assert waiting.state == "PENDING"
    assert waiting.reason in ("TWIN_PENDING", "UNKNOWN_RESULT")
    for _ in range(8):
        world.clock.advance(seconds=20)
        world.settle()
        drain_both(world, second)
    assert len(world.close.leads) == 1


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after"])
def test_where_the_log_is_late_search_tells_that_a_post_was_carried_out(world: World, kind: str) -> None:
    world.settle()
    world.close.set_moods(parse_moods("event_lag=10m"))
    world.close.fail_next("POST", "/lead/", kind)
    world.tell_user(ACME, **ADA)

    for _ in range(8):
        wait(world, seconds=20)

    assert len(world.close.leads) == len(world.close.contacts) == 1
    assert searches(world) >= 1
    assert Link.objects.get(hull_id="a-acme").close_id == world.lead("Acme")["id"]
    assert Link.objects.get(hull_id="u-ada").close_id == world.contact("Ada Example")["id"]


def test_a_contact_without_an_address_is_found_in_its_lead_where_the_log_is_late(world: World) -> None:
    world.tell_account(**ACME)
    world.settle()
    world.close.set_moods(parse_moods("event_lag=10m"))
    world.close.fail_next("POST", "/contact/", "timeout_after")
    world.tell_user(ACME, id="u-noname", name="No Mail")

    for _ in range(8):
        wait(world, seconds=20)

    assert Link.objects.get(hull_id="u-noname").close_id == world.contact("No Mail")["id"]


def test_a_post_that_was_never_carried_out_is_sent_again(world: World) -> None:
    world.settle()
    world.close.fail_next("POST", "/lead/", "timeout_before")
    world.tell_account(**ACME)

    for _ in range(8):
        wait(world, seconds=20)

    assert world.lead("Acme")
    assert list(Intent.objects.order_by("pk").values_list("state", flat=True)) == ["REFUSED", "DONE"]


def test_a_request_whose_turn_came_too_late_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle()
    real = outbound.apply.to_close

    def after_a_pause(*args: Any, **options: Any) -> Any:
        world.clock.advance(minutes=6)  # the process slept between its intent and its request
        return real(*args, **options)

    monkeypatch.setattr(outbound.apply, "to_close", after_a_pause)
    world.tell_account(**ACME)
    outbound.drain(world.connector, trigger="COMMAND", clock=world.clock)
    assert world.close.leads == {}

    monkeypatch.setattr(outbound.apply, "to_close", real)
    for _ in range(3):
        wait(world, seconds=20)
    assert world.lead("Acme")


def test_with_an_event_log_in_trouble_close_is_searched_before_anything_is_made(world: World) -> None:
    world.settle()
    there = world.close.rep_create_lead({"name": "Acme", "url": "https://www.acme.com/about"})
    world.close.rep_create_contact(
        {"lead_id": there["id"], "name": "Ada", "emails": [{"email": "ADA@acme.com"}]}
    )
    world.clock.advance(minutes=10)
    world.close.fail_next("GET", "/event/.*", "status:500", times=99)
    world.tell_user(ACME, **ADA)
    world.tell_account(id="a-new", name="New", domain="new.com")

    world.drain()

    assert {lead["name"] for lead in world.close.leads.values()} == {"Acme", "New"}
    assert len(world.close.contacts) == 1
    assert Link.objects.get(hull_id="a-acme").close_id == there["id"]
    assert searches(world) == 3
