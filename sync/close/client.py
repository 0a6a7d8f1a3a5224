"""The Close API, typed. https://developer.close.com

Reads and writes leads and contacts, reads the event log and what an organization has to offer. Every method
raises what `sync.close.errors` makes of Close's answer, RateLimitedError also before sending when Close said
that nothing is left, and DryRunError for a write of a dry run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests

from sync.close import parsing
from sync.close.errors import error_for
from sync.close.limits import Limiter, RateLimits
from sync.close.parsing import ContactPage, EventPage, Export, LeadPage, SearchPage
from sync.errors import (
    ConfigurationError,
    NotFoundError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.records import CloseIdentity, CloseUser, Contact, CustomField, Lead, LeadStatus, ObjectType, Webhook
from sync.transport import Answer, Observer, Transport

API_URL = "https://api.close.com/api/v1"
# Without a stable order pages shift while records are added: github.com/closeio/closeio-api/issues/96
STABLE_ORDER = "sort:created"

_T = TypeVar("_T")
_ID = re.compile(r"[A-Za-z0-9_-]+")


class CloseClient:
    """One API key's view of Close. Safe to use from several threads."""

    def __init__(
        self,
        api_key: str,
        *,
        api_url: str = API_URL,
        dry_run: bool = False,
        observer: Observer | None = None,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        limits: Limiter | None = None,
    ) -> None:
        self._limits: Limiter = limits or RateLimits(clock)
        self._has_stable_order = True
        # The part of the key before the dot is its id, by which events name the key they were made with.
        self.api_key_id: str | None = api_key.partition(".")[0] if "." in api_key else None
        self._transport = Transport(
            api_url,
            auth=(api_key, ""),
            headers={"Accept": "application/json"},
            session=session,
            dry_run=dry_run,
            observer=observer,
            classify=self._judge,
        )

    # ── The organization ─────────────────────────────────────────────────────────────────────────

    def me(self) -> CloseIdentity:
        """Return whose key this is. Raises ConfigurationError when there is no Close at this address."""
        try:
            return self._get("/me/", parsing.parse_identity)
        except NotFoundError as error:
            address = self._transport.base_url
            raise ConfigurationError(f"There is no Close API at {address}.", status=error.status) from None

    def lead_statuses(self) -> tuple[LeadStatus, ...]:
        """Return the lead statuses in the organization's order; the first is Close's default."""
        return tuple(parsing.parse_statuses(self._all_rows("/status/lead/")))

    def custom_fields(self, object_type: ObjectType) -> tuple[CustomField, ...]:
        """Return the custom fields that can be set on an object, shared ones included where Close tells them.

        The schema call knows both; the lists are for organizations that answer only the older paths.
        """
        name = object_type.value.lower()
        try:
            rows = self._get(f"/custom_field_schema/{name}/", _schema_fields)
        except NotFoundError:
            rows = self._listed_fields(name)
        return tuple(parsing.parse_custom_fields(rows))

    def _listed_fields(self, name: str) -> list[Any]:
        try:
            return self._all_rows(f"/custom_field/{name}/")
        except NotFoundError:
            return self._all_rows(f"/custom_fields/{name}/")

    def create_custom_field(self, object_type: ObjectType, label: str, type_: str) -> CustomField:
        """Define a custom field. Raises RejectedError when the key may not manage the organization."""
        body = {"name": label, "type": type_}
        path = f"/custom_field/{object_type.value.lower()}/"
        return self._write("POST", path, body, parsing.parse_custom_field)

    def add_choices(self, object_type: ObjectType, close_id: str, options: Iterable[str]) -> CustomField:
        """Add options to a field of choices, behind those that it has now. A shared field gets them for every object.

        Raises RejectedError when the key may not manage the organization.
        """
        name = object_type.value.lower()
        try:
            return self._add_choices(f"/custom_field/{name}/", close_id, options)
        except NotFoundError:
            return self._add_choices("/custom_field/shared/", close_id, options)

    def _add_choices(self, root: str, close_id: str, options: Iterable[str]) -> CustomField:
        path, route = f"{root}{_segment(close_id)}/", f"{root}{{id}}/"
        present = self._get(path, parsing.parse_custom_field, route=route).choices
        return self._write(
            "PUT",
            path,
            {"choices": list(dict.fromkeys([*present, *options]))},
            parsing.parse_custom_field,
            route,
        )

    def users(self) -> tuple[CloseUser, ...]:
        """Return the sales reps of the organization."""
        return tuple(parsing.parse_users(self._all_rows("/user/")))

    # ── Leads ────────────────────────────────────────────────────────────────────────────────────

    def lead_page(self, *, skip: int = 0, limit: int = 100) -> LeadPage:
        """Return leads in the order in which they were made. Advance `skip` by the page's `received`."""
        params: dict[str, Any] = {"_skip": skip, "_limit": limit}
        if self._has_stable_order:
            try:
                return self._get("/lead/", parsing.parse_lead_page, params | {"query": STABLE_ORDER})
            except RejectedError as error:
                if "skip" in error.message.lower():
                    raise
                self._has_stable_order = False
        return self._get("/lead/", parsing.parse_lead_page, params)

    def get_lead(self, close_id: str) -> Lead:
        """Return one lead with its contacts. Raises NotFoundError when it was deleted or merged into another."""
        return self._get(f"/lead/{_segment(close_id)}/", parsing.parse_lead, route="/lead/{id}/")

    def create_lead(self, body: Mapping[str, Any]) -> Lead:
        """Create a lead, with contacts if the body nests them. One refused contact refuses the whole lead."""
        return self._write("POST", "/lead/", body, parsing.parse_lead)

    def update_lead(self, close_id: str, patch: Mapping[str, Any]) -> Lead:
        """Change the fields in the patch; a list replaces the whole list. Nested contacts cannot be changed here."""
        return self._write("PUT", f"/lead/{_segment(close_id)}/", patch, parsing.parse_lead, "/lead/{id}/")

    def delete_lead(self, close_id: str) -> None:
        """Delete a lead with its contacts and activities; one that is gone already is fine."""
        self._delete(f"/lead/{_segment(close_id)}/", "/lead/{id}/")

    # ── Contacts ─────────────────────────────────────────────────────────────────────────────────

    def contact_page(self, *, skip: int = 0, limit: int = 100, lead_id: str | None = None) -> ContactPage:
        """Return contacts, of one lead or of all."""
        params = {"_skip": skip, "_limit": limit, "lead_id": lead_id}
        return self._get("/contact/", lambda raw: parsing.parse_contact_page(raw, lead_id), params)

    def get_contact(self, close_id: str) -> Contact:
        return self._get(f"/contact/{_segment(close_id)}/", parsing.parse_contact, route="/contact/{id}/")

    def create_contact(self, body: Mapping[str, Any]) -> Contact:
        """Create a contact of a lead. Raises ValueError without `lead_id`: Close would make a lead named after it."""
        lead_id = body.get("lead_id")
        if not lead_id:
            raise ValueError("A contact is created on a lead: lead_id is missing.")
        return self._write("POST", "/contact/", body, lambda raw: parsing.parse_contact(raw, lead_id))

    def update_contact(self, close_id: str, patch: Mapping[str, Any]) -> Contact:
        """Change the fields in the patch; `emails`, `phones` and `urls` replace the whole list."""
        path = f"/contact/{_segment(close_id)}/"
        return self._write("PUT", path, patch, parsing.parse_contact, "/contact/{id}/")

    def delete_contact(self, close_id: str) -> None:
        """Delete a contact; one that is gone already is fine."""
        self._delete(f"/contact/{_segment(close_id)}/", "/contact/{id}/")

    # ── Opportunities, tasks and activities ──────────────────────────────────────────────────────

    def opportunity_page(self, *, skip: int = 0, limit: int = 100) -> tuple[list[dict[str, Any]], bool]:
        """Return opportunities of all leads as the API tells them, in the order in which they were made, and whether there are more."""
        params = {"_skip": skip, "_limit": limit, "_order_by": "date_created"}
        rows, has_more = self._get("/opportunity/", parsing.parse_rows, params)
        return [dict(row) for row in parsing.objects(rows) if parsing.text(row.get("id"))], has_more

    def get_opportunity(self, close_id: str) -> dict[str, Any]:
        return self._get(
            f"/opportunity/{_segment(close_id)}/", parsing.parse_object, route="/opportunity/{id}/"
        )

    def create_task(self, body: Mapping[str, Any]) -> str:
        """Create a task of a lead, and return its id. https://developer.close.com/resources/tasks/"""
        return str(self._write("POST", "/task/", body, parsing.parse_object)["id"])

    def tasks(self, lead_id: str) -> list[dict[str, Any]]:
        """Return the newest tasks of a lead."""
        params = {"lead_id": lead_id, "_order_by": "-date_created", "_limit": 100}
        return [dict(row) for row in parsing.objects(self._get("/task/", parsing.parse_rows, params)[0])]

    def create_custom_activity(self, body: Mapping[str, Any]) -> str:
        """Log a custom activity with a lead, and return its id."""
        return str(self._write("POST", "/activity/custom/", body, parsing.parse_object)["id"])

    def custom_activities(self, lead_id: str) -> list[dict[str, Any]]:
        """Return the newest custom activities of a lead."""
        params = {"lead_id": lead_id, "_limit": 100}
        return [
            dict(row)
            for row in parsing.objects(self._get("/activity/custom/", parsing.parse_rows, params)[0])
        ]

    # ── The event log and search ─────────────────────────────────────────────────────────────────

    def event_page(
        self,
        *,
        since: datetime,
        cursor: str | None = None,
        limit: int = 50,
        object_type: str | None = None,
        action: str | None = None,
    ) -> EventPage:
        """Return events updated since a moment, newest first, or the older ones that a cursor leads to.

        Close takes a type only with an action. A cursor carries the moment; the other filters go with it again.
        Raises RejectedError for a cursor that is too old.
        """
        moment = {"_cursor": cursor} if cursor else {"date_updated__gte": since.astimezone(UTC).isoformat()}
        params = {"_limit": limit, "object_type": object_type, "action": action, **moment}
        return self._get("/event/", parsing.parse_event_page, params)

    def search_page(
        self,
        query: Mapping[str, Any],
        *,
        fields: Mapping[str, list[str]],
        cursor: str | None = None,
        limit: int = 200,
        sort: Iterable[Mapping[str, Any]] = (),
    ) -> SearchPage:
        """Return hits of an advanced search. The index lags behind writes by seconds: compare on your side.

        https://developer.close.com/resources/advanced-filtering/
        """
        body: dict[str, Any] = {"query": query, "_fields": fields, "_limit": limit}
        body |= {"cursor": cursor} if cursor else {}
        body |= {"sort": list(sort)} if sort else {}
        answer = self._request("POST", "/data/search/", json=body, write=False)
        return _parsed(answer, parsing.parse_search_page)

    # ── Webhooks and exports ─────────────────────────────────────────────────────────────────────

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the subscriptions that this key may see."""
        return tuple(parsing.parse_webhook(row) for row in parsing.objects(self._all_rows("/webhook/")))

    def create_webhook(self, url: str, events: Iterable[tuple[str, str]]) -> Webhook:
        """Subscribe a URL to `(object type, action)` events. Only this answer is sure to hold the signature key."""
        body = {"url": url, "events": _wanted(events)}
        return self._write("POST", "/webhook/", body, parsing.parse_webhook)

    def update_webhook(self, close_id: str, events: Iterable[tuple[str, str]]) -> Webhook:
        """Have a subscription deliver, and name these events. Its key stays."""
        body = {"status": "active", "events": _wanted(events)}
        path = f"/webhook/{_segment(close_id)}/"
        return self._write("PUT", path, body, parsing.parse_webhook, "/webhook/{id}/")

    def delete_webhook(self, close_id: str) -> None:
        """Remove a subscription; one that is gone already is fine."""
        try:
            self._request("DELETE", f"/webhook/{_segment(close_id)}/", "/webhook/{id}/")
        except NotFoundError:
            return

    def start_lead_export(self, query: Mapping[str, Any] | None = None) -> Export:
        """Have Close prepare a JSON file of all leads, or of those that a search query finds."""
        body = {"format": "json", "type": "leads", "send_done_email": False}
        return self._write(
            "POST", "/export/lead/", body | ({"s_query": query} if query else {}), parsing.parse_export
        )

    def get_export(self, close_id: str) -> Export:
        return self._get(f"/export/{_segment(close_id)}/", parsing.parse_export, route="/export/{id}/")

    # ── The door ─────────────────────────────────────────────────────────────────────────────────

    def _get(
        self,
        path: str,
        parse: Callable[[Any], _T],
        params: Mapping[str, Any] | None = None,
        route: str | None = None,
    ) -> _T:
        return _parsed(self._request("GET", path, route, params=params), parse)

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        parse: Callable[[Any], _T],
        route: str | None = None,
    ) -> _T:
        return _parsed(self._request(method, path, route, json=body), parse)

    def _delete(self, path: str, route: str) -> None:
        try:
            self._request("DELETE", path, route)
        except NotFoundError:
            return

    def _request(self, method: str, path: str, route: str | None = None, **options: Any) -> Answer:
        self._limits.admit(route or path)
        return self._transport.request(method, path, route=route, **options)

    def _all_rows(self, path: str) -> list[Any]:
        rows: list[Any] = []
        while True:
            found, has_more = self._get(path, parsing.parse_rows, {"_skip": len(rows)} if rows else None)
            rows += found
            if not found or not has_more:
                return rows

    def _judge(self, answer: Answer) -> SyncError | None:
        self._limits.note(answer)
        return error_for(answer)


def _segment(close_id: str) -> str:
    """Return an id as part of a path. Raises NotFoundError for what cannot be an id, such as an empty one."""
    if not _ID.fullmatch(close_id):
        raise NotFoundError(f"Close has no record {close_id!r}.")
    return close_id


def _wanted(events: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"object_type": object_type, "action": action} for object_type, action in events]


def _parsed(answer: Answer, parse: Callable[[Any], _T]) -> _T:
    try:
        return parse(answer.json())
    except ValueError as error:
        kind = UnknownResultError if answer.is_create else TransientError
        raise kind(f"Close's answer cannot be understood: {error}", status=answer.status) from None


def _schema_fields(raw: Any) -> list[Any]:
    fields = raw.get("fields") if isinstance(raw, Mapping) else None
    if not isinstance(fields, list):
        raise ValueError("the schema has no fields")
    return fields
