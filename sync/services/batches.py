"""Extracts that Hull sends: remembered at the door, read as a stream, put into the same queue as everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from sync.engine.retry import next_attempt
from sync.errors import SyncError, TransientError
from sync.hull.extracts import ExtractCall, Line, is_public_address, iter_lines
from sync.hull.parsing import Message
from sync.models import Batch, Connector
from sync.records import Direction, ObjectType
from sync.services import intake
from sync.transport import new_session, stream

Clock = Callable[[], datetime]
# Yields the bytes of an address. Raises SyncError.
Fetch = Callable[[str], Iterable[bytes]]

CHUNK = 200
LEASE = timedelta(minutes=5)
PROBLEMS_SHOWN = 20


def accept(connector: Connector, call: ExtractCall, segment_id: str, *, now: datetime) -> Batch:
    """Remember an extract durably. One that is being read already is not begun again."""
    batch, _ = Batch.objects.get_or_create(
        connector=connector,
        url_digest=hashlib.sha256(call.url.encode()).hexdigest(),
        state=Batch.State.READING,
        defaults={
            "object_type": call.object_type, "format": call.format, "url": call.url, "segment_id": segment_id[:120],
            "host": (urlsplit(call.url).hostname or "")[:250], "received_at": now, "not_before": now,
        },
    )  # fmt: skip
    return batch


def fetcher(batch: Batch) -> Fetch:
    """Return what fetches a batch's address: from the internet only, or from its own sandbox."""

    def fetch(url: str) -> Iterator[bytes]:
        is_near_fine = settings.ALLOW_INSECURE_REMOTES or batch.connector.is_in_own_sandbox(url)
        with new_session() as session:
            yield from stream(url, session=session, allowed=lambda ip: is_near_fine or is_public_address(ip))

    return fetch


def read_due(connector: Connector, *, clock: Clock, jitter: Callable[[], float]) -> None:
    """Read every extract of a connector that is due, in this process."""
    for batch in list(Batch.objects.filter(connector=connector).due(clock()).order_by("received_at")):
        read(batch, fetcher(batch), clock=clock, jitter=jitter)


def read(batch: Batch, fetch: Fetch, *, clock: Clock, jitter: Callable[[], float]) -> bool:
    """Read an extract from where it was left, until its end or until the line breaks.

    Returns whether anything was queued. A line that breaks is tried again later; an address that has expired
    or is refused ends the batch, with its reason. Does nothing when the connector is stopped or somebody else reads it.
    """
    if not batch.connector.is_active or not _take(batch, clock()):
        return False
    before = batch.queued
    try:
        for lines in _chunks(_unread(batch, fetch)):
            _store(batch, lines, clock())
    except TransientError as error:
        _put_off(batch, error, clock(), jitter)
    except SyncError as error:
        _finish(batch, Batch.State.FAILED, error.message, clock())
    else:
        _finish(batch, Batch.State.DONE, "", clock())
    return batch.queued > before


def _take(batch: Batch, now: datetime) -> bool:
    mine = Batch.objects.filter(pk=batch.pk).due(now)
    if mine.update(leased_until=now + LEASE) != 1:
        return False
    batch.refresh_from_db()
    return True


def _unread(batch: Batch, fetch: Fetch) -> Iterator[Line]:
    lines = iter_lines(fetch(batch.url.reveal()), batch.format, ObjectType(batch.object_type))
    return islice(lines, batch.lines, None)


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, CHUNK)):
        yield chunk


@transaction.atomic
def _store(batch: Batch, lines: list[Line], now: datetime) -> None:
    """Queue some lines, and with them how far the batch is: never one without the other."""
    heard, problems = [], [line.problem for line in lines if line.problem]
    for line in lines:
        message = line.message and _in_segment(line.message, batch.segment_id)
        if message is None:
            continue
        item = intake.heard_of(message, is_batch=True)
        if item is None:
            problems.append(f"Line {line.number} names no record: it has no id or other identifier.")
        else:
            heard.append(item)
    queued, _ = intake.queue(batch.connector, Direction.OUTBOUND, heard, now=now)
    batch.lines += len(lines)
    batch.queued += queued
    batch.problem_count += len(problems)
    batch.problems = [*batch.problems, *problems][:PROBLEMS_SHOWN]
    batch.leased_until, batch.attempts = now + LEASE, 0
    batch.save(update_fields=["lines", "queued", "problem_count", "problems", "leased_until", "attempts"])


def _in_segment(message: Message, segment_id: str) -> Message:
    """Return a message whose record is in the segment that was pushed, as the lines themselves may not say."""
    if not segment_id:
        return message
    if message.user:
        ids = (*(message.user.segment_ids or ()), segment_id)
        return replace(message, user=replace(message.user, segment_ids=tuple(dict.fromkeys(ids))))
    if message.account:
        ids = (*(message.account.segment_ids or ()), segment_id)
        return replace(message, account=replace(message.account, segment_ids=tuple(dict.fromkeys(ids))))
    return message


def _put_off(batch: Batch, error: TransientError, now: datetime, jitter: Callable[[], float]) -> None:
    batch.attempts += 1
    again = next_attempt(error, batch.attempts, now=now, jitter=jitter())
    if again is None:
        _finish(batch, Batch.State.FAILED, error.message, now)
        return
    batch.not_before, batch.message, batch.leased_until = again[0], error.message, None
    batch.save(update_fields=["attempts", "message", "not_before", "leased_until"])


def _finish(batch: Batch, state: Batch.State, message: str, now: datetime) -> None:
    """End a batch. Its address is forgotten: it is a credential."""
    batch.state, batch.message, batch.finished_at, batch.leased_until = state, message, now, None
    batch.url = ""
    batch.save(update_fields=["state", "message", "finished_at", "leased_until", "url", "attempts"])
