"""The three ways to read everything in Close, portion by portion. Each portion tells where the next one begins.

A position is plain JSON, so that it can be stored with what was read. Each reader raises RejectedError when the key
may not read in its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings as django_settings

from sync import transport
from sync.close import search
from sync.close.client import CloseClient
from sync.close.exports import iter_export
from sync.close.pagination import iter_contacts
from sync.engine import reading
from sync.errors import RejectedError
from sync.hull.extracts import is_public_address
from sync.mapping.paths import parse_close_path
from sync.models import Connector
from sync.records import Contact, Direction, Lead, ObjectType, SyncSettings, parse_time
from sync.services.links import Seen, seen_contact, seen_lead
from sync.transport import stream

PAGE, HITS, CHUNK = 100, 200, 100

Position = dict[str, Any]

_LEAD_FIELDS = (
    "id", "name", "display_name", "description", "url", "status_id", "status_label", "addresses", "custom",
    "created_by", "created_by_name", "updated_by", "updated_by_name", "date_created", "date_updated",
)  # fmt: skip
_CONTACT_FIELDS = (
    "id", "lead_id", "name", "display_name", "title", "emails", "phones", "urls", "custom",
    "created_by", "updated_by", "date_created", "date_updated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Portion:
    """Some records, or only the names of some, and the position of the next portion; None when this was the last.

    `leads` counts those in it, `total` all there are where that was told. `waits` says that Close is still preparing.
    """

    seen: Sequence[Seen] = ()
    names: Sequence[tuple[str, str]] = ()
    position: Position | None = field(default=None)
    leads: int = 0
    total: int | None = None
    waits: bool = False


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


def read_page(close: CloseClient, position: Position) -> Portion:
    """Read the next page of leads, in the order in which they were made.

    Leads that are deleted meanwhile move all later ones forward, so that a page's number alone would pass some over:
    the last rows of the page before are asked for again, and if they are not there one goes back to find them.
    """
    skip, anchors, back = (
        int(position.get("skip", 0)),
        position.get("anchors") or [],
        int(position.get("back", 0)),
    )
    start = max(skip - len(anchors), 0)
    page = close.lead_page(skip=start, limit=PAGE)
    ids = [lead.close_id for lead in page.leads]
    found = reading.first_unread(ids, anchors)
    if anchors and found is None and start and back < reading.MOST_STEPS_BACK:
        again = {
            "skip": max(start - PAGE + 2 * len(anchors), len(anchors)),
            "anchors": anchors,
            "back": back + 1,
        }
        return Portion(position=again, total=page.total)
    leads = page.leads[found or 0 :]
    has_more = page.has_more and page.received > 0
    kept = [*anchors, *ids][-reading.ANCHORS :]
    after = {"skip": start + page.received, "anchors": kept, "back": 0}
    return Portion(_whole(leads, close), (), after if has_more else None, len(leads), page.total)


def _whole(leads: Iterable[Lead], close: CloseClient) -> list[Seen]:
    """Return leads and their contacts; a lead whose answer held none of its contacts is asked for them."""
    seen: list[Seen] = []
    for lead in leads:
        contacts = lead.contacts
        if contacts is None and lead.fields.get("contact_ids"):
            contacts = tuple(iter_contacts(close, lead_id=lead.close_id))
        seen.append(seen_lead(lead))
        seen += [seen_contact(contact, lead.close_id) for contact in contacts or ()]
    return seen


# ── Search ───────────────────────────────────────────────────────────────────────────────────────


def read_hits(
    close: CloseClient, position: Position, settings: SyncSettings, *, now: datetime, only_names: bool = False
) -> Portion:
    """Read the next hits, leads first, then contacts, each in the order of their last update.

    A search ends after ten thousand hits, and its cursor soon: a new one then begins at the newest update that was
    read. What is updated meanwhile moves to the end, and is read there again.
    """
    kind = ObjectType(position.get("of", ObjectType.LEAD))
    cursor = position.get("cursor") if _is_fresh(position, now) else None
    base = position.get("base") if cursor else position.get("high")
    try:
        page = _hits(close, kind, base, cursor, settings, only_names)
    except RejectedError:
        if cursor is None:
            raise
        return Portion(position={**position, "cursor": None})
    records: Sequence[Lead | Contact] = page.leads if kind is ObjectType.LEAD else page.contacts
    seen_before = set(position.get("seen") or ())
    fresh = [record for record in records if record.close_id not in seen_before]
    after = _advanced(position, records, base, page.cursor, has_cursor=cursor is not None, now=now)
    if after is None:
        is_last = kind is ObjectType.CONTACT
        after = (
            None
            if is_last
            else {
                "of": ObjectType.CONTACT.value,
                "high": position.get("since"),
                "since": position.get("since"),
            }
        )
    leads = len(fresh) if kind is ObjectType.LEAD else 0
    if only_names:
        return Portion((), [(kind.value, record.close_id) for record in fresh], after)
    return Portion([_seen(record) for record in fresh], (), after, leads)


def _is_fresh(position: Position, now: datetime) -> bool:
    at = parse_time(position.get("cursor_at"))
    return at is not None and now - at < reading.CURSOR_LIFE


def _hits(
    close: CloseClient, kind: ObjectType, base: str | None, cursor: str | None, settings: SyncSettings, only_names: bool
) -> Any:  # fmt: skip
    name = kind.value.lower()
    wanted = ["id", "lead_id", "date_updated"] if only_names else _fields(kind, settings)
    return close.search_page(
        search.updated_since(name, base), fields={name: wanted}, cursor=cursor, limit=HITS,
        sort=[search.ascending(name, "date_updated")],
    )  # fmt: skip


def _advanced(
    position: Position, records: Sequence[Lead | Contact], base: str | None, cursor: str | None, *, has_cursor: bool, now: datetime
) -> Position | None:  # fmt: skip
    """Return where the search goes on; None when it found everything."""
    count = (int(position.get("count", 0)) if has_cursor else 0) + len(records)
    moments = [str(record.fields.get("date_updated") or "") for record in records]
    high = max(filter(None, moments), default=position.get("high"))
    if cursor is None and (count < reading.SEARCH_CAP or high == base):
        return None
    same = [record.close_id for record, moment in zip(records, moments, strict=True) if moment == high]
    seen = [*(position.get("seen") or ()), *same] if high == position.get("high") else same
    return {
        "of": position.get("of", ObjectType.LEAD.value), "since": position.get("since"), "base": base, "high": high,
        "seen": seen, "cursor": cursor, "cursor_at": now.isoformat(), "count": count,
    }  # fmt: skip


def _fields(kind: ObjectType, settings: SyncSettings) -> list[str]:
    """Return the fields to ask for: what a record always needs, and every field that is mapped."""
    standard = _LEAD_FIELDS if kind is ObjectType.LEAD else _CONTACT_FIELDS
    mapped = [parse_close_path(row.close) for row in settings.mapped(kind, Direction.INBOUND)]
    roots = [path.root for path in mapped if not path.is_custom]
    return list(dict.fromkeys([*standard, *roots]))


def _seen(record: Lead | Contact) -> Seen:
    found = seen_lead(record) if isinstance(record, Lead) else seen_contact(record)
    return Seen(found.object_type, found.close_id, found.fields, found.parent_close_id, is_whole=False)


# ── Export ───────────────────────────────────────────────────────────────────────────────────────


def read_export(connector: Connector, close: CloseClient, position: Position) -> Iterator[Portion]:
    """Have Close prepare a file of all leads, then read it as a stream. Yields one waiting portion until it is there.

    Raises TransientError when the line breaks: the file is read anew from the next lead on.
    """
    if not position.get("export"):
        export = close.start_lead_export()
        position = {"export": export.close_id, "read": 0}
        yield Portion(position=position, total=export.total, waits=True)
        return
    export = close.get_export(str(position["export"]))
    if export.status == "error":
        raise RejectedError("Close could not make the export.")
    if not export.download_url:
        yield Portion(position=position, total=export.total, waits=True)
        return
    done = int(position.get("read", 0))
    leads = islice(iter_export(_bytes_of(connector, export.download_url)), done, None)
    while chunk := list(islice(leads, CHUNK)):
        done += len(chunk)
        yield Portion(_whole(chunk, close), (), {**position, "read": done}, len(chunk), export.total)
    yield Portion(total=export.total)


def _bytes_of(connector: Connector, url: str) -> Iterator[bytes]:
    """Fetch a file that Close named, from the internet only, or from the connector's own sandbox."""
    is_near_fine = django_settings.ALLOW_INSECURE_REMOTES or connector.is_in_own_sandbox(url)
    is_allowed: Callable[[str], bool] = lambda ip: is_near_fine or is_public_address(ip)  # noqa: E731 - a closure
    with transport.new_session() as session:
        yield from stream(url, session=session, allowed=is_allowed)
