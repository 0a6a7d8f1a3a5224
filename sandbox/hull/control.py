"""What is not Hull: the page, what a person does in the dashboard over HTTP, the moods, files to be fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.http import Request, Response
from sandbox.hull.jobs import FILES, address
from sandbox.hull.openapi import description
from sandbox.hull.query import InvalidQuery
from sandbox.hull.rest import json_object, problem
from sandbox.hull.segments import as_query
from sandbox.hull.store import ACCOUNT, USER, Entity, Record, shown
from sandbox.moods import described, parse_moods
from sandbox.page import page

if TYPE_CHECKING:
    from sandbox.hull.app import HullSandbox

SHOWN = 200
_IDS = re.compile(r"[0-9A-Za-z_-]{1,64}")
_OPEN = ("", "/", "/openapi.json", "/favicon.ico")

Act = Callable[..., Response]


class Missing(Exception):  # noqa: N818 - it is what is answered
    """There is no such thing."""


class Control:
    """Answers `/`, `/openapi.json`, `/_files/…` and `/_sandbox/…`."""

    def __init__(self, hull: HullSandbox) -> None:
        self.hull = hull
        self.routes: list[tuple[str, dict[str, Act]]] = [
            ("data", {"GET": self._data}),
            ("status", {"GET": self._status}),
            ("public-key", {"GET": self._public_key, "POST": self._public_key}),
            ("moods", {"GET": self._moods, "POST": self._put_moods, "PUT": self._put_moods}),
            ("connect", {"POST": self._connect}),
            ("install", {"POST": self._install}),
            ("connector", {"GET": self._connector, "POST": self._put_connector}),
            ("batch", {"POST": self._batch}),
            ("call-schedules", {"POST": self._call_schedules}),
            ("(account|user)", {"POST": self._create}),
            ("(account|user)/([0-9A-Za-z_-]+)", {"POST": self._change, "PUT": self._change, "DELETE": self._delete}),
            ("segment", {"POST": self._put_segment}),
            ("segment/([0-9A-Za-z_-]+)", {"POST": self._put_segment, "PUT": self._put_segment, "DELETE": self._drop_segment}),
        ]  # fmt: skip

    def is_about(self, request: Request) -> bool:
        path = request.path
        return (path in _OPEN and request.method in ("GET", "HEAD")) or path.startswith(
            ("/_sandbox", "/_files")
        )

    def answer(self, request: Request) -> Response:
        """Answer a request that is not the platform's."""
        path = request.path.rstrip("/") or "/"
        if path == "/":
            return Response.html(200, page("Hull", "hull"))
        if path == "/favicon.ico":
            return Response(204)
        if path == "/openapi.json":
            return Response.of(200, description())
        if path.startswith(FILES):
            return self.hull.jobs.download(request)
        for pattern, methods in self.routes:
            found = re.fullmatch(f"/_sandbox/{pattern}", path)
            if found:
                return self._carry_out(request, methods, found.groups())
        return problem(404, "No such control.")

    def _carry_out(self, request: Request, methods: dict[str, Act], groups: tuple[str, ...]) -> Response:
        act = methods.get("GET" if request.method == "HEAD" else request.method)
        if act is None:
            allowed = {"allow": ", ".join(methods)}
            return Response.of(405, {"message": "Method not allowed", "status": 405}, allowed)
        try:
            return act(request, *groups)
        except Missing as error:
            return problem(404, f"There is no {error}.")
        except (ValueError, InvalidQuery, RecursionError) as error:
            return problem(400, str(error) or "Bad request")

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def _status(self, request: Request) -> Response:
        return Response.of(200, self._numbers())

    def _numbers(self) -> Record:
        hull = self.hull
        return {
            "pending": hull.notifier.pending, "sent": hull.notifier.sent, "connected": bool(hull.connected_to),
            "accounts_count": hull.store.count(ACCOUNT), "users_count": hull.store.count(USER), "events_count": len(hull.store.events),
            "requests_count": len(hull.requests), "moods": hull.moods.text, "installed": hull.connector.url,
            "connector_status": hull.status,
        }  # fmt: skip

    def _data(self, request: Request) -> Response:
        """Answer with what the page shows; `?brief` leaves out what would be too much to look at."""
        hull, store = self.hull, self.hull.store
        wanted = request.param("search").lower()
        is_brief = "brief" in request.query
        kinds = {
            kind: self._brief(kind, wanted) if is_brief else store.of_kind(kind) for kind in (ACCOUNT, USER)
        }
        data = self._numbers() | {
            "counts": {"accounts": store.count(ACCOUNT), "users": store.count(USER), "events": len(store.events),
                       "waiting": hull.notifier.pending, "told": hull.notifier.sent},
            "accounts": {one.hull_id: shown(one) for one in kinds[ACCOUNT]},
            "users": {one.hull_id: shown(one) | {"account_id": one.account_id} for one in kinds[USER]},
            "firehose": [_told(one) for one in reversed(hull.firehose.messages[-50:])],
            "events": list(reversed(list(store.events.values())[-50:])),
            "segments": [
                {**{name: one[name] for name in ("id", "name", "kind", "predicate")}, "query": as_query(one["predicate"])}
                for one in store.segments
            ],
            "log": list(reversed(store.log[-50:])), "calls": list(reversed(hull.calls[-50:])),
            "statuses": list(reversed(hull.connector.statuses[-50:])),
        }  # fmt: skip
        return Response.of(200, data)

    def _brief(self, kind: str, wanted: str) -> list[Entity]:
        """Return those that changed last, or those that hold a text, as many as a page can show."""
        found = [one for one in self.hull.store.of_kind(kind) if not wanted or wanted in _text(one)]
        return sorted(found, key=lambda one: one.indexed_at, reverse=True)[:SHOWN]

    def _public_key(self, request: Request) -> Response:
        return Response(200, self.hull.notifier.public_key(), {"content-type": "text/plain"})

    def _moods(self, request: Request) -> Response:
        return Response.of(200, described(self.hull.moods))

    def _put_moods(self, request: Request) -> Response:
        try:
            moods = parse_moods(str(json_object(request).get("moods", "")), self.hull.store.seed)
        except ValueError as error:
            return Response.of(400, {"error": str(error), "message": str(error), "status": 400})
        self.hull.set_moods(moods)
        return self._moods(request)

    # ── The connector ────────────────────────────────────────────────────────────────────────────

    def _connect(self, request: Request) -> Response:
        url = json_object(request).get("url", "")
        self.hull.connected_to = address(url) if url else ""
        return Response.of(200, {})

    def _install(self, request: Request) -> Response:
        """Install from an address. A manifest that is sent along is taken, else the courier fetches it."""
        body = json_object(request)
        url, manifest = address(body.get("url")).rstrip("/"), body.get("manifest")
        if manifest is None:
            self.hull.installing = url
            return Response.of(202, {"installing": url})
        if not isinstance(manifest, dict):
            raise ValueError("manifest is an object")
        self.hull.install(url, manifest)
        return Response.of(200, self.hull.connector.shown())

    def _connector(self, request: Request) -> Response:
        return Response.of(
            200,
            self.hull.connector.shown()
            | {"organization_enabled": self.hull.connector.is_organization_enabled},
        )

    def _put_connector(self, request: Request) -> Response:
        """Do what a person does in the dashboard: change settings, pause the connector, disable the organization."""
        body, connector = json_object(request), self.hull.connector
        settings = body.get("private_settings")
        flags = {
            name: body[name] for name in ("accept_incoming_webhooks", "organization_enabled") if name in body
        }
        if not isinstance(settings, dict | None) or not all(isinstance(one, bool) for one in flags.values()):
            raise ValueError("private_settings is an object; the others are true or false")
        connector.is_organization_enabled = flags.get(
            "organization_enabled", connector.is_organization_enabled
        )
        connector.accept_incoming_webhooks = flags.get(
            "accept_incoming_webhooks", connector.accept_incoming_webhooks
        )
        self.hull.put_settings(connector.private_settings | (settings or {}))
        return self._connector(request)

    def _call_schedules(self, request: Request) -> Response:
        return Response.of(200, {"called": self.hull.call_schedules()})

    def _batch(self, request: Request) -> Response:
        """Push everybody, or a segment, to the connector: as an extract, or as notifications without an address."""
        hull, body = self.hull, json_object(request)
        kind, segment_id = _kind(body), body.get("segment_id")
        segment = hull.segments.find(str(segment_id)) if segment_id else None
        if segment_id and (segment is None or segment["kind"] != kind):
            raise Missing(f"segment {segment_id}")
        query = {"term": {"segment_ids": segment["id"]}} if segment else None
        url = body.get("url") or hull.batch_url(kind, segment["id"] if segment else "")
        if url:
            job = hull.jobs.add_extract(
                kind, {"url": url, "query": query, "format": body.get("format", "json")}
            )
            return Response.of(200, {"id": job["id"], "url": job["url"]})
        found = [one.hull_id for one in hull.search.find(kind, query)]
        hull.notifier.export(found)
        return Response.of(200, {"exported": len(found)})

    # ── Accounts and users ───────────────────────────────────────────────────────────────────────

    def _create(self, request: Request, kind: str) -> Response:
        values = json_object(request)
        account_id = values.pop("account_id", None)
        hull_id = values.get("id")
        if hull_id is not None and (not isinstance(hull_id, str) or not _IDS.fullmatch(hull_id)):
            raise ValueError("id is a text of letters and digits")
        if hull_id in self.hull.store.entities:
            raise ValueError(f"{hull_id} is there already")
        account = self._account(account_id) if kind == USER else None
        made = self.hull.create(kind, values, account)
        return Response.of(200, shown(made) | ({"account_id": made.account_id} if kind == USER else {}))

    def _change(self, request: Request, kind: str, hull_id: str) -> Response:
        entity, values = self._entity(kind, hull_id), json_object(request)
        is_linked = "account_id" in values and kind == USER
        account = self._account(values.pop("account_id")) if is_linked else None
        self.hull.set_user(hull_id, values)
        if is_linked:
            self.hull.link(hull_id, account)
        return Response.of(200, shown(entity))

    def _delete(self, request: Request, kind: str, hull_id: str) -> Response:
        self._entity(kind, hull_id)
        self.hull.delete(hull_id)
        return Response.of(200, {})

    def _entity(self, kind: str, hull_id: str) -> Entity:
        entity = self.hull.store.get(kind, hull_id)
        if entity is None:
            raise Missing(f"{kind} {hull_id}")
        return entity

    def _account(self, hull_id: Any) -> str | None:
        return self._entity(ACCOUNT, str(hull_id)).hull_id if hull_id else None

    # ── Segments ─────────────────────────────────────────────────────────────────────────────────

    def _put_segment(self, request: Request, segment_id: str = "") -> Response:
        hull, body = self.hull, json_object(request)
        held = hull.segments.find(segment_id) if segment_id else None
        if segment_id and held is None:
            raise Missing(f"segment {segment_id}")
        row = (held or {}) | body
        row["id"] = segment_id or body.get("id") or hull.store.new_id()
        kind = held["kind"] if held else _kind(row)
        if (
            not isinstance(row["id"], str)
            or not _IDS.fullmatch(row["id"])
            or not isinstance(row.get("name"), str)
        ):
            raise ValueError("id and name are texts")
        hull.put_segment(kind, row["id"], row["name"], row.get("predicate", {}))
        return Response.of(200, hull.segments.find(row["id"]))

    def _drop_segment(self, request: Request, segment_id: str) -> Response:
        if self.hull.segments.find(segment_id) is None:
            raise Missing(f"segment {segment_id}")
        self.hull.delete_segment(segment_id)
        return Response.of(200, {})


def _kind(body: Record) -> str:
    kind = body.get("kind")
    if kind not in (ACCOUNT, USER):
        raise ValueError("kind is account or user")
    return str(kind)


def _text(entity: Entity) -> str:
    names = ("name", "email", "domain", "external_id")
    return " ".join(str(entity.attributes.get(name) or "") for name in names).lower() + entity.hull_id


def _told(message: Record) -> Record:
    """A message of the firehose as the page shows it."""
    claims = {**(message["asUser"] or {}), **(message["asAccount"] or {})}
    return {
        "at": message["at"],
        "subject": message["subject"],
        "attributes": message["body"],
        "claims": claims,
    }
