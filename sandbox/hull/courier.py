"""Brings what Hull has to tell: notifications under flow control, scheduled calls, extracts, imports, installations.

What is due is decided under the lock and by the sandbox's own clock; the network is used outside of it.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any

import orjson

from sandbox.hull.app import HullSandbox
from sandbox.hull.notifier import Batch
from sandbox.hull.store import ACCOUNT, USER, Record
from sandbox.post import TIME_OUT_SECONDS, post

Post = Callable[[str, Mapping[str, str], bytes], tuple[int, dict[str, Any]]]
Fetch = Callable[[str], tuple[int, bytes]]

IDLE_SECONDS = 0.2
DEFAULT_SIZE = 50
# A connector that says nothing about it gets so many.
SIZE_WITHOUT_WORD = 10
LARGEST_SIZE = 1000
LONGEST_PAUSE = timedelta(minutes=10)
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=1)
# How often an extract or an import is tried.
MOST_ATTEMPTS = 5
_JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Flow:
    """What the connector's last answer asks for: how many next, not before when, and how long to wait for more."""

    size: int = DEFAULT_SIZE
    not_before: datetime | None = None
    fill_for: timedelta = timedelta(0)
    failures: int = 0
    waiting_since: datetime | None = None

    def is_due(self, pending: int, now: datetime) -> bool:
        """Return whether a shipment goes out: it is time, and it is full or has waited long enough."""
        if not pending:
            self.waiting_since = None
            return False
        if self.not_before and now < self.not_before:
            return False
        self.waiting_since = self.waiting_since or now
        if pending < self.size and now < self.waiting_since + self.fill_for:
            return False
        self.waiting_since = None
        return True

    def heed(self, status: int, answer: Mapping[str, Any], now: datetime) -> bool:
        """Take over what an answer asks for. Returns whether the notification was taken."""
        found = answer.get("flow_control")
        control: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        is_taken = 200 <= status < 300 and control.get("type", "next") == "next"
        self.failures = 0 if is_taken else self.failures + 1
        self.size = int(
            min(max(_number(control, "size", "max_messages") or SIZE_WITHOUT_WORD, 1), LARGEST_SIZE)
        )
        self.fill_for = _span(_number(control, "in_time", "max_delay"))
        pause = self._pause(control, now)
        if not is_taken and pause is None:
            pause = min(FIRST_DELAY * 2 ** min(self.failures - 1, 10), LONGEST_DELAY)
        wanted = now + (pause or timedelta(0))
        self.not_before = (
            max(wanted, self.not_before) if self.not_before and self.not_before > now else wanted
        )
        return is_taken

    def _pause(self, control: Mapping[str, Any], now: datetime) -> timedelta | None:
        at = _number(control, "at")
        if at is not None:
            return _span((at - now.timestamp()) * 1000)
        milliseconds = _number(control, "in", "min_delay")
        return None if milliseconds is None else _span(milliseconds)


def _number(control: Mapping[str, Any], *names: str) -> float | None:
    """Return the first of some numbers that is there."""
    for name in names:
        value = control.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _span(milliseconds: float | None) -> timedelta:
    seconds = min(max((milliseconds or 0) / 1000, 0), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=seconds)


@dataclass(slots=True)
class Errand:
    """One request that goes out, and what its answer is told to. `body` None means to fetch."""

    url: str
    body: bytes | None
    settle: Callable[[int, Any], None]
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)


