"""From an empty installation to the first synced record, by clicking."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from accounts.models import Agency, Organization
from sync.models import Connector
from tests.browser.conftest import picture
from tests.journeys.world import HULL_ID, ORGANIZATION, SECRET, SEGMENT, World


def test_ten_minutes_from_nothing_to_the_first_record(world: World, page: Page) -> None:
    world.connector.delete()
    Organization.objects.all().delete()
    Agency.objects.all().delete()
    Agency.objects.create(slug="northwind", name="Northwind Growth")
    world.hull.add_segment("account", SEGMENT, "Prospects", {"all": []})

    page.goto("/admin/")
    page.get_by_role("link", name="Set one up").click()
    page.get_by_label("Name of the new organization").fill("Acme")
    page.get_by_label("Its Hull domain").fill(ORGANIZATION)
    page.get_by_label("Name of the connector").fill("Acme to Close")
    picture(page, "setup-start")
    page.get_by_role("button", name="Go on").click()

    page.get_by_label("Hull connector id").fill(HULL_ID)
    page.get_by_label("Hull secret").fill(SECRET)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Close API key").fill(world.close.api_key)
    # Where the simulated remotes are, nobody types in a guide.
    Connector.objects.update(
        hull_api_url="http://hull.sandbox/api/v1", hull_firehose_url="http://hull.sandbox/firehose",
        close_api_url="http://close.sandbox/api/v1",
    )  # fmt: skip
    page.get_by_role("button", name="Save and go on").click()

    expect(page.get_by_text("Both sides answer.")).to_be_visible()
    picture(page, "setup-test")
    page.get_by_role("button", name="Go on", exact=True).click()
    page.select_option("select[name=account_segments]", SEGMENT, force=True)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Lead status").select_option("Qualified")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("button", name="Save and go on").click()
    picture(page, "setup-mapping")
    page.get_by_role("button", name="Map these and go on").click()

    assert world.writes_to_close() == []
    page.get_by_role("button", name="Read both sides").click()
    expect(page.get_by_text("Hull told of no record yet")).to_be_visible()
    picture(page, "setup-report")
    page.get_by_role("button", name="Go on", exact=True).click()
    page.get_by_role("button", name="Start syncing").click()
    expect(page.get_by_text("Acme to Close runs.")).to_be_visible()

    world.connector = Connector.objects.get()
    world.tell_account(id="a-acme", name="Acme", domain="acme.com", description="Robots")
    world.settle()

    lead = world.lead("Acme")
    assert (lead["url"], lead["status_label"]) == ("https://acme.com", "Qualified")
    assert world.told("a-acme")["closeio/id"] == lead["id"]
    page.goto("/admin/sync/link/explain/?q=acme.com")
    expect(page.get_by_text("Paired", exact=True)).to_be_visible()
