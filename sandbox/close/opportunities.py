"""Opportunities: what a lead may be worth, when, and in which status of a pipeline."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, timedelta
from typing import Any

from sandbox.close.activities import rich_text
from sandbox.close.events import EventLog, moment
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, ordered, paged
from sandbox.close.records import Records, found, patched, rendered, set_values
from sandbox.close.store import Actor, Record, Store
from sandbox.close.times import in_bounds
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, Invalid, clean_custom
from sandbox.http import Request

MOST = 250
PERIODS = {"one_time": 1, "monthly": 12, "annual": 1}
# How opportunities can be ordered: by texts, and by numbers, of which none is less than any.
_TEXTS = ("date_created", "date_updated", "date_won", "user_name")
_NUMBERS = ("value", "confidence", "annualized_value", "annualized_expected_value")
_TIMES = ("date_created", "date_updated", "date_won")
_SAME = ("lead_id", "user_id", "contact_id", "status_id", "status_label", "status_type", "value_period")


class Opportunities:
    """Answers `/opportunity/`. Values are whole cents."""

    def __init__(self, store: Store, log: EventLog, records: Records) -> None:
        self.store, self.log, self.records = store, log, records
        records.shown_opportunity = self.shown

    def routes(self) -> Routes:
        return [
            ("/opportunity/", {"GET": self._list, "POST": self._create}),
            (f"/opportunity/{ONE}/", {"GET": self._get, "PUT": self._update, "DELETE": self._delete}),
        ]

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def _list(self, request: Request, actor: Actor) -> Answer:
        rows = _ordered(self.matching(request), request)
        page, has_more = paged(rows, request, MOST)
        return 200, {
            "data": [chosen(row, request) for row in page], "has_more": has_more, "total_results": len(rows),
        } | _aggregates(rows)  # fmt: skip

    def matching(self, request: Request) -> list[Record]:
        """Return what the filters of a request leave, oldest first. Raises Invalid."""
        lead_id = request.param("lead_id")
        table = self.store.opportunities
        held = table.of_lead(lead_id) if lead_id else table.values()
        return [row for row in map(self.shown, held) if _fits(row, request)]

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, chosen(self.shown(found(self.store.opportunities, close_id)), request)

    def shown(self, raw: Record) -> Record:
        """Return an opportunity as it is kept with what the API adds to it."""
        stage, pipeline = self._stage(raw["status_id"])
        value, confidence = raw["value"], raw["confidence"]
        annual = None if value is None else value * PERIODS[raw["value_period"]]
        lead = self.store.leads.get(raw["lead_id"], {})
        contact = self.store.contacts.get(raw["contact_id"] or "", {})
        shown = raw | {
            "status_label": stage.get("label"), "status_type": stage.get("type"),
            "status_display_name": stage.get("label"), "pipeline_id": pipeline.get("id"),
            "pipeline_name": pipeline.get("name"), "lead_name": lead.get("name") or "Untitled",
            "contact_name": contact.get("name"), "user_name": self.store.full_name(raw["user_id"]),
            "created_by_name": self.store.full_name(raw["created_by"]),
            "updated_by_name": self.store.full_name(raw["updated_by"]), "annualized_value": annual,
            "expected_value": _share(value, confidence), "annualized_expected_value": _share(annual, confidence),
            "value_formatted": _money(value, raw["value_period"]),
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
        return 200, self.create(json_body(request), actor, _today(self.store, request))

    def create(self, body: Record, actor: Actor, today: str) -> Record:
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
            "value_currency": "USD", "confidence": 50, "note": "",
            "note_html": "", "date_won": None, "date_lost": None,
            "created_by": actor.user_id, "updated_by": actor.user_id, "date_created": now, "date_updated": now,
        }  # fmt: skip
        made = self._dated(blank | set_values(clean), clean, today)
        self.store.opportunities.add(made)
        self.log.write("opportunity", "created", self.shown(made), lead_id, actor)
        self.records.touch_lead(lead_id)
        return self.shown(made)

    def _update(self, request: Request, actor: Actor, close_id: str) -> Answer:
        raw = found(self.store.opportunities, close_id)
        clean = self._clean(json_body(request), actor, raw)
        after = self._dated(patched(raw, clean), clean, _today(self.store, request))
        changed = [name for name in {**raw, **after} if raw.get(name) != after.get(name)]
        if changed:
            before = {name: raw.get(name) for name in [*changed, "date_updated"]}
            after |= {"date_updated": self.store.stamp(), "updated_by": actor.user_id}
            self.store.opportunities.replace(close_id, after)
            self.log.write("opportunity", "updated", self.shown(after), after["lead_id"], actor, before)
            for lead_id in {raw["lead_id"], after["lead_id"]}:
                self.records.touch_lead(lead_id)
            self._note_status(raw, after, actor)
        return 200, self.shown(self.store.opportunities[close_id])

    def _note_status(self, before: Record, after: Record, actor: Actor) -> None:
        if before["status_id"] == after["status_id"]:
            return
        values = {
            "opportunity_id": after["id"], "opportunity_confidence": after["confidence"],
            "opportunity_date_won": after["date_won"], "opportunity_value": after["value"],
            "opportunity_value_currency": after["value_currency"], "opportunity_value_period": after["value_period"],
            "opportunity_value_formatted": _money(after["value"], after["value_period"]),
        }  # fmt: skip
        for name, status_id in (("old", before["status_id"]), ("new", after["status_id"])):
            stage, pipeline = self._stage(status_id)
            values |= {
                f"{name}_status_id": status_id, f"{name}_status_label": stage.get("label"),
                f"{name}_status_type": stage.get("type"), f"{name}_pipeline_id": pipeline.get("id"),
                f"{name}_pipeline_name": pipeline.get("name"),
            }  # fmt: skip
        self.records.noted("OpportunityStatusChange", after["lead_id"], values, actor)

    def _delete(self, request: Request, actor: Actor, close_id: str) -> Answer:
        gone = found(self.store.opportunities, close_id)
        shown = self.shown(gone)
        self.store.opportunities.discard(close_id)
        self.log.write("opportunity", "deleted", shown, gone["lead_id"], actor)
        self.records.touch_lead(gone["lead_id"])
        return 200, {}

    def _dated(self, record: Record, given: Record, today: str) -> Record:
        """A status that is won or lost fills in when, unless that was given. A day won stays when the status goes back."""
        kind = self._stage(record["status_id"])[0].get("type")
        won, lost = record["date_won"], record["date_lost"]
        if kind == "won" and "date_won" not in given:
            won = won or today
        if kind == "lost" and "date_lost" not in given:
            lost = lost or self.store.stamp()
        return record | {"date_won": won, "date_lost": lost if kind == "lost" else None}

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
        for name, read in (("date_won", _day), ("date_lost", _time)):
            if clean.get(name) is not None:
                clean[name] = read(clean[name])
        rich_text(body, clean, errors)
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
            "date_won": lambda value: _problem(_day, value, "Could not parse date"),
            "date_lost": lambda value: _problem(_time, value, "Could not parse datetime"),
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


def _problem(read: Any, value: Any, words: str) -> str | None:
    if value is None:
        return None
    try:
        read(value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return words
    return None


def _day(value: str) -> str:
    """Return the day of a date, or of a time that has one in front. Raises ValueError and its like."""
    plain = date.fromisoformat(value) if len(value) == 10 else moment(value).date()
    return plain.isoformat()


def _time(value: str) -> str:
    return moment(value).isoformat(timespec="microseconds")


def _today(store: Store, request: Request) -> str:
    """Return the day it is for the one who asks: `x-tz-offset` is the hours from UTC, as `-4` or `5.5`."""
    try:
        hours = float(request.headers.get("x-tz-offset", "0"))
    except ValueError:
        hours = 0.0
    offset = timedelta(hours=hours) if -14 <= hours <= 14 else timedelta(0)
    return (store.clock().astimezone(UTC) + offset).date().isoformat()


def _share(value: int | None, confidence: int) -> int | None:
    return None if value is None else round(value * confidence / 100)


def _money(cents: int | None, period: str = "one_time") -> str | None:
    if cents is None:
        return None
    text = f"{'-' if cents < 0 else ''}${abs(cents) / 100:,.2f}".removesuffix(".00")
    return text if period == "one_time" else f"{text} {period}"


def _ordered(rows: list[Record], request: Request) -> list[Record]:
    order = request.param("_order_by")
    name = order.removeprefix("-")
    if name not in _NUMBERS:
        return ordered(rows, request, _TEXTS)
    return sorted(
        rows, key=lambda row: (row[name] is not None, row[name] or 0), reverse=order.startswith("-")
    )


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
    """Return what a list says of everything it is a page of: sums by period, and what is to be expected of them."""
    valued = [row for row in rows if row["value"] is not None]
    sums: dict[str, int] = {}
    for period in PERIODS:
        of_period = [row for row in valued if row["value_period"] == period]
        sums[f"total_value_{period}"] = sum(row["value"] for row in of_period)
        sums[f"expected_value_{period}"] = sum(row["expected_value"] for row in of_period)
    sums["total_value_annualized"] = sum(row["annualized_value"] for row in valued)
    sums["expected_value_annualized"] = sum(row["annualized_expected_value"] for row in valued)
    counts = {period: sum(row["value_period"] == period for row in rows) for period in PERIODS}
    formatted = {f"{name}_formatted": _money(value) for name, value in sums.items()}
    return {**sums, **formatted, "count_by_value_period": counts}