class Courier:
    """Decides what goes out, and carries it out through the functions it is given."""

    def __init__(self, hull: HullSandbox, post: Post, fetch: Fetch) -> None:
        self.hull, self.post, self.fetch = hull, post, fetch
        self.flow = Flow()

    def run_once(self, lock: threading.Lock) -> int:
        """Send everything that is due now. Returns how many requests went out."""
        with lock:
            errands = self.due(self.hull.store.clock())
        for errand in errands:
            answer: tuple[int, Any]
            if errand.body is None:
                answer = self.fetch(errand.url)
            else:
                answer = self.post(errand.url, errand.headers, errand.body)
            with lock:
                errand.settle(*answer)
        return len(errands)

    def due(self, now: datetime) -> list[Errand]:
        """Return what is to go out now."""
        return [
            *self._installation(),
            *self._notifications(now),
            *self._calls(now),
            *self._jobs(now),
        ]

    # ── Notifications ────────────────────────────────────────────────────────────────────────────

    def _notifications(self, now: datetime) -> list[Errand]:
        url = self.hull.connected_to
        if not url or not self.flow.is_due(self.hull.notifier.pending, now):
            return []
        batches = self.hull.take_notifications(self.flow.size)
        wanted = [batch for batch in (wanted_of(one, self.hull) for one in batches) if batch]
        return [
            Errand(url, orjson.dumps(batch[1], default=str), self._told(batch), batch[0]) for batch in wanted
        ]

    def _told(self, batch: Batch) -> Callable[[int, Any], None]:
        def settle(status: int, answer: Any) -> None:
            is_taken = self.flow.heed(status, answer, self.hull.store.clock())
            if not is_taken:
                self.hull.notifier.put_back(batch)

        return settle

    # ── Calls ────────────────────────────────────────────────────────────────────────────────────

    def _calls(self, now: datetime) -> list[Errand]:
        return [
            Errand(url, orjson.dumps(self._call_body(), default=str), self._called(url))
            for url in self.hull.due_calls(now)
        ]

    def _call_body(self) -> Record:
        hull = self.hull
        return {
            "notification_id": hull.store.new_id(), "configuration": dict(hull.notifier.configuration),
            "connector": hull.connector.shown(), "segments": hull.segments.shown(USER),
            "accounts_segments": hull.segments.shown(ACCOUNT),
        }  # fmt: skip

    def _called(self, url: str) -> Callable[[int, Any], None]:
        path = url.partition("?")[0]

        def settle(status: int, answer: Any) -> None:
            self.hull.note_call(path, status)

        return settle

    # ── Extracts and imports ─────────────────────────────────────────────────────────────────────

    def _jobs(self, now: datetime) -> list[Errand]:
        errands = []
        for job in self.hull.jobs.take_due(now):
            if job["type"] == "import":
                errands.append(Errand(job["url"], None, self._fetched(job)))
            else:
                body = orjson.dumps(self.hull.jobs.extract(job, self.hull.base_url))
                errands.append(Errand(job["url"], body, self._extracted(job)))
        return errands

    def _extracted(self, job: Record) -> Callable[[int, Any], None]:
        def settle(status: int, answer: Any) -> None:
            self._end(job, status)

        return settle

    def _fetched(self, job: Record) -> Callable[[int, Any], None]:
        def settle(status: int, content: Any) -> None:
            if self._end(job, status):
                self.hull.take_in(job, content)

        return settle

    def _end(self, job: Record, status: int) -> bool:
        """Settle a job by the status of the answer; one that failed is tried again for a while."""
        if 200 <= status < 300:
            self.hull.jobs.settle(job, "done")
            return True
        job["attempts"] = job.get("attempts", 0) + 1
        if job["attempts"] >= MOST_ATTEMPTS:
            self.hull.jobs.settle(job, "failed", f"status {status}")
        else:
            self.hull.jobs.again(job, self.hull.store.clock() + FIRST_DELAY * 2 ** job["attempts"])
        return False

    # ── Installation ─────────────────────────────────────────────────────────────────────────────

    def _installation(self) -> list[Errand]:
        url, self.hull.installing = self.hull.installing, ""
        if not url:
            return []

        def settle(status: int, content: Any) -> None:
            manifest = _parsed(content)
            if 200 <= status < 300 and isinstance(manifest, dict):
                self.hull.install(url, manifest)
            else:
                self.hull.store.note(
                    "connector.install.error", url=url, reason=f"no manifest: status {status}"
                )

        return [Errand(f"{url}/manifest.json", None, settle)]


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return None


# ── What a subscription wants ────────────────────────────────────────────────────────────────────


def wanted_of(batch: Batch, hull: HullSandbox) -> Batch | None:
    """Return what of a notification the connector has subscribed to, None for nothing."""
    found = hull.connector.subscription().get("conditions")
    conditions = found if isinstance(found, dict) else {}
    channels = _only(conditions.get("channels"), hull.private_settings)
    body = batch[1]
    if channels is not None and body["channel"] not in channels:
        return None
    segments = _only(conditions.get("segments"), hull.private_settings)
    kind = body["channel"].partition(":")[0]
    if segments is None or kind not in (USER, ACCOUNT) or body["is_export"]:
        return batch
    messages = [one for one in body["messages"] if _concerns(one, kind, segments)]
    return (batch[0], body | {"messages": messages}) if messages else None


def _only(condition: Any, private_settings: Record) -> set[str] | None:
    """Return what a condition is restricted to: a list, or the name of the setting that holds it. None for no limit."""
    wanted = condition.get("only") if isinstance(condition, dict) else condition
    if isinstance(wanted, str):
        wanted = private_settings.get(wanted.removeprefix("private_settings."))
    return {str(one) for one in wanted} if isinstance(wanted, list) else None


def _concerns(message: Record, kind: str, segments: set[str]) -> bool:
    """Return whether an entity is in one of some segments, or has just left one."""
    name = "segments" if kind == USER else "account_segments"
    left = message["changes"].get(name, {}).get("left", [])
    held = [*message["account_segments"], *message.get("segments", ())]
    return any(one["id"] in segments for one in (*held, *left))


# ── The thread ───────────────────────────────────────────────────────────────────────────────────


def start_courier(hull: HullSandbox, lock: threading.Lock) -> threading.Event:
    """Have Hull tell its connector, from a thread, as fast as the connector's flow control allows.

    Setting the returned event ends it.
    """
    ended = threading.Event()
    threading.Thread(target=_deliver, args=(Courier(hull, reach, fetch), lock, ended), daemon=True).start()
    return ended


def _deliver(courier: Courier, lock: threading.Lock, ended: threading.Event) -> None:
    pause = 0.0
    while not ended.wait(pause):
        pause = 0.005 if courier.run_once(lock) else IDLE_SECONDS


def reach(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """Post a body and return status and parsed answer; status 0 when nobody answers as a server does."""
    try:
        return post(url, headers, body)
    except (HTTPException, ValueError):
        return 0, {}


def fetch(url: str) -> tuple[int, bytes]:
    """Get a file and return status and content; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=TIME_OUT_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except (OSError, ValueError, HTTPException):
        return 0, b""
