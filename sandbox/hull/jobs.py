"""Work that Hull does later: extracts, of which the connector is told where to fetch them, and imports, which Hull fetches."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.http import Request, Response
from sandbox.hull.firehose import Firehose
from sandbox.hull.identity import Dropped, resolve
from sandbox.hull.query import Search, compiled, entity_value, row
from sandbox.hull.store import ACCOUNT, USER, Entity, Record, Store, stamped

# How long a file can be fetched, how many are kept, and how many jobs are remembered.
FETCHABLE = timedelta(hours=1)
MOST_FILES = 20
MOST_JOBS = 1000
FILES = "/_files/extracts/"
FORMATS = ("json", "csv")


@dataclass(slots=True)
class Jobs:
    """All jobs of one organization, those that wait, and the files that can be fetched."""

    store: Store
    firehose: Firehose
    search: Search
    secret: str
    jobs: OrderedDict[str, Record] = field(default_factory=OrderedDict)
    waiting: list[str] = field(default_factory=list)
    files: OrderedDict[str, tuple[str, bytes]] = field(default_factory=OrderedDict)

    def state(self) -> Record:
        return {"jobs": self.jobs, "waiting": self.waiting, "files": self.files}

    def restore(self, state: Record) -> None:
        self.jobs, self.waiting, self.files = state["jobs"], state["waiting"], state["files"]

    def add_extract(self, kind: str, body: Any) -> Record:
        """Order an extract. Raises ValueError and InvalidQuery for an order that cannot be carried out."""
        if not isinstance(body, dict):
            raise ValueError("the body is an object")
        form, fields = body.get("format", "json"), body.get("fields", [])
        if form not in FORMATS:
            raise ValueError(f"format is one of {', '.join(FORMATS)}")
        if not isinstance(fields, list) or not all(isinstance(one, str) for one in fields):
            raise ValueError("fields is a list of names")
        compiled(body.get("query"), entity_value)
        known = {
            "url": address(body.get("url")),
            "format": form,
            "fields": fields,
            "query": body.get("query"),
        }
        return self._add(
            {"type": "extract", "object_type": f"{kind}_report", "kind": kind, "due_at": ""} | known
        )

    def add_import(self, kind: str, body: Any) -> Record:
        """Order an import. Raises ValueError for an order that cannot be carried out."""
        if not isinstance(body, dict):
            raise ValueError("the body is an object")
        if body.get("format", "json") != "json":
            raise ValueError("format is json")
        at = _moment(body.get("schedule_at"))
        names = ("notify", "emit_event", "overwrite", "name", "import_id", "part_number", "size", "stats")
        known = {name: body.get(name) for name in names}
        known |= {"url": address(body.get("url")), "due_at": stamped(at)}
        return self._add({"type": "import", "object_type": kind, "kind": kind} | known)

    def _add(self, job: Record) -> Record:
        made: Record = {
            "id": self.store.new_id(),
            "status": "scheduled",
            "created_at": self.store.stamp(),
            "count": 0,
        } | job
        self.jobs[made["id"]] = made
        self.waiting.append(made["id"])
        while len(self.jobs) > MOST_JOBS:
            self.jobs.popitem(last=False)
        return made

    def take_due(self, now: datetime) -> list[Record]:
        """Return the jobs that are to be done now; they do not wait any longer."""
        at = stamped(now)
        due = [one for one in self.waiting if one in self.jobs and self.jobs[one]["due_at"] <= at]
        self.waiting = [one for one in self.waiting if one in self.jobs and one not in due]
        return [self.jobs[one] for one in due]

    def settle(self, job: Record, status: str, reason: str = "") -> None:
        """Write down how a job ended."""
        job |= {"status": status} | ({"reason": reason} if reason else {})

    def again(self, job: Record, at: datetime) -> None:
        """Have a job wait until a time."""
        job["due_at"] = stamped(at)
        self.waiting.append(job["id"])

    # ── Extracts ─────────────────────────────────────────────────────────────────────────────────

    def extract(self, job: Record, base_url: str) -> Record:
        """Write the file of an extract; return what is posted to the connector."""
        rows = [row(self.store, one) for one in self.search.find(job["kind"], job["query"])]
        if job["fields"]:
            wanted = {"id", *job["fields"]}
            rows = [{name: value for name, value in one.items() if name in wanted} for one in rows]
        job["count"] = len(rows)
        self.files[job["id"]] = (job["format"], ndjson(rows) if job["format"] == "json" else as_csv(rows))
        while len(self.files) > MOST_FILES:
            self.files.popitem(last=False)
        url = self._signed_url(job["id"], base_url)
        return {"url": url, "format": job["format"], "object_type": job["object_type"]}

    def _signed_url(self, name: str, base_url: str) -> str:
        end = int((self.store.clock() + FETCHABLE).timestamp())
        return f"{base_url}{FILES}{name}?Expires={end}&Signature={self._signature(name, str(end))}"

    def _signature(self, name: str, end: str) -> str:
        return hmac.digest(self.secret.encode(), f"{name}/{end}".encode(), hashlib.sha256).hex()

    def download(self, request: Request) -> Response:
        """Answer the fetching of a file: with a signature in place of credentials, for a while."""
        name, end = request.path.removeprefix(FILES), request.param("Expires")
        wanted = self._signature(name, end)
        if not hmac.compare_digest(wanted.encode(), request.param("Signature").encode()):
            return Response.of(403, {"message": "SignatureDoesNotMatch", "status": 403})
        if float(end) <= self.store.clock().timestamp():
            return Response.of(403, {"message": "Request has expired", "status": 403})
        if name not in self.files:
            return Response.of(404, {"message": "NoSuchKey", "status": 404})
        form, body = self.files[name]
        kind = {"json": "application/json", "csv": "text/csv; charset=utf-8"}[form]
        return Response(200, body, {"content-type": kind})

    # ── Imports ──────────────────────────────────────────────────────────────────────────────────

    def take_in(self, job: Record, content: bytes) -> None:
        """Apply the lines of an import; those that are wrong are noted."""
        for number, line in enumerate(content.splitlines(), 1):
            if not line.strip():
                continue
            try:
                self._take_line(job, orjson.loads(line))
                job["count"] += 1
            except (Dropped, ValueError) as why:
                self.store.note(f"import.{job['kind']}.error", line=number, reason=str(why), job=job["id"])

    def _take_line(self, job: Record, line: Any) -> None:
        if not isinstance(line, dict):
            raise ValueError("a line is an object")
        if job["kind"] == "events":
            self._take_event(line)
            return
        kind = USER if job["kind"] == "users" else ACCOUNT
        found = line.get("traits")
        traits: Record = found if isinstance(found, dict) else {}
        strongest = "email" if kind == USER else "domain"
        claims = {"external_id": line.get(f"{kind}Id"), strongest: traits.get(strongest)}
        entity = resolve(self.store, kind, claims)
        if kind == USER and line.get("accountId"):
            self._link(entity, line["accountId"])
        self.firehose.act(entity, "traits", traits)

    def _link(self, user: Entity, account_id: Any) -> None:
        self.store.link(user, resolve(self.store, ACCOUNT, {"external_id": account_id}).hull_id)

    def _take_event(self, line: Record) -> None:
        claims = {"external_id": line.get("userId"), "anonymous_id": line.get("anonymousId")}
        body = {
            "event": line.get("event"), "event_id": line.get("eventId"), "created_at": line.get("timestamp"),
            "properties": line.get("properties"), "source": "import",
        }  # fmt: skip
        if not isinstance(body["event"], str) or not body["event"]:
            raise ValueError("an event needs a name")
        self.firehose.act(resolve(self.store, USER, claims), "track", body)


def address(value: Any) -> str:
    """Return the address of an http server. Raises ValueError for anything else."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[!-~]+", value):
        raise ValueError("url is an http or https address")
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("schedule_at is a date in ISO 8601") from None


def ndjson(rows: Iterable[Record]) -> bytes:
    """Return one JSON object a line."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in rows)


def as_csv(rows: list[Record]) -> bytes:
    """Return a table of all columns that any row has; lists and objects are written as JSON."""
    columns = list(dict.fromkeys(name for one in rows for name in one))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_cells(one, columns) for one in rows)
    return out.getvalue().encode()


def _cells(one: Record, columns: list[str]) -> Iterator[Any]:
    for name in columns:
        value = one.get(name)
        yield orjson.dumps(value).decode() if isinstance(value, list | dict | bool) else value
