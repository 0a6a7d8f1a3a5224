"""Opportunities: what a lead may be worth, when, and in which status of a pipeline."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, ordered, paged
from sandbox.close.records import Records, found, patched, rendered, set_values
from sandbox.close.store import Actor, Record, Store
from sandbox.close.times import in_bounds
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, NOT_A_TEXT, Invalid, clean_custom
from sandbox.http import Request

MOST = 250
PERIODS = {"one_time": 1, "monthly": 12, "annual": 1}
_ORDERS = ("date_created", "date_updated", "date_won", "value", "confidence")
_TIMES = ("date_created", "date_updated", "date_won")
_SAME = ("lead_id", "user_id", "contact_id", "status_id", "status_type", "value_period")


class Opportunities:
    """Answers `/opportunity/`. Values are whole cents."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store, self.log, self.records = store, log, records

    def routes(self) -> Routes:
        return [
            ("/opportunity/", {"GET": self._list, "POST": self._create}),
            (f"/opportunity/{ONE}/", {"GET": self._get, "PUT": self._update, "DELETE": self._delete}),
        ]

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def _list(self, request: Request, actor: Actor) -> Answer:
        rows = [self.shown(raw) for raw in self.store.opportunities.values()]
        rows = [row for row in rows if _fits(row, request)]
        rows = ordered(rows, request, _ORDERS)
        page, has_more = paged(rows, request, MOST)
        return 200, {
            "data": [chosen(row, request) for row in page], "has_more": has_more, "total_results": len(rows),
        } | _aggregates(rows)  # fmt: skip

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.shown(found(self.store.opportunities, close_id)), request)

    def shown(self, raw: Record) -> Record:
        """Return an opportunity as it is kept with what the API adds to it."""
        stage, pipeline = self._stage(raw["status_id"])
        value, confidence = raw["value"], raw["confidence"]
        annual = None if value is None else value * PERIODS[raw["value_period"]]
        lead, contact = (
            self.store.leads.get(raw["lead_id"], {}),
            self.store.contacts.get(raw["contact_id"] or "", {}),
        )
        shown = raw | {
            "status_label": stage.get("label"), "status_type": stage.get("type"), "pipeline_id": pipeline.get("id"),
            "pipeline_name": pipeline.get("name"), "lead_name": lead.get("name") or "Untitled",
            "contact_name": contact.get("name"), "user_name": self.store.full_name(raw["user_id"]),
            "annualized_value": annual, "expected_value": None if value is None else value * confidence / 100,
            "annualized_expected_value": None if annual is None else annual * confidence / 100,
            "value_formatted": None if value is None else f"${value / 100:,.2f}",
        }  # fmt: skip
        shown["integration_links"] = [
            {"name": link["name"], "url": rendered(link["url"], shown)}
            for link in self.store.integration_links.values()
            if link["type"] == "opportunity"
        ]
        return shown

    def _stage(self, status_id: str) -> tuple[Record, Record]:
        for pipeline in self.store.pipelines:
            for stage in pipeline["statuses"]:
                if stage["id"] == status_id:
                    return stage, pipeline
        return {}, {}

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────

    def _create(self, request: Request, actor: Actor) -> Answer:
        return 200, self.create(json_body(request), actor)

    def create(self, body: Record, actor: Actor) -> Record:
        """Create an opportunity; without a lead it gets an untitled one. Raises Invalid."""
        clean = self._clean(body, actor, {})
        lead_id = clean.pop("lead_id", None) or self.records.create_lead({}, actor)["id"]
        now = self.store.stamp()
        first = next((stage["id"] for one in self.store.pipelines for stage in one["statuses"]), None)
        if "status_id" not in clean and first is None:
            raise Invalid({"status_id": "This field is required."})
        blank: Record = {
            "id": self.store.new_id("oppo"), "organization_id": self.store.organization_id, "lead_id": lead_id,
            "contact_id": None, "user_id": actor.user_id, "status_id": first, "value": None, "value_period": "one_time",
            "value_currency": "USD", "confidence": 50, "note": "", "date_won": None, "date_lost": None,
            "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": now, "date_updated": now,
        }  # fmt: skip
        made = self._dated(blank | set_values(clean), clean)
        self.store.opportunities.add(made)
        self.log.write("opportunity", "created", self.shown(made), lead_id, actor)
        self.records.touch_lead(lead_id)
        return self.shown(made)

    def _update(self, request: Request, actor: Actor, close_id: str) -> Answer:
        raw = found(self.store.opportunities, close_id)
        clean = self._clean(json_body(request), actor, raw)
        after = self._dated(patched(raw, clean), clean)
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if changed:
            before = {name: raw.get(name) for name in [*changed, "date_updated"]}
            after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
            self.store.opportunities.replace(close_id, after)
            self.log.write("opportunity", "updated", self.shown(after), after["lead_id"], actor, before)
            self.records.touch_lead(after["lead_id"])
            self._note_status(raw, after, actor)
        return 200, self.shown(self.store.opportunities[close_id])

    def _note_status(self, before: Record, after: Record, actor: Actor) -> None:
        if before["status_id"] == after["status_id"]:
            return
        (old, _), (new, _) = self._stage(before["status_id"]), self._stage(after["status_id"])
        values = {
            "opportunity_id": after["id"], "old_status_id": before["status_id"], "old_status_label": old.get("label"),
            "old_status_type": old.get("type"), "new_status_id": after["status_id"], "new_status_label": new.get("label"),
            "new_status_type": new.get("type"),
        }  # fmt: skip
        self.records.noted("OpportunityStatusChange", after["lead_id"], values, actor)

    def _delete(self, request: Request, actor: Actor, close_id: str) -> Answer:
        gone = found(self.store.opportunities, close_id)
        shown = self.shown(gone)
        self.store.opportunities.discard(close_id)
        self.log.write("opportunity", "deleted", shown, gone["lead_id"], actor)
        self.records.touch_lead(gone["lead_id"])
        return 200, {}

    def _dated(self, record: Record, given: Record) -> Record:
        """A status that is won or lost fills in its day, unless one was given."""
        kind = self._stage(record["status_id"])[0].get("type")
        today = self.store.clock().date().isoformat()
        won = record["date_won"] or (today if kind == "won" and "date_won" not in given else None)
        lost = record["date_lost"] or (today if kind == "lost" and "date_lost" not in given else None)
        return record | {
            "date_won": won if kind != "lost" else record["date_won"],
            "date_lost": lost if kind == "lost" else None,
        }

    # ── What is taken ────────────────────────────────────────────────────────────────────────────

    def _clean(self, body: Record, actor: Actor, before: Record) -> Record:
        clean: Record = {}
        errors: dict[str, Any] = {}
        for name, check in self._checks(body, before).items():
            if name not in body:
                continue
            problem = check(body[name])
            if problem:
                errors[name] = problem
            else:
                clean[name] = body[name]
        if clean.get("note", "") is None:
            clean["note"] = ""
        clean_custom(self.store, "opportunity", body, clean, errors, actor)
        if errors:
            raise Invalid(errors)
        return {name: value for name, value in clean.items() if not (name == "lead_id" and value is None)}

    def _checks(self, body: Record, before: Record) -> dict[str, Any]:
        stages = {stage["id"] for one in self.store.pipelines for stage in one["statuses"]}
        lead_id = body.get("lead_id", before.get("lead_id"))
        return {
            "lead_id": lambda value: _among(value, self.store.leads, optional=True),
            "contact_id": lambda value: self._contact_problem(value, lead_id),
            "user_id": lambda value: _among(value, self.store.users, optional=False),
            "status_id": lambda value: _among(value, stages, optional=False),
            "value": _cents_problem,
            "value_period": lambda value: (
                None if isinstance(value, str) and value in PERIODS else NOT_A_CHOICE
            ),
            "confidence": _percent_problem,
            "note": lambda value: None if value is None or isinstance(value, str) else NOT_A_TEXT,
            "date_won": _day_problem,
            "date_lost": _day_problem,
        }

    def _contact_problem(self, value: Any, lead_id: Any) -> str | None:
        if value is None:
            return None
        contact = self.store.contacts.get(value) if isinstance(value, str) else None
        return None if contact and contact["lead_id"] == lead_id else NO_SUCH_OBJECT


