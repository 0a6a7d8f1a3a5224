"""The supervisor keeps its children alive and leaves none behind. Real processes, small ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from closeconnector import supervisor
from closeconnector.supervisor import Supervisor, pause_before_restart
from tests.waiting import wait_until

FOREVER = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"


class Watched:
    """A supervisor in a thread, and the lines it wrote."""

    def __init__(self, **scripts: str) -> None:
        self.lines: list[str] = []
        commands = {name: [sys.executable, "-c", script] for name, script in scripts.items()}
        self.supervisor = Supervisor(commands, self.lines.append)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.supervisor.stopping.wait(0.02):
            for child in self.supervisor.children:
                child.keep_alive(supervisor.monotonic())
        self.supervisor.stop()

    def count(self, line: str) -> int:
        return self.lines.count(line)

    def stop(self) -> None:
        self.supervisor.stopping.set()
        self.thread.join(20)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    monkeypatch.setattr(supervisor, "pause_before_restart", lambda deaths: 0.05)
    started: list[Watched] = []

    def start(**scripts: str) -> Watched:
        started.append(Watched(**scripts))
        return started[-1]

    yield start
    for watched in started:
        watched.stop()


def test_what_children_print_carries_their_name(watch: Callable[..., Watched]) -> None:
    watched = watch(web=FOREVER, worker=FOREVER)

    wait_until(lambda: watched.count("web    | ready") and watched.count("worker | ready"))


def test_a_child_that_dies_starts_again_and_the_others_go_on(watch: Callable[..., Watched]) -> None:
    watched = watch(dying="print('here', flush=True); raise SystemExit(3)", steady=FOREVER)

    wait_until(lambda: watched.count("dying  | here") >= 2)

    assert "dying ended with code 3; it starts again in 0 s" in watched.lines
    assert watched.count("steady | ready") == 1


def test_stopping_leaves_nobody(watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 0.5)
    watched = watch(web=FOREVER, worker=STUBBORN)
    wait_until(lambda: watched.count("web    | ready") and watched.count("worker | ready"))

    watched.stop()

    codes = [child.process.poll() for child in watched.supervisor.children if child.process]
    assert codes == [-15, -9]
    assert "worker did not stop in time and was killed" in watched.lines


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    assert [pause_before_restart(deaths) for deaths in range(8)] == [1, 1, 2, 4, 8, 16, 30, 30]
