"""Reads everything in Close, or all that changed since a moment, into the queue: in pieces, each committed with its position.

It goes through up to three phases: the records, then, where only changes were read, the names of all that is there, then a
proof for whatever was not found: one request each, that says whether it is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from sync.engine import reading
from sync.engine.budget import Lane
from sync.engine.inbound import DELETED, UPSERT
from sync.engine.reading import EXPORT, PAGES, SEARCH
from sync.errors import REFUSALS, NotFoundError, SyncError
from sync.models import Connector, Cursor, Link, Run
from sync.records import Direction, ObjectType
from sync.services import apply, links, readers
from sync.services.drain import Work
from sync.services.intake import Heard, queue
from sync.services.links import Seen
from sync.services.readers import Portion

log = logging.getLogger(__name__)

# How long one piece reads before it lets others have the worker, and how often fresh changes are looked for meanwhile.
PIECE = timedelta(seconds=20)
PROOFS = 50
# How often Close is asked whether an export is there.
EXPORT_LOOKS = timedelta(seconds=5)
# By then Close's search index knows of a deletion.
SETTLED = timedelta(minutes=10)

RECORDS, NAMES, PROOF = "records", "names", "proof"


def progress(connector: Connector) -> Cursor | None:
    """Return the position of the reading that is under way, if one is."""
    return Cursor.objects.filter(
        ~Q(method=""), connector=connector, stream=Cursor.Stream.BACKFILL, started_at__isnull=False
    ).first()


@dataclass(frozen=True, slots=True)
class Told:
    """How far a reading is, in words, and as a share of 100 where Close told how much there is."""

    sentence: str
    percent: int | None


def told(connector: Connector, *, now: datetime) -> Told | None:
    """Say how far the reading is that is under way, if one is."""
    cursor = progress(connector)
    if cursor is None:
        return None
    phase = cursor.detail.get("phase", RECORDS)
    if phase != RECORDS:
        return Told("All leads are read; now it is made sure of what is gone.", None)
    if cursor.since:
        since = f"{cursor.since:%Y-%m-%d %H:%M} UTC"
        return Told(
            f"What changed since {since} is looked for: its event log does not tell it any more.", None
        )
    if cursor.method == EXPORT and not cursor.done:
        return Told("Close prepares an export of all leads.", None)
    if not cursor.total:
        return Told(f"{cursor.done:,} leads so far.", None)
    rest = reading.left(cursor.done, cursor.total, cursor.started_at or now, now)
    lasts = f", about {_span(rest)} to go" if rest else ""
    percent = min(100 * cursor.done // cursor.total, 100)
    return Told(f"{cursor.done:,} of {cursor.total:,} leads, by {_WAYS[cursor.method]}{lasts}.", percent)


_WAYS = {EXPORT: "an export", SEARCH: "search", PAGES: "pages", "begin": "whichever way the key may use"}


def _span(rest: timedelta) -> str:
    minutes = round(rest.total_seconds() / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


def next_piece(connector: Connector, run: Run, *, now: datetime) -> datetime | None:
    """Return when a reading that is under way goes on; None where none is, or where trouble stopped it."""
    cursor = progress(connector)
    if cursor is None or run.state == Run.State.STOPPED or not connector.is_active:
        return None
    is_waiting = cursor.method == EXPORT and cursor.detail.get("phase") == RECORDS
    return now + (EXPORT_LOOKS if is_waiting else timedelta())


def start(connector: Connector, *, now: datetime, since: datetime | None = None) -> None:
    """Have everything read, or with `since` what changed after it. One that is under way goes on instead."""
    cursor, _ = Cursor.objects.get_or_create(connector=connector, stream=Cursor.Stream.BACKFILL)
    if cursor.method:
        return
    cursor.method, cursor.since, cursor.started_at = "begin", since, now
    cursor.done, cursor.total, cursor.detail, cursor.page = 0, None, {"phase": RECORDS}, ""
    cursor.save()


def read_on(work: Work, *, is_piece: bool, look_around: Callable[[], None]) -> bool:
    """Read on where the reading stands. True when nothing is under way any more.

    A piece ends after a while; an export is read in one go, since its file has to be fetched whole. `look_around` is
    called in between, so that fresh changes do not wait for old ones. False also while Close prepares an export.
    """
    cursor = progress(work.connector)
    began = looked = work.clock()
    while cursor:
        if cursor.method == "begin":
            _begin(work, cursor)
        for portion in _portions(work, cursor):
            _store(work, cursor, portion)
            if portion.waits:
                return False
            now = work.clock()
            if now - looked >= PIECE:
                look_around()
                looked = now
            if is_piece and now - began >= PIECE and cursor.method != EXPORT:
                return False
        cursor = progress(work.connector)
    return True


def _begin(work: Work, cursor: Cursor) -> None:
    """Choose the way to read, and learn how much there is."""
    with work.remotes.allowance.during(Lane.BACKFILL):
        cursor.total = None if cursor.since else work.remotes.close.lead_page(limit=1).total
    ways = reading.ways(
        work.connector.backfill_by,
        cursor.total,
        is_part=cursor.since is not None,
        writes=not work.run.dry_run,
    )
    cursor.method, cursor.detail = ways[0], {"phase": RECORDS, "ways": ways[1:], "position": _first(cursor)}
    cursor.save()


def _first(cursor: Cursor) -> readers.Position:
    since = cursor.since.isoformat() if cursor.since else None
    return {"since": since, "high": since} if since else {}


def _portions(work: Work, cursor: Cursor) -> Iterator[Portion]:
    """Yield what is read in the present phase; where the key may not read like this, the next way is taken."""
    phase, position = cursor.detail.get("phase", RECORDS), cursor.detail.get("position") or {}
    try:
        if phase == RECORDS and cursor.method == EXPORT:
            yield from readers.read_export(work.connector, work.remotes.close, position)
            return
        with work.remotes.allowance.during(Lane.BACKFILL):
            portion = _prove(work, cursor) if phase == PROOF else _read(work, cursor, phase, position)
        yield portion
    except REFUSALS as error:
        ways = list(cursor.detail.get("ways") or ())
        if not ways or phase == PROOF:
            raise
        log.info("everything cannot be read by %s: %s", cursor.method, error.message)
        if ways[0] != SEARCH:
            cursor.since = None  # what changed cannot be asked for: everything is read
        cursor.detail = {
            "phase": RECORDS,
            "ways": ways[1:],
            "position": _first(cursor),
            "refused": error.message,
        }
        cursor.method, cursor.done = ways[0], 0
        cursor.save()


def _read(work: Work, cursor: Cursor, phase: str, position: readers.Position) -> Portion:
    close = work.remotes.close
    if phase == RECORDS and cursor.method == PAGES:
        return readers.read_page(close, position)
    return readers.read_hits(close, position, work.settings, now=work.clock(), only_names=phase == NAMES)


def _store(work: Work, cursor: Cursor, portion: Portion) -> None:
    """Store a portion, what follows from it and the position after it, in one transaction."""
    now = work.clock()
    with transaction.atomic():
        found = links.remember(work.connector, portion.seen, work.settings)
        names = {*found, *portion.names}
        _mark_seen(work.connector, names, cursor.started_at or now)
        _revive(work, [link for link in found.values() if _is_back(link, cursor)])
        queued, _ = queue(work.connector, Direction.INBOUND, [_heard(item) for item in portion.seen], now=now)
        cursor.done += portion.leads
        cursor.total, cursor.read_at = portion.total or cursor.total, now
        _move_on(cursor, portion)
        cursor.save()
        work.run.considered += queued
        work.run.total = cursor.total
        work.run.save(update_fields=["total", "considered"])
        if not cursor.method:
            _finish(work.connector, now)
    work.watch(work.run, max((cursor.total or cursor.done) - cursor.done, 0))


def _is_back(link: Link, cursor: Cursor) -> bool:
    """Whether a record counted as deleted long before this reading found it. What was deleted meanwhile is not back."""
    return bool(link.deleted_at and cursor.started_at and link.deleted_at < cursor.started_at - SETTLED)


def _revive(work: Work, rows: Sequence[Link]) -> None:
    """Take back that records are gone: an answer of Close counts for more than what was concluded."""
    Link.objects.filter(pk__in=[link.pk for link in rows]).update(deleted_at=None)
    for link in rows:
        link.deleted_at = None
    links.index(work.connector, rows, work.settings)


def _mark_seen(connector: Connector, names: Iterable[tuple[str, str]], at: datetime) -> None:
    by_type: dict[str, list[str]] = {}
    for object_type, close_id in names:
        by_type.setdefault(object_type, []).append(close_id)
    for object_type, ids in by_type.items():
        Link.objects.filter(connector=connector, object_type=object_type, close_id__in=ids).update(seen_at=at)


def _move_on(cursor: Cursor, portion: Portion) -> None:
    """Put the position of the next portion, or of the next phase, into the cursor. No method means that it is done."""
    if portion.position is not None:
        cursor.detail = {**cursor.detail, "position": portion.position}
        return
    phase = cursor.detail.get("phase", RECORDS)
    if phase == RECORDS and cursor.since:
        cursor.detail = {**cursor.detail, "phase": NAMES, "position": {}}
    elif phase in (RECORDS, NAMES):
        cursor.detail = {**cursor.detail, "phase": PROOF, "position": {"after": 0}}
    else:
        cursor.method, cursor.detail = "", {}


def _finish(connector: Connector, now: datetime) -> None:
    connector.backfilled_at = now
    connector.save(update_fields=["backfilled_at", "updated_at"])


def _heard(item: Seen) -> Heard:
    payload = {"action": UPSERT, "ours": False}
    return Heard(
        item.object_type, item.close_id, payload, item.parent_close_id, item.label, item.updated_at, again=True
    )  # fmt: skip


# ── What was not found ───────────────────────────────────────────────────────────────────────────


def _missing(cursor: Cursor) -> QuerySet[Link]:
    """Return the records that we took for alive before the reading began, and that it did not find."""
    unseen = Q(seen_at=None) | Q(seen_at__lt=cursor.started_at)
    mine = Link.objects.live().filter(unseen, connector=cursor.connector, created_at__lt=cursor.started_at)
    return mine.exclude(close_updated_at__gte=cursor.started_at).order_by("pk")


def _prove(work: Work, cursor: Cursor) -> Portion:
    """Ask for some of the records that were not found, one by one, and have Hull told of those that are gone."""
    after = int((cursor.detail.get("position") or {}).get("after", 0))
    if not after and _is_suspicious(cursor):
        log.warning("so much was not found in Close that nothing is concluded for %s", work.connector.slug)
        return Portion()
    rows = list(_missing(cursor).filter(pk__gt=after)[:PROOFS])
    answers = apply.in_parallel(lambda link: (link, *_look(work, link)), rows)
    there = [seen for _, seen, _ in answers if seen]
    gone = [link for link, _, error in answers if isinstance(error, NotFoundError)]
    unsure = next((error for _, _, error in answers if error and not isinstance(error, NotFoundError)), None)
    if unsure:
        raise unsure
    _mark_gone(work, gone)
    return Portion(there, (), {"after": rows[-1].pk} if len(rows) == PROOFS else None)


def _is_suspicious(cursor: Cursor) -> bool:
    known = Link.objects.live().filter(connector=cursor.connector, created_at__lt=cursor.started_at).count()
    return reading.is_suspicious(_missing(cursor).count(), known)


def _look(work: Work, link: Link) -> tuple[Seen | None, SyncError | None]:
    try:
        return apply.read_record(ObjectType(link.object_type), link.close_id, work.remotes.close), None
    except SyncError as error:
        return None, error


def _mark_gone(work: Work, gone: Sequence[Link]) -> None:
    now = work.clock()
    with transaction.atomic():
        for link in gone:
            links.mark_deleted(work.connector, link.object_type, link.close_id, at=now)
        heard = [
            Heard(
                ObjectType(link.object_type), link.close_id, {"action": DELETED, "ours": False}, link.parent_close_id,
                link.label, now,
            )
            for link in gone
        ]  # fmt: skip
        queue(work.connector, Direction.INBOUND, heard, now=now)
