"""Hull's REST API, as far as a connector speaks to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.http import Request, Response
from sandbox.hull.attributes import known_types
from sandbox.hull.query import MOST_PER_PAGE, InvalidQuery, row
from sandbox.hull.segments import described
from sandbox.hull.store import ACCOUNT, USER, Record, shown_name
from sandbox.hull.tokens import is_number

if TYPE_CHECKING:
    from sandbox.hull.app import HullSandbox

Act = Callable[..., Response]

_KINDS = {"users": USER, "accounts": ACCOUNT, "user": USER, "account": ACCOUNT}
_TOP_GROUP = "Attributes"


class Rest:
    """Answers what is asked under `/api/v1`."""

    def __init__(self, hull: HullSandbox) -> None:
        self.hull = hull
        self.routes: list[tuple[str, dict[str, Act]]] = [
            ("/app", {"GET": self._get_connector, "PUT": self._put_connector}),
            ("/app/status", {"PUT": self._put_status}),
            ("/(users|accounts)_segments", {"GET": self._get_segments}),
            ("/(users|accounts)/schema", {"GET": self._get_schema}),
            ("/search/(user|account)_reports/bootstrap", {"GET": self._get_tree}),
            ("/search/event/bootstrap", {"GET": self._get_events}),
            ("/search/(user|account)_reports", {"POST": self._search}),
            ("/search/events", {"POST": self._search_events}),
            ("/extract/(user|account)_reports", {"POST": self._extract}),
            ("/import/(users|accounts|events)", {"POST": self._import}),
            ("/([A-Za-z0-9_-]+)", {"GET": self._get_one, "DELETE": self._delete}),
        ]

    def answer(self, request: Request, path: str) -> Response:
        """Answer a request whose credentials are right; `path` begins after the version."""
        own = f"/{self.hull.connector_id}"
        if path == own or path == f"{own}/status":
            path = path.replace(own, "/app", 1)
        for pattern, methods in self.routes:
            found = re.fullmatch(pattern, path)
            if found:
                return self._carry_out(request, methods, found.groups())
        return problem(404, "Not found")

    def _carry_out(self, request: Request, methods: dict[str, Act], groups: tuple[str, ...]) -> Response:
        act = methods.get("GET" if request.method == "HEAD" else request.method)
        if act is None:
            allowed = {"allow": ", ".join(methods)}
            return Response.of(405, {"message": "Method not allowed", "status": 405}, allowed)
        try:
            return act(request, *groups)
        except (ValueError, InvalidQuery, RecursionError) as error:
            return problem(400, str(error) or "Bad request")

    # ── The connector ────────────────────────────────────────────────────────────────────────────

    def _get_connector(self, request: Request) -> Response:
        return Response.of(200, self.hull.connector.shown())

    def _put_connector(self, request: Request) -> Response:
        settings = json_object(request).get("private_settings")
        if not isinstance(settings, dict):
            raise ValueError("private_settings is an object")
        self.hull.put_settings(settings)
        return self._get_connector(request)

    def _put_status(self, request: Request) -> Response:
        body = json_object(request)
        return Response.of(200, self.hull.connector.put_status(body, self.hull.store.stamp()))

    # ── What there is ────────────────────────────────────────────────────────────────────────────

    def _get_segments(self, request: Request, kinds: str) -> Response:
        ship_id = request.param("shipId")
        if ship_id and ship_id != self.hull.connector_id:
            return problem(404, "Connector not found")
        return Response.of(200, self.hull.segments.shown(_KINDS[kinds]))

    def _get_schema(self, request: Request, kinds: str) -> Response:
        kind = _KINDS[kinds]
        rows = [
            {"key": shown_name(kind, name), "type": held, "configurable": True, "visible": True, "track_changes": True}
            for name, held in known_types(self.hull.store, kind).items()
        ]  # fmt: skip
        return Response.of(200, rows)

    def _get_tree(self, request: Request, kind: str) -> Response:
        groups: dict[str, list[Record]] = {_TOP_GROUP: []}
        for name, held in known_types(self.hull.store, kind).items():
            group, has_group, text = name.partition("/")
            leaf = {"id": shown_name(kind, name), "text": text if has_group else name, "type": held}
            groups.setdefault(group if has_group else _TOP_GROUP, []).append(leaf)
        tree = [{"text": text, "children": children} for text, children in groups.items()]
        return Response.of(200, {"version": 1, "tree": tree})

    def _get_events(self, request: Request) -> Response:
        known: dict[str, Record] = {}
        for event in self.hull.store.events.values():
            held = known.setdefault(
                event["event"], {"name": event["event"], "properties": [], "emitted": True,
                                 "created_at": event["created_at"], "updated_at": event["created_at"]},
            )  # fmt: skip
            held["properties"] = sorted({*held["properties"], *event["properties"]})
            held["updated_at"] = max(held["updated_at"], event["created_at"])
        return Response.of(200, list(known.values()))

    def _get_one(self, request: Request, hull_id: str) -> Response:
        entity = self.hull.store.entities.get(hull_id)
        if entity:
            return Response.of(200, row(self.hull.store, entity))
        segment = self.hull.segments.find(hull_id)
        return Response.of(200, described(segment)) if segment else problem(404, "Not found")

    def _delete(self, request: Request, hull_id: str) -> Response:
        if hull_id not in self.hull.store.entities:
            return problem(404, "Not found")
        self.hull.delete(hull_id)
        return Response.of(200, {"id": hull_id, "deleted": True})

    # ── Search ───────────────────────────────────────────────────────────────────────────────────

    def _search(self, request: Request, kind: str) -> Response:
        body = json_object(request)
        found = self.hull.search.find(kind, body.get("query"), body.get("sort"))
        return self._page(body, found, lambda one: row(self.hull.store, one))

    def _search_events(self, request: Request) -> Response:
        body = json_object(request)
        found = self.hull.search.events(body.get("query"), body.get("sort") or {"created_at": "desc"})
        return self._page(body, found, lambda one: one)

    def _page(self, body: Record, found: list[Any], shown: Callable[[Any], Record]) -> Response:
        page, per_page = _whole(body, "page", 1), min(_whole(body, "per_page", 25), MOST_PER_PAGE)
        rows = found[(page - 1) * per_page : page * per_page]
        pages = -(-len(found) // per_page)
        pagination = {"total": len(found), "page": page, "pages": pages, "per_page": per_page}
        return Response.of(200, {"pagination": pagination, "data": [shown(one) for one in rows]})

    # ── Jobs ─────────────────────────────────────────────────────────────────────────────────────

    def _extract(self, request: Request, kind: str) -> Response:
        return Response.of(200, _public(self.hull.jobs.add_extract(kind, json_object(request))))

    def _import(self, request: Request, kind: str) -> Response:
        return Response.of(200, _public(self.hull.jobs.add_import(kind, json_object(request))))


def _public(job: Record) -> Record:
    return {name: value for name, value in job.items() if name not in ("kind", "due_at")}


def _whole(body: Record, name: str, default: int) -> int:
    """Return a whole number of at least one. Raises ValueError."""
    value = body.get(name)
    if value is None:
        return default
    if not is_number(value) or value < 1 or value % 1:
        raise ValueError(f"{name} is a whole number from 1")
    return int(value)


def json_object(request: Request) -> Record:
    """Return the body as an object. Raises ValueError for any other."""
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise ValueError("the body is an object")
    return body


def problem(status: int, message: str) -> Response:
    """Return an error as Hull words it."""
    return Response.of(status, {"message": message, "status": status})
