"""A real browser on the admin, with a simulated Close and Hull behind it; what a worker would do is done at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import User
from sync import tasks
from tests.conftest import CHROMIUM
from tests.journeys.conftest import inline_world
from tests.journeys.world import World

__all__ = ["inline_world"]

PICTURES = Path(os.environ["PICTURES"]) if os.environ.get("PICTURES") else None
FLAGS = ["--no-sandbox", "--disable-background-networking", "--force-prefers-reduced-motion"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.needs_browser)
            item.add_marker(pytest.mark.enable_socket)  # the browser and the server that it asks


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # The browser's driver runs a loop in this thread, in which Django would refuse to ask its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def world(live_server: Any, inline_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both remotes and a connector between them; tasks run where they are sent."""
    monkeypatch.setattr(tasks, "dispatch", _at_once)
    return inline_world


def _at_once(task: Any, *, after: float = 0, **kwargs: Any) -> bool:
    if not after:  # what comes later comes with the test's next step
        task.apply(kwargs=kwargs, throw=True)
    return True


@pytest.fixture
def page(chromium: Browser, live_server: Any, settings: LazySettings) -> Iterator[Page]:
    """A page of somebody who is signed in and may do everything. What the browser complains of fails the test."""
    User.objects.create_superuser("ann", "ann@example.com", "ann-likes-tests")
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: complaints.append(asked.url) if not _is_ours(asked.url, live_server.url) else None,
    )
    page.goto("/admin/login/?next=/admin/")
    page.fill("input[name=username]", "ann")
    page.fill("input[name=password]", "ann-likes-tests")
    page.click("button[type=submit]")
    page.wait_for_url(f"{live_server.url}/admin/")
    yield page
    context.close()
    assert complaints == []


def _is_ours(url: str, site: str) -> bool:
    return url.startswith((f"{site}/", "data:", "blob:"))


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, where somebody wants them: `PICTURES=docs/images`."""
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png")
