"""Exports: asked for, made in the background, fetched once from a signed address that soon expires."""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.close.events import EventLog, moment
from sandbox.close.legacy import queried
from sandbox.close.opportunities import Opportunities
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed
from sandbox.close.records import Records, found
from sandbox.close.search import Search
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NOT_A_CHOICE, NOT_A_LIST, NOT_A_TEXT, Invalid
from sandbox.http import Request, Response

LIFE = timedelta(seconds=60)
TYPES = ("leads", "contacts", "lead_opps")
# How long an export takes: a moment to start, then so many records a second.
START = timedelta(seconds=1)
PER_SECOND = 20_000
# How many exports are held as they were when they were asked for; an older one is made of what is there now.
MOST_HELD = 10
_FLAGS = ("include_activities", "include_smart_fields", "include_addresses", "include_custom_objects")
_HIDDEN = ("ids", "event", "told", *_FLAGS)
_NOT_A_DICT = "Value must be of dict type."
_REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{}</Message></Error>'
)

# A record as it is kept, and what hung on it: contacts, opportunities, tasks, activities.
Held = tuple[Record, ...]
Snapshot = list[tuple[Record, Held, Held, Held, Held]]


class Exports:
    """Answers `/export/…`, and the addresses it hands out. `base_url` is where those begin.

    Call `tick` before looking: it writes the events of exports that have come further.
    """

    def __init__(self, store: Store, log: EventLog, records: Records, search: Search) -> None:
        self.store, self.log, self.records, self.search = store, log, records, search
        self.base_url = "http://close.sandbox"
        self._opportunities = Opportunities(store, log, records)
        self._key = hashlib.sha256(f"exports {store.seed}".encode()).digest()
        self._snapshots: dict[str, Snapshot] = {}
        self._files: dict[str, bytes] = {}

    def routes(self) -> Routes:
        routes: Routes = [("/export/", {"GET": self._lister()})]
        for event, create in (("lead", self._create_leads), ("opportunity", self._create_opportunities)):
            routes.append((f"/export/{event}/", {"GET": self._lister(event), "POST": create}))
        return [*routes, (f"/export/(?:lead/|opportunity/)?{ONE}/", {"GET": self._get})]

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    def _create_leads(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        kind = body.get("type", "leads")
        errors = _errors(body) | ({} if kind in TYPES else {"type": NOT_A_CHOICE})
        if errors:
            raise Invalid(errors)
        about = {"s_query": body.get("s_query"), "sort": body.get("sort") or []}
        return 200, self._start("lead", kind, body, self._leads(body, actor), about, actor)

    def _create_opportunities(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        errors = _errors(body)
        if errors:
            raise Invalid(errors)
        params = body.get("params") or {}
        ids = [row["id"] for row in self._opportunities.matching(_as_request(params))]
        return 200, self._start("opportunity", "opps", body, ids, {"params": params}, actor)

    def _leads(self, body: Record, actor: Actor) -> list[str]:
        query, text = body.get("s_query"), body.get("query")
        if query:
            records = self.search.matching(query.get("query", query), "lead", actor)
            return [record["id"] for record in records]
        if text:
            rows = queried(list(self.store.leads.values()), text, lambda raw: self.records.lead(raw["id"]))
            return [row["id"] for row in rows]
        return list(self.store.leads)

    def _start(
        self, event: str, kind: str, body: Record, ids: list[str], about: Record, actor: Actor
    ) -> Record:
        now, limit = self.store.stamp(), body.get("results_limit")
        export: Record = {
            "id": self.store.new_id("expo"), "type": kind, "format": body.get("format", "csv"),
            "organization_id": self.store.organization_id, "created_by": actor.user_id, "updated_by": actor.user_id,
            "date_created": now, "date_updated": now, "fields": body.get("fields"), "results_limit": limit,
            "date_format": body.get("date_format") or "original",
            "send_done_email": body.get("send_done_email", True) is not False,
            "ids": ids[:limit] if limit else ids, "event": event, "told": "created",
        } | about | {name: body.get(name) is True for name in _FLAGS}  # fmt: skip
        self.store.exports[export["id"]] = export
        self._snapshots[export["id"]] = self._snapshot(export)
        _forget_oldest(self._snapshots)
        self.log.write(f"export.{event}", "created", self._shown(export), None, actor)
        return self._shown(export)

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: datetime) -> None:
        """Tell of each export that has come further since."""
        for export in [one for one in self.store.exports.values() if one.get("told") != "completed"]:
            status = self._status(export, now)
            told = export
            if status in ("in_progress", "done") and told.get("told") == "created":
                told = self._tell(told, "updated")
            if status == "done":
                self._tell(told, "completed")

    def _tell(self, export: Record, action: str) -> Record:
        told = export | {"told": action, "date_updated": self.store.stamp()}
        self.store.exports[export["id"]] = told
        actor = Actor(export["created_by"], None, "POST", f"/api/v1/export/{export['event']}/")
        self.log.write(f"export.{export['event']}", action, self._shown(told), None, actor, {})
        return told

    def _lister(self, event: str = "") -> Any:
        def act(request: Request, actor: Actor) -> Answer:
            self.tick(self.store.clock())
            rows = [one for one in self.store.exports.values() if event in ("", one["event"])]
            return listed([self._shown(export) for export in rows], request)

        return act

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        self.tick(self.store.clock())
        return 200, chosen(self._shown(found(self.store.exports, close_id)), request)

    def _status(self, export: Record, now: datetime) -> str:
        age = now.astimezone(UTC) - moment(export["date_created"])
        if age >= START + timedelta(seconds=len(export["ids"]) / PER_SECOND):
            return "done"
        return "created" if age < START / 2 else "started" if age < START else "in_progress"

    def _shown(self, export: Record) -> Record:
        """Return an export as far as it is by now."""
        now, number = self.store.clock(), len(export["ids"])
        status = self._status(export, now)
        working = now.astimezone(UTC) - moment(export["date_created"]) - START
        processed = min(number, int(max(working.total_seconds(), 0) * PER_SECOND))
        shown = {name: value for name, value in export.items() if name not in _HIDDEN}
        return shown | {
            "status": status, "n_docs": None if status == "created" else number,
            "n_docs_processed": number if status == "done" else processed,
            "download_url": self._address(export) if status == "done" else None,
        }  # fmt: skip

    def _address(self, export: Record) -> str:
        path = f"/_files/export/{export['id']}.{export['format']}"
        stamp = self.store.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={stamp}&X-Amz-Expires={int(LIFE.total_seconds())}"
        )
        return f"{self.base_url}{path}?{query}&X-Amz-Signature={self._signature(path, stamp)}"

    def _signature(self, path: str, stamp: str) -> str:
        return hmac.new(self._key, f"{path} {stamp}".encode(), hashlib.sha256).hexdigest()

    # ── Fetching ─────────────────────────────────────────────────────────────────────────────────

    def download(self, request: Request) -> Response:
        """Answer a signed address, without credentials; a forged or an old one is refused as the store of files does."""
        stamp, signature = request.param("X-Amz-Date"), request.param("X-Amz-Signature")
        wanted = self._signature(request.path, stamp)
        export = self.store.exports.get(request.path.rpartition("/")[2].partition(".")[0])
        if export is None or not hmac.compare_digest(wanted.encode(), signature.encode(errors="replace")):
            return _refused("The request signature we calculated does not match the signature you provided.")
        made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if self.store.clock().astimezone(UTC) - made > LIFE:
            return _refused("Request has expired")
        kind = "application/json" if export["format"] == "json" else "text/csv"
        return Response(200, self._file(export), {"content-type": kind, "content-encoding": "gzip"})

    def _file(self, export: Record) -> bytes:
        held = self._files.get(export["id"])
        if held is None:
            rows = self._rows(export)
            data = _as_json(rows) if export["format"] == "json" else _as_csv(rows, export)
            held = self._files[export["id"]] = gzip.compress(data, compresslevel=1)
            self._snapshots.pop(export["id"], None)
            _forget_oldest(self._files)
        return held

    # ── What is in a file ────────────────────────────────────────────────────────────────────────

    def _snapshot(self, export: Record) -> Snapshot:
        """Return what an export is about as it is now. Records are replaced when they change, so this keeps them."""
        store = self.store
        if export["event"] == "opportunity":
            held = store.opportunities
            return [(held[one], (), (), (), ()) for one in export["ids"] if one in held]
        return [
            (
                store.leads[one],
                tuple(store.contacts.of_lead(one)),
                tuple(store.opportunities.of_lead(one)),
                tuple(task for task in store.tasks.of_lead(one) if not task["is_complete"]),
                tuple(store.activities.of_lead(one)) if export["include_activities"] else (),
            )
            for one in export["ids"]
            if one in store.leads
        ]

    def _rows(self, export: Record) -> Iterator[Record]:
        """Yield what an export holds, with the fields that were asked for."""
        wanted = export["fields"]
        for row in self._whole_rows(export):
            yield _narrowed(row, wanted) if wanted else row

    def _whole_rows(self, export: Record) -> Iterator[Record]:
        for raw, contacts, opportunities, tasks, activities in self._snapshots.get(
            export["id"]
        ) or self._snapshot(export):
            if export["event"] == "opportunity":
                yield self._opportunities.shown(raw)
                continue
            sales = [self._opportunities.shown(one) for one in opportunities]
            if export["type"] == "lead_opps":
                yield from sales
            elif export["type"] == "contacts":
                name = {"lead_id": raw["id"], "lead_name": raw["name"]}
                yield from (self.records.shown_contact(one) | name for one in contacts)
            else:
                lead = self.records.shown_lead(raw, list(contacts))
                more = {"activities": list(activities)} if export["include_activities"] else {}
                yield lead | {"opportunities": sales, "tasks": list(tasks)} | more


