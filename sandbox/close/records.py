"""Leads and contacts: created, patched, deleted, merged, each with the events that Close writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.store import Actor, Record, Store, Table
from sandbox.close.validation import NOT_A_LIST, Invalid, clean_contact, clean_lead, listed


class NotFound(Exception):  # noqa: N818 - it is an answer of Close
    """A 404: Close knows no such record."""


# What else hangs on a lead: the table, the name of its events (None: it depends on the record).
_CHILDREN = (("opportunities", "opportunity"), ("tasks", None), ("activities", None))


class Records:
    """The verbs on leads and contacts. Every PUT is a patch; a body is taken whole or not at all.

    `noted` is told what Close keeps as activities of a lead: a status that changed, a merge.
    """

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store, self.log = store, log
        self.noted: Callable[[str, str, Record, Actor], object] = lambda kind, lead_id, values, actor: None
        self.shown_opportunity: Callable[[Record], Record] = dict
        self.watchers: list[Callable[[str, str, Record | None], None]] = []

    # ── Keeping: a record that changes is replaced, so that whoever holds the old version keeps it ──

    def _keep_lead(self, record: Record) -> None:
        self.store.leads[record["id"]] = record
        self._tell("lead", record["id"], record)

    def _keep_contact(self, record: Record) -> None:
        if record["id"] in self.store.contacts:
            self.store.contacts.replace(record["id"], record)
        else:
            self.store.contacts.add(record)
        self._tell("contact", record["id"], record)

    def _drop_contact(self, close_id: str) -> None:
        self.store.contacts.discard(close_id)
        self._tell("contact", close_id, None)

    def _tell(self, kind: str, close_id: str, record: Record | None) -> None:
        for watch in self.watchers:
            watch(kind, close_id, record)

    def touch_lead(self, lead_id: str) -> None:
        """Move the `date_updated` of a lead without an event, as much does that hangs on it."""
        lead = self.store.leads[lead_id]
        self._keep_lead(lead | {"date_updated": self.store.stamp()})

    # ── As the API shows them ────────────────────────────────────────────────────────────────────

    def lead(self, close_id: str, nested: bool = True) -> Record:
        """Return a lead as the API does. Raises NotFound."""
        raw = found(self.store.leads, close_id)
        return self.shown_lead(raw, list(self.store.contacts.of_lead(close_id)), nested)

    def shown_lead(self, raw: Record, contacts: list[Record], nested: bool = True) -> Record:
        """Return a lead as it is kept with what the API adds to it."""
        close_id = raw["id"]
        shown = raw | {
            "status_label": self.status_label(raw["status_id"]), "display_name": raw["name"] or "Untitled",
            "html_url": f"https://app.close.com/lead/{close_id}/", "tasks": [], "opportunities": [],
            "created_by_name": self.store.full_name(raw.get("created_by")),
            "updated_by_name": self.store.full_name(raw.get("updated_by")),
        }  # fmt: skip
        shown["integration_links"] = self._links("lead", shown)
        shown["custom"] = self._by_name(raw)
        shown["contact_ids"] = [contact["id"] for contact in contacts]
        if nested:
            shown["contacts"] = [self.shown_contact(contact) for contact in contacts]
            shown["opportunities"] = [
                self.shown_opportunity(one) for one in self.store.opportunities.of_lead(close_id)
            ]
            shown["tasks"] = [
                dict(one) for one in self.store.tasks.of_lead(close_id) if not one.get("is_complete")
            ]
        return shown

    def _by_name(self, raw: Record) -> Record:
        """Return the deprecated map of custom values by name, which leads still have and contacts never had."""
        fields = self.store.custom_fields
        values = (
            (name.removeprefix("custom."), value) for name, value in raw.items() if name.startswith("custom.")
        )
        return {fields[field_id]["name"]: value for field_id, value in values if field_id in fields}

    def contact(self, close_id: str) -> Record:
        """Return a contact as the API does. Raises NotFound."""
        return self.shown_contact(found(self.store.contacts, close_id))

    def shown_contact(self, raw: Record) -> Record:
        """Return a contact as it is kept with what the API adds to it."""
        first = raw["emails"][0]["email"] if raw["emails"] else ""
        shown = raw | {"display_name": raw["name"] or first}
        shown["integration_links"] = self._links("contact", shown)
        return shown

    def contacts_of(self, lead_id: str) -> list[Record]:
        return [self.shown_contact(raw) for raw in self.store.contacts.of_lead(lead_id)]

    def status_label(self, status_id: str | None) -> str | None:
        return next((one["label"] for one in self.store.statuses if one["id"] == status_id), None)

    def _links(self, kind: str, shown: Record) -> list[Record]:
        if not self.store.integration_links:
            return []
        return [
            {"name": link["name"], "url": rendered(link["url"], shown)}
            for link in self.store.integration_links.values()
            if link["type"] == kind
        ]

    # ── Leads ────────────────────────────────────────────────────────────────────────────────────

    def create_lead(self, body: Record, actor: Actor, close_id: str | None = None) -> Record:
        """Create a lead with its nested contacts, or nothing at all. Raises Invalid."""
        clean, errors = clean_lead(self.store, body, actor)
        people = body.get("contacts") or []
        if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
            raise Invalid(errors | {"contacts": NOT_A_LIST})
        checked = [clean_contact(self.store, person, actor) for person in people]
        refused = {index: found for index, (_, found) in enumerate(checked) if found}
        if refused:
            errors["contacts"] = listed(refused)
        if errors:
            raise Invalid(errors)
        lead_id = close_id or self.store.new_id("lead")
        created = self.store.stamp()
        blank: Record = {
            "id": lead_id, "organization_id": self.store.organization_id, "name": "", "description": "", "url": None,
            "status_id": self.store.statuses[0]["id"] if self.store.statuses else None, "addresses": [],
            "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": created,
            "date_updated": self.store.stamp(),
        }  # fmt: skip
        self._keep_lead(blank | set_values(clean))
        for person, (values, _) in zip(people, checked, strict=True):
            self._add_contact(values, lead_id, actor, _given_id(person))
        self.log.write("lead", "created", self.lead(lead_id), lead_id, actor)
        for contact in self.contacts_of(lead_id):
            self.log.write("contact", "created", contact, lead_id, actor)
        return self.lead(lead_id)

    def update_lead(self, close_id: str, body: Record, actor: Actor, meta: Record | None = None) -> Record:
        """Patch a lead. Raises NotFound and Invalid."""
        raw = found(self.store.leads, close_id)
        clean, errors = clean_lead(self.store, body, actor)
        if errors:
            raise Invalid(errors)
        self._patch("lead", raw, clean, close_id, actor, meta)
        now = self.store.leads[close_id]["status_id"]
        if now != raw["status_id"]:
            self._note_status(close_id, raw["status_id"], now, actor)
        return self.lead(close_id)

    def _note_status(self, lead_id: str, old: str, new: str, actor: Actor) -> None:
        values = {
            "old_status_id": old, "old_status_label": self.status_label(old), "new_status_id": new,
            "new_status_label": self.status_label(new),
        }  # fmt: skip
        self.noted("LeadStatusChange", lead_id, values, actor)

    def delete_lead(self, close_id: str, actor: Actor, meta: Record | None = None) -> None:
        """Delete a lead with all that hangs on it. Raises NotFound."""
        gone = self.lead(close_id, nested=False)
        for contact in self.contacts_of(close_id):
            self._drop_contact(contact["id"])
            self.log.write("contact", "deleted", contact, close_id, actor, meta=meta)
        for name, kind in _CHILDREN:
            table: Table = getattr(self.store, name)
            for child in list(table.of_lead(close_id)):
                table.discard(child["id"])
                self.log.write(kind or event_kind(child), "deleted", child, close_id, actor, meta=meta)
        del self.store.leads[close_id]
        self._tell("lead", close_id, None)
        self.log.write("lead", "deleted", gone, close_id, actor, meta=meta)

    def merge(self, source: str, destination: str, actor: Actor) -> None:
        """Merge one lead into another: what hangs on it moves, it disappears. Raises NotFound and Invalid."""
        if source == destination:
            raise Invalid({"source": "A lead cannot be merged into itself."})
        for lead_id in (source, destination):
            found(self.store.leads, lead_id)
        meta = {"merge_source_lead_id": source, "merge_destination_lead_id": destination}
        for contact in self.contacts_of(source):
            raw = self.store.contacts[contact["id"]]
            self._patch("contact", raw, {"lead_id": destination}, destination, actor, meta)
        for name, kind in _CHILDREN:
            table: Table = getattr(self.store, name)
            for child in list(table.of_lead(source)):
                before = {"lead_id": source, "date_updated": child["date_updated"]}
                moved = child | {"lead_id": destination, "date_updated": self.store.stamp()}
                table.replace(child["id"], moved)
                self.log.write(
                    kind or event_kind(child), "updated", moved, destination, actor, before, meta=meta
                )
        self.delete_lead(source, actor, meta)
        self.touch_lead(destination)
        self.log.write("lead", "merged", self.lead(destination), destination, actor, meta=meta)
        self.noted(
            "LeadMerge", destination, {"source_lead_id": source, "destination_lead_id": destination}, actor
        )

    def insert(self, raw: Record) -> None:
        """Put a lead with its contacts in as it is, unchecked, without an event."""
        people = raw.get("contacts") or []
        blank: Record = {
            "organization_id": self.store.organization_id, "addresses": [], "name": "", "description": "", "url": None,
        }  # fmt: skip
        fields = {name: value for name, value in raw.items() if name != "contacts"}
        fields["date_updated"] = fields.get("date_updated") or self.store.stamp()
        fields["date_created"] = fields.get("date_created") or self.store.stamp()
        self._keep_lead(blank | fields)
        for person in people:
            times = {name: fields[name] for name in ("date_created", "date_updated")}
            empty: Record = {"name": "", "title": "", "emails": [], "phones": [], "urls": []}
            contact = empty | times | person | {"lead_id": raw["id"]}
            contact["id"] = person.get("id") or self.store.new_id("cont")
            self._keep_contact(contact)

    # ── Contacts ─────────────────────────────────────────────────────────────────────────────────

    def create_contact(self, body: Record, actor: Actor) -> Record:
        """Create a contact. Without a lead it silently gets a new one, named after it. Raises Invalid."""
        clean, errors = clean_contact(self.store, body, actor)
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
        raw = found(self.store.contacts, close_id)
        clean, errors = clean_contact(self.store, body, actor)
        if errors:
            raise Invalid(errors)
        left = str(raw["lead_id"])
        lead_id = str(clean.get("lead_id", left))
        if self._patch("contact", raw, clean, lead_id, actor):
            if lead_id == left:
                self.touch_lead(left)
            else:
                self._touch_lead(left, actor, gone=[close_id])
                self._touch_lead(lead_id, actor, added=[close_id])
        return self.contact(close_id)

    def delete_contact(self, close_id: str, actor: Actor) -> None:
        """Delete a contact. Raises NotFound."""
        gone = self.contact(close_id)
        self._drop_contact(close_id)
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
        self._keep_contact(blank | set_values(clean) | {"lead_id": lead_id})
        return contact_id

    def _touch_lead(
        self, lead_id: str, actor: Actor, added: Sequence[str] = (), gone: Sequence[str] = ()
    ) -> None:
        """A contact that comes or goes is an update of its lead."""
        lead = self.store.leads[lead_id]
        now = [contact["id"] for contact in self.store.contacts.of_lead(lead_id)]
        before = {
            "contact_ids": [one for one in now if one not in added] + list(gone),
            "date_updated": lead["date_updated"],
        }
        self.touch_lead(lead_id)
        self.log.write("lead", "updated", self.lead(lead_id, nested=False), lead_id, actor, before)

    def _patch(
        self, kind: str, raw: Record, clean: Record, lead_id: str, actor: Actor, meta: Record | None = None
    ) -> bool:
        """Change a record and write the event. A patch that changes nothing leaves no trace: whether

        Close writes an event then is not known; a sync must not depend on it.
        """
        after = patched(raw, clean)
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if not changed:
            return False
        before = {name: raw.get(name) for name in [*changed, "date_updated"]}
        after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
        (self._keep_lead if kind == "lead" else self._keep_contact)(after)
        shown = self.lead(raw["id"], nested=False) if kind == "lead" else self.contact(raw["id"])
        self.log.write(kind, "updated", shown, lead_id, actor, before, meta)
        return True


def event_kind(record: Record) -> str:
    """Return the name that a task or an activity has in the event log: `task.lead`, `activity.note`."""
    plain = str(record.get("_type", ""))
    if plain in ("lead", "outgoing_call"):
        return f"task.{plain}"
    return "activity." + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", plain).lower()


def rendered(template: str, record: Mapping[str, Any]) -> str:
    """Return the address of an integration link: `{{ name }}` stands for a field of the record."""
    text = template
    for name, value in record.items():
        if isinstance(value, str | int | float):
            for spelling in (f"{{{{ {name} }}}}", f"{{{{{name}}}}}"):
                text = text.replace(spelling, str(value))
    return text


def set_values(clean: Record) -> Record:
    """Return the values that a cleaned body sets on a new record."""
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


def patched(values: Record, clean: Record) -> Record:
    """Return a record with a cleaned body applied to it."""
    after = dict(values)
    for name, value in clean.items():
        _set(after, name, value)
    return after


def _given_id(person: Record) -> str | None:
    """A restored contact brings its id along; anything else gets a new one."""
    given = person.get("id")
    return given if isinstance(given, str) and given.startswith("cont_") else None


def found(table: Mapping[str, Record], close_id: str) -> Record:
    """Return a record. Raises NotFound."""
    if close_id not in table:
        raise NotFound(close_id)
    return table[close_id]
