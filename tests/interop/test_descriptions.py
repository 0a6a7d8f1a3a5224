"""schemathesis on what the sandbox says of itself: no input is answered 500, and every answer is as described."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.interop.environments import home
from tests.interop.remotes import Remotes, sandbox
from tests.interop.running import need, surroundings

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 10


def of_close(remotes: Remotes) -> tuple[str, dict[str, str]]:
    key = base64.b64encode(f"{remotes.close_api_key}:".encode()).decode()
    return remotes.close, {"Authorization": f"Basic {key}"}


def of_hull(remotes: Remotes) -> tuple[str, dict[str, str]]:
    return remotes.hull, {"Hull-App-Id": remotes.connector_id, "Hull-Access-Token": remotes.secret, "Hull-Organization": remotes.hull.removeprefix("http://")}  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", [of_close, of_hull])
def test_no_input_is_too_much(place: Any, tmp_path: Path) -> None:
    need("schemathesis")
    with sandbox("--faults", "limits=off") as remotes:
        address, headers = place(remotes)
        described = requests.get(f"{address}/openapi.json", timeout=30).json()
        operations = sum(len(methods) for methods in described["paths"].values())
        found = subprocess.run(
            [str(home("schemathesis") / "bin" / "schemathesis"), "run", f"{address}/openapi.json", "--seed", "1", "--no-shrink",
             "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--continue-on-failure",
             "--suppress-health-check", "all",  # they judge how fast this machine makes inputs up
             *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}"))],
            check=False, capture_output=True, text=True, timeout=180, cwd=tmp_path, env=surroundings(),
        )  # fmt: skip
        still = requests.get(f"{address}/_sandbox/data", timeout=30)

    assert found.returncode == 0, (
        found.stdout[found.stdout.find("= FAILURES") :][:20000] + found.stderr[-2000:]
    )
    assert f"Tested: {operations}" in found.stdout, found.stdout[-3000:]
    assert still.ok, "the sandbox holds nothing that it cannot show"
