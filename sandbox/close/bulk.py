"""Bulk actions: one change of many leads at once, done in the background, each with its ordinary event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed
from sandbox.close.records import NotFound, Records, found
from sandbox.close.search import Search
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, NOT_A_LIST, Invalid, clean_custom
from sandbox.http import Request

# How long an action takes: a moment to load what it is about, then so many records a second. They change together at
# the end of that time.
WAIT = timedelta(seconds=2)
PER_SECOND = 20_000
KINDS = ("edit", "delete")
EDITS = ("set_lead_status", "set_custom_field", "clear_custom_field")
OPERATIONS = ("replace", "add", "remove")
# What else Close does in bulk and this one does not: what it asks for first.
_ELSEWHERE = {
    "email": ("s_query", "template_id", "sender"),
    "sequence_subscription": ("s_query", "action_type", "sequence_id"),
}
_REQUIRED = "This field is required."
_HIDDEN = ("kind", "ids", "change", "actor", "due")


class Bulk:
    """Answers `/bulk_action/…`. An action is carried out when its time has come: call `tick` before looking."""

    def __init__(self, store: Store, log: EventLog, records: Records, search: Search) -> None:
        self.store, self.log, self.records, self.search = store, log, records, search

    def routes(self) -> Routes:
        routes: Routes = []
        for kind in (*KINDS, *_ELSEWHERE):
            start = self._poster(kind) if kind in KINDS else self._refuser(kind)
            routes += [
                (f"/bulk_action/{kind}/", {"GET": self._lister(kind), "POST": start}),
                (f"/bulk_action/{kind}/{ONE}/", {"GET": self._getter(kind)}),
            ]
        return routes

    def tick(self, now: datetime) -> None:
        """Carry out what is due. What cannot be done to a lead any more is left, never raised."""
        for action in list(self.store.bulk_actions.values()):
            if action["status"] != "done" and action.get("due", now) <= now:
                self._carry_out(action)

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def _lister(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            self.tick(self.store.clock())
            rows = [self._shown(one) for one in self.store.bulk_actions.values() if one["kind"] == kind]
            return listed(rows, request)

        return act

    def _getter(self, kind: str) -> Any:
        def act(request: Request, actor: Actor, close_id: str) -> Answer:
            self.tick(self.store.clock())
            action = found(self.store.bulk_actions, close_id)
            if action["kind"] != kind:
                raise NotFound(close_id)
            return 200, chosen(self._shown(action), request)

        return act

    def _shown(self, action: Record) -> Record:
        """Return an action as far as it is by now."""
        shown = {name: value for name, value in action.items() if name not in _HIDDEN}
        if action["status"] == "done":
            return shown
        begun = self.store.clock() - action["due"] + _duration(action)
        status = "created" if begun < WAIT / 4 else "loading" if begun < WAIT / 2 else "processing"
        number = len(action["ids"]) if status == "processing" else None
        return shown | {"status": status, "n_objects": number, "n_leads": number}

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    def _refuser(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            body, needed = json_body(request), _ELSEWHERE[kind]
            missing = [name for name in needed if body.get(name) in (None, "", {})]
            raise Invalid(dict.fromkeys(missing, _REQUIRED) or {needed[-1]: NO_SUCH_OBJECT})

        return act

    def _poster(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            need_admin(actor)
            action = self._start(kind, json_body(request), actor)
            self.log.write(f"bulk_action.{kind}", "created", self._shown(action), None, actor)
            return 200, self._shown(action)

        return act

    def _start(self, kind: str, body: Record, actor: Actor) -> Record:
        query, limit = body.get("s_query"), body.get("results_limit")
        errors = _errors(body)
        if errors or not isinstance(query, dict):
            raise Invalid(errors)
        change = self._change(body, actor) if kind == "edit" else {}
        ids = [record["id"] for record in self.search.matching(query.get("query", query), "lead", actor)]
        now = self.store.stamp()
        about = _about_edit(body) if kind == "edit" else {"bulk_object_type": "lead"}
        action: Record = {
            "id": self.store.new_id(f"bulk{kind}"), "kind": kind, "status": "created", "query": None,
            "organization_id": self.store.organization_id, "created_by": actor.user_id, "updated_by": actor.user_id,
            "date_created": now, "date_updated": now, "n_objects": None, "n_objects_processed": 0, "n_leads": None,
            "n_leads_processed": 0, "s_query": query, "results_limit": limit, "sort": body.get("sort") or [],
            "send_done_email": body.get("send_done_email", True) is not False, "ids": ids[:limit] if limit else ids,
            "change": change, "actor": actor,
        } | about  # fmt: skip
        action["due"] = self.store.clock() + _duration(action)
        self.store.bulk_actions[action["id"]] = action
        return action

    def _change(self, body: Record, actor: Actor) -> Record:
        """Return what is to happen to each lead: a field, an operation and a value. Raises Invalid."""
        kind = body.get("type")
        if kind not in EDITS:
            raise Invalid({"type": NOT_A_CHOICE})
        if kind == "set_lead_status":
            if not any(one["id"] == body.get("lead_status_id") for one in self.store.statuses):
                raise Invalid({"lead_status_id": NO_SUCH_OBJECT})
            return {"name": "status_id", "operation": "replace", "value": body["lead_status_id"]}
        return self._custom_change(body, actor)

    def _custom_change(self, body: Record, actor: Actor) -> Record:
        field = self._field(body)
        name, given_operation = f"custom.{field['id']}", body.get("custom_field_operation")
        operation = "replace" if given_operation is None else given_operation
        if operation not in OPERATIONS:
            raise Invalid({"custom_field_operation": NOT_A_CHOICE})
        if body["type"] == "clear_custom_field":
            operation, value, given = "replace", None, "custom_field_id"
        else:
            given = "custom_field_values" if "custom_field_values" in body else "custom_field_value"
            value = body.get(given)
            if value in (None, "", []):
                raise Invalid({given: _REQUIRED})
        if operation != "replace" and not field["accepts_multiple_values"]:
            raise Invalid({"custom_field_operation": "Custom field does not accept multiple values."})
        clean: Record = {}
        errors: dict[str, Any] = {}
        clean_custom(self.store, "lead", {name: value}, clean, errors, actor)
        if errors:
            raise Invalid({given: errors[name]})
        return {"name": name, "operation": operation, "value": clean[name]}

    def _field(self, body: Record) -> Record:
        """Return the field of leads that a body names, by its id or by its exact name. Raises Invalid."""
        given = "custom_field_id" if body.get("custom_field_id") is not None else "custom_field_name"
        wanted = body.get(given)
        for field in self.store.custom_fields.values():
            is_meant = field["id" if given == "custom_field_id" else "name"] == wanted
            if is_meant and "lead" in field["objects"]:
                return field
        raise Invalid({"custom_field_id": _REQUIRED} if wanted is None else {given: NO_SUCH_OBJECT})

    # ── Doing ────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, action: Record) -> None:
        for lead_id in action["ids"]:
            try:
                self._change_lead(action, lead_id)
            except (Invalid, NotFound):  # the lead, the field or the status has gone in the meantime
                continue
        number = len(action["ids"])
        done = action | {
            "status": "done", "n_objects": number, "n_objects_processed": number, "n_leads": number,
            "n_leads_processed": number, "date_updated": self.store.stamp(),
        }  # fmt: skip
        self.store.bulk_actions[action["id"]] = done
        self.log.write(f"bulk_action.{action['kind']}", "completed", self._shown(done), None, action["actor"])

    def _change_lead(self, action: Record, lead_id: str) -> None:
        """Raises NotFound and Invalid."""
        meta, actor = {"bulk_action_id": action["id"]}, action["actor"]
        if action["kind"] == "delete":
            self.records.delete_lead(lead_id, actor, meta)
            return
        change = action["change"]
        held = found(self.store.leads, lead_id).get(change["name"]) or []
        value = _combined(held, change["operation"], change["value"])
        self.records.update_lead(lead_id, {change["name"]: value}, actor, meta)


def _combined(held: Any, operation: str, value: Any) -> Any:
    if operation == "add":
        return [*held, *(one for one in value if one not in held)]
    if operation == "remove":
        return [one for one in held if one not in value] or None
    return value


def _duration(action: Record) -> timedelta:
    return WAIT + timedelta(seconds=len(action["ids"]) / PER_SECOND)


def _about_edit(body: Record) -> Record:
    names = (
        "type", "lead_status_id", "custom_field_id", "custom_field_name", "custom_field_value", "custom_field_values",
        "custom_field_operation",
    )  # fmt: skip
    return {name: body.get(name) for name in names}


def _errors(body: Record) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if not isinstance(body.get("s_query"), dict):
        errors["s_query"] = _REQUIRED if body.get("s_query") in (None, "") else "Value must be of dict type."
    limit = body.get("results_limit")
    if limit is not None and (type(limit) is not int or limit < 1):
        errors["results_limit"] = "Value must be of int type."
    if body.get("sort") is not None and not isinstance(body["sort"], list):
        errors["sort"] = NOT_A_LIST
    return errors
