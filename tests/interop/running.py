"""Driver programs, each run inside the environment of the client that it uses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import NODE, home, is_ready

CLIENTS = Path(__file__).resolve().parent / "clients"


def need(name: str) -> None:
    """Skip when an environment could not be made here; under CI that is a failure."""
    if is_ready(name):
        return
    why = f"no environment for {name}: make interop says why"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(why)
    pytest.skip(why)


def surroundings(**more: str) -> dict[str, str]:
    """Return the environment variables of a program that is not ours: nothing of the project is in them."""
    ours = ("DJANGO_", "PYTHON", "PYTEST_", "DATABASE_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def command(name: str, program: str) -> list[str]:
    """Return the command line of a driver."""
    if name in NODE:
        return ["node", "--no-deprecation", "--no-warnings", str(CLIENTS / program)]
    return [str(home(name) / "bin" / "python"), "-I", str(CLIENTS / program)]


def drive(name: str, program: str, given: dict[str, Any], seconds: float = 100) -> Any:
    """Hand a driver its input as JSON and return the JSON it printed. Fails with what it said if it fails."""
    need(name)
    more = {"NODE_PATH": str(home(name) / "node_modules")} if name in NODE else {}
    found = subprocess.run(
        command(name, program), input=json.dumps(given), capture_output=True, text=True, timeout=seconds,
        check=False, cwd=home(name), env=surroundings(**more),
    )  # fmt: skip
    assert found.returncode == 0, f"{program} failed:\n{found.stderr[-4000:]}\n{found.stdout[-1000:]}"
    return json.loads(found.stdout.strip().splitlines()[-1])
