"""A simulated Close: one object that answers requests as the API does."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from sandbox.close.activities import Activities
from sandbox.close.bulk import Bulk
from sandbox.close.control import Control
from sandbox.close.events import EventLog
from sandbox.close.exports import Exports
from sandbox.close.fields import Fields
from sandbox.close.limits import RateLimits
from sandbox.close.links import Links
from sandbox.close.opportunities import Opportunities
from sandbox.close.people import People
from sandbox.close.reading import NO_SUCH_PATH, Act, Answer, Routes, json_body, plain_path
from sandbox.close.records import NotFound, Records
from sandbox.close.search import LAG, Search
from sandbox.close.settings import Forbidden, Settings
from sandbox.close.store import API_KEY, Actor, Clock, Key, Record, Store
from sandbox.close.tasks import Tasks
from sandbox.close.validation import Invalid
from sandbox.close.webhooks import Webhooks
from sandbox.http import Request, Response
from sandbox.moods import Moods, parse_moods

# How many requests are remembered; the older half is forgotten beyond.
MOST_REMEMBERED = 100_000
STATUSES = ("Potential", "Bad Fit", "Qualified", "Customer")
STAGES = [("Active", "active"), ("Won", "won"), ("Lost", "lost")]

Remembered = tuple[str, str, dict[str, list[str]], Any, int]


class CloseSandbox:
    """One organization. `handle` answers the API; the `rep_…` methods are what a person does in the app."""

    def __init__(
        self,
        clock: Clock,
        seed: int = 0,
        api_key: str = API_KEY,
        rate_limits: bool = False,
        moods: Moods | None = None,
    ) -> None:
        self.moods = moods or parse_moods("", seed)
        self.store = Store(lambda: clock() + self.moods.skew, seed)
        self.log = EventLog(self.store, self._event_delay)
        self.records = Records(self.store, self.log)
        self.settings = Settings(self.store, self.log)
        self.fields = Fields(self.store, self.log)
        self.search = Search(self.records)
        self.activities = Activities(self.store, self.log, self.records)
        self.exports = Exports(self.store, self.log, self.records, self.search)
        self.bulk = Bulk(self.store, self.log, self.records, self.search)
        self.webhooks = Webhooks(self.store, self.log, self.moods.webhooks)
        self.limits = RateLimits(lambda: self.store.clock().timestamp(), rate_limits)
        self.records.noted = self.activities.note
        self._api_key, self._counts_requests = api_key, rate_limits
        self.requests: list[Remembered] = []
        self.control = Control(self)
        self._routes = _Routes(self.parts())
        self._callers: dict[str, Key] = {}
        self.store.add_key(api_key, self.store.user_id)
        for label in STATUSES:
            self.settings.create_status(label)
        self.settings.create_pipeline("Sales", STAGES)
        self.set_moods(self.moods)

    def parts(self) -> list[Routes]:
        """Return the routes of every part of the API."""
        store, log, records = self.store, self.log, self.records
        others = (
            self.settings,
            self.fields,
            self.search,
            self.activities,
            self.exports,
            self.bulk,
            self.webhooks,
        )
        made = (
            People(store, records),
            Opportunities(store, log, records),
            Links(store, log, records),
            Tasks(store, log, records),
        )
        return [self._event_routes(), *(part.routes() for part in (*made, *others))]

    def _event_delay(self, event_id: str) -> timedelta:
        """Return how late an event appears, in the weather of this moment."""
        return self.moods.event_delay(event_id)

    def set_moods(self, moods: Moods) -> None:
        """Change the weather; it holds from the next request on."""
        self.moods = moods
        self.webhooks.courier = moods.webhooks
        self.limits.enabled = self._counts_requests and moods.has_limits
        self.search.lag = LAG if moods.search_lag is None else moods.search_lag

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
        """Return all events, the one that changed last at the end."""
        found = (self.store.event_at(place) for place in range(len(self.store.log)))
        return [event for event in found if event]

    @property
    def api_key(self) -> str:
        return self._api_key

    @api_key.setter
    def api_key(self, text: str) -> None:
        """Replace the integration's key, as an administrator does; the old one opens nothing any more."""
        del self.store.keys[self._api_key]
        self._callers.clear()
        self.store.add_key(text, self.store.user_id)
        self._api_key = text

    @property
    def user_ids(self) -> list[str]:
        return list(self.store.users)

    def snapshot(self) -> Record:
        """Return everything that can be compared: leads and contacts."""
        return {"leads": self.leads, "contacts": self.contacts}

    def state(self) -> Record:
        """Return everything that a later process needs to go on."""
        return {one.name: getattr(self.store, one.name) for one in fields(Store) if one.name != "clock"}

    def restore(self, state: Record) -> None:
        """Go on with what an earlier process held."""
        for name, value in state.items():
            setattr(self.store, name, value)
        self.search.index.refill()

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

    def rep_create_contact(self, body: Record) -> Record:
        return self.records.create_contact(body, self._rep())

    def rep_update_contact(self, close_id: str, patch: Record) -> Record:
        return self.records.update_contact(close_id, patch, self._rep())

    def rep_delete_contact(self, close_id: str) -> None:
        self.records.delete_contact(close_id, self._rep())

    def create_custom_field(
        self, object_type: str, name: str, type: str = "text", choices: list[str] | None = None, multiple: bool = False,
        field_id: str | None = None,
    ) -> Record:  # fmt: skip
        return self.fields.create(object_type, name, type, choices, multiple, field_id)

    def rename_custom_field(self, field_id: str, name: str) -> None:
        self.fields.change(field_id, {"name": name})

    def delete_custom_field(self, field_id: str) -> None:
        self.fields.delete(field_id)

    def add_key(self, text: str, role_id: str = "admin") -> str:
        """Make an API key of a new user with a role, and return the user's id."""
        person = self.store.add_person("Agent", str(len(self.store.people)), role_id)
        self.store.add_key(text, person["id"])
        return str(person["id"])

    def refuse_email(self, address: str) -> None:
        """Have an address refused although it looks right: Close may know better than we do."""
        self.store.refused_emails.add(address.lower())

    def insert_lead(self, raw: Record) -> None:
        """Put a lead with its contacts in as it is, as an older Close may have taken it."""
        self.records.insert(raw)

    @property
    def faults(self) -> Any:
        return self.moods.faults

    def fail_next(self, method: str, path: str, kind: str, times: int = 1) -> None:
        self.moods.faults.fail_next(method, path, kind, times)

    # ── The door ─────────────────────────────────────────────────────────────────────────────────

    def early(self, request: Request) -> None:
        """Break off a request whose body is still on its way, if it is to be so. Raises Reset."""
        if not self.control.is_about(request):
            self.moods.faults.early(request)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if self.control.is_about(request):
            return self.control.answer(request)
        path = plain_path(request.path)
        body = _logged_body(request)
        status = 0
        try:
            response = self.moods.faults.around(request, lambda request: self._answer(request, path))
            status = response.status
            return response.moody(delay=self.moods.delay(), cut=response.cut)
        finally:
            self.requests.append((request.method, path, dict(request.query), body, status))
            if len(self.requests) > MOST_REMEMBERED:
                del self.requests[: MOST_REMEMBERED // 2]

    def _answer(self, request: Request, path: str) -> Response:
        key = self._caller(request.headers.get("authorization", ""))
        if key is None:
            return Response.of(401, {"error": "Unauthorized"})
        request = _overridden(request)
        refused, headers = self.limits.admit(request.method, path, key.key_id)
        if self.moods.skew:
            headers["date"] = format_datetime(self.store.clock(), usegmt=True)
        if refused:
            return refused
        self.bulk.tick(self.store.clock())
        self.exports.tick(self.store.clock())
        status, value = self._routed(request, path, key)
        if isinstance(value, dict) and "Location" in value:
            headers["Location"] = value["Location"]
            value = {name: held for name, held in value.items() if name != "Location"}
        return Response(status, b"", headers) if value is None else Response.of(status, value, headers)

    def _routed(self, request: Request, path: str, key: Key) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        act, groups, is_known = self._routes.find(method, path)
        if act is None:
            return (405, {"error": "Method not allowed."}) if is_known else (404, {"error": NO_SUCH_PATH})
        role = self.store.roles[key.user_id]
        actor = Actor(key.user_id, key.key_id, request.method, f"/api/v1{path}", role)
        try:
            return act(request, actor, *groups)
        except Invalid as error:
            return 400, error.body
        except NotFound as error:
            return 404, {"error": f"Empty query: {error}"}
        except Forbidden as error:
            return 403, {"error": str(error)}

    def _caller(self, authorization: str) -> Key | None:
        """Return the key that a Basic header names: as the user, with an empty password."""
        held = self._callers.get(authorization)
        if held:
            return held
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return None
        key = self.store.keys.get(user) if scheme.lower() == "basic" and not password else None
        if key:
            self._callers[authorization] = key
        return key

    def _event_routes(self) -> Routes:
        return [
            ("/event/", {"GET": lambda request, actor: (200, self.log.page(_flat(request), actor.is_admin))}),
            (r"/event/([A-Za-z0-9_]+)/", {"GET": self._get_event}),
        ]

    def _get_event(self, request: Request, actor: Actor, close_id: str) -> Answer:
        event = self.log.get(close_id, actor.is_admin)
        if event is None:
            raise NotFound(close_id)
        return 200, event


class _Routes:
    """Finds what answers a path, by the first part of the path."""

    def __init__(self, parts: list[Routes]) -> None:
        self.parts = parts
        self._by_start: dict[str, list[tuple[re.Pattern[str], dict[str, Act]]]] = defaultdict(list)
        for pattern, methods in (route for routes in parts for route in routes):
            for start in _starts(pattern):
                self._by_start[start].append((re.compile(pattern), methods))

    def find(self, method: str, path: str) -> tuple[Callable[..., Answer] | None, tuple[str, ...], bool]:
        """Return what answers, the ids in the path, and whether the path is one at all."""
        is_known = False
        for pattern, methods in self._by_start.get(path.split("/", 2)[1], ()):
            found = pattern.fullmatch(path)
            if found and method in methods:
                return methods[method], found.groups(), True
            is_known = is_known or bool(found)
        return None, (), is_known


def _starts(pattern: str) -> list[str]:
    """Return the first part of a path pattern; `custom_fields?` stands for two."""
    start = pattern.split("/", 2)[1]
    return [start.replace("s?", ""), start.replace("?", "")] if "?" in start else [start]


def _overridden(request: Request) -> Request:
    """A GET too long for an address comes as a POST with its parameters in the body. Raises nothing."""
    if request.method != "POST" or request.headers.get("x-http-method-override", "").upper() != "GET":
        return request
    try:
        params = json_body(request).get("_params")
    except Invalid:
        return request
    query = {
        str(name): [",".join(map(str, value)) if isinstance(value, list) else str(value)]
        for name, value in (params.items() if isinstance(params, dict) else ())
    }
    return Request("GET", request.path, {**request.query, **query}, request.headers)


def _logged_body(request: Request) -> Any:
    try:
        return request.json() if request.body else None
    except ValueError:
        return request.body.decode(errors="replace")


def _flat(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in request.query.items() if values}
