"""Both remotes as servers, each in a process of its own, with what they hold kept in a file if wanted."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import pickle
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sandbox.close import CloseSandbox
from sandbox.close.courier import start_courier as start_close_courier
from sandbox.close.store import API_KEY
from sandbox.http import serve
from sandbox.hull import HullSandbox
from sandbox.hull.app import CONNECTOR_ID, ORGANIZATION, SECRET
from sandbox.hull.courier import start_courier as start_hull_courier
from sandbox.moods import parse_moods
from sandbox.sample import load_sample

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Identity:
    """What names the one connector of the simulated Hull, and proves it."""

    organization: str = ORGANIZATION
    connector_id: str = CONNECTOR_ID
    secret: str = SECRET


SAMPLE_IDENTITY = Identity()


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve. `data` replaces the sample, `state` is read at the start if it is there and written at the end."""

    port: int = 0
    data: str = ""
    faults: str = ""
    seed: int = 0
    state: str = ""
    identity: Identity = SAMPLE_IDENTITY


def utc_now() -> datetime:
    return datetime.now(UTC)


def build(
    seed: int = 0, data: str = "", identity: Identity = SAMPLE_IDENTITY
) -> tuple[CloseSandbox, HullSandbox]:
    """Return both remotes, filled with the sample or with a file's records."""
    close = CloseSandbox(utc_now, seed, rate_limits=True)
    hull = HullSandbox(utc_now, seed, identity.connector_id, identity.secret, identity.organization)
    if data:
        load_data(close, hull, json.loads(Path(data).read_text()))
    else:
        load_sample(close, hull, seed)
    return close, hull


def load_data(close: CloseSandbox, hull: HullSandbox, data: dict[str, Any]) -> None:
    """Fill both remotes from `{"custom_fields", "leads", "segments", "accounts", "users"}`, each optional.

    A lead has the body of the API's POST, a user may name its `account_id`. Raises KeyError and what Close raises
    for a body that it does not take.
    """
    for field in data.get("custom_fields", []):
        close.create_custom_field(**field)
    for lead in data.get("leads", []):
        close.rep_create_lead(lead)
    for segment in data.get("segments", []):
        hull.add_segment(**segment)
    for account in data.get("accounts", []):
        hull.add_account(account)
    for user in data.get("users", []):
        hull.add_user(
            {name: value for name, value in user.items() if name != "account_id"}, user.get("account_id")
        )


@dataclass(frozen=True, slots=True)
class Running:
    """Two servers that answer."""

    close_port: int
    hull_port: int
    processes: tuple[BaseProcess, ...]
    close_api_key: str = API_KEY
    connector_id: str = CONNECTOR_ID
    secret: str = SECRET

    def wait(self) -> None:
        """Return when one of them has ended."""
        multiprocessing.connection.wait([process.sentinel for process in self.processes])

    def stop(self) -> None:
        """End both; each writes its state first."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(10)


def start(
    close_port: int = 9001,
    hull_port: int = 9002,
    data: str = "",
    faults: str = "",
    seed: int = 0,
    state: str = "",
    identity: Identity = SAMPLE_IDENTITY,
) -> Running:
    """Start both servers. Raises OSError when a port is taken, ValueError for moods that cannot be read."""
    parse_moods(faults, seed)
    options = Options(close_port, data, faults, seed, state, identity)
    close, real_close_port = _spawn(_run_close, options)
    try:
        hull, real_hull_port = _spawn(_run_hull, replace(options, port=hull_port))
    except OSError:
        close.terminate()
        raise
    return Running(
        real_close_port,
        real_hull_port,
        (close, hull),
        connector_id=identity.connector_id,
        secret=identity.secret,
    )


def _spawn(run: Callable[..., None], options: Options) -> tuple[BaseProcess, int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(options, theirs), daemon=True)
    process.start()
    if not ours.poll(START_SECONDS):
        raise OSError(f"port {options.port}: the server does not start")
    port = ours.recv()
    if isinstance(port, str):
        raise OSError(port)
    return process, int(port)


def _run_close(options: Options, pipe: Any) -> None:
    close, _ = build(options.seed, options.data)
    close.set_moods(parse_moods(options.faults, options.seed))
    _serve(close, options, pipe, start_close_courier, "close")


def _run_hull(options: Options, pipe: Any) -> None:
    _, hull = build(options.seed, options.data, options.identity)
    hull.set_moods(parse_moods(options.faults, options.seed))
    _serve(hull, options, pipe, start_hull_courier, "hull")


def _serve(
    app: Any, options: Options, pipe: Any, start_thread: Callable[[Any, threading.Lock], threading.Event], name: str,
) -> None:  # fmt: skip
    _restore(options, name, app.restore)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = serve(app, options.port)
    except OSError as error:
        pipe.send(f"port {options.port}: {error.strerror}")
        return
    _say_where(app, f"http://127.0.0.1:{server.port}")
    start_thread(app, server.lock)
    pipe.send(server.port)
    ended.wait()
    with server.lock:
        _keep(options, name, app.state())


def _say_where(app: CloseSandbox | HullSandbox, address: str) -> None:
    """Tell a remote its own address, for the links it hands out."""
    if isinstance(app, CloseSandbox):
        app.exports.base_url = address
    else:
        app.notifier.key_url = f"{address}/_sandbox/public-key"


# ── State ────────────────────────────────────────────────────────────────────────────────────────


def _file(options: Options, name: str) -> Path:
    return Path(f"{options.state}.{name}")


def _restore(options: Options, name: str, take: Callable[[Any], None]) -> None:
    if options.state and _file(options, name).exists():
        take(pickle.loads(_file(options, name).read_bytes()))


def _keep(options: Options, name: str, state: Any) -> None:
    if options.state:
        draft = _file(options, f"{name}.new")
        draft.write_bytes(pickle.dumps(state))
        draft.replace(_file(options, name))
