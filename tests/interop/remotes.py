"""The sandbox as a process, and a look into what it holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent.parent
INDUSTRY = "cf_IndustryOfTheLead00000000000000000000000001"
TIER = "cf_TierOfTheLead00000000000000000000000000005"
SENIORITY = "cf_SeniorityOfTheContact00000000000000000000010"


@dataclass(frozen=True)
class Remotes:
    """Where both remotes are, and how to get in."""

    close: str
    hull: str
    close_api_key: str
    connector_id: str
    secret: str

    @property
    def close_login(self) -> dict[str, Any]:
        """What a client of Close is told."""
        return {"url": f"{self.close}/api/v1/", "key": self.close_api_key}

    @property
    def hull_login(self) -> dict[str, Any]:
        """What a client of Hull is told."""
        return {"organization": self.hull.removeprefix("http://"), "id": self.connector_id, "secret": self.secret, "firehose": f"{self.hull}/firehose"}  # fmt: skip

    def in_close(self) -> dict[str, Any]:
        """Return everything that Close holds."""
        return _json(requests.get(f"{self.close}/_sandbox/data", timeout=30))

    def in_hull(self) -> dict[str, Any]:
        """Return everything that Hull holds."""
        return _json(requests.get(f"{self.hull}/_sandbox/data", timeout=30))

    def get(self, path: str, **params: Any) -> Any:
        """Ask Close's API, past every client."""
        return _json(requests.get(f"{self.close}/api/v1{path}", params=params, auth=(self.close_api_key, ""), timeout=30))  # fmt: skip

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Make something through Close's API, past every client."""
        return _json(requests.post(f"{self.close}/api/v1{path}", json=body, auth=(self.close_api_key, ""), timeout=30))  # fmt: skip

    def pages(self, path: str, **params: Any) -> list[Any]:
        """Return all records of a list of Close's API."""
        found: list[Any] = []
        while True:
            page = self.get(path, _skip=len(found), _limit=100, **params)
            found += page["data"]
            if not page["has_more"]:
                return found


def _json(answer: requests.Response) -> Any:
    assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


@contextmanager
def sandbox(*options: str) -> Iterator[Remotes]:
    """Serve both remotes as `manage.py sandbox` does. Hull's organization is its own address, as its clients build theirs."""
    hull_port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--close-port=0", f"--hull-port={hull_port}",
         f"--hull-organization=127.0.0.1:{hull_port}", *options],
        cwd=ROOT, env=settings(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        lines = [process.stdout.readline().strip() for _ in range(4)]
        said = dict(line.partition(": ")[::2] for line in lines)
        assert "Close" in said, "the sandbox does not start"
        yield Remotes(
            said["Close"].rstrip("/"), said["Hull"].rstrip("/"), said["Close API key"], said["Hull connector id"], SECRET,
        )  # fmt: skip
    finally:
        end(process)


SECRET = "sandbox-secret-of-interop"


def settings(**more: str) -> dict[str, str]:
    """Return the environment variables of a process of the product."""
    return (
        os.environ
        | {"DJANGO_SETTINGS_MODULE": "closeconnector.settings", "SANDBOX_HULL_SECRET": SECRET}
        | more
    )


def end(process: subprocess.Popen[str]) -> None:
    """End a process as a person does, and wait for it."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(15)
    if process.stdout:
        process.stdout.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, is_true: Callable[[], Any], seconds: float = 45) -> Any:
    """Return what is true as soon as it is. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        found = is_true()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.2)
