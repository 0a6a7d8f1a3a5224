"""Exports: asked for, made in the background, fetched once from a signed address that soon expires."""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.close.events import EventLog, moment
from sandbox.close.legacy import queried
from sandbox.close.reading import ONE, Answer, Routes, json_body, listed
from sandbox.close.records import Records, found
from sandbox.close.search import Search
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NOT_A_CHOICE, Invalid
from sandbox.http import Request, Response

LIFE = timedelta(seconds=60)
TYPES = ("leads", "contacts", "lead_opps")
# How long an export takes: a moment to start, then so many records a second.
START = timedelta(seconds=1)
PER_SECOND = 20_000
_FLAGS = ("include_activities", "include_smart_fields", "include_addresses", "include_custom_objects")
_REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{}</Message></Error>'
)


class Exports:
    """Answers `/export/…`, and the addresses it hands out. `base_url` is where those begin."""

    def __init__(self, store: Store, log: EventLog, records: Records, search: Search) -> None:
        self.store, self.log, self.records, self.search = store, log, records, search
        self.base_url = "http://close.sandbox"
        self._key = hashlib.sha256(f"exports {store.seed}".encode()).digest()
        self._files: dict[str, bytes] = {}

    def routes(self) -> Routes:
        return [
            ("/export/", {"GET": self._list}),
            ("/export/lead/", {"POST": self._create_leads}),
            ("/export/opportunity/", {"POST": self._create_opportunities}),
            (f"/export/(?:lead/)?{ONE}/", {"GET": self._get}),
        ]

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    def _create_leads(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        kind = body.get("type", "leads")
        errors = _errors(body) | ({} if kind in TYPES else {"type": NOT_A_CHOICE})
        if errors:
            raise Invalid(errors)
        ids = self._leads(body, actor)
        limit = body.get("results_limit")
        return 200, self._start("lead", kind, body, ids[:limit] if limit else ids, actor)

    def _create_opportunities(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        errors = _errors(body)
        if errors:
            raise Invalid(errors)
        return 200, self._start("opportunity", "opportunities", body, list(self.store.opportunities), actor)

    def _leads(self, body: Record, actor: Actor) -> list[str]:
        if isinstance(body.get("s_query"), dict):
            query = body["s_query"].get("query", body["s_query"])
            return [record["id"] for record in self.search.matching(query, "lead", actor)]
        text = body.get("query")
        if isinstance(text, str) and text:
            rows = queried(list(self.store.leads.values()), text, lambda raw: self.records.lead(raw["id"]))
            return [row["id"] for row in rows]
        return list(self.store.leads)

    def _start(self, event: str, kind: str, body: Record, ids: list[str], actor: Actor) -> Record:
        now = self.store.bare_stamp()
        export: Record = {
            "id": self.store.new_id("expo"), "type": kind, "format": body.get("format", "csv"), "user_id": actor.user_id,
            "organization_id": self.store.organization_id, "date_created": now, "date_updated": now,
            "fields": body.get("fields"), "date_format": body.get("date_format", "original"),
            "send_done_email": body.get("send_done_email", True), "ids": ids, "event": event,
        } | {name: bool(body.get(name)) for name in _FLAGS}  # fmt: skip
        self.store.exports[export["id"]] = export
        self.log.write(f"export.{event}", "created", self._shown(export), None, actor)
        return self._shown(export)

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def _list(self, request: Request, actor: Actor) -> Answer:
        return listed([self._shown(export) for export in self.store.exports.values()], request)

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, self._shown(found(self.store.exports, close_id))

    def _shown(self, export: Record) -> Record:
        """Return an export as far as it is by now."""
        number = len(export["ids"])
        age = self.store.clock().astimezone(UTC) - moment(export["date_created"])
        working = age - START
        done = min(number, int(max(working.total_seconds(), 0) * PER_SECOND))
        is_done = working >= timedelta(seconds=number / PER_SECOND)
        status = (
            "done"
            if is_done
            else "created"
            if age < START / 2
            else "started"
            if age < START
            else "in_progress"
        )
        shown = {name: value for name, value in export.items() if name not in ("ids", "event")}
        return shown | {
            "status": status, "n_docs": None if status == "created" else number, "n_docs_processed": number if is_done else done,
            "download_url": self._address(export) if is_done else None,
        }  # fmt: skip

    def _address(self, export: Record) -> str:
        path = f"/_files/export/{export['id']}.{export['format']}"
        moment_text = self.store.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        query = f"X-Amz-Date={moment_text}&X-Amz-Expires={int(LIFE.total_seconds())}"
        return f"{self.base_url}{path}?{query}&X-Amz-Signature={self._signature(path, moment_text)}"

    def _signature(self, path: str, moment_text: str) -> str:
        return hmac.new(self._key, f"{path} {moment_text}".encode(), hashlib.sha256).hexdigest()

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
            data = _as_json(rows) if export["format"] == "json" else _as_csv(rows)
            held = self._files[export["id"]] = gzip.compress(data, compresslevel=1)
        return held

    def _rows(self, export: Record) -> Iterator[Record]:
        """Yield what an export holds; a record that is gone since is left out."""
        wanted = export["fields"]
        for row in self._whole_rows(export):
            yield {name: row.get(name) for name in wanted} if wanted else row

    def _whole_rows(self, export: Record) -> Iterator[Record]:
        if export["event"] == "opportunity":
            yield from (
                self.store.opportunities[one] for one in export["ids"] if one in self.store.opportunities
            )
            return
        for lead_id in export["ids"]:
            if lead_id not in self.store.leads:
                continue
            lead = self.records.lead(lead_id)
            if export["type"] == "leads":
                if export["include_activities"]:
                    lead["activities"] = list(self.store.activities.of_lead(lead_id))
                yield lead
            elif export["type"] == "contacts":
                yield from (contact | {"lead_name": lead["name"]} for contact in lead["contacts"])
            else:
                yield from (one | {"lead_name": lead["name"]} for one in lead["opportunities"])


def _errors(body: Record) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if body.get("format", "csv") not in ("json", "csv"):
        errors["format"] = NOT_A_CHOICE
    if body.get("date_format", "original") not in ("original", "iso8601", "excel"):
        errors["date_format"] = NOT_A_CHOICE
    limit = body.get("results_limit")
    if limit is not None and (type(limit) is not int or limit < 1):
        errors["results_limit"] = "Value must be of int type."
    fields = body.get("fields")
    if fields is not None and not (isinstance(fields, list) and all(isinstance(one, str) for one in fields)):
        errors["fields"] = "Value must be of list type."
    return errors


def _refused(text: str) -> Response:
    return Response(403, _REFUSED.format(text).encode(), {"content-type": "application/xml"})


def _as_json(rows: Iterator[Record]) -> bytes:
    return b"[" + b",".join(orjson.dumps(row, default=str) for row in rows) + b"]"


def _as_csv(rows: Iterator[Record]) -> bytes:
    text = io.StringIO()
    held = list(rows)
    names = list(dict.fromkeys(name for row in held for name in row))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for row in held:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return orjson.dumps(value, default=str).decode() if isinstance(value, list | dict) else value
