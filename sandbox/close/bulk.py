"""Bulk actions: one change of many leads at once, done in the background, each with its ordinary event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, json_body, listed
from sandbox.close.records import NotFound, Records, found
from sandbox.close.search import Search
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, Invalid, clean_custom
from sandbox.http import Request

# How long an action waits before it is carried out.
WAIT = timedelta(seconds=2)
KINDS = ("edit", "delete")
EDITS = ("set_lead_status", "set_custom_field", "clear_custom_field")
OPERATIONS = {"replace": "", "add": ".add", "remove": ".remove"}


class Bulk:
    """Answers `/bulk_action/…`. An action is carried out when its time has come: call `tick` before looking."""

    def __init__(self, store: Store, log: EventLog, records: Records, search: Search) -> None:
        self.store, self.log, self.records, self.search = store, log, records, search
        self._due: list[tuple[datetime, str]] = []

    def routes(self) -> Routes:
        routes: Routes = []
        for kind in KINDS:
            routes += [
                (f"/bulk_action/{kind}/", {"GET": self._lister(kind), "POST": self._poster(kind)}),
                (f"/bulk_action/{kind}/{ONE}/", {"GET": self._getter(kind)}),
            ]
        for kind in ("email", "sequence_subscription"):
            routes.append((f"/bulk_action/{kind}/", {"GET": self._lister(kind), "POST": self._refuser(kind)}))
        return routes

    def _lister(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            return listed(
                [_shown(one) for one in self.store.bulk_actions.values() if one["kind"] == kind], request
            )

        return act

    def _getter(self, kind: str) -> Any:
        def act(request: Request, actor: Actor, close_id: str) -> Answer:
            action = found(self.store.bulk_actions, close_id)
            if action["kind"] != kind:
                raise NotFound(close_id)
            return 200, _shown(action)

        return act

    def _refuser(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            json_body(request)
            raise Invalid(
                {"sender": "This field is required."} if kind == "email" else {"sequence_id": NO_SUCH_OBJECT}
            )

        return act

    def _poster(self, kind: str) -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            need_admin(actor)
            return 200, _shown(self._start(kind, json_body(request), actor))

        return act

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, kind: str, body: Record, actor: Actor) -> Record:
        query = body.get("s_query")
        if not isinstance(query, dict):
            raise Invalid({"s_query": "This field is required."})
        limit = body.get("results_limit")
        if limit is not None and (type(limit) is not int or limit < 1):
            raise Invalid({"results_limit": "Value must be of int type."})
        patch = self._patch(body, actor) if kind == "edit" else {}
        ids = [record["id"] for record in self.search.matching(query.get("query", query), "lead", actor)]
        now = self.store.bare_stamp()
        action: Record = {
            "id": self.store.new_id("bulkact"), "kind": kind, "type": body.get("type"), "status": "created",
            "organization_id": self.store.organization_id, "created_by": actor.user_id, "updated_by": actor.user_id,
            "date_created": now, "date_updated": now, "n_objects": None, "n_objects_processed": 0, "n_leads": None,
            "n_leads_processed": 0, "s_query": query, "results_limit": limit, "sort": body.get("sort"),
            "send_done_email": body.get("send_done_email", True), "ids": ids[:limit] if limit else ids, "patch": patch,
            "actor": actor,
        }  # fmt: skip
        self.store.bulk_actions[action["id"]] = action
        self._due.append((self.store.clock() + WAIT, action["id"]))
        return action

    def _patch(self, body: Record, actor: Actor) -> Record:
        """Return the body of the PUT that each lead gets. Raises Invalid."""
        kind = body.get("type")
        if kind not in EDITS:
            raise Invalid({"type": NOT_A_CHOICE})
        if kind == "set_lead_status":
            if not any(one["id"] == body.get("lead_status_id") for one in self.store.statuses):
                raise Invalid({"lead_status_id": NO_SUCH_OBJECT})
            return {"status_id": body["lead_status_id"]}
        return self._custom_patch(body, actor)

    def _custom_patch(self, body: Record, actor: Actor) -> Record:
        field_id = body.get("custom_field_id")
        if not isinstance(field_id, str) or field_id not in self.store.custom_fields:
            raise Invalid({"custom_field_id": NO_SUCH_OBJECT})
        if body["type"] == "clear_custom_field":
            return {f"custom.{field_id}": None}
        operation = body.get("custom_field_operation", "replace")
        if operation not in OPERATIONS:
            raise Invalid({"custom_field_operation": NOT_A_CHOICE})
        value = body.get("custom_field_values", body.get("custom_field_value"))
        patch = {f"custom.{field_id}{OPERATIONS[operation]}": value}
        errors: dict[str, Any] = {}
        clean_custom(self.store, "lead", patch, {}, errors, actor)
        if errors:
            raise Invalid({"custom_field_value": next(iter(errors.values()))})
        return patch

    # ── Doing ────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: datetime) -> None:
        """Carry out what is due."""
        while self._due and self._due[0][0] <= now:
            _, close_id = self._due.pop(0)
            self._carry_out(self.store.bulk_actions[close_id])

    def _carry_out(self, action: Record) -> None:
        meta, actor = {"bulk_action_id": action["id"]}, action["actor"]
        done = 0
        for lead_id in action["ids"]:
            if lead_id not in self.store.leads:
                continue
            done += 1
            if action["kind"] == "delete":
                self.records.delete_lead(lead_id, actor, meta)
            else:
                self.records.update_lead(lead_id, action["patch"], actor, meta)
        action |= {
            "status": "done", "n_objects": len(action["ids"]), "n_objects_processed": done, "n_leads": len(action["ids"]),
            "n_leads_processed": done, "date_updated": max(self.store.bare_stamp(), action["date_updated"]),
        }  # fmt: skip


def _shown(action: Record) -> Record:
    hidden = ("kind", "ids", "patch", "actor")
    return {name: value for name, value in action.items() if name not in hidden}
