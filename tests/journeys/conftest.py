"""The world of the journey tests, over the in-process sandbox: no socket is opened."""

from __future__ import annotations

import pytest
import requests

from sandbox import CloseSandbox, HullSandbox, SandboxAdapter
from sync import transport
from sync.services import apply
from tests.journeys.world import Clock, World, make_connector


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty Close and an empty Hull, with a connector between them."""
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
