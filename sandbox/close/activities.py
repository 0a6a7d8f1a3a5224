"""What happened on a lead: notes, calls, e-mails, custom activities, and what Close notes itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Any

from sandbox.close.events import EventLog, moment
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed, ordered, paged
from sandbox.close.records import NotFound, Records, event_kind, found, patched, set_values
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.times import in_bounds
from sandbox.close.validation import (
    NO_SUCH_FIELD,
    NO_SUCH_OBJECT,
    NOT_A_CHOICE,
    NOT_A_LIST,
    NOT_A_TEXT,
    Invalid,
    clean_custom,
)
from sandbox.http import Request

# The address of each type, and what the API may do with it.
_ALL, _READ, _LOG = ("GET", "POST", "PUT", "DELETE"), ("GET",), ("GET", "DELETE")
_PAST = ("GET", "POST", "DELETE")
TYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "note": ("Note", _ALL),
    "call": ("Call", _ALL),
    "email": ("Email", _ALL),
    "emailthread": ("EmailThread", _LOG),
    "sms": ("SMS", _ALL),
    "meeting": ("Meeting", ("GET", "PUT", "DELETE")),
    "created": ("Created", _READ),
    "task_completed": ("TaskCompleted", _LOG),
    "lead_merge": ("LeadMerge", _READ),
    "status_change/lead": ("LeadStatusChange", _PAST),
    "lead_status_change": ("LeadStatusChange", _PAST),
    "status_change/opportunity": ("OpportunityStatusChange", _PAST),
    "custom": ("CustomActivity", _ALL),
}
# What each type holds beside notes and times: texts, lists of texts, and what a new one begins with.
_TEXTS: dict[str, tuple[str, ...]] = {
    "Note": ("title",),
    "Call": (
        "phone",
        "local_phone",
        "remote_phone",
        "status",
        "direction",
        "disposition",
        "recording_url",
        "outcome_id",
    ),
    "Email": ("subject", "body_text", "body_html", "status", "direction", "sender", "template_id"),
    "SMS": ("text", "status", "direction", "local_phone", "remote_phone"),
    "Meeting": ("title", "status", "location", "outcome_id"),
    "CustomActivity": ("status",),
}
_LISTS = {"Email": ("to", "cc", "bcc")}
_BLANKS: dict[str, Record] = {
    "Note": {"note": "", "note_html": "", "title": "", "pinned": False},
    "Call": {
        "note": "", "note_html": "", "phone": None, "direction": None, "status": "completed", "disposition": None,
        "duration": None, "recording_url": None, "outcome_id": None, "call_method": "external", "source": "External",
    },
    "Email": {"subject": "", "body_text": "", "body_html": "", "status": "draft", "to": [], "cc": [], "bcc": []},
    "SMS": {"text": "", "status": "draft", "direction": "outbound"},
    "CustomActivity": {"status": "published"},
}  # fmt: skip
_SENT = ("inbox", "draft", "scheduled", "outbox", "sent", "error")
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("Call", "direction"): ("outbound", "inbound"),
    ("SMS", "direction"): ("outbound", "inbound"),
    ("Email", "direction"): ("outgoing", "incoming"),
    ("Email", "status"): _SENT,
    ("SMS", "status"): _SENT,
    ("CustomActivity", "status"): ("draft", "published"),
}
_NOTED = ("Note", "Call", "Meeting")
_NEEDS_LEAD = ("user_id", "contact_id", "_type", "_type__in")
_TIMES = ("date_created", "date_updated", "activity_at")
_AMONG = ("id", "lead_id", "user_id", "contact_id", "_type", "custom_activity_type_id", "opportunity_id")
_ORDERS = ("activity_at", "date_created")
_REQUIRED = "This field is required."


class Activities:
    """Answers `/activity/…` and `/custom_activity/`."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store, self.log, self.records = store, log, records

    def routes(self) -> Routes:
        routes: Routes = [("/activity/", {"GET": self._list})]
        for address, (kind, methods) in TYPES.items():
            routes += self._routes_of(address, kind, methods)
        one = {"GET": self._get_type, "PUT": self._put_type, "DELETE": self._delete_type}
        return [
            *routes,
            ("/custom_activity/", {"GET": self._list_types, "POST": self._post_type}),
            (f"/custom_activity/{ONE}/", one),
        ]

    def _routes_of(self, address: str, kind: str, methods: tuple[str, ...]) -> Routes:
        many: dict[str, Any] = {"GET": lambda request, actor: self._list(request, actor, kind)}
        one: dict[str, Any] = {
            "GET": lambda request, actor, close_id: (200, chosen(self._one(close_id, kind), request)),
            "PUT": lambda request, actor, close_id: self._put(request, actor, close_id, kind),
            "DELETE": lambda request, actor, close_id: self._delete(actor, close_id, kind),
        }
        if "POST" in methods:
            many["POST"] = lambda request, actor: self._post(request, actor, kind)
        return [
            (f"/activity/{address}/", many),
            (f"/activity/{address}/{ONE}/", {name: act for name, act in one.items() if name in methods}),
        ]

    # ── What Close notes itself ──────────────────────────────────────────────────────────────────

    def note(self, kind: str, lead_id: str, values: Record, actor: Actor) -> Record:
        """Keep an activity of a lead, with its event."""
        now = self.store.stamp()
        activity: Record = {
            "id": self.store.new_id("acti"), "_type": kind, "lead_id": lead_id, "contact_id": None,
            "organization_id": self.store.organization_id, "user_id": actor.user_id,
            "user_name": self.store.full_name(actor.user_id), "created_by": actor.user_id,
            "created_by_name": self.store.full_name(actor.user_id), "updated_by": actor.user_id,
            "updated_by_name": self.store.full_name(actor.user_id), "users": [], "activity_at": now,
            "date_created": now, "date_updated": now,
        } | values  # fmt: skip
        self.store.activities.add(activity)
        self.log.write(event_kind(activity), "created", activity, lead_id, actor)
        return activity

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def _list(self, request: Request, actor: Actor, kind: str = "") -> Answer:
        lead_ids = request.param("lead_id")
        narrowing = [name for name in _NEEDS_LEAD if request.param(name)]
        if narrowing and not lead_ids and not kind:
            # nobody has recorded Close's wording
            raise Invalid(text=f"Filtering by {narrowing[0]} needs lead_id.")
        table = self.store.activities
        held = (one for lead_id in dict.fromkeys(lead_ids.split(",")) for one in table.of_lead(lead_id))
        rows = held if lead_ids else table.values()
        kept = [row for row in rows if kind in ("", row["_type"]) and _fits(row, request)]
        kept.sort(key=lambda row: str(row["activity_at"]), reverse=True)
        page, has_more = paged(ordered(kept, request, _ORDERS), request)
        return 200, {"data": [chosen(row, request) for row in page], "has_more": has_more}

    def _one(self, close_id: str, kind: str) -> Record:
        activity = found(self.store.activities, close_id)
        if activity["_type"] != kind:
            raise NotFound(close_id)
        return activity

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────

    def _post(self, request: Request, actor: Actor, kind: str) -> Answer:
        body = json_body(request)
        lead_id = body.get("lead_id")
        if not isinstance(lead_id, str) or lead_id not in self.store.leads:
            raise Invalid({"lead_id": _REQUIRED if lead_id is None else NO_SUCH_OBJECT})
        values = set_values(self._clean(body, actor, kind, {"lead_id": lead_id}))
        if "date_created" in values:
            values.setdefault("activity_at", values["date_created"])
        made = self.note(kind, lead_id, _BLANKS.get(kind, {}) | values, actor)
        self.records.touch_lead(lead_id)
        return 200, made

    def _put(self, request: Request, actor: Actor, close_id: str, kind: str) -> Answer:
        raw = self._one(close_id, kind)
        after = patched(raw, self._clean(json_body(request), actor, kind, raw))
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if changed:
            before = {name: raw.get(name) for name in [*changed, "date_updated"]}
            names = {"user_name": after["user_id"], "updated_by_name": actor.user_id}
            after |= {name: self.store.full_name(user_id) for name, user_id in names.items()}
            after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
            self.store.activities.replace(close_id, after)
            self.log.write(event_kind(after), "updated", after, after["lead_id"], actor, before)
            self.records.touch_lead(after["lead_id"])
        return 200, self.store.activities[close_id]

    def _delete(self, actor: Actor, close_id: str, kind: str) -> Answer:
        gone = self._one(close_id, kind)
        self.store.activities.discard(close_id)
        self.log.write(event_kind(gone), "deleted", gone, gone["lead_id"], actor)
        return 200, {}

    def _clean(self, body: Record, actor: Actor, kind: str, before: Record) -> Record:
        clean: Record = {}
        errors: dict[str, Any] = {}
        for name in _TEXTS.get(kind, ()):
            _take(body, clean, errors, name, lambda value: isinstance(value, str), NOT_A_TEXT)
            allowed = _CHOICES.get((kind, name))
            if allowed and name in clean and clean[name] not in allowed:
                errors[name] = NOT_A_CHOICE
        for name in _LISTS.get(kind, ()):
            _take(body, clean, errors, name, _is_texts, NOT_A_LIST)
        if kind == "Call":
            _take(body, clean, errors, "duration", _is_seconds, "Value must be of int type.")
        if kind == "Note":
            _take(body, clean, errors, "pinned", lambda value: isinstance(value, bool), "Value must be of bool type.")  # fmt: skip
        if kind in _NOTED:
            rich_text(body, clean, errors)
        for name in ("date_created", "activity_at"):
            _take(body, clean, errors, name, _is_time, "Could not parse datetime")
            if name in clean:
                clean[name] = moment(clean[name]).isoformat(timespec="microseconds")
        self._clean_people(body, before, clean, errors)
        if kind in ("LeadStatusChange", "OpportunityStatusChange"):
            self._clean_status_change(body, kind, before, clean, errors)
        if kind == "CustomActivity":
            self._clean_custom(body, actor, before, clean, errors)
        if errors:
            raise Invalid(errors)
        return clean

    def _clean_people(self, body: Record, before: Record, clean: Record, errors: dict[str, Any]) -> None:
        """A contact is one of the lead, or none."""
        users = self.store.users
        _take(body, clean, errors, "user_id", lambda value: isinstance(value, str) and value in users, NO_SUCH_OBJECT)  # fmt: skip
        if "user_id" in clean:
            clean["user_name"] = self.store.full_name(clean["user_id"])
        if "contact_id" not in body:
            return
        wanted = body["contact_id"]
        contact = self.store.contacts.get(wanted) if isinstance(wanted, str) else None
        if wanted is None or (contact and contact["lead_id"] == before["lead_id"]):
            clean["contact_id"] = wanted
        else:
            errors["contact_id"] = NO_SUCH_OBJECT

    def _clean_status_change(
        self, body: Record, kind: str, before: Record, clean: Record, errors: dict[str, Any]
    ) -> None:
        """A change of the past is only noted: neither lead nor opportunity gets another status by it."""
        statuses = {one["id"]: one for one in self.store.statuses}
        if kind == "OpportunityStatusChange":
            stages = (one for pipeline in self.store.pipelines for one in pipeline["statuses"])
            statuses = {one["id"]: one for one in stages}
            wanted = body.get("opportunity_id")
            held = self.store.opportunities.get(wanted) if isinstance(wanted, str) else None
            if held and held["lead_id"] == before["lead_id"]:
                clean["opportunity_id"] = wanted
            else:
                errors["opportunity_id"] = _REQUIRED if wanted is None else NO_SUCH_OBJECT
        for name in ("old_status", "new_status"):
            status_id = body.get(f"{name}_id")
            status = statuses.get(status_id) if isinstance(status_id, str) else None
            if status is None:
                errors[f"{name}_id"] = _REQUIRED if status_id is None else NO_SUCH_OBJECT
                continue
            clean |= {f"{name}_id": status_id, f"{name}_label": status["label"]}
            if "type" in status:
                clean[f"{name}_type"] = status["type"]

    def _clean_custom(
        self, body: Record, actor: Actor, before: Record, clean: Record, errors: dict[str, Any]
    ) -> None:
        held = before.get("custom_activity_type_id")
        type_id = body.get("custom_activity_type_id", held)
        if not isinstance(type_id, str) or type_id not in self.store.activity_types:
            errors["custom_activity_type_id"] = NO_SUCH_OBJECT if type_id else _REQUIRED
            return
        if held not in (None, type_id):
            errors["custom_activity_type_id"] = "Value cannot be changed."
            return
        clean["custom_activity_type_id"] = type_id
        clean_custom(self.store, "activity", body, clean, errors, actor)
        self._refuse_strangers(type_id, clean, errors)
        after = patched(_BLANKS["CustomActivity"] | before, clean)
        if after["status"] == "published":
            for field in self._fields_of(type_id):
                name = f"custom.{field['id']}"
                if field.get("required") and after.get(name) is None:
                    errors.setdefault(name, _REQUIRED)

    def _refuse_strangers(self, type_id: str, clean: Record, errors: dict[str, Any]) -> None:
        """A field that was made for another type does not belong here."""
        for name in [one for one in clean if one.startswith("custom.")]:
            field = self.store.custom_fields[name.split(".")[1]]
            if field.get("custom_activity_type_id") not in (None, type_id):
                errors[name] = NO_SUCH_FIELD

    def _fields_of(self, type_id: str) -> list[Record]:
        """Return the fields that were made for a type."""
        fields = self.store.custom_fields.values()
        return [field for field in fields if field.get("custom_activity_type_id") == type_id]

    # ── Types of custom activities ───────────────────────────────────────────────────────────────

    def _list_types(self, request: Request, actor: Actor) -> Answer:
        return listed([self._shown_type(one) for one in self.store.activity_types.values()], request)

    def _shown_type(self, raw: Record) -> Record:
        fields = [
            {name: value for name, value in field.items() if name != "objects"}
            for field in self._fields_of(raw["id"])
        ]
        return raw | {"fields": fields}

    def _post_type(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        if body.get("name") is None:
            raise Invalid({"name": _REQUIRED})
        now = self.store.bare_stamp()
        made: Record = {
            "id": self.store.new_id("actitype"), "name": "", "description": None, "fields": [],
            "api_create_only": False, "editable_with_roles": [], "is_archived": False,
            "organization_id": self.store.organization_id, "created_by": actor.user_id, "updated_by": actor.user_id,
            "date_created": now, "date_updated": now,
        } | _type_values(body)  # fmt: skip
        self.store.activity_types[made["id"]] = made
        self.log.write("custom_activity_type", "created", made, None, actor)
        return 201, made | {"Location": f"/api/v1/custom_activity/{made['id']}/"}

    def _get_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self._shown_type(found(self.store.activity_types, close_id)), request)

    def _put_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        raw = found(self.store.activity_types, close_id)
        values = _type_values(json_body(request))
        before = {name: raw[name] for name in values if raw[name] != values[name]}
        if before:
            times = {"date_updated": self.store.bare_stamp(), "updated_by": actor.user_id}
            self.store.activity_types[close_id] = raw | values | times
            shown = self._shown_type(self.store.activity_types[close_id])
            self.log.write("custom_activity_type", "updated", shown, None, actor, before)
        return 200, self._shown_type(self.store.activity_types[close_id])

    def _delete_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        gone = found(self.store.activity_types, close_id)
        del self.store.activity_types[close_id]
        self.log.write("custom_activity_type", "deleted", gone, None, actor)
        return 200, {}


