"""What is not Close: the page, a person's moves in the app over HTTP, the moods, files, the API's description."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.close.openapi import description
from sandbox.close.reading import json_body
from sandbox.close.records import NotFound
from sandbox.close.store import Record
from sandbox.close.validation import Invalid
from sandbox.http import Request, Response
from sandbox.moods import described, parse_moods
from sandbox.page import page

if TYPE_CHECKING:
    from sandbox.close.app import CloseSandbox

SHOWN = 200


class Control:
    """Answers `/`, `/openapi.json`, `/_files/…` and `/_sandbox/…`."""

    def __init__(self, close: CloseSandbox) -> None:
        self.close = close

    def is_about(self, request: Request) -> bool:
        return request.path in ("", "/", "/openapi.json", "/favicon.ico") or request.path.startswith(
            ("/_sandbox", "/_files")
        )

    def answer(self, request: Request) -> Response:
        """Answer a request that is not the API's."""
        path = request.path.rstrip("/") or "/"
        if path == "/":
            return Response.html(200, page("Close", "close"))
        if path == "/favicon.ico":
            return Response(204)
        if path == "/openapi.json":
            return Response.of(200, description(self.close))
        if path.startswith("/_files"):
            return self.close.exports.download(request)
        if path == "/_sandbox/data":
            return Response.of(200, self._data(request))
        if path == "/_sandbox/status":
            return Response.of(200, self._status())
        try:
            if path == "/_sandbox/moods":
                return self._moods(request)
            return self._rep(request, path)
        except Invalid as error:
            return Response.of(400, error.body)
        except NotFound as error:
            return Response.of(404, {"error": f"Empty query: {error}"})

    def _status(self) -> Record:
        close = self.close
        return {
            "api_key": close.api_key, "leads": len(close.store.leads), "contacts": len(close.store.contacts),
            "events": len(close.store.events), "requests": len(close.requests), "moods": close.moods.text,
            "webhooks": len(close.store.webhooks), "waiting": len(close.webhooks.queue),
        }  # fmt: skip

    def _moods(self, request: Request) -> Response:
        if request.method in ("POST", "PUT"):
            try:
                self.close.set_moods(
                    parse_moods(str(json_body(request).get("moods", "")), self.close.store.seed)
                )
            except ValueError as error:
                return Response.of(400, {"error": str(error)})
        return Response.of(200, described(self.close.moods))

    def _rep(self, request: Request, path: str) -> Response:
        """A person's move in the app, over HTTP."""
        found = re.fullmatch(r"/_sandbox/rep/(lead|contact)(?:/([A-Za-z0-9_]+))?(/merge)?", path)
        if not found or request.method == "GET":
            return Response.of(404, {"error": "No such control."})
        kind, close_id, merge = found.groups()
        close = self.close
        if merge and kind == "lead":
            close.rep_merge(str(close_id), str(json_body(request).get("into")))
            return Response.of(200, {})
        if request.method == "DELETE":
            (close.rep_delete_lead if kind == "lead" else close.rep_delete_contact)(str(close_id))
            return Response.of(200, {})
        if close_id is None:
            if kind == "contact" and not json_body(request).get("lead_id"):
                raise NotFound("a contact of no lead")
            create = close.rep_create_lead if kind == "lead" else close.rep_create_contact
            return Response.of(200, create(json_body(request)))
        change = close.rep_update_lead if kind == "lead" else close.rep_update_contact
        return Response.of(200, change(str(close_id), json_body(request)))

    def _data(self, request: Request) -> Record:
        """Return what the page shows; `?brief` leaves out what would be too much to look at."""
        close, store = self.close, self.close.store
        is_brief = "brief" in request.query
        wanted = request.param("search").lower()
        requests = [
            {"method": method, "path": path, "status": status}
            for method, path, _, _, status in close.requests[-SHOWN // 4 :]
        ]
        events = [event for event in reversed(close.events[-SHOWN // 2 :]) if event][: SHOWN // 4]
        leads = self._brief(wanted) if is_brief else close.leads
        return self._status() | {
            "counts": {"leads": len(store.leads), "contacts": len(store.contacts), "events": len(store.events)},
            "leads": leads, "contacts": {} if is_brief else close.contacts,
            "events": [_short(event) for event in events] if is_brief else events,
            "requests": list(reversed(requests)), "statuses": store.statuses,
            "custom_fields": list(store.custom_fields.values()), "users": list(store.users.values()),
            "opportunities": {} if is_brief else dict(store.opportunities),
            "tasks": {} if is_brief else dict(store.tasks),
            "activities": {} if is_brief else dict(store.activities),
        }  # fmt: skip

    def _brief(self, wanted: str) -> dict[str, Record]:
        """Return the leads that changed last, or those that hold a text, as many as a page can show."""
        rows = []
        for raw in sorted(
            self.close.store.leads.values(), key=lambda lead: lead["date_updated"], reverse=True
        ):
            if wanted and wanted not in f"{raw['name']} {raw['url']} {raw['id']}".lower():
                continue
            rows.append(raw["id"])
            if len(rows) == SHOWN:
                break
        return {close_id: self.close.records.lead(close_id) for close_id in rows}


def _short(event: Record) -> Record:
    return {
        name: event[name]
        for name in (
            "id",
            "date_updated",
            "object_type",
            "object_id",
            "action",
            "api_key_id",
            "changed_fields",
        )
    }
