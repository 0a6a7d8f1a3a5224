"""A simulated Close: one object that answers requests as the API does."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.limits import RateLimits
from sandbox.close.records import NotFound, Records
from sandbox.close.search import Search
from sandbox.close.settings import Settings
from sandbox.close.store import Actor, Clock, Record, Store
from sandbox.close.validation import Invalid
from sandbox.close.webhooks import Webhooks
from sandbox.faults import Faults
from sandbox.http import Request, Response
from sandbox.page import page

API_KEY = "api_sandbox0000000000000000000.00000000000000000000000"
MOST_RECORDS = 100
MOST_SKIP = 250_000

Answer = tuple[int, Any]


class CloseSandbox:
    """One organization. `handle` answers the API; the `rep_…` methods are what a person does in the app."""

    def __init__(
        self,
        clock: Clock,
        seed: int = 0,
        api_key: str = API_KEY,
        rate_limits: bool = False,
        faults: Faults | None = None,
    ) -> None:
        self.store = Store(clock, seed)
        self.log = EventLog(self.store)
        self.records = Records(self.store, self.log)
        self.settings = Settings(self.store, self.log)
        self.search = Search(self.records)
        self.webhooks = Webhooks(self.store, self.log)
        self.limits = RateLimits(lambda: clock().timestamp(), rate_limits)
        self.faults = faults or Faults(seed)
        self.api_key = api_key
        self.requests: list[tuple[str, str, dict[str, list[str]], Any, int]] = []
        for label in ("Potential", "Bad Fit", "Qualified", "Customer"):
            self.settings.create_status(label)

    # ── What a test or a person sees and does ────────────────────────────────────────────────────

    @property
    def leads(self) -> dict[str, Record]:
        """Return all leads as the API shows them, by id."""
        return {lead_id: self.records.lead(lead_id) for lead_id in self.store.leads}

    @property
    def contacts(self) -> dict[str, Record]:
        return {contact_id: self.records.contact(contact_id) for contact_id in self.store.contacts}

    @property
    def events(self) -> list[Record]:
        return self.store.events

    @property
    def user_ids(self) -> list[str]:
        return list(self.store.users)

    def snapshot(self) -> Record:
        """Return everything that can be compared: leads and contacts."""
        return {"leads": self.leads, "contacts": self.contacts}

    def _rep(self) -> Actor:
        return Actor(self.store.rep_id, None, "PUT", "/app/")

    def rep_create_lead(self, body: Record) -> Record:
        return self.records.create_lead(body, self._rep(), body.get("id"))

    def rep_update_lead(self, close_id: str, patch: Record) -> Record:
        return self.records.update_lead(close_id, patch, self._rep())

    def rep_delete_lead(self, close_id: str) -> None:
        self.records.delete_lead(close_id, self._rep())

    def rep_merge(self, source: str, destination: str) -> None:
        self.records.merge(source, destination, self._rep())

    def rep_update_contact(self, close_id: str, patch: Record) -> Record:
        return self.records.update_contact(close_id, patch, self._rep())

    def rep_delete_contact(self, close_id: str) -> None:
        self.records.delete_contact(close_id, self._rep())

    def create_custom_field(
        self, object_type: str, name: str, type: str = "text", choices: list[str] | None = None, multiple: bool = False,
        field_id: str | None = None,
    ) -> Record:  # fmt: skip
        return self.settings.create_field(object_type, name, type, choices, multiple, field_id)

    def rename_custom_field(self, field_id: str, name: str) -> None:
        self.settings.change_field(field_id, {"name": name})

    def delete_custom_field(self, field_id: str) -> None:
        self.settings.delete_field(field_id)

    def refuse_email(self, address: str) -> None:
        """Have an address refused although it looks right: Close may know better than we do."""
        self.store.refused_emails.add(address.lower())

    def insert_lead(self, raw: Record) -> None:
        """Put a lead with its contacts in as it is, as an older Close may have taken it."""
        self.records.insert(raw)

    def fail_next(self, method: str, path: str, kind: str, times: int = 1) -> None:
        self.faults.fail_next(method, path, kind, times)

    # ── The door ─────────────────────────────────────────────────────────────────────────────────

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = _plain_path(request.path)
        if path == "/" or request.path.startswith("/_sandbox"):
            return self._control(request)
        body = _logged_body(request)
        status = 0
        try:
            response = self.faults.around(request, lambda request: self._answer(request, path))
            status = response.status
            return response
        finally:
            self.requests.append((request.method, path, dict(request.query), body, status))

    def _answer(self, request: Request, path: str) -> Response:
        if not self._is_key(request):
            return Response.of(401, {"error": "Unauthorized"})
        refused, header = self.limits.admit(path)
        if refused:
            return refused
        try:
            status, value = self._route(request, path)
        except Invalid as error:
            status, value = 400, error.body
        except NotFound as error:
            status, value = 404, {"error": f"Empty query: {error}"}
        headers = dict(header)
        if isinstance(value, dict) and "Location" in value:
            headers["Location"] = value.pop("Location")
        return Response.of(status, value, headers)

    def _is_key(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return False
        return scheme.lower() == "basic" and user == self.api_key and not password

    def _actor(self, request: Request, path: str) -> Actor:
        return Actor(self.store.user_id, self.api_key.partition(".")[0], request.method, f"/api/v1{path}")

    def _route(self, request: Request, path: str) -> Answer:
        for pattern, methods in self._routes():
            found = re.fullmatch(pattern, path)
            if not found:
                continue
            act = methods.get(request.method)
            if act is None:
                return 405, {"error": "Method not allowed."}
            return act(request, *found.groups())
        text = "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again."
        return 404, {"error": text}

    def _routes(self) -> list[tuple[str, dict[str, Callable[..., Answer]]]]:
        one = r"([A-Za-z0-9_.]+)"
        return [
            ("/me/", {"GET": lambda request: (200, self.settings.me())}),
            (f"/api_key/{one}/", {"GET": lambda request, key: self._api_key(key)}),
            (f"/organization/{one}/", {"GET": lambda request, close_id: self.settings.organization(close_id)}),
            ("/user/", {"GET": lambda request: (200, {"data": list(self.store.users.values()), "has_more": False})}),
            (f"/user/{one}/", {"GET": lambda request, close_id: self.settings.user(close_id)}),
            ("/status/lead/", {"GET": lambda request: (200, {"data": self.store.statuses, "has_more": False})}),
            ("/status/opportunity/", {"GET": lambda request: (200, {"data": [], "has_more": False})}),
            ("/pipeline/", {"GET": lambda request: (200, {"data": [], "has_more": False})}),
            (f"/custom_field_schema/{one}/", {"GET": lambda request, kind: self.settings.schema(kind)}),
            (f"/custom_fields?/{one}/", {"GET": lambda request, kind: self.settings.fields(kind), "POST": self._create_field}),
            (f"/custom_field/{one}/{one}/", {"GET": lambda request, kind, field_id: self.settings.field(field_id)}),
            ("/lead/", {"GET": self._list_leads, "POST": self._create_lead}),
            ("/lead/merge/", {"POST": self._merge}),
            (f"/lead/{one}/", {"GET": self._get_lead, "PUT": self._update_lead, "DELETE": self._delete_lead}),
            ("/contact/", {"GET": self._list_contacts, "POST": self._create_contact}),
            (f"/contact/{one}/", {"GET": self._get_contact, "PUT": self._update_contact, "DELETE": self._delete_contact}),
            ("/event/", {"GET": lambda request: (200, self.log.page(_flat(request)))}),
            (f"/event/{one}/", {"GET": self._get_event}),
            ("/data/search/", {"POST": lambda request: (200, self.search.answer(_json(request)))}),
            ("/webhook/", {"GET": lambda request: (200, self.webhooks.listed()), "POST": self._create_webhook}),
            (f"/webhook/{one}/", {"GET": lambda request, close_id: self.webhooks.get(close_id), "DELETE": lambda request, close_id: self.webhooks.delete(close_id)}),
            ("/opportunity/", {"GET": lambda request: (200, {"data": [], "has_more": False, "total_results": 0})}),
            ("/task/", {"GET": lambda request: (200, {"data": [], "has_more": False})}),
            ("/activity/", {"GET": lambda request: (200, {"data": [], "has_more": False})}),
        ]  # fmt: skip

    # ── Leads and contacts ───────────────────────────────────────────────────────────────────────

    def _api_key(self, key: str) -> Answer:
        if key != self.api_key:
            return 404, {"error": "Empty query: no such key"}
        return 200, {
            "id": self.api_key.partition(".")[0],
            "organization_id": self.store.organization_id,
            "user_id": self.store.user_id,
        }

    def _list_leads(self, request: Request) -> Answer:
        leads = sorted(self.store.leads.values(), key=lambda lead: (lead["date_created"], lead["id"]))
        leads = _queried(leads, request.param("query"))
        page, has_more = _paged(leads, request)
        shown = [_chosen(self.records.lead(lead["id"]), request) for lead in page]
        return 200, {"data": shown, "has_more": has_more, "total_results": len(leads)}

    def _create_lead(self, request: Request) -> Answer:
        return 200, self.records.create_lead(_json(request), self._actor(request, "/lead/"))

    def _get_lead(self, request: Request, close_id: str) -> Answer:
        return 200, _chosen(self.records.lead(close_id), request)

    def _update_lead(self, request: Request, close_id: str) -> Answer:
        return 200, self.records.update_lead(
            close_id, _json(request), self._actor(request, f"/lead/{close_id}/")
        )

    def _delete_lead(self, request: Request, close_id: str) -> Answer:
        self.records.delete_lead(close_id, self._actor(request, f"/lead/{close_id}/"))
        return 200, {}

    def _merge(self, request: Request) -> Answer:
        body = _json(request)
        self.records.merge(
            str(body.get("source")), str(body.get("destination")), self._actor(request, "/lead/merge/")
        )
        return 200, {}

    def _list_contacts(self, request: Request) -> Answer:
        lead_id = request.param("lead_id")
        found = [raw for raw in self.store.contacts.values() if not lead_id or raw["lead_id"] == lead_id]
        page, has_more = _paged(found, request)
        return 200, {
            "data": [_chosen(self.records.contact(raw["id"]), request) for raw in page],
            "has_more": has_more,
        }

    def _create_contact(self, request: Request) -> Answer:
        return 200, self.records.create_contact(_json(request), self._actor(request, "/contact/"))

    def _get_contact(self, request: Request, close_id: str) -> Answer:
        return 200, _chosen(self.records.contact(close_id), request)

    def _update_contact(self, request: Request, close_id: str) -> Answer:
        return 200, self.records.update_contact(
            close_id, _json(request), self._actor(request, f"/contact/{close_id}/")
        )

    def _delete_contact(self, request: Request, close_id: str) -> Answer:
        self.records.delete_contact(close_id, self._actor(request, f"/contact/{close_id}/"))
        return 200, {}

    def _create_field(self, request: Request, kind: str) -> Answer:
        body = _json(request)
        return 200, self.settings.create_field(
            kind, str(body.get("name", "")), str(body.get("type", "text")), body.get("choices"),
            bool(body.get("accepts_multiple_values")),
        )  # fmt: skip

    def _get_event(self, request: Request, close_id: str) -> Answer:
        found = self.log.get(close_id)
        if found is None:
            raise NotFound(close_id)
        return 200, found

    def _create_webhook(self, request: Request) -> Answer:
        return 201, self.webhooks.create(_json(request), self.store.user_id)

    # ── Control ──────────────────────────────────────────────────────────────────────────────────

    def _control(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        if path == "/":
            return Response.html(200, page("Close", "close"))
        if path == "/_sandbox/data":
            return Response.of(200, self._data())
        if path == "/_sandbox/status":
            return Response.of(
                200, {"api_key": self.api_key, "leads": len(self.store.leads), "requests": len(self.requests)}
            )
        return self._control_rep(request, path)

    def _control_rep(self, request: Request, path: str) -> Response:
        """A person's move in the app, over HTTP."""
        found = re.fullmatch(r"/_sandbox/rep/(lead|contact)(?:/([A-Za-z0-9_]+))?", path)
        if not found:
            return Response.of(404, {"error": "No such control."})
        kind, close_id = found.groups()
        try:
            if request.method == "DELETE":
                (self.rep_delete_lead if kind == "lead" else self.rep_delete_contact)(str(close_id))
                return Response.of(200, {})
            if close_id is None and kind == "lead":
                return Response.of(200, self.rep_create_lead(_json(request)))
            change = self.rep_update_lead if kind == "lead" else self.rep_update_contact
            return Response.of(200, change(str(close_id), _json(request)))
        except Invalid as error:
            return Response.of(400, error.body)
        except NotFound as error:
            return Response.of(404, {"error": f"Empty query: {error}"})

    def _data(self) -> Record:
        recent = [
            {"method": method, "path": path, "status": status}
            for method, path, _, _, status in self.requests[-50:]
        ]
        return {
            "leads": self.leads, "contacts": self.contacts, "events": list(reversed(self.store.events[-50:])),
            "requests": list(reversed(recent)), "statuses": self.store.statuses,
            "custom_fields": list(self.store.custom_fields.values()),
        }  # fmt: skip


