"""The doors are tested in the world of the journey tests, in one process."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import inline_world
from tests.journeys.world import World

__all__ = ["inline_world"]


@pytest.fixture
def world(inline_world: World) -> World:
    return inline_world
