"""What a question to Close is, and the desk it is asked from.

The questions stand in `questions_read` and `questions_write`; `sync.services.platform_check` asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sync.close.probe import Probe, Reply
from sync.errors import SyncError, TransientError, UnknownResultError

_T = TypeVar("_T")
# Close's clock may differ from ours, and an event may come late: look back that much further.
LOOK_BACK = timedelta(minutes=10)
_PAUSE = 1.0
_TRIES = (1.0, 3.0, 9.0)  # seconds before a removal is tried again


class Verdict(StrEnum):
    """How Close's answer compares with what we assume."""

    AGREES = "AGREES"
    DIFFERS = "DIFFERS"
    UNCLEAR = "UNCLEAR"
    NOT_ASKED = "NOT ASKED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer, in words."""

    verdict: Verdict
    answer: str


def agrees(answer: str) -> Finding:
    return Finding(Verdict.AGREES, answer)


def differs(answer: str) -> Finding:
    return Finding(Verdict.DIFFERS, answer)


def unclear(reason: str) -> Finding:
    return Finding(Verdict.UNCLEAR, reason)


def settled(is_so: bool, answer: str) -> Finding:
    """Return a finding that agrees if something is so, and differs if not."""
    return agrees(answer) if is_so else differs(answer)


Ask = Callable[["Desk"], Finding]


@dataclass(frozen=True, slots=True)
class Question:
    """Something Close does not document. `reading` is what we assume, `where` the place that relies on it."""

    key: str
    asks: str
    reading: str
    where: str
    ask: Ask
    writes: bool = False


