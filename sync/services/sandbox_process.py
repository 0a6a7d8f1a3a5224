"""The process of one sandbox: its files, its lock, its start and its end."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

END_SECONDS = 15
PAUSE_SECONDS = 0.1

# Starts a command with an environment, its output in a file and a lock to inherit; returns the process id.
Launch = Callable[[Sequence[str], Mapping[str, str], Path, int], int]


def launch(command: Sequence[str], environment: Mapping[str, str], log: Path, lock: int) -> int:
    """Start a process that outlives us: a web worker that is replaced must not take it along."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(lock,),
            start_new_session=True,
        )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie stays
    return process.pid


@dataclass(frozen=True, slots=True)
class Process:
    """`path` is where its files are, without their endings. Whoever holds the lock on `.pid` is the process."""

    path: Path

    @property
    def log(self) -> Path:
        return self._file("log")

    def exists(self) -> bool:
        """Whether it was ever started on this machine."""
        return self._file("pid").exists()

    def organization(self) -> str:
        """Return the Hull organization it was started for."""
        return self._noted()[1]

    def is_alive(self) -> bool:
        if not self.exists():
            return False
        lock = self._take_lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def start(self, arguments: Mapping[str, str], secret: str, launch: Launch) -> None:
        """Start it, unless it lives or somebody else is starting it just now."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._take_lock()
        if lock is None:
            return
        options = [part for pair in arguments.items() for part in pair]
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "sandbox", *options]
        os.ftruncate(lock, 0)  # an earlier process' id
        try:
            pid = launch(command, {**os.environ, "SANDBOX_HULL_SECRET": secret}, self.log, lock)
            self._file("pid").write_text(f"{pid}\n{arguments['--hull-organization']}\n")
        finally:
            os.close(lock)  # the process has its own

    def ask_to_end(self) -> None:
        """Ask it to end, which it does within moments, after having written down what it holds."""
        self._signal(signal.SIGTERM)

    def end(self, sleep: Callable[[float], None]) -> None:
        """Ask it to end and wait for that; kill it when it takes too long."""
        self.ask_to_end()
        for _ in range(int(END_SECONDS / PAUSE_SECONDS)):
            if not self.is_alive():
                return
            sleep(PAUSE_SECONDS)
        self._signal(signal.SIGKILL)

    def forget(self) -> None:
        """Remove its files."""
        for ending in ("close", "hull", "close.new", "hull.new", "log", "pid"):
            self._file(ending).unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return the last line it wrote."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1].removeprefix("CommandError: ") if lines else "it ended without a word."

    def _signal(self, number: int) -> None:
        pid, _ = self._noted()
        if pid and self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _noted(self) -> tuple[int, str]:
        try:
            pid, organization, *_ = [*self._file("pid").read_text().splitlines(), "", ""]
        except OSError:
            return 0, ""
        return int(pid) if pid.isdecimal() else 0, organization

    def _take_lock(self) -> int | None:
        lock = os.open(self._file("pid"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _file(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")
