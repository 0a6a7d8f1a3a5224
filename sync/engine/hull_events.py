"""What happens in Close, as events of Hull: each once, by an id that Close's own object gives it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.records import Attributes, CloseEvent, HullEventKind, parse_time

LONGEST_TEXT = 1000

_KINDS = {
    "activity.lead_status_change": HullEventKind.STATUS_CHANGE,
    "opportunity": HullEventKind.OPPORTUNITY,
    "activity.opportunity_status_change": HullEventKind.OPPORTUNITY,
    "activity.note": HullEventKind.NOTE,
    "activity.call": HullEventKind.CALL,
    "activity.email": HullEventKind.EMAIL,
    "activity.custom_activity": HullEventKind.CUSTOM_ACTIVITY,
}
_NAMES = {
    "activity.lead_status_change": "Lead status changed",
    "opportunity": "Opportunity created",
    "activity.opportunity_status_change": "Opportunity status changed",
    "activity.note": "Note added",
    "activity.call": "Call logged",
    "activity.custom_activity": "Custom activity logged",
}
# What of each is told, beside who did it and the custom fields of custom activities.
_PROPERTIES = {
    HullEventKind.STATUS_CHANGE: ("old_status_label", "new_status_label", "old_status_id", "new_status_id"),
    HullEventKind.OPPORTUNITY: (
        "opportunity_id", "old_status_label", "new_status_label", "old_status_type", "new_status_type", "status_label",
        "status_type", "value", "opportunity_value", "value_currency", "opportunity_value_currency", "value_period",
        "confidence", "note", "pipeline_name",
    ),
    HullEventKind.NOTE: ("title", "note"),
    HullEventKind.CALL: ("direction", "disposition", "duration", "note", "phone", "status"),
    HullEventKind.EMAIL: ("direction", "subject", "status"),
    HullEventKind.CUSTOM_ACTIVITY: ("custom_activity_type_id", "status"),
}  # fmt: skip
# What is not finished yet is told once it is.
_UNFINISHED = {HullEventKind.EMAIL: ("draft", "scheduled", "outbox", "error"), HullEventKind.CUSTOM_ACTIVITY: ("draft",)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happened:
    """One event for Hull: what happened, to which lead and contact, when. `event_id` names it for ever."""

    event_id: str
    kind: HullEventKind
    name: str
    lead_id: str
    contact_id: str
    at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)


def object_types(kind: str) -> tuple[str, ...]:
    """Return the objects of Close's event log that a kind of event comes from."""
    return tuple(name for name, known in _KINDS.items() if known == kind)


def happened(event: CloseEvent, kinds: Collection[str], since: datetime) -> Happened | None:
    """Return what an entry of Close's event log is for Hull; None for what nobody asked for, or what was before.

    An object is told once: what changes in a note later, or that it is deleted, is not told.
    """
    kind, data = _KINDS.get(event.object_type), event.data
    if kind is None or kind not in kinds or data is None or event.action == "deleted":
        return None
    if data.get("status") in _UNFINISHED.get(kind, ()) or (
        kind is HullEventKind.OPPORTUNITY and _is_edit(event)
    ):
        return None
    made_at = (
        parse_time(data.get("activity_at")) or parse_time(data.get("date_created")) or event.date_updated
    )
    if max(made_at, event.date_updated) < since or event.date_updated < since:
        return None
    lead_id = str(data.get("lead_id") or event.lead_id or "")
    name = _email_name(data) if kind is HullEventKind.EMAIL else _NAMES[event.object_type]
    return Happened(
        f"closeio:{event.object_id}", kind, name, lead_id, str(data.get("contact_id") or ""), made_at,
        _properties(kind, data, lead_id),
    )  # fmt: skip


def _is_edit(event: CloseEvent) -> bool:
    return event.object_type == "opportunity" and event.action != "created"


def _email_name(data: Attributes) -> str:
    return "Email received" if data.get("direction") in ("incoming", "inbound") else "Email sent"


def _properties(kind: HullEventKind, data: Attributes, lead_id: str) -> dict[str, Any]:
    names = [*_PROPERTIES[kind], *(name for name in data if name.startswith("custom."))]
    told = {name: _short(data[name]) for name in names if data.get(name) not in (None, "", [], {})}
    who = data.get("user_name") or data.get("created_by_name")
    return told | {"lead_id": lead_id} | ({"user_name": who} if who else {})


def _short(value: Any) -> Any:
    return f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value