def rich_text(body: Record, clean: Record, errors: dict[str, Any]) -> None:
    """Take over a note, which is written plain or as HTML: each overwrites the other, HTML comes first."""
    for name in ("note", "note_html"):
        if body.get(name) is not None and not isinstance(body[name], str):
            errors[name] = NOT_A_TEXT
    if errors.keys() & {"note", "note_html"}:
        return
    if body.get("note_html") is not None:
        plain = unescape(re.sub(r"<[^>]*>", "", re.sub(r"</p>\s*<p>|<br\s*/?>", "\n", body["note_html"])))
        clean |= {"note": plain, "note_html": body["note_html"]}
    elif "note" in body or "note_html" in body:
        note = body.get("note") or ""
        clean |= {"note": note, "note_html": f"<body><p>{escape(note)}</p></body>" if note else ""}


def _take(
    body: Record, clean: Record, errors: dict[str, Any], name: str, is_right: Callable[[Any], bool], problem: str
) -> None:  # fmt: skip
    """Take over a value if there is one."""
    value = body.get(name)
    if value is None:
        return
    if is_right(value):
        clean[name] = value
    else:
        errors[name] = problem


def _type_values(body: Record) -> Record:
    clean: Record = {}
    errors: dict[str, Any] = {}
    _take(body, clean, errors, "name", lambda value: isinstance(value, str), NOT_A_TEXT)
    _take(body, clean, errors, "description", lambda value: isinstance(value, str), NOT_A_TEXT)
    for name in ("api_create_only", "is_archived"):
        _take(body, clean, errors, name, lambda value: isinstance(value, bool), "Value must be of bool type.")
    _take(body, clean, errors, "editable_with_roles", _is_texts, NOT_A_LIST)
    if not clean.get("name", "-").strip():
        errors["name"] = _REQUIRED
    if errors:
        raise Invalid(errors)
    return clean


def _fits(row: Record, request: Request) -> bool:
    for name in _AMONG:
        for given in (request.param(name), request.param(f"{name}__in")):
            if given and row.get(name) not in given.split(","):
                return False
    return in_bounds(row, request, _TIMES)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9


def _is_time(value: Any) -> bool:
    try:
        moment(value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return False
    return True
