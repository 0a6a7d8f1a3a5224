"""Close's payloads as frozen values. Lenient: unknown keys are kept, missing ones tolerated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.records import (
    CloseEvent,
    CloseIdentity,
    CloseUser,
    Contact,
    CustomField,
    Lead,
    LeadStatus,
    Webhook,
    parse_time,
)

# Kept out of a lead's fields: other objects, and custom values by their names, which change when one is renamed.
_NOT_LEAD_FIELDS = ("contacts", "opportunities", "tasks", "custom")


@dataclass(frozen=True, slots=True)
class LeadPage:
    """One page of leads. `received` counts what the answer held, as the next page's start has to."""

    leads: tuple[Lead, ...]
    has_more: bool
    total: int | None = None
    received: int = 0


@dataclass(frozen=True, slots=True)
class ContactPage:
    """One page of contacts; Close does not tell how many there are."""

    contacts: tuple[Contact, ...]
    has_more: bool
    received: int = 0


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of the event log, newest first. `cursor_next` leads to older events."""

    events: tuple[CloseEvent, ...]
    cursor_next: str | None = None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of search hits. The cursor to the next one is good for half a minute."""

    leads: tuple[Lead, ...] = ()
    contacts: tuple[Contact, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A file of leads that Close prepares; its address is there when `status` is `done`."""

    close_id: str
    status: str
    download_url: str | None = None
    total: int | None = None
    done: int = 0


# ── Records ──────────────────────────────────────────────────────────────────────────────────────


def parse_lead(raw: Any) -> Lead:
    """Read a lead with its nested contacts. Raises ValueError when it has no id."""
    lead, lead_id = _mapping(raw), _id(raw)
    nested = lead.get("contacts")
    contacts = tuple(parse_contacts(nested, lead_id)) if isinstance(nested, list) else None
    fields = {name: value for name, value in lead.items() if name not in _NOT_LEAD_FIELDS}
    return Lead(lead_id, _custom_by_id(lead) | fields, contacts)


def parse_contact(raw: Any, lead_id: str | None = None) -> Contact:
    """Read a contact; `lead_id` is used where a nested one does not repeat it. Raises ValueError without an id."""
    contact, contact_id = _mapping(raw), _id(raw)
    fields = {name: value for name, value in contact.items() if name != "custom"}
    return Contact(contact_id, _custom_by_id(contact) | fields, text(contact.get("lead_id")) or lead_id)


def parse_leads(rows: Any) -> Iterator[Lead]:
    """Read a list of leads; what has no id cannot be addressed and is left out."""
    return (parse_lead(row) for row in objects(rows) if text(row.get("id")))


def parse_contacts(rows: Any, lead_id: str | None = None) -> Iterator[Contact]:
    return (parse_contact(row, lead_id) for row in objects(rows) if text(row.get("id")))


def _custom_by_id(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return custom values that came nested under their ids; those under names are left out."""
    custom = record.get("custom")
    named = custom.items() if isinstance(custom, Mapping) else ()
    return {f"custom.{name}": value for name, value in named if str(name).startswith(("cf_", "lcf_"))}


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


def parse_lead_page(raw: Any) -> LeadPage:
    page, rows = _page(raw)
    total = page.get("total_results")
    known = total if isinstance(total, int) else None
    return LeadPage(tuple(parse_leads(rows)), bool(page.get("has_more")), known, len(rows))


def parse_contact_page(raw: Any, lead_id: str | None = None) -> ContactPage:
    page, rows = _page(raw)
    return ContactPage(tuple(parse_contacts(rows, lead_id)), bool(page.get("has_more")), len(rows))


def parse_rows(raw: Any) -> tuple[list[Any], bool]:
    """Return the rows of a list answer and whether there are more."""
    page, rows = _page(raw)
    return rows, bool(page.get("has_more"))


def parse_search_page(raw: Any) -> SearchPage:
    page, rows = _page(raw)
    leads = [row for row in objects(rows) if row.get("__object_type") == "lead"]
    contacts = [row for row in objects(rows) if row.get("__object_type") == "contact"]
    return SearchPage(tuple(parse_leads(leads)), tuple(parse_contacts(contacts)), text(page.get("cursor")))


def parse_event_page(raw: Any) -> EventPage:
    page, rows = _page(raw)
    read = (parse_event(row) for row in objects(rows))
    return EventPage(tuple(event for event in read if event), text(page.get("cursor_next")))


def parse_event(raw: Any) -> CloseEvent | None:
    """Read one entry of the event log, whose times are UTC without saying so. None without id, object or time."""
    event = _mapping(raw)
    data, previous = event.get("data"), event.get("previous_data")
    object_type, object_id = (text(event.get("object_type")) or "", text(event.get("object_id")))
    moment = _moment(event)
    if not (text(event.get("id")) and object_id and moment):
        return None
    return CloseEvent(
        close_id=str(event["id"]),
        object_type=object_type,
        action=text(event.get("action")) or "",
        object_id=object_id,
        date_updated=moment,
        lead_id=text(event.get("lead_id")) or (object_id if object_type == "lead" else None),
        data=data if isinstance(data, Mapping) else None,
        previous_data=previous if isinstance(previous, Mapping) else {},
        changed_fields=tuple(str(name) for name in event.get("changed_fields") or ()),
        api_key_id=text(event.get("api_key_id")),
        user_id=text(event.get("user_id")),
        meta=_mapping(event.get("meta")),
    )


def _moment(event: Mapping[str, Any]) -> datetime | None:
    return parse_time(event.get("date_updated")) or parse_time(event.get("date_created"))


# ── What an organization has ─────────────────────────────────────────────────────────────────────


def parse_identity(raw: Any) -> CloseIdentity:
    """Read `/me/`, where organizations may be objects or ids, or known from the memberships only.

    Raises ValueError when it names nobody.
    """
    me = _mapping(raw)
    listed = [*(me.get("organizations") or ()), *(me.get("memberships") or ())]
    first = listed[0] if listed else {}
    organization = first if isinstance(first, Mapping) else {"id": first}
    return CloseIdentity(
        user_id=_id(me),
        email=text(me.get("email")) or "",
        organization_id=text(organization.get("organization_id")) or text(organization.get("id")) or "",
        organization_name=text(organization.get("name")) or "",
    )


def parse_statuses(rows: Any) -> Iterator[LeadStatus]:
    return (
        LeadStatus(row["id"], text(row.get("label")) or row["id"]) for row in objects(rows) if row.get("id")
    )


def parse_custom_fields(rows: Any) -> Iterator[CustomField]:
    """Read field definitions. Ids may come with or without the `custom.` under which values are kept."""
    for row in objects(rows):
        close_id = (text(row.get("id")) or "").removeprefix("custom.")
        if close_id:
            yield CustomField(
                close_id,
                text(row.get("name")) or close_id,
                text(row.get("type")) or "text",
                tuple(str(choice) for choice in row.get("choices") or ()),
                bool(row.get("accepts_multiple_values")),
            )


def parse_custom_field(raw: Any) -> CustomField:
    """Read one field definition. Raises ValueError when it has no id."""
    found = next(iter(parse_custom_fields([raw])), None)
    if found is None:
        raise ValueError("A custom field from Close has no id.")
    return found


def parse_users(rows: Any) -> Iterator[CloseUser]:
    """Read users; the name is the one by which a custom field knows them."""
    for row in objects(rows):
        names = (text(row.get("first_name")), text(row.get("last_name")))
        if close_id := text(row.get("id")):
            yield CloseUser(close_id, text(row.get("email")) or "", " ".join(name for name in names if name))


def parse_webhook(raw: Any) -> Webhook:
    hook = _mapping(raw)
    events = ((text(one.get("object_type")), text(one.get("action"))) for one in objects(hook.get("events")))
    return Webhook(
        _id(hook),
        text(hook.get("url")) or "",
        text(hook.get("status")) or "active",
        text(hook.get("signature_key")),
        frozenset((kind, action) for kind, action in events if kind and action),
        (text(hook.get("health_status")) or "healthy") == "healthy",
        str(hook.get("latest_error") or ""),
    )


def parse_export(raw: Any) -> Export:
    export = _mapping(raw)
    total = export.get("n_docs")
    return Export(
        _id(export),
        text(export.get("status")) or "created",
        text(export.get("download_url")),
        total if isinstance(total, int) else None,
        int(export.get("n_docs_processed") or 0),
    )


# ── Small readers ────────────────────────────────────────────────────────────────────────────────


def objects(rows: Any) -> Iterable[Mapping[str, Any]]:
    """Return the objects among the rows of a list; nothing for what is not a list."""
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def parse_object(raw: Any) -> dict[str, Any]:
    """Return an object as it is told. Raises ValueError when it has no id."""
    _id(raw)
    return dict(_mapping(raw))


def text(value: Any) -> str | None:
    """Return a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def _page(raw: Any) -> tuple[Mapping[str, Any], list[Any]]:
    """Raises ValueError for what is no page, which is not the same as an empty one."""
    rows = raw.get("data") if isinstance(raw, Mapping) else None
    if not isinstance(rows, list):
        raise ValueError("A page from Close has no data.")
    return raw, rows


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _id(raw: Any) -> str:
    close_id = text(_mapping(raw).get("id"))
    if close_id is None:
        raise ValueError("An object from Close has no id.")
    return close_id
