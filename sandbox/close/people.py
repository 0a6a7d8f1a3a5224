"""The addresses of leads and contacts: lists, single records, and the merge."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.close.legacy import queried
from sandbox.close.reading import ONE, Answer, Routes, bounds, chosen, json_body, paged
from sandbox.close.records import Records
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import Invalid
from sandbox.http import Request


class People:
    """Answers `/lead/` and `/contact/`."""

    def __init__(self, store: Store, records: Records) -> None:
        self.store, self.records = store, records

    def routes(self) -> Routes:
        return [
            ("/lead/", {"GET": self._list_leads, "POST": self._create_lead}),
            ("/lead/merge/", {"POST": self._merge}),
            (f"/lead/{ONE}/", {"GET": self._get_lead, "PUT": self._update_lead, "DELETE": self._delete_lead}),
            ("/contact/", {"GET": self._list_contacts, "POST": self._create_contact}),
            (f"/contact/{ONE}/", {"GET": self._get_contact, "PUT": self._update_contact, "DELETE": self._delete_contact}),
        ]  # fmt: skip

    def _list_leads(self, request: Request, actor: Actor) -> Answer:
        rows: Collection[Record] = self.store.leads.values()
        query = request.param("query")
        bounds(request)
        if query:
            rows = queried(list(rows), query, lambda raw: self.records.lead(raw["id"]))
        page, has_more = paged(rows, request)
        shown = [chosen(self.records.lead(raw["id"]), request) for raw in page]
        return 200, {"data": shown, "has_more": has_more, "total_results": len(rows)}

    def _create_lead(self, request: Request, actor: Actor) -> Answer:
        return 200, chosen(self.records.create_lead(json_body(request), actor), request)

    def _get_lead(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.records.lead(close_id), request)

    def _update_lead(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.records.update_lead(close_id, json_body(request), actor), request)

    def _delete_lead(self, request: Request, actor: Actor, close_id: str) -> Answer:
        self.records.delete_lead(close_id, actor)
        return 200, {}

    def _merge(self, request: Request, actor: Actor) -> Answer:
        body = json_body(request)
        ids: list[Any] = [body.get(name) for name in ("source", "destination")]
        missing = [
            name
            for name, value in zip(("source", "destination"), ids, strict=True)
            if not isinstance(value, str)
        ]
        if missing:
            raise Invalid(dict.fromkeys(missing, "This field is required."))
        self.records.merge(ids[0], ids[1], actor)
        return 200, {}

    def _list_contacts(self, request: Request, actor: Actor) -> Answer:
        lead_id = request.param("lead_id")
        rows: Collection[Record] = self.store.contacts.values()
        if lead_id:
            rows = list(self.store.contacts.of_lead(lead_id))
        query = request.param("query").lower()
        if query:
            rows = [raw for raw in rows if _mentions(raw, query)]
        page, has_more = paged(rows, request)
        shown = [chosen(self.records.shown_contact(raw), request) for raw in page]
        return 200, {"data": shown, "has_more": has_more}

    def _create_contact(self, request: Request, actor: Actor) -> Answer:
        return 200, chosen(self.records.create_contact(json_body(request), actor), request)

    def _get_contact(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.records.contact(close_id), request)

    def _update_contact(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.records.update_contact(close_id, json_body(request), actor), request)

    def _delete_contact(self, request: Request, actor: Actor, close_id: str) -> Answer:
        self.records.delete_contact(close_id, actor)
        return 200, {}


def _mentions(raw: Record, query: str) -> bool:
    """The old text query on contacts: a word of a name, or `email:` with an address."""
    wanted = query.removeprefix("email:").removeprefix("name:").strip('"')
    texts = [raw["name"], raw["title"], *(entry["email"] for entry in raw["emails"])]
    return any(wanted in str(text).lower() for text in texts)
