"""Takes the pictures of the documentation: starts the demo, signs in, photographs, stops. `make screenshots`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PORT = 8765
SITE = f"http://127.0.0.1:{PORT}"
SIZE = {"width": 1440, "height": 900}

PICTURES = {
    "overview": "/admin/",
    "connector": "/admin/sync/connector/{connector}/change/",
    "outcomes": "/admin/sync/outcome/",
    "changes": "/admin/sync/change/",
}


def main() -> int:
    """Return 0 when all pictures were taken."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is needed: apt-get install chromium")
        return 1
    environment = os.environ | {"PORT": str(PORT)}
    demo = subprocess.Popen(
        [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        _wait_for_login(demo)
        _photograph(chromium)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)
    return 0


def _wait_for_login(demo: subprocess.Popen[str]) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        print(line, end="")
        if "What Close holds" in line:
            time.sleep(5)  # the web server comes up after this line
            return
    raise SystemExit("the demo stopped before it served the admin")


def _photograph(chromium: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport=SIZE)
        _sign_in(page)
        for name, path in PICTURES.items():
            page.goto(SITE + path.format(connector=_connector(page)), wait_until="networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def _sign_in(page: Page) -> None:
    page.goto(f"{SITE}/admin/login/?next=/admin/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", "admin")
    page.click("button[type=submit]")
    page.wait_for_url(f"{SITE}/admin/")


def _connector(page: Page) -> str:
    """Return the primary key of the demo's connector, as the list links to it."""
    page.goto(f"{SITE}/admin/sync/connector/")
    link = page.locator("a[href*='/sync/connector/'][href*='/change/']").first.get_attribute("href") or ""
    return link.split("/sync/connector/")[1].split("/")[0]


if __name__ == "__main__":
    raise SystemExit(main())
