"""Pages that everybody can use: no serious finding of axe, in light and dark, and nothing cut off on a phone."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Page

from sync.models import ConfigurationVersion, Connector, Link, Outcome, Run
from tests.integration.admin.rows import everything
from tests.journeys.world import World

PAGES = {
    "home": "/admin/",
    "connectors": "/admin/sync/connector/",
    "connector": "/admin/sync/connector/{connector}/change/",
    "add": "/admin/sync/connector/add/",
    "start": "/admin/sync/connector/start/",
    "segments": "/admin/sync/connector/{connector}/setup/segments/",
    "mapping": "/admin/sync/connector/{connector}/setup/mapping/",
    "report": "/admin/sync/connector/{connector}/setup/report/",
    "explain": "/admin/sync/link/explain/?q=acme.com",
    "queue": "/admin/sync/change/",
    "outcomes": "/admin/sync/outcome/",
    "outcome": "/admin/sync/outcome/{outcome}/change/",
    "runs": "/admin/sync/run/",
    "run": "/admin/sync/run/{run}/change/",
    "links": "/admin/sync/link/",
    "link": "/admin/sync/link/{link}/change/",
    "deliveries": "/admin/sync/delivery/",
    "versions": "/admin/sync/configurationversion/",
    "alerts": "/admin/sync/alert/",
    "channels": "/admin/sync/alertchannel/add/",
    "approvals": "/admin/sync/approval/",
    "members": "/admin/accounts/membership/",
}
SERIOUS = ("serious", "critical")


@pytest.fixture
def site(world: World) -> dict[str, Any]:
    world.tell_account(id="a-acme", name="Acme", domain="acme.com", description="Robots")
    world.settle()
    connector = Connector.objects.get()
    return {
        "connector": connector.pk,
        "outcome": Outcome.objects.latest("pk").pk,
        "run": Run.objects.latest("pk").pk,
        "link": Link.objects.latest("pk").pk,
        "version": ConfigurationVersion.objects.count(),
    }


def _lists() -> dict[str, str]:
    """Return every list of the admin."""
    models = [model._meta for model in admin.site._registry]
    return {
        f"list of {one.model_name}": reverse(f"admin:{one.app_label}_{one.model_name}_changelist")
        for one in models
    }


def _pages_of(rows: SimpleNamespace) -> dict[str, str]:
    """Return the page of a row of every kind."""
    return {
        f"page of {row._meta.model_name}": reverse(
            f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]
        )
        for row in vars(rows).values()
        if isinstance(row, Model) and type(row) in admin.site._registry
    }


def findings(page: Page) -> list[str]:
    """Return what axe finds serious, each with the first element concerned."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, site: dict[str, Any], now: datetime, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    wrong = {}
    pages = PAGES | _lists() | _pages_of(everything("northwind-two", now)) if scheme == "light" else PAGES
    for name, path in pages.items():
        page.goto(path.format(**site), wait_until="networkidle")
        if found := findings(page):
            wrong[name] = found
    assert not wrong, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)


@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (720, 2)])
def test_nothing_is_cut_off(page: Page, site: dict[str, Any], width: int, zoom: int) -> None:
    """A phone's width, and a small screen at 200 %."""
    page.set_viewport_size({"width": width // zoom if zoom > 1 else width, "height": 844})
    wide = []
    for name, path in PAGES.items():
        page.goto(path.format(**site), wait_until="networkidle")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 1:
            wide.append((name, beyond))
    assert wide == []
