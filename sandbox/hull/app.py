"""A simulated Hull: one object that answers as the platform does, and knows what it has to tell."""

from __future__ import annotations

import re
from typing import Any

from sandbox.faults import Faults
from sandbox.http import Request, Response
from sandbox.hull.firehose import MOST_MESSAGES, Firehose
from sandbox.hull.notifier import Batch, Notifier
from sandbox.hull.store import ACCOUNT, TOP_LEVEL, USER, Clock, Entity, Record, Store, shown
from sandbox.page import page

CONNECTOR_ID = "5a43ce781f6d9f471d005d44"
SECRET = "sandbox-secret"
ORGANIZATION = "acme.hullapp.io"


class HullSandbox:
    """One organization with one connector. `handle` answers the APIs; `set_…` is what a marketer's tools do."""

    def __init__(
        self, clock: Clock, seed: int = 0, connector_id: str = CONNECTOR_ID, secret: str = SECRET,
        organization: str = ORGANIZATION, public_url: str = "http://hull.sandbox", faults: Faults | None = None,
    ) -> None:  # fmt: skip
        self.store = Store(clock, seed)
        self.connector_id, self.secret, self.organization = connector_id, secret, organization
        configuration = {"id": connector_id, "organization": organization, "secret": secret}
        self.notifier = Notifier(self.store, configuration, f"{public_url}/_sandbox/public-key")
        self.firehose = Firehose(self.store, connector_id, secret)
        self.faults = faults or Faults(seed)
        self.private_settings: Record = {}
        self.status: Record = {"status": "setupRequired", "messages": []}
        self.requests: list[tuple[str, str, Any, int]] = []
        self.connected_to = ""

    # ── What a test or a person sees and does ────────────────────────────────────────────────────

    @property
    def accounts(self) -> dict[str, Record]:
        return {entity.hull_id: shown(entity) for entity in self.store.of_kind(ACCOUNT)}

    @property
    def users(self) -> dict[str, Record]:
        return {entity.hull_id: shown(entity) for entity in self.store.of_kind(USER)}

    @property
    def firehose_messages(self) -> list[Record]:
        return self.firehose.messages

    @property
    def log(self) -> list[Record]:
        return self.store.log

    def account_of(self, user_id: str) -> Record:
        """Return the account that a user belongs to."""
        return self.accounts[str(self.store.entities[user_id].account_id)]

    def snapshot(self) -> Record:
        """Return everything that can be compared: accounts, users and whom they belong to."""
        people = {
            entity.hull_id: shown(entity) | {"account_id": entity.account_id}
            for entity in self.store.of_kind(USER)
        }
        return {"accounts": self.accounts, "users": people}

    def add_segment(self, kind: str, segment_id: str, name: str, predicate: Record) -> None:
        self.store.segments.append({"id": segment_id, "kind": kind, "name": name, "predicate": predicate})

    def add_account(self, attributes: Record) -> None:
        self._add(ACCOUNT, attributes, None)

    def add_user(self, attributes: Record, account_id: str | None = None) -> None:
        self._add(USER, attributes, account_id)

    def _add(self, kind: str, attributes: Record, account_id: str | None) -> None:
        values = {_stored_name(name): value for name, value in attributes.items() if name != "id"}
        entity = Entity(str(attributes.get("id") or self.store.new_id()), kind, values, account_id=account_id)
        self.store.entities[entity.hull_id] = entity
        self.notifier.changed(entity)

    def set_account(self, hull_id: str, changes: Record) -> None:
        self._set(hull_id, changes)

    def set_user(self, hull_id: str, changes: Record) -> None:
        self._set(hull_id, changes)

    def _set(self, hull_id: str, changes: Record) -> None:
        entity = self.store.entities[hull_id]
        entity.attributes |= {_stored_name(name): value for name, value in changes.items()}
        self.notifier.changed(entity)

    def take_notifications(self, max_messages: int = 50) -> list[Batch]:
        """Return what Hull would post next, as `(headers, body)`."""
        return self.notifier.take(max_messages)

    def state(self) -> Record:
        """Return everything that a later process needs to go on."""
        return {
            "store": self.store,
            "notifier": self.notifier.state(),
            "private_settings": self.private_settings,
        }

    def restore(self, state: Record) -> None:
        """Go on with what an earlier process held."""
        self.store = self.notifier.store = self.firehose.store = state["store"]
        self.notifier.restore(state["notifier"])
        self.private_settings = state["private_settings"]

    def fail_next(self, method: str, path: str, kind: str, times: int = 1) -> None:
        self.faults.fail_next(method, path, kind, times)

    # ── The door ─────────────────────────────────────────────────────────────────────────────────

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if (request.path in ("", "/") and request.method == "GET") or request.path.startswith("/_sandbox"):
            return self._control(request)
        status = 0
        try:
            response = self.faults.around(request, self._answer)
            status = response.status
            return response
        finally:
            self.requests.append((request.method, request.path, None, status))

    def _answer(self, request: Request) -> Response:
        headers = request.headers
        if (
            headers.get("hull-app-id") != self.connector_id
            or headers.get("hull-organization") != self.organization
        ):
            return Response.of(404, {"message": "Connector not found", "status": 404})
        if headers.get("hull-access-token") != self.secret:
            return Response.of(401, {"message": "Unauthorized", "status": 401})
        path = request.path.rstrip("/")
        if path in ("", "/firehose", "/api/v1/firehose") and request.method == "POST":
            return self._take_batch(request)
        return self._rest(request, path.removeprefix("/api/v1"))

    def _take_batch(self, request: Request) -> Response:
        try:
            body = request.json()
        except ValueError:
            return Response.of(400, {"message": "invalid JSON"})
        batch = body.get("batch") if isinstance(body, dict) else None
        if not isinstance(batch, list):
            return Response.of(400, {"message": "batch is missing"})
        if len(batch) > MOST_MESSAGES:
            return Response.of(413, {"message": f"at most {MOST_MESSAGES} messages"})
        for entity in self.firehose.take(batch):
            if entity.hull_id in self.store.entities:
                self.notifier.changed(entity)
        return Response(204)

    # ── REST ─────────────────────────────────────────────────────────────────────────────────────

    def _rest(self, request: Request, path: str) -> Response:
        mine = (f"/{self.connector_id}", "/app")
        if path in mine and request.method == "GET":
            return Response.of(200, self._connector())
        if path in mine and request.method == "PUT":
            self.private_settings = dict((request.json() or {}).get("private_settings") or {})
            return Response.of(200, self._connector())
        if path == f"/{self.connector_id}/status" and request.method == "PUT":
            self.status = dict(request.json() or {})
            return Response.of(200, self.status)
        kind = {"/users_segments": USER, "/accounts_segments": ACCOUNT}.get(path)
        if kind:
            found = [one for one in self.store.segments if one["kind"] == kind]
            return Response.of(
                200,
                [
                    {"id": one["id"], "name": one["name"], "type": f"{kind}s_segment", "stats": {}}
                    for one in found
                ],
            )
        return self._schema(path)

    def _schema(self, path: str) -> Response:
        kind = USER if "user" in path else ACCOUNT
        if path.endswith("/schema"):
            return Response.of(
                200, [{"key": name, "type": "string", "visible": True} for name in self._names(kind)]
            )
        if path.endswith("/bootstrap"):
            children = [{"id": name, "text": name, "type": "string"} for name in self._names(kind)]
            return Response.of(200, {"tree": [{"text": "Attributes", "children": children}]})
        return Response.of(404, {"message": "Not found", "status": 404})

    def _names(self, kind: str) -> list[str]:
        return sorted({name for entity in self.store.of_kind(kind) for name in shown(entity)})

    def _connector(self) -> Record:
        return {
            "id": self.connector_id, "name": "Close", "type": "ship", "secret": self.secret, "settings": {},
            "private_settings": self.private_settings, "status": self.status, "tags": ["smart-notifier"],
        }  # fmt: skip

    # ── Control ──────────────────────────────────────────────────────────────────────────────────

    def _control(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        if path == "/":
            return Response.html(200, page("Hull", "hull"))
        if path == "/_sandbox/data":
            return Response.of(200, self._data())
        if path == "/_sandbox/status":
            return Response.of(
                200,
                {
                    "pending": self.notifier.pending,
                    "sent": self.notifier.sent,
                    "connected": bool(self.connected_to),
                },
            )
        if path == "/_sandbox/public-key":
            return Response(200, self.notifier.public_key(), {"content-type": "text/plain"})
        if path == "/_sandbox/connect":
            self.connected_to = str(request.json().get("url", ""))
            return Response.of(200, {})
        found = re.fullmatch(r"/_sandbox/(account|user)/([0-9a-zA-Z_-]+)", path)
        if not found or found[2] not in self.store.entities:
            return Response.of(404, {"message": "No such control."})
        self._set(found[2], request.json())
        return Response.of(200, shown(self.store.entities[found[2]]))

    def _data(self) -> Record:
        names = {"id", "name", "kind"}
        messages = [
            {
                "at": one["at"], "subject": one["subject"], "attributes": one["body"],
                "claims": {**(one["asUser"] or {}), **(one["asAccount"] or {})},
            }
            for one in self.firehose.messages[-50:]
        ]  # fmt: skip
        return {
            "accounts": self.accounts, "users": self.snapshot()["users"], "firehose": list(reversed(messages)),
            "segments": [{name: one[name] for name in names} for one in self.store.segments],
            "log": list(reversed(self.store.log[-50:])), "sent": self.notifier.sent, "pending": self.notifier.pending,
        }  # fmt: skip


def _stored_name(name: str) -> str:
    plain = name.removeprefix("traits_")
    return plain if plain not in TOP_LEVEL or name == plain else name
