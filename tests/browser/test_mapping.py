"""Editing a mapping by clicking: what it would do is seen before it is saved, and going back is one click."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from sync.models import Connector, Mapping
from sync.services import versions
from tests.browser.conftest import picture
from tests.journeys.world import World


def test_preview_save_and_go_back(world: World, page: Page) -> None:
    for number in range(3):
        world.tell_account(
            id=f"a-{number}", name=f"Acme {number}", domain=f"acme{number}.com", industry="Robots"
        )
    versions.note(world.connector, {"created"}, by="bob", said="As we agreed with Acme.", now=world.clock())
    world.settle()
    description = Mapping.objects.get(object_type="LEAD", direction="OUTBOUND", close="description")

    page.goto(f"/admin/sync/connector/{world.connector.pk}/change/#leads-hull-close")
    page.get_by_role("link", name="Leads: Hull → Close").click()
    picture(page, "mapping")
    page.locator("#select2-id_lead_outbound-1-hull-container").click()
    page.locator(".select2-search__field").last.fill("indus")
    page.get_by_role("option", name="industry · e.g. Robots").click()
    page.get_by_role("button", name="Preview").click()

    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("3 records: 3 changed.")).to_be_visible()
    expect(preview.get_by_text("Robots").first).to_be_visible()
    picture(page, "preview")
    assert Mapping.objects.get(pk=description.pk).hull == "description"

    page.get_by_label("Note on this change").fill("The industry says more.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.goto(f"/admin/sync/connector/{world.connector.pk}/change/")
    page.get_by_role("button", name="Sync these 3 records").click()
    world.settle()
    assert {lead["description"] for lead in world.close.leads.values()} == {"Robots"}

    page.goto(f"/admin/sync/configurationversion/?connector__id__exact={world.connector.pk}")
    expect(page.get_by_text("The industry says more.")).to_be_visible()
    picture(page, "versions")
    assert Connector.objects.get().version == world.connector.version
