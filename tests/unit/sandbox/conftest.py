"""Both simulated remotes, empty, under a clock that a test moves."""

from __future__ import annotations

import pytest

from sandbox import CloseSandbox, HullSandbox
from tests.unit.sandbox.remotes import Clock, CloseApi, HullApi


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> CloseApi:
    return CloseApi(CloseSandbox(clock), clock)


@pytest.fixture
def hull(clock: Clock) -> HullApi:
    return HullApi(HullSandbox(clock), clock)