def _errors(body: Record) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if body.get("format", "csv") not in ("json", "csv"):
        errors["format"] = NOT_A_CHOICE
    if body.get("date_format") not in (None, "original", "iso8601", "excel"):
        errors["date_format"] = NOT_A_CHOICE
    limit = body.get("results_limit")
    if limit is not None and (type(limit) is not int or limit < 1):
        errors["results_limit"] = "Value must be of int type."
    fields = body.get("fields")
    if fields is not None and not (isinstance(fields, list) and all(isinstance(one, str) for one in fields)):
        errors["fields"] = NOT_A_LIST
    typed = (
        ("s_query", dict, _NOT_A_DICT), ("params", dict, _NOT_A_DICT), ("query", str, NOT_A_TEXT),
        ("sort", list, NOT_A_LIST),
    )  # fmt: skip
    return errors | {
        name: problem
        for name, kind, problem in typed
        if body.get(name) is not None and not isinstance(body[name], kind)
    }


def _as_request(params: Record) -> Request:
    """Return the list request that has the same filters as an export of opportunities."""
    query = {
        name: [",".join(map(str, value)) if isinstance(value, list) else str(value)]
        for name, value in params.items()
        if value is not None
    }
    return Request("GET", "/opportunity/", query)


def _forget_oldest(held: dict[str, Any]) -> None:
    while len(held) > MOST_HELD:
        del held[next(iter(held))]


