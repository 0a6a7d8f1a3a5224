"""Programs that others wrote for Close and Hull, run as they are against the sandbox.

They need packages from the registries, so they run when asked for by name only: `make interop`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.remotes import Remotes, sandbox
from tests.interop.running import drive

HERE = Path(__file__).resolve().parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless the command line names it."""
    named = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open the sockets, for the tests of this folder alone."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.enable_socket)


@pytest.fixture(scope="module")
def remotes() -> Iterator[Remotes]:
    """A fresh sandbox with its sample, for one module."""
    with sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def driven() -> Callable[..., Any]:
    """Run a driver program inside a client's environment and return what it printed."""

    def run(name: str, program: str, given: dict[str, Any], seconds: float = 100) -> Any:
        return drive(name, program, given, seconds)

    return run
