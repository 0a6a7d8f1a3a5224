"""What a person does at two in the morning: finds out why, and puts it right for many records at once."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from sync.models import Change
from tests.browser.conftest import picture
from tests.journeys.world import World


def test_why_is_this_company_not_in_close(world: World, page: Page) -> None:
    world.tell_account(in_segment=False, id="a-acme", name="Acme", domain="acme.com", description="Robots")
    world.settle()

    page.goto("/admin/")
    page.get_by_role("link", name="Find a record").click()
    page.get_by_label("Name, domain, e-mail address or id").fill("acme.com")
    page.get_by_role("button", name="Find").click()

    expect(
        page.get_by_text("Not in segment: The record is in none of the segments named on the connector.")
    ).to_be_visible()
    expect(page.get_by_text("Only in Hull")).to_be_visible()
    picture(page, "explain-skipped")


def test_what_failed_is_replayed_in_bulk(world: World, page: Page) -> None:
    for number in range(4):
        world.tell_account(id=f"a-{number}", name=f"Acme {number}", domain=f"acme{number}.com")
    world.settle()
    Change.objects.filter(direction="OUTBOUND").update(
        state="FAILED", reason="REJECTED", message="Close said: no."
    )

    page.goto("/admin/sync/change/?queue=attention")
    picture(page, "attention")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("replay_selected")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("4 put back into the queue.")).to_be_visible()
    world.settle()
    assert not Change.objects.stuck().exists()
