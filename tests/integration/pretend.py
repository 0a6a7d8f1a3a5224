"""A machine that starts sandboxes without starting a process: both remotes live in the test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import run
from sandbox.adapter import SandboxAdapter
from sync import transport
from sync.services import sandbox_process, sandboxes


class PretendMachine:
    """Remembers what was started; `refuses` and `is_silent` are its bad days, `taken` its ports in use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path, settings: Any) -> None:
        self.started: list[dict[str, str]] = []
        self.apps: dict[int, dict[str, Any]] = {}
        self.locks: dict[int, int] = {}
        self.taken: set[int] = set()
        self.refuses, self.is_silent, self.slept = "", False, 0.0
        self.directory = directory / "sandboxes"
        settings.VAR_DIR, settings.OWN_URL = directory, "http://127.0.0.1:8123"
        settings.ALLOW_INSECURE_REMOTES = False
        monkeypatch.setattr(transport, "new_session", self.session)
        monkeypatch.setattr(sandbox_process.os, "kill", self.kill)
        machine = sandboxes.Machine(self.launch, lambda port: port not in self.taken, self.sleep)
        for name in ("create", "keep_running", "discard"):
            defaults = getattr(sandboxes, name).__kwdefaults__
            monkeypatch.setitem(defaults, "machine", machine)

    def launch(self, command: Sequence[str], environment: Mapping[str, str], log: Path, lock: int) -> int:
        pid = 4_000_000 + len(self.started)
        options = dict(zip(command[3::2], command[4::2], strict=True))
        self.started.append(options | {"secret": environment["SANDBOX_HULL_SECRET"]})
        if self.refuses:
            log.write_text(f"something\nCommandError: {self.refuses}\n")
            return pid
        self.locks[pid] = os.dup(lock)
        if not self.is_silent:
            identity = run.Identity(
                options["--hull-organization"],
                options["--hull-connector-id"],
                environment["SANDBOX_HULL_SECRET"],
            )
            close, hull = run.build(identity=identity)
            ports = (options["--close-port"], options["--hull-port"])
            self.apps[pid] = {
                f"http://127.0.0.1:{port}/": app for port, app in zip(ports, (close, hull), strict=True)
            }
        return pid

    def kill(self, pid: int, number: int) -> None:
        """End a process, as the system does."""
        os.close(self.locks.pop(pid))
        self.apps.pop(pid, None)

    def end_all(self) -> None:
        for pid in list(self.locks):
            self.kill(pid, 15)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def session(self) -> requests.Session:
        """Return a session that reaches what runs, and nothing else."""
        session = requests.Session()
        session.adapters.clear()
        for apps in self.apps.values():
            for address, app in apps.items():
                session.mount(address, SandboxAdapter(app))
        return session

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.directory.iterdir()} if self.directory.exists() else set()
