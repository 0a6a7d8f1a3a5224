"""Runs a few long-lived commands as children: prefixes what they print, restarts what dies, stops them together."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import FrameType
from typing import IO

STOP_WITHIN = 10.0
STEADY_AFTER = 60.0
LONGEST_PAUSE = 30.0
LOOK_EVERY = 0.2

LINUX = sys.platform == "linux"
LIBC = ctypes.CDLL(None) if LINUX else None
PR_SET_PDEATHSIG = 1


class Child:
    """One command that should always run. The pause before a restart doubles while it keeps dying early."""

    def __init__(self, name: str, command: Sequence[str], write: Callable[[str], None]) -> None:
        self.name = name
        self.command = list(command)
        self.write = write
        self.process: subprocess.Popen[str] | None = None
        self.started_at = self.start_at = 0.0
        self.early_deaths = 0

    def keep_alive(self, now: float) -> None:
        """Notice that it died, or start it when its time has come. Called again and again."""
        if self.process is None:
            if now >= self.start_at:
                self._start(now)
        elif (code := self.process.poll()) is not None:
            self._plan_restart(code, now)

    def stop(self) -> None:
        """Ask it to end."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it when it takes longer."""
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self.write(f"{self.name} did not stop in time and was killed")
            self.process.kill()
            self.process.wait()

    def _start(self, now: float) -> None:
        self.started_at = now
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_end_with_parent if LINUX else None,  # noqa: PLW1509 - it makes one system call
        )
        threading.Thread(target=self._copy_output, args=(self.process.stdout,), daemon=True).start()

    def _copy_output(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self.write(f"{self.name:<6} | {line.rstrip()}")

    def _plan_restart(self, code: int, now: float) -> None:
        steady = now - self.started_at >= STEADY_AFTER
        self.early_deaths = 0 if steady else self.early_deaths + 1
        pause = pause_before_restart(self.early_deaths)
        self.write(f"{self.name} ended with code {code}; it starts again in {pause:.0f} s")
        self.process, self.start_at = None, now + pause


def _end_with_parent() -> None:
    """In the child: ask the kernel for SIGTERM should the parent be killed. Loads nothing, for it runs between fork and exec."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def pause_before_restart(early_deaths: int) -> float:
    """Return 1, 2, 4 … seconds, at most half a minute."""
    return min(2.0 ** max(early_deaths - 1, 0), LONGEST_PAUSE)


class Supervisor:
    """Keeps all children alive until it is told to stop, then ends them all."""

    def __init__(self, commands: Mapping[str, Sequence[str]], write: Callable[[str], None]) -> None:
        self.write = write
        self.children = [Child(name, command, write) for name, command in commands.items()]
        self.stopping = threading.Event()

    def run(self) -> None:
        """Return after SIGINT or SIGTERM, when no child is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop_on_signal)
        try:
            while not self.stopping.wait(LOOK_EVERY):
                for child in self.children:
                    child.keep_alive(monotonic())
        finally:
            self.stop()

    def stop(self) -> None:
        """End all children: together, so that it takes as long as the slowest."""
        for child in self.children:
            child.stop()
        deadline = monotonic() + STOP_WITHIN
        for child in self.children:
            child.wait(deadline - monotonic())

    def _stop_on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()
