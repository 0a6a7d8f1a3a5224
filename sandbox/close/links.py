"""Integration links: addresses with placeholders, which Close shows on every lead, contact or opportunity."""

from __future__ import annotations

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed
from sandbox.close.records import Records, found
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import INVALID_URL, NOT_A_CHOICE, NOT_A_TEXT, Invalid
from sandbox.http import Request

TYPES = ("lead", "contact", "opportunity")


class Links:
    """Answers `/integration_link/`."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store = store

    def routes(self) -> Routes:
        return [
            ("/integration_link/", {"GET": self._list, "POST": self._create}),
            (f"/integration_link/{ONE}/", {"GET": self._get, "PUT": self._update, "DELETE": self._delete}),
        ]

    def _list(self, request: Request, actor: Actor) -> Answer:
        return listed(self.store.integration_links.values(), request)

    def _create(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        missing = [name for name in ("name", "url") if not body.get(name)]
        if missing:
            raise Invalid(dict.fromkeys(missing, "This field is required."))
        now = self.store.bare_stamp()
        link = {
            "id": self.store.new_id("link"), "type": "lead", "organization_id": self.store.organization_id,
            "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": now, "date_updated": now,
        } | _clean(body)  # fmt: skip
        self.store.integration_links[link["id"]] = link
        return 200, link

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(found(self.store.integration_links, close_id), request)

    def _update(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        link = found(self.store.integration_links, close_id)
        changed = link | _clean(json_body(request)) | {"date_updated": self.store.bare_stamp()}
        self.store.integration_links[close_id] = changed
        return 200, changed

    def _delete(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        found(self.store.integration_links, close_id)
        del self.store.integration_links[close_id]
        return 200, {}


def _clean(body: Record) -> Record:
    clean: Record = {name: body[name] for name in ("name", "url", "type") if name in body}
    errors: dict[str, str] = {name: NOT_A_TEXT for name, value in clean.items() if not isinstance(value, str)}
    errors |= {name: "This field is required." for name in ("name", "url") if clean.get(name) == ""}
    if "type" in clean and clean["type"] not in TYPES:
        errors["type"] = NOT_A_CHOICE
    if "url" in clean and "url" not in errors and not clean["url"].startswith(("http://", "https://")):
        errors["url"] = INVALID_URL
    if errors:
        raise Invalid(errors)
    return clean