def _among(value: Any, known: Collection[str], *, optional: bool) -> str | None:
    if value is None and optional:
        return None
    return None if isinstance(value, str) and value in known else NO_SUCH_OBJECT


def _cents_problem(value: Any) -> str | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15
    return None if value is None or is_whole else "Value must be of int type."


def _percent_problem(value: Any) -> str | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return None if is_whole and 0 <= value <= 100 else "Value must be between 0 and 100."


def _day_problem(value: Any) -> str | None:
    if value is None:
        return None
    try:
        date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return "Could not parse date"
    return None


def _fits(row: Record, request: Request) -> bool:
    for name in _SAME:
        wanted = request.param(name)
        among = request.param(f"{name}__in")
        if wanted and str(row.get(name)) != wanted:
            return False
        if among and str(row.get(name)) not in among.split(","):
            return False
    return in_bounds(row, request, _TIMES)


def _aggregates(rows: list[Record]) -> Record:
    valued = [row for row in rows if row["value"] is not None]
    sums: Record = {
        f"total_value_{period}": sum(row["value"] for row in valued if row["value_period"] == period)
        for period in PERIODS
    }
    confidence = sum(row["confidence"] for row in rows) / len(rows) if rows else None
    return sums | {
        "total_value_annualized": sum(row["annualized_value"] for row in valued),
        "expected_value_annualized": sum(row["annualized_expected_value"] for row in valued),
        "average_confidence": confidence,
        "count_by_value_period": {
            period: sum(row["value_period"] == period for row in rows) for period in PERIODS
        },
    }