def question(
    key: str, asks: str, *, reading: str, where: str, writes: bool = False
) -> Callable[[Ask], Question]:
    """Make a question of the function that asks it."""
    return lambda ask: Question(key, asks, reading, where, ask, writes)


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was made and could not be removed. `path` is where a DELETE removes it."""

    close_id: str
    path: str
    reason: str


class Desk:
    """Where questions are asked: makes records whose names begin with `marker`, changes no others, removes them."""

    def __init__(
        self,
        probe: Probe,
        *,
        user_id: str,
        marker: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        patience: float,
        with_fields: bool = False,
    ) -> None:
        self.probe, self.user_id, self.marker = probe, user_id, marker
        self.clock, self.sleep, self.patience = clock, sleep, patience
        self.with_fields = with_fields
        self.started = clock()
        self.left: list[Left] = []
        self._made: list[tuple[str, str]] = []  # kind and id, to be removed
        self._ours: set[str] = set()
        self._unanswered = 0
        self._last_removed = ""

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def events(self, **params: Any) -> list[Mapping[str, Any]]:
        """Return the newest events since the check began. Raises SyncError."""
        since = (self.started - LOOK_BACK).isoformat()
        return self.probe.get("/event/", _limit=50, date_updated__gte=since, **params).rows()

    def until(self, look: Callable[[], _T | None], patience: float | None = None) -> tuple[_T | None, float]:
        """Look until something is found or patience ends; return it and the seconds that passed."""
        started, limit = self.clock(), self.patience if patience is None else patience
        while True:
            found = look()
            passed = (self.clock() - started).total_seconds()
            if found is not None or passed >= limit:
                return found, passed
            self.sleep(_PAUSE)

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────

    def name(self, suffix: str = "") -> str:
        return f"{self.marker} {suffix}".strip()

    def make_lead(self, **values: Any) -> Mapping[str, Any]:
        """Make a lead of ours. Raises SyncError when Close refuses it."""
        return self.try_lead(**values).value()

    def try_lead(self, **values: Any) -> Reply:
        """Ask for a lead of ours, and return what Close says."""
        reply = self._post("/lead/", {"name": self.name()} | values)
        self._note("lead", reply)
        return reply

    def make_contact(self, lead: Mapping[str, Any] | None, **values: Any) -> Mapping[str, Any]:
        return self.try_contact(lead, **values).value()

    def try_contact(self, lead: Mapping[str, Any] | None, **values: Any) -> Reply:
        """Ask for a contact on a lead of ours; without one, Close may make a lead for it, which is ours, too."""
        body = {"name": self.name("Ada")} | values
        if lead is not None:
            return self._own(self._post("/contact/", body | {"lead_id": self._checked(lead)}))
        reply = self._post("/contact/", body)
        self._note("contact", reply)
        lead_id = _text(reply, "lead_id")
        if lead_id:
            self._made.append(("lead", lead_id))
            self._ours.add(lead_id)
        return reply

    def make_field(self, **values: Any) -> Mapping[str, Any]:
        """Make a custom field of leads. Raises SyncError."""
        reply = self._post("/custom_field/lead/", {"name": self.name(str(values.get("type")))} | values)
        self._note("custom_field/lead", reply)
        return reply.value()

    def put(self, kind: str, record: Mapping[str, Any], **values: Any) -> Reply:
        """Change a record of ours."""
        return self.probe.send(
            "PUT", f"/{kind}/{self._checked(record)}/", route=f"/{kind}/{{id}}/", json=values
        )

    def get(self, kind: str, record: Mapping[str, Any]) -> Reply:
        return self.probe.get(f"/{kind}/{record['id']}/", route=f"/{kind}/{{id}}/")

    def delete_lead(self, record: Mapping[str, Any]) -> Reply:
        return self.probe.send("DELETE", f"/lead/{self._checked(record)}/", route="/lead/{id}/")

    def merge(self, source: Mapping[str, Any], destination: Mapping[str, Any]) -> Reply:
        """Merge one lead of ours into another."""
        body = {"source": self._checked(source), "destination": self._checked(destination)}
        return self.probe.send("POST", "/lead/merge/", json=body)

    def _post(self, path: str, body: Mapping[str, Any]) -> Reply:
        try:
            return self.probe.send("POST", path, json=body)
        except UnknownResultError:
            self._unanswered += "lead_id" not in body
            raise

    def _note(self, kind: str, reply: Reply) -> None:
        close_id = _text(self._own(reply), "id")
        if close_id:
            self._made.append((kind, close_id))

    def _own(self, reply: Reply) -> Reply:
        self._ours.update(filter(None, [_text(reply, "id")]))
        for nested in _nested(reply):
            self._ours.add(str(nested.get("id")))
        return reply

    def _checked(self, record: Mapping[str, Any]) -> str:
        """Return the id of a record of ours. Nothing else is ever written to: raises ValueError."""
        close_id = str(record.get("id"))
        if close_id not in self._ours:
            raise ValueError(f"{close_id} was not made by this check")
        return close_id

    # ── Removing ─────────────────────────────────────────────────────────────────────────────────

    @property
    def has_written(self) -> bool:
        return bool(self._ours or self._unanswered)

    def clear(self) -> None:
        """Remove what was made, the last first. What cannot be removed is named in `left`. Never raises SyncError."""
        while self._made:
            self._remove(*self._made[-1])
            self._made.pop()

    def sweep(self) -> None:
        """Remove all that is still there, also what a request without an answer may have made. Never raises SyncError."""
        self.clear()
        if not self._unanswered:
            return
        try:
            self.until(self._find_unanswered)
        except SyncError as error:
            reason = error.message
        else:
            reason = "a request went unanswered, and Close does not show what became of it"
        self.clear()
        if self._unanswered > 0:
            self.left.append(Left(self.marker, "", f"{reason}; look for records of this name"))

    def await_end(self) -> None:
        """Wait until the event log tells that the last lead is gone, so that whoever reads it now reads that, too."""
        if not self._last_removed:
            return
        try:
            self.until(lambda: self.events(object_id=self._last_removed, action="deleted") or None)
        except SyncError:
            return

    def _find_unanswered(self) -> bool | None:
        for kind, found in (*self._strange_leads(), *self._strange_fields()):
            self._ours.add(found)
            self._made.append((kind, found))
            self._unanswered -= 1
        return True if self._unanswered <= 0 else None

    def _strange_leads(self) -> list[tuple[str, str]]:
        events = self._stubborn(
            lambda: self.events(user_id=self.user_id, object_type="lead", action="created")
        )
        return [
            ("lead", str(event.get("object_id")))
            for event in events
            if str((event.get("data") or {}).get("name") or "").startswith(self.marker)
            and event.get("object_id") not in self._ours
        ]

    def _strange_fields(self) -> list[tuple[str, str]]:
        if not self.with_fields:
            return []
        rows = self._stubborn(lambda: self.probe.get("/custom_field/lead/").rows())
        return [
            ("custom_field/lead", str(row.get("id")))
            for row in rows
            if str(row.get("name") or "").startswith(self.marker) and row.get("id") not in self._ours
        ]

    def _remove(self, kind: str, close_id: str) -> None:
        path, route = f"/{kind}/{close_id}/", f"/{kind}/{{id}}/"
        try:
            reason = self._removed(path, route)
        except SyncError as error:
            reason = error.message
        if reason:
            self.left.append(Left(close_id, path, reason))

    def _removed(self, path: str, route: str) -> str:
        """Remove one record and return why not, if not. What does not bear our name is never removed."""
        found = self._stubborn(lambda: self.probe.send("GET", path, route=route, is_bounded=False))
        if found.status in (404, 410):
            return ""
        name = str(found.value().get("name") or "")
        if not name.startswith(self.marker):
            return "it does not bear the name that this check gives, so it was not touched"
        gone = self._stubborn(lambda: self.probe.send("DELETE", path, route=route, is_bounded=False))
        if gone.is_ok and route == "/lead/{id}/":
            self._last_removed = path.split("/")[2]
        return "" if gone.is_ok or gone.status in (404, 410) else gone.words

    def _stubborn(self, send: Callable[[], _T]) -> _T:
        for seconds in _TRIES:
            try:
                return send()
            except TransientError:
                self.sleep(seconds)
        return send()


def _text(reply: Reply, name: str) -> str:
    value = reply.body.get(name) if reply.is_ok and isinstance(reply.body, Mapping) else None
    return value if isinstance(value, str) else ""


def _nested(reply: Reply) -> list[Mapping[str, Any]]:
    rows = reply.body.get("contacts") if reply.is_ok and isinstance(reply.body, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
