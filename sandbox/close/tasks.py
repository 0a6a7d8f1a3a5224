"""Tasks: what somebody is to do about a lead."""

from __future__ import annotations

from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, ordered, paged
from sandbox.close.records import Records, found
from sandbox.close.store import Actor, Record, Store
from sandbox.close.times import as_day, in_bounds
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, NOT_A_TEXT, Invalid
from sandbox.http import Request

MOST = 1000
TYPES = ("lead", "outgoing_call")
_ORDERS = ("date", "date_created", "date_updated")
_TIMES = ("date_created", "date_updated", "date", "due_date")


class Tasks:
    """Answers `/task/`. A list has the tasks on leads only, unless `_type` says otherwise."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store, self.log, self.records = store, log, records

    def routes(self) -> Routes:
        return [
            ("/task/", {"GET": self._list, "POST": self._create, "PUT": self._update_many}),
            (f"/task/{ONE}/", {"GET": self._get, "PUT": self._update, "DELETE": self._delete}),
        ]

    def _list(self, request: Request, actor: Actor) -> Answer:
        lead_id = request.param("lead_id")
        rows = self.store.tasks.of_lead(lead_id) if lead_id else iter(self.store.tasks.values())
        kept = ordered([row for row in rows if _fits(row, request)], request, _ORDERS)
        page, has_more = paged(kept, request, MOST)
        return 200, {
            "data": [chosen(row, request) for row in page], "has_more": has_more, "total_results": len(kept),
        }  # fmt: skip

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(found(self.store.tasks, close_id), request)

    def _create(self, request: Request, actor: Actor) -> Answer:
        body = json_body(request)
        lead_id = body.get("lead_id")
        if not isinstance(lead_id, str) or lead_id not in self.store.leads:
            raise Invalid({"lead_id": "This field is required." if lead_id is None else NO_SUCH_OBJECT})
        kind = body.get("_type", "lead")
        if kind not in TYPES:
            raise Invalid({"_type": NOT_A_CHOICE})
        now = self.store.stamp()
        task: Record = {
            "id": self.store.new_id("task"), "_type": kind, "lead_id": lead_id, "object_type": None, "object_id": None,
            "contact_id": None, "organization_id": self.store.organization_id, "assigned_to": actor.user_id,
            "text": "", "date": self.store.clock().date().isoformat(), "is_complete": False, "is_dateless": False,
            "view": None, "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": now, "date_updated": now,
        } | self._clean(body)  # fmt: skip
        task |= self._named(task)
        self.store.tasks.add(task)
        self.log.write(f"task.{kind}", "created", task, lead_id, actor)
        self.records.touch_lead(lead_id)
        return 200, task

    def _named(self, task: Record) -> Record:
        return {
            "assigned_to_name": self.store.full_name(task["assigned_to"]), "due_date": task["date"],
            "lead_name": self.store.leads.get(task["lead_id"], {}).get("name") or "Untitled",
        }  # fmt: skip

    def _update(self, request: Request, actor: Actor, close_id: str) -> Answer:
        found(self.store.tasks, close_id)
        return 200, self._change(close_id, self._clean(json_body(request)), actor)

    def _update_many(self, request: Request, actor: Actor) -> Answer:
        """Change all the tasks that `id__in` names, or none of them."""
        ids = [one for one in request.param("id__in").split(",") if one]
        if not ids:
            raise Invalid(text="Name the tasks in id__in.")
        clean = self._clean(json_body(request))
        for close_id in ids:
            found(self.store.tasks, close_id)
        for close_id in ids:
            self._change(close_id, clean, actor)
        return 200, {}

    def _change(self, close_id: str, clean: Record, actor: Actor) -> Record:
        raw = self.store.tasks[close_id]
        after = raw | clean
        after |= self._named(after)
        changed = [name for name in after if raw.get(name) != after[name]]
        if not changed:
            return raw
        before = {name: raw.get(name) for name in [*changed, "date_updated"]}
        after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
        self.store.tasks.replace(close_id, after)
        action = "completed" if after["is_complete"] and not raw["is_complete"] else "updated"
        self.log.write(f"task.{raw['_type']}", action, after, raw["lead_id"], actor, before)
        if action == "completed":
            self.records.noted(
                "TaskCompleted", raw["lead_id"], {"task_id": close_id, "task_text": raw["text"]}, actor
            )
        return after

    def _delete(self, request: Request, actor: Actor, close_id: str) -> Answer:
        gone = found(self.store.tasks, close_id)
        self.store.tasks.discard(close_id)
        self.log.write(f"task.{gone['_type']}", "deleted", gone, gone["lead_id"], actor)
        return 200, {}

    def _clean(self, body: Record) -> Record:
        checks: dict[str, Any] = {
            "text": lambda value: None if isinstance(value, str) else NOT_A_TEXT,
            "assigned_to": lambda value: None if isinstance(value, str) and value in self.store.users else NO_SUCH_OBJECT,
            "contact_id": lambda value: None if value is None or (isinstance(value, str) and value in self.store.contacts) else NO_SUCH_OBJECT,
            "is_complete": lambda value: None if isinstance(value, bool) else "Value must be of bool type.",
            "is_dateless": lambda value: None if isinstance(value, bool) else "Value must be of bool type.",
            "date": _day_problem,
        }  # fmt: skip
        errors = {
            name: problem for name, check in checks.items() if name in body and (problem := check(body[name]))
        }
        if errors:
            raise Invalid(errors)
        clean = {name: body[name] for name in checks if name in body}
        return clean | ({"date": as_day(body["date"])} if "date" in body else {})


def _day_problem(value: Any) -> str | None:
    return None if as_day(value) else "Could not parse date"


def _fits(row: Record, request: Request) -> bool:
    kind, among = request.param("_type") or "lead", request.param("_type__in")
    if among:
        if row["_type"] not in among.split(","):
            return False
    elif kind != "all" and row["_type"] != kind:
        return False
    if request.param("assigned_to") and row["assigned_to"] != request.param("assigned_to"):
        return False
    wanted = request.param("is_complete").lower()
    if wanted and (wanted in ("1", "true")) != row["is_complete"]:
        return False
    return in_bounds(row, request, _TIMES)
