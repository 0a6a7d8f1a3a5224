"""What happened on a lead: notes, calls, e-mails, custom activities, and what Close notes itself."""

from __future__ import annotations

from typing import Any

from sandbox.close.events import EventLog, moment
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed, paged
from sandbox.close.records import NotFound, Records, event_kind, found, patched
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.times import in_bounds
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, NOT_A_TEXT, Invalid, clean_custom
from sandbox.http import Request

# The address of each type, what the API may do with it, and which texts it holds.
_ALL, _READ, _LOG = ("GET", "POST", "PUT", "DELETE"), ("GET",), ("GET", "DELETE")
TYPES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "note": ("Note", _ALL, ("note", "note_html", "title")),
    "call": ("Call", _ALL, ("note", "direction", "phone", "status", "disposition")),
    "email": ("Email", _ALL, ("subject", "body_text", "body_html", "status", "direction")),
    "emailthread": ("EmailThread", _LOG, ()),
    "sms": ("SMS", _ALL, ("text", "status", "direction", "local_phone", "remote_phone")),
    "meeting": ("Meeting", ("GET", "PUT", "DELETE"), ("title", "note", "status", "location")),
    "created": ("Created", _READ, ()),
    "task_completed": ("TaskCompleted", _LOG, ()),
    "lead_merge": ("LeadMerge", _READ, ()),
    "status_change/lead": ("LeadStatusChange", _LOG, ()),
    "status_change/opportunity": ("OpportunityStatusChange", _LOG, ()),
    "custom": ("CustomActivity", _ALL, ("status",)),
}
_NEEDS_LEAD = ("user_id", "contact_id", "_type", "_type__in")
_TIMES = ("date_created", "date_updated", "activity_at")


