"""The world with web, worker and scheduler as processes of their own, over a broker: as a customer runs it.

The sandbox is served from threads of the test, so that a test can still look into it and act in it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.db import connection

from sandbox import CloseSandbox, HullSandbox
from sandbox.http import serve
from sandbox.hull.courier import start_courier
from sync.models import Change, Lane, Run
from tests.journeys.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class WallClock:
    """The real clock: waiting is what the product does, so a test cannot move it."""

    def __call__(self) -> datetime:
        return utc_now()

    def advance(self, **amount: float) -> None:
        """Let a moment pass, so that times differ; a minute of the story takes no minute of the test."""
        time.sleep(0.02)  # real processes share this clock


@dataclass
class Browser:
    """Posts to the web process, with what a test reads of an answer."""

    site: str

    def post(self, path: str, data: str, content_type: str, headers: Mapping[str, str] | None = None) -> Any:
        return requests.post(
            self.site + path,
            data=data.encode(),
            headers={"Content-Type": content_type} | dict(headers or {}),
            timeout=30,
        )


class ProcessWorld(World):
    """The same verbs as the world in one process; settling is waiting until the processes have nothing left to do."""

    def settle(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            before = self._state()
            self.pull()
            self.drain()
            if self._state() == before:
                return
        raise AssertionError("the world does not settle: something travels for ever")

    def pull(self, full: bool = False) -> None:
        """Have the worker read Close, and wait until it has; while it reads anyway it is asked again."""
        from sync.tasks import dispatch, pull

        done = Run.objects.filter(kind=Run.Kind.PULL, trigger=Run.Trigger.PERSON).exclude(
            state=Run.State.RUNNING
        )
        before, pressed = done.count(), 0.0

        def is_read() -> bool:
            nonlocal pressed
            if time.monotonic() - pressed > 1.0:
                pressed = time.monotonic()
                dispatch(pull, connector_id=self.connector.pk, trigger=Run.Trigger.PERSON, full=full)
            return done.count() > before

        wait_for("a pull", is_read)

    def drain(self) -> None:
        """Press “Sync now” until nothing is due, nobody works, and Hull has told everything."""
        from sync.tasks import dispatch, drain_inbound, drain_outbound

        pressed = 0.0

        def is_idle() -> bool:
            nonlocal pressed
            if time.monotonic() - pressed > 1.0:
                pressed = time.monotonic()
                for task in (drain_inbound, drain_outbound):
                    dispatch(task, connector_id=self.connector.pk, trigger=Run.Trigger.PERSON)
            return self._is_idle()

        wait_for("an idle queue", is_idle)
        self.connector.refresh_from_db()

    def deliver(self) -> int:
        return 0

    def _is_idle(self) -> bool:
        soon = utc_now() + timedelta(seconds=15)
        is_due = Change.objects.filter(
            connector=self.connector, state=Change.State.PENDING, not_before__lte=soon
        ).exists()
        is_leased = Lane.objects.filter(connector=self.connector, leased_until__gt=utc_now()).exists()
        return not is_due and not is_leased and not self.hull.notifier.pending

    def _state(self) -> tuple[int, ...]:
        changes = Change.objects.filter(connector=self.connector)
        revisions = tuple(changes.order_by("pk").values_list("revision", flat=True))
        return (len(self.close.events), len(self.hull.firehose_messages), self.hull.notifier.sent, *revisions)


def wait_for(what: str, is_true: Callable[[], bool]) -> None:
    """Return when something is true. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.05)  # what is waited for happens in other processes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def product(log: Path) -> Iterator[str]:
    """Run `manage.py serve` on the test's database; yields the address of its web server."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=_environment(port), stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            site = f"http://127.0.0.1:{port}"
            wait_for("the web server", lambda: _answers(f"{site}/health/live"))
            yield site
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=30)


def _environment(port: int) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": _database_url(), "CELERY_BROKER_URL": settings.CELERY_BROKER_URL, "CACHE_URL": settings.CELERY_BROKER_URL, "PORT": str(port),
        "FIELD_ENCRYPTION_KEYS": settings.FIELD_ENCRYPTION_KEYS[0], "ALLOW_INSECURE_REMOTES": "true", "DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "closeconnector.settings",
    }  # fmt: skip


def _database_url() -> str:
    values = connection.settings_dict
    if "sqlite" in values["ENGINE"]:
        return f"sqlite:///{values['NAME']}"
    login = values["USER"] + (f":{values['PASSWORD']}" if values["PASSWORD"] else "")
    return f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@contextmanager
def remotes(site: str) -> Iterator[tuple[CloseSandbox, HullSandbox, int, int]]:
    """Serve an empty Close and an empty Hull that tells its connector; yields both and their ports."""
    close, hull = CloseSandbox(utc_now), HullSandbox(utc_now)
    servers = serve(close, 0), serve(hull, 0)
    hull.notifier.key_url = f"http://127.0.0.1:{servers[1].port}/_sandbox/public-key"
    hull.connected_to = f"{site}/smart-notifier"
    ended = start_courier(hull, servers[1].lock)
    try:
        yield close, hull, servers[0].port, servers[1].port
    finally:
        ended.set()
        for server in servers:
            server.stop()
