"""`manage.py serve`, for real: web, worker and scheduler start, survive a death, and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the process table of Linux"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A running `serve` on a database of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.log = directory / "log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite:///{directory}/served.sqlite3",
            "PORT": str(self.port),
        }
        self.manage("migrate", "--verbosity", "0").wait(120)
        self.process = self.manage("serve")

    def manage(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", *arguments]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def children(self) -> dict[str, int]:
        """Return the children's process ids by name."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            found[next((name for name in ("gunicorn", "worker", "beat") if name in command), command)] = int(
                pid
            )
        return found

    def said(self, words: str) -> bool:
        return words in self.log.read_text()

    def group_is_gone(self) -> bool:
        """Whether no process is left of its group, which every child and grandchild is in."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path)
    yield running
    if not running.group_is_gone():
        os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait(10)
    print(running.log.read_text())  # noqa: T201 - shown when the test failed


def test_serve_from_start_to_end(served: Served) -> None:
    wait_until(lambda: '"status": "ok"' in served.get("/health/ready"))
    assert "Close Connector" in served.get("/admin/login/")
    assert "--color-primary" in served.get("/static/unfold/css/styles.css")
    wait_until(lambda: served.said("ready.") and served.said("beat leads"))

    first = served.children()
    os.kill(first["worker"], signal.SIGKILL)
    wait_until(lambda: served.children().get("worker", first["worker"]) != first["worker"])
    assert served.said("worker ended with code -9; it starts again in 1 s")
    assert served.children()["gunicorn"] == first["gunicorn"]

    os.killpg(served.process.pid, signal.SIGINT)  # what Ctrl-C does
    assert served.process.wait(15) == 0
    wait_until(served.group_is_gone, 5)
    assert served.said("Stopped.")


def test_killing_it_leaves_no_orphans(served: Served) -> None:
    wait_until(lambda: served.get("/health/live") and served.said("ready."))

    served.process.kill()

    served.process.wait(10)
    wait_until(served.group_is_gone, 15)


def test_a_taken_port_is_named(served: Served) -> None:
    wait_until(lambda: served.get("/health/live"))

    assert served.manage("serve").wait(30) == 2

    assert served.said(f"PORT {served.port} cannot be used on 127.0.0.1: Address already in use.")
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.process.wait(15) == 0
    wait_until(served.group_is_gone, 5)
