"""What holds for every test, above all honesty about what this machine could not run.

Python sockets are closed unless a test is marked `enable_socket`. PostgreSQL is reached all the same, since its
client library opens its own.
"""

from __future__ import annotations

import os
import shutil
import socket
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CI = os.environ.get("CI", "").lower() == "true"
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def now() -> datetime:
    """The moment at which a test plays."""
    return NOW


# ── What a test needs from the machine ───────────────────────────────────────────────────────────


def _why_no_postgres() -> str:
    on_postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    return "" if on_postgres else "runs on PostgreSQL only: make test-postgres"


def _why_no_redis() -> str:
    url = urlsplit(REDIS_URL)
    try:
        socket.create_connection((url.hostname or "127.0.0.1", url.port or 6379), timeout=1).close()
    except OSError:
        return f"no Redis at {url.hostname}:{url.port}"
    return ""


def _why_no_browser() -> str:
    return "" if CHROMIUM else "no Chromium on this machine"


NEEDS = {"needs_postgres": _why_no_postgres, "needs_redis": _why_no_redis, "needs_browser": _why_no_browser}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what cannot run here. Under CI the services have to be there, so that nothing is skipped unseen."""
    for mark, why_not in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(mark)]
        reason = why_not() if marked else ""
        must_run = CI and mark in ("needs_redis", "needs_browser")
        for item in marked if reason and not must_run else []:
            item.add_marker(pytest.mark.skip(reason=f"{mark}: {reason}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one place what was left out, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped]
    if not reasons:
        return
    terminalreporter.section("Not run on this machine")
    for reason in sorted(set(reasons)):
        terminalreporter.write_line(f"{reasons.count(reason):4} × {reason}")
