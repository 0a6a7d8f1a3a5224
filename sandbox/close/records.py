"""Leads and contacts: created, patched, deleted, merged, each with the events that Close writes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NOT_A_LIST, Invalid, clean_contact, clean_lead, listed


class NotFound(Exception):  # noqa: N818 - it is an answer of Close
    """A 404: Close knows no such record."""


class Records:
    """The verbs on leads and contacts. Every PUT is a patch; a body is taken whole or not at all."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store, self.log = store, log

    # ── As the API shows them ────────────────────────────────────────────────────────────────────

    def lead(self, close_id: str, nested: bool = True) -> Record:
        """Return a lead as the API does. Raises NotFound."""
        raw = _get(self.store.leads, close_id)
        status = next((one["label"] for one in self.store.statuses if one["id"] == raw["status_id"]), None)
        contacts = self.contacts_of(close_id)
        shown = deepcopy(raw) | {
            "status_label": status, "display_name": raw["name"] or "Untitled",
            "contact_ids": [contact["id"] for contact in contacts],
            "html_url": f"https://app.close.com/lead/{close_id}/", "tasks": [], "opportunities": [], "integration_links": [],
        }  # fmt: skip
        return shown | ({"contacts": contacts} if nested else {})

    def contact(self, close_id: str) -> Record:
        """Return a contact as the API does. Raises NotFound."""
        raw = _get(self.store.contacts, close_id)
        first = raw["emails"][0]["email"] if raw["emails"] else ""
        return deepcopy(raw) | {"display_name": raw["name"] or first, "integration_links": []}

    def contacts_of(self, lead_id: str) -> list[Record]:
        return [self.contact(raw["id"]) for raw in self.store.contacts.values() if raw["lead_id"] == lead_id]

    # ── Leads ────────────────────────────────────────────────────────────────────────────────────

    def create_lead(self, body: Record, actor: Actor, close_id: str | None = None) -> Record:
        """Create a lead with its nested contacts, or nothing at all. Raises Invalid."""
        clean, errors = clean_lead(self.store, body)
        people = body.get("contacts") or []
        if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
            raise Invalid(errors | {"contacts": NOT_A_LIST})
        checked = [clean_contact(self.store, person) for person in people]
        refused = {index: found for index, (_, found) in enumerate(checked) if found}
        if refused:
            errors["contacts"] = listed(refused)
        if errors:
            raise Invalid(errors)
        lead_id = close_id or self.store.new_id("lead")
        created = self.store.stamp()
        blank = {
            "id": lead_id, "organization_id": self.store.organization_id, "name": "", "description": "", "url": None,
            "status_id": self.store.statuses[0]["id"], "addresses": [], "created_by": actor.user_id,
            "updated_by": actor.user_id, "date_created": created,
            "date_updated": self.store.stamp(),
        }  # fmt: skip
        self.store.leads[lead_id] = blank | _set_values(clean)
        for person, (found, _) in zip(people, checked, strict=True):
            self._add_contact(found, lead_id, actor, person.get("id"))
        self.log.write("lead", "created", self.lead(lead_id), lead_id, actor)
        for contact in self.contacts_of(lead_id):
            self.log.write("contact", "created", contact, lead_id, actor)
        return self.lead(lead_id)

    def update_lead(self, close_id: str, body: Record, actor: Actor) -> Record:
        """Patch a lead. Raises NotFound and Invalid."""
        raw = _get(self.store.leads, close_id)
        clean, errors = clean_lead(self.store, body)
        if errors:
            raise Invalid(errors)
        self._patch("lead", raw, clean, close_id, actor)
        return self.lead(close_id)

    def delete_lead(self, close_id: str, actor: Actor, meta: Record | None = None) -> None:
        """Delete a lead with its contacts. Raises NotFound."""
        gone = self.lead(close_id, nested=False)
        for contact in self.contacts_of(close_id):
            del self.store.contacts[contact["id"]]
            self.log.write("contact", "deleted", contact, close_id, actor, meta=meta)
        del self.store.leads[close_id]
        self.log.write("lead", "deleted", gone, close_id, actor, meta=meta)

    def merge(self, source: str, destination: str, actor: Actor) -> None:
        """Merge one lead into another: its contacts move, it disappears. Raises NotFound and Invalid."""
        if source == destination:
            raise Invalid({"source": "A lead cannot be merged into itself."})
        for lead_id in (source, destination):
            _get(self.store.leads, lead_id)
        meta = {"merge_source_lead_id": source, "merge_destination_lead_id": destination}
        for contact in self.contacts_of(source):
            self._patch(
                "contact",
                self.store.contacts[contact["id"]],
                {"lead_id": destination},
                destination,
                actor,
                meta,
            )
        self.delete_lead(source, actor, meta)
        self.store.leads[destination]["date_updated"] = self.store.stamp()
        self.log.write("lead", "merged", self.lead(destination), destination, actor, meta=meta)

    def insert(self, raw: Record) -> None:
        """Put a lead with its contacts in as it is, unchecked, without an event."""
        people = raw.get("contacts") or []
        blank: Record = {
            "organization_id": self.store.organization_id,
            "addresses": [],
            "name": "",
            "description": "",
            "url": None,
        }
        fields = {name: value for name, value in raw.items() if name != "contacts"}
        fields["date_updated"] = fields.get("date_updated") or self.store.stamp()
        fields["date_created"] = fields.get("date_created") or self.store.stamp()
        self.store.leads[raw["id"]] = blank | fields
        for person in people:
            times = {name: fields[name] for name in ("date_created", "date_updated")}
            empty: Record = {"name": "", "title": "", "emails": [], "phones": [], "urls": []}
            contact = empty | times | person | {"lead_id": raw["id"]}
            contact["id"] = person.get("id") or self.store.new_id("cont")
            self.store.contacts[contact["id"]] = contact

    # ── Contacts ─────────────────────────────────────────────────────────────────────────────────

    def create_contact(self, body: Record, actor: Actor) -> Record:
        """Create a contact. Without a lead it silently gets a new one, named after it. Raises Invalid."""
        clean, errors = clean_contact(self.store, body)
        if errors:
            raise Invalid(errors)
        lead_id = (
            clean.pop("lead_id", None) or self.create_lead({"name": clean.get("name") or ""}, actor)["id"]
        )
        contact_id = self._add_contact(clean, lead_id, actor)
        self.log.write("contact", "created", self.contact(contact_id), lead_id, actor)
        self._touch_lead(lead_id, actor, added=[contact_id])
        return self.contact(contact_id)

    def update_contact(self, close_id: str, body: Record, actor: Actor) -> Record:
        """Patch a contact; a given list replaces the whole list. Raises NotFound and Invalid."""
        raw = _get(self.store.contacts, close_id)
        clean, errors = clean_contact(self.store, body)
        if errors:
            raise Invalid(errors)
        left = str(raw["lead_id"])
        lead_id = str(clean.get("lead_id", left))
        if self._patch("contact", raw, clean, lead_id, actor):
            if lead_id == left:
                self.store.leads[left]["date_updated"] = self.store.stamp()
            else:
                self._touch_lead(left, actor, gone=[close_id])
                self._touch_lead(lead_id, actor, added=[close_id])
        return self.contact(close_id)

    def delete_contact(self, close_id: str, actor: Actor) -> None:
        gone = self.contact(close_id)
        del self.store.contacts[close_id]
        self.log.write("contact", "deleted", gone, gone["lead_id"], actor)
        self._touch_lead(gone["lead_id"], actor, gone=[close_id])

    def _add_contact(self, clean: Record, lead_id: str, actor: Actor, close_id: str | None = None) -> str:
        contact_id = close_id or self.store.new_id("cont")
        now = self.store.stamp()
        blank = {
            "id": contact_id, "organization_id": self.store.organization_id, "name": "", "title": "", "emails": [],
            "phones": [], "urls": [], "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": now,
            "date_updated": now,
        }  # fmt: skip
        self.store.contacts[contact_id] = blank | _set_values(clean) | {"lead_id": lead_id}
        return contact_id

    def _touch_lead(
        self, lead_id: str, actor: Actor, added: Sequence[str] = (), gone: Sequence[str] = ()
    ) -> None:
        """A contact that comes or goes is an update of its lead."""
        lead = self.store.leads[lead_id]
        now = [contact["id"] for contact in self.contacts_of(lead_id)]
        before = {
            "contact_ids": [one for one in now if one not in added] + list(gone),
            "date_updated": lead["date_updated"],
        }
        lead["date_updated"] = self.store.stamp()
        self.log.write("lead", "updated", self.lead(lead_id, nested=False), lead_id, actor, before)

    def _patch(
        self, kind: str, raw: Record, clean: Record, lead_id: str, actor: Actor, meta: Record | None = None
    ) -> bool:
        """Change a record in place and write the event. A patch that changes nothing leaves no trace: whether

        Close writes an event then is not known; a sync must not depend on it.
        """
        after = deepcopy(raw)
        for name, value in clean.items():
            _set(after, name, value)
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if not changed:
            return False
        before = {name: deepcopy(raw.get(name)) for name in [*changed, "date_updated"]}
        raw.clear()
        raw.update(after, date_updated=self.store.stamp(), updated_by=actor.user_id)
        shown = self.lead(raw["id"], nested=False) if kind == "lead" else self.contact(raw["id"])
        self.log.write(kind, "updated", shown, lead_id, actor, before, meta)
        return True


def _set_values(clean: Record) -> Record:
    values: Record = {}
    for name, value in clean.items():
        _set(values, name, value)
    return values


def _set(values: Record, name: str, value: Any) -> None:
    """Set a key; custom values of None are unset, `.add` and `.remove` change one value of many."""
    if not name.startswith("custom."):
        values[name] = value
        return
    field_id, _, suffix = name.removeprefix("custom.").partition(".")
    path = f"custom.{field_id}"
    held = values.get(path) or []
    if suffix == "add":
        value = held if value in held else [*held, value]
    elif suffix == "remove":
        value = [one for one in held if one != value] or None
    if value is None:
        values.pop(path, None)
    else:
        values[path] = value


def _get(table: dict[str, Record], close_id: str) -> Record:
    if close_id not in table:
        raise NotFound(close_id)
    return table[close_id]
