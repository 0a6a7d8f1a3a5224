"""The world of the journey tests: in this process over the in-process sandbox, or with real processes.

`WORLD=processes` chooses the second; tests that need a clock of their own or count every request are left out there,
with the reason on their mark.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox import CloseSandbox, HullSandbox, SandboxAdapter
from sync import transport
from sync.services import apply
from tests.journeys.processes import Browser, ProcessWorld, WallClock, product, remotes
from tests.journeys.world import Clock, World, make_connector

IN_PROCESSES = os.environ.get("WORLD") == "processes"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        inline = item.get_closest_marker("inline")
        if IN_PROCESSES and inline:
            item.add_marker(pytest.mark.skip(reason=f"in one process only: {inline.kwargs['reason']}"))


if IN_PROCESSES:

    @pytest.fixture
    def world(process_world: World) -> World:
        """An empty Close and an empty Hull, with a connector between them."""
        return process_world

else:

    @pytest.fixture
    def world(inline_world: World) -> World:
        """An empty Close and an empty Hull, with a connector between them."""
        return inline_world


@pytest.fixture
def inline_world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    clock = Clock()
    close = CloseSandbox(clock=clock)
    hull = HullSandbox(clock=clock, public_url="http://localhost")
    monkeypatch.setattr(transport, "new_session", lambda: _session(close, hull))
    monkeypatch.setattr(apply, "THREADS", 1)
    monkeypatch.setattr("sync.tasks.dispatch", lambda *args, **kwargs: True)
    monkeypatch.setattr("django.utils.timezone.now", clock)
    return World(clock, close, hull, make_connector(close_api_key=close.api_key))


def _session(close: CloseSandbox, hull: HullSandbox) -> requests.Session:
    session = requests.Session()
    session.mount("http://close.sandbox", SandboxAdapter(close))
    session.mount("http://hull.sandbox", SandboxAdapter(hull))
    session.mount("http://localhost", SandboxAdapter(hull))
    return session


@pytest.fixture(scope="session")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Web, worker and scheduler, once for all tests."""
    with product(Path(tmp_path_factory.mktemp("product")) / "serve.log") as address:
        yield address


@pytest.fixture
def process_world(socket_enabled: None, transactional_db: None, site: str) -> Iterator[World]:
    with remotes(site) as (close, hull, close_port, hull_port):
        connector = make_connector(
            close_api_key=close.api_key,
            close_api_url=f"http://127.0.0.1:{close_port}/api/v1",
            hull_api_url=f"http://127.0.0.1:{hull_port}/api/v1",
            hull_firehose_url=f"http://127.0.0.1:{hull_port}/firehose",
        )
        yield ProcessWorld(WallClock(), close, hull, connector, Browser(site))  # type: ignore[arg-type]  # same verbs