# ── Reading requests ─────────────────────────────────────────────────────────────────────────────


def _plain_path(path: str) -> str:
    """Return the path without the version, with one slash between parts and one at the end."""
    plain = re.sub(r"/+", "/", path.removeprefix("/api/v1") + "/")
    return plain if plain.startswith("/") else f"/{plain}"


def _json(request: Request) -> Record:
    if "chunked" in request.headers.get("transfer-encoding", ""):
        raise Invalid(text="Chunked Transfer-Encoding is not supported.")
    if "json" not in request.headers.get("content-type", ""):
        raise Invalid(text="Please send valid JSON with a 'Content-Type: application/json' header.")
    try:
        body = request.json()
    except ValueError:
        raise Invalid(text="The request contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise Invalid(text="JSON data must be a dict.")
    return body


def _logged_body(request: Request) -> Any:
    try:
        return request.json() if request.body else None
    except ValueError:
        return request.body.decode(errors="replace")


def _flat(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in request.query.items() if values}


def _paged(rows: list[Record], request: Request) -> tuple[list[Record], bool]:
    limit, skip = _number(request.param("_limit"), MOST_RECORDS), _number(request.param("_skip"), 0)
    if limit > MOST_RECORDS:
        raise Invalid(
            text=f"The limit you set is larger than the maximum limit for this resource (max_limit = {MOST_RECORDS})."
        )
    if skip > MOST_SKIP:
        raise Invalid(
            text=f"The skip you set is larger than the maximum skip for this resource (max_skip = {MOST_SKIP}).\nPlease refine your search query."
        )
    return rows[skip : skip + limit], skip + limit < len(rows)


def _number(value: str, default: int) -> int:
    if not value:
        return default
    if not value.isdecimal():
        raise Invalid(text="Value must be of int type.")
    return int(value)


def _chosen(record: Record, request: Request) -> Record:
    wanted = [name for name in request.param("_fields").split(",") if name]
    if not wanted or "_all" in wanted:
        return record
    customs = {
        name: value for name, value in record.items() if name.startswith("custom.") and "custom" in wanted
    }
    return {name: record[name] for name in wanted if name in record} | customs


def _queried(leads: list[Record], query: str) -> list[Record]:
    """The old text search, as far as clients still use it: times, an id, an order."""
    for name, operator, value in re.findall(
        r"(date_updated|updated|date_created|created)\s*(>=|>|<=|<)\s*\"?([0-9T:+Z.-]+)\"?", query
    ):
        key = "date_updated" if "updated" in name else "date_created"
        leads = [lead for lead in leads if _compares(lead[key], operator, value)]
    for close_id in re.findall(r"\bid:\"?(lead_\w+)", query):
        leads = [lead for lead in leads if lead["id"] == close_id]
    order = re.search(r"sort:(-?)(date_)?(created|updated)", query)
    if order:
        leads = sorted(leads, key=lambda lead: str(lead[f"date_{order[3]}"]), reverse=bool(order[1]))
    return leads


def _compares(held: str, operator: str, bound: str) -> bool:
    """Compare to the minute, as the old search does."""
    try:
        moment = datetime.fromisoformat(bound.replace("Z", "+00:00"))
    except ValueError:
        raise Invalid({"query": "Could not parse datetime"}) from None
    limit = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(second=0, microsecond=0)
    value = datetime.fromisoformat(held).replace(second=0, microsecond=0)
    return {">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit}[operator]