def _refused(text: str) -> Response:
    return Response(403, _REFUSED.format(text).encode(), {"content-type": "application/xml"})


def _narrowed(row: Record, wanted: Iterable[str]) -> Record:
    """Return the fields that were asked for; `custom` stands for all custom values."""
    customs = {name: value for name, value in row.items() if name.startswith("custom.")}
    return {name: row[name] for name in wanted if name in row} | (customs if "custom" in wanted else {})


def _as_json(rows: Iterator[Record]) -> bytes:
    return b"[" + b",".join(orjson.dumps(row, default=str) for row in rows) + b"]"


def _as_csv(rows: Iterator[Record], export: Record) -> bytes:
    text = io.StringIO()
    held = list(rows)
    names = list(dict.fromkeys([*(export["fields"] or ()), *(name for row in held for name in row)]))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for row in held:
        writer.writerow({name: _cell(name, value, export["date_format"]) for name, value in row.items()})
    return text.getvalue().encode()


def _cell(name: str, value: Any, date_format: str) -> Any:
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=str).decode()
    is_time = name.startswith("date_") and isinstance(value, str) and len(value) > 10
    return _written(moment(value), date_format) if is_time else value


def _written(when: datetime, date_format: str) -> str:
    """Return a time as an export writes it."""
    if date_format == "excel":
        return when.strftime("%Y-%m-%d %I:%M:%S %p")
    if date_format == "iso8601":
        return when.isoformat(timespec="seconds")
    return when.isoformat(sep=" ", timespec="microseconds")