class Activities:
    """Answers `/activity/…` and `/custom_activity/`."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store, self.log, self.records = store, log, records

    def routes(self) -> Routes:
        routes: Routes = [("/activity/", {"GET": self._list})]
        for address, (kind, methods, texts) in TYPES.items():
            routes += self._routes_of(address, kind, methods, texts)
        one = {"GET": self._get_type, "PUT": self._put_type, "DELETE": self._delete_type}
        return [
            *routes,
            ("/custom_activity/", {"GET": self._list_types, "POST": self._post_type}),
            (f"/custom_activity/{ONE}/", one),
        ]

    def _routes_of(self, address: str, kind: str, methods: tuple[str, ...], texts: tuple[str, ...]) -> Routes:
        many: dict[str, Any] = {"GET": lambda request, actor: self._list(request, actor, kind)}
        one: dict[str, Any] = {
            "GET": lambda request, actor, close_id: (200, self._one(close_id, kind)),
            "PUT": lambda request, actor, close_id: self._put(request, actor, close_id, kind, texts),
            "DELETE": lambda request, actor, close_id: self._delete(actor, close_id, kind),
        }
        if "POST" in methods:
            many["POST"] = lambda request, actor: self._post(request, actor, kind, texts)
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
        lead_id = request.param("lead_id")
        narrowing = [name for name in _NEEDS_LEAD if request.param(name)]
        if narrowing and not lead_id and not kind:
            raise Invalid(
                text=f"Filtering by {narrowing[0]} needs lead_id."
            )  # nobody has recorded Close's wording
        rows = self.store.activities.of_lead(lead_id) if lead_id else self.store.activities.values()
        found_rows = [row for row in rows if (not kind or row["_type"] == kind) and _fits(row, request)]
        found_rows.sort(key=lambda row: str(row["activity_at"]), reverse=True)
        page, has_more = paged(found_rows, request)
        return 200, {"data": [chosen(row, request) for row in page], "has_more": has_more}

    def _one(self, close_id: str, kind: str) -> Record:
        activity = found(self.store.activities, close_id)
        if activity["_type"] != kind:
            raise NotFound(close_id)
        return activity

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────

    def _post(self, request: Request, actor: Actor, kind: str, texts: tuple[str, ...]) -> Answer:
        body = json_body(request)
        lead_id = body.get("lead_id")
        if not isinstance(lead_id, str) or lead_id not in self.store.leads:
            raise Invalid({"lead_id": "This field is required." if lead_id is None else NO_SUCH_OBJECT})
        values = self._clean(body, actor, kind, texts, {"lead_id": lead_id})
        made = self.note(kind, lead_id, values, actor)
        self.records.touch_lead(lead_id)
        return 200, made

    def _put(
        self, request: Request, actor: Actor, close_id: str, kind: str, texts: tuple[str, ...]
    ) -> Answer:
        raw = self._one(close_id, kind)
        after = patched(raw, self._clean(json_body(request), actor, kind, texts, raw))
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if changed:
            before = {name: raw.get(name) for name in [*changed, "date_updated"]}
            after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
            self.store.activities.replace(close_id, after)
            self.log.write(event_kind(after), "updated", after, after["lead_id"], actor, before)
        return 200, self.store.activities[close_id]

    def _delete(self, actor: Actor, close_id: str, kind: str) -> Answer:
        gone = self._one(close_id, kind)
        self.store.activities.discard(close_id)
        self.log.write(event_kind(gone), "deleted", gone, gone["lead_id"], actor)
        return 200, {}

    def _clean(self, body: Record, actor: Actor, kind: str, texts: tuple[str, ...], before: Record) -> Record:
        clean: Record = {}
        errors: dict[str, Any] = {}
        for name in texts:
            if name in body:
                clean[name] = body[name]
                if body[name] is not None and not isinstance(body[name], str):
                    errors[name] = NOT_A_TEXT
        for name, known in (("user_id", self.store.users), ("contact_id", self.store.contacts)):
            if body.get(name) is not None:
                clean[name] = body[name]
                if not isinstance(body[name], str) or body[name] not in known:
                    errors[name] = NO_SUCH_OBJECT
        for name in ("date_created", "activity_at"):
            if body.get(name) is not None:
                clean[name] = body[name]
                if not _is_time(body[name]):
                    errors[name] = "Could not parse datetime"
        if kind == "CustomActivity":
            self._clean_custom(body, actor, before, clean, errors)
        if errors:
            raise Invalid(errors)
        return clean

    def _clean_custom(
        self, body: Record, actor: Actor, before: Record, clean: Record, errors: dict[str, Any]
    ) -> None:
        type_id = body.get("custom_activity_type_id", before.get("custom_activity_type_id"))
        if not isinstance(type_id, str) or type_id not in self.store.activity_types:
            errors["custom_activity_type_id"] = NO_SUCH_OBJECT if type_id else "This field is required."
            return
        clean["custom_activity_type_id"] = type_id
        clean.setdefault("status", before.get("status", "published"))
        if clean["status"] not in ("draft", "published"):
            errors["status"] = NOT_A_CHOICE
        clean_custom(self.store, "activity", body, clean, errors, actor)
        required = [
            f"custom.{one['id']}"
            for one in self.store.activity_types[type_id]["fields"]
            if one.get("required")
        ]
        if clean["status"] == "published":
            values = patched(before, clean)
            errors |= {name: "This field is required." for name in required if values.get(name) is None}

    # ── Types of custom activities ───────────────────────────────────────────────────────────────

    def _list_types(self, request: Request, actor: Actor) -> Answer:
        return listed(self.store.activity_types.values(), request)

    def _post_type(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        if not isinstance(body.get("name"), str) or not body["name"].strip():
            raise Invalid({"name": "This field is required."})
        now = self.store.bare_stamp()
        made = {
            "id": self.store.new_id("actitype"), "name": body["name"], "description": None, "fields": [],
            "api_create_only": False, "editable_with_roles": [], "is_archived": False,
            "organization_id": self.store.organization_id, "created_by": actor.user_id, "updated_by": actor.user_id,
            "date_created": now, "date_updated": now,
        } | _type_values(body)  # fmt: skip
        self.store.activity_types[made["id"]] = made
        self.log.write("custom_activity_type", "created", made, None, actor)
        return 201, made | {"Location": f"/api/v1/custom_activity/{made['id']}/"}

    def _get_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, found(self.store.activity_types, close_id)

    def _put_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        raw = found(self.store.activity_types, close_id)
        self.store.activity_types[close_id] = raw | _type_values(json_body(request))
        self.log.write(
            "custom_activity_type",
            "updated",
            self.store.activity_types[close_id],
            None,
            actor,
            {"name": raw["name"]},
        )
        return 200, self.store.activity_types[close_id]

    def _delete_type(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        gone = found(self.store.activity_types, close_id)
        del self.store.activity_types[close_id]
        self.log.write("custom_activity_type", "deleted", gone, None, actor)
        return 200, {}


def _type_values(body: Record) -> Record:
    clean: Record = {}
    for name, kinds in (
        ("name", str), ("description", str | None), ("api_create_only", bool), ("is_archived", bool),
    ):  # fmt: skip
        if name in body:
            if not isinstance(body[name], kinds):
                raise Invalid(
                    {name: NOT_A_TEXT if name in ("name", "description") else "Value must be of bool type."}
                )
            clean[name] = body[name]
    return clean


def _fits(row: Record, request: Request) -> bool:
    for name in ("user_id", "contact_id", "_type", "custom_activity_type_id"):
        wanted, among = request.param(name), request.param(f"{name}__in")
        if wanted and row.get(name) != wanted:
            return False
        if among and row.get(name) not in among.split(","):
            return False
    return in_bounds(row, request, _TIMES)


def _is_time(value: Any) -> bool:
    try:
        moment(value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return False
    return True
