"""What we know of Close's records: stored as seen, indexed for matching, paired with Hull records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from sync.engine.identity import match_values
from sync.engine.plan import KnownRecord
from sync.models import Connector, Link, MatchKey
from sync.models.choices import EITHER
from sync.records import Attributes, Contact, Lead, ObjectType, SyncSettings, parse_time


@dataclass(frozen=True, slots=True)
class Seen:
    """A Close record's state, as a page, an event or the answer to a write told it."""

    object_type: ObjectType
    close_id: str
    fields: Attributes
    parent_close_id: str = ""
    # A search tells some fields only: it never replaces what is known of the same moment.
    is_whole: bool = True

    @property
    def updated_at(self) -> datetime | None:
        return parse_time(self.fields.get("date_updated"))

    @property
    def label(self) -> str:
        return str(self.fields.get("name") or self.fields.get("display_name") or self.close_id)[:250]

    def as_known(self) -> KnownRecord:
        """Return it as decisions compare it."""
        return KnownRecord(self.close_id, self.fields, parent_close_id=self.parent_close_id or None)


def seen_lead(lead: Lead) -> Seen:
    return Seen(ObjectType.LEAD, lead.close_id, lead.fields)


def seen_contact(contact: Contact, lead_id: str | None = None) -> Seen:
    return Seen(
        ObjectType.CONTACT,
        contact.close_id,
        contact.fields,
        contact.lead_id or lead_id or "",
    )


def remember(
    connector: Connector,
    seen: Iterable[Seen],
    settings: SyncSettings,
    also: Iterable[tuple[str, str]] = (),
) -> dict[tuple[str, str], Link]:
    """Store records as seen, unless something newer is known, and keep the match index in step.

    Returns their links and those of `also`, by `(object type, Close id)`, all locked in one order: who writes to links
    takes them like this, so that no two wait for each other. Must run inside a transaction.
    """
    latest = {(item.object_type.value, item.close_id): item for item in seen}
    fresh = _insert_missing(connector, latest)
    links = find(connector, {*latest, *also})
    changed = [link for name, link in links.items() if name in latest and _take_over(link, latest[name])]
    # An upsert by id: the same as bulk_update, several times as fast, since no CASE is built around each record.
    Link.objects.bulk_create(changed, update_conflicts=True, unique_fields=["pk"], update_fields=_TAKEN_OVER)
    known = {link.pk for link in changed}
    made = [link for name, link in links.items() if name in fresh and link.pk not in known]
    index(connector, [*changed, *made], settings)
    return links


_TAKEN_OVER = ["label", "close", "close_updated_at", "parent_close_id", "updated_at"]


def find(
    connector: Connector, names: Iterable[tuple[str, str]], *, lock: bool = True
) -> dict[tuple[str, str], Link]:
    """Return the links of `(object type, Close id)` pairs that exist."""
    wanted = set(names)
    rows = Link.objects.filter(
        connector=connector, object_type__in=EITHER, close_id__in={close_id for _, close_id in wanted}
    )
    rows = rows.select_for_update().order_by("pk") if lock else rows
    return {(row.object_type, row.close_id): row for row in rows if (row.object_type, row.close_id) in wanted}


def save(links: Sequence[Link], fields: Sequence[str]) -> None:
    """Write some fields of links that are not locked yet."""
    with transaction.atomic():
        list(
            Link.objects.select_for_update()
            .filter(pk__in=[link.pk for link in links])
            .order_by("pk")
            .values("pk")
        )
        Link.objects.bulk_update(links, fields)


def _insert_missing(connector: Connector, latest: dict[tuple[str, str], Seen]) -> set[tuple[str, str]]:
    """Insert what is not known yet, as it was seen. Returns the names of what was not there."""
    known = find(connector, latest, lock=False)
    missing = {name: item for name, item in latest.items() if name not in known}
    rows = [
        Link(connector=connector, object_type=object_type, close_id=close_id)
        for object_type, close_id in missing
    ]
    for row, item in zip(rows, missing.values(), strict=True):
        _take_over(row, item)
    Link.objects.bulk_create(rows, ignore_conflicts=True)
    return set(missing)


def _take_over(link: Link, item: Seen) -> bool:
    """Put newer fields into a row. False when the row already knows these or newer ones."""
    updated_at = item.updated_at
    if link.close_updated_at and updated_at and updated_at < link.close_updated_at:
        return False
    if not item.is_whole and link.close_updated_at and updated_at == link.close_updated_at:
        return False
    if link.close == item.fields and (link.parent_close_id or "") == item.parent_close_id:
        return False
    link.close, link.label = dict(item.fields), item.label
    link.close_updated_at = updated_at or link.close_updated_at
    link.parent_close_id = item.parent_close_id or link.parent_close_id
    return True


def index(connector: Connector, links: Sequence[Link], settings: SyncSettings) -> None:
    """Write the match index of some links anew."""
    MatchKey.objects.filter(link__in=links).delete()
    rows = [
        MatchKey(link=link, connector=connector, kind=kind, value=value[:320])
        for link in links
        for kind, value in match_values(link.as_known(), ObjectType(link.object_type), settings)
    ]
    MatchKey.objects.bulk_create(rows, ignore_conflicts=True)


def reindex(connector: Connector, settings: SyncSettings) -> int:
    """Build the match index anew from what is stored, after the identifier was changed. Returns the links read."""
    count = 0
    batch: list[Link] = []
    for link in Link.objects.filter(connector=connector).iterator(chunk_size=500):
        batch.append(link)
        count += 1
        if len(batch) == 500:
            index(connector, batch, settings)
            batch = []
    index(connector, batch, settings)
    return count


def pair(connector: Connector, pairs: Sequence[tuple[Link, str]], *, now: datetime) -> None:
    """Pair Close records with Hull records. A pair that a Hull record had before is given up.

    The links have to be saved by the caller. Must run inside a transaction.
    """
    fresh = [(link, hull_id) for link, hull_id in pairs if link.hull_id != hull_id]
    for object_type in {link.object_type for link, _ in fresh}:
        keys = [hull_id for link, hull_id in fresh if link.object_type == object_type]
        earlier = Link.objects.filter(connector=connector, object_type=object_type, hull_id__in=keys)
        earlier.filter(is_further=False).update(hull_id=None)
    for link, hull_id in fresh:
        link.hull_id, link.paired_at, link.is_further = hull_id, now, False


def pair_further(pairs: Sequence[tuple[Link, str]], *, now: datetime) -> None:
    """Pair further contacts with the Hull user whose own contact is another one. To be saved by the caller."""
    for link, hull_id in pairs:
        link.hull_id, link.paired_at, link.is_further = hull_id, now, True


def mark_deleted(connector: Connector, object_type: str, close_id: str, *, at: datetime) -> Link:
    """Remember that a Close record is gone. It stays known, so that nothing makes it again."""
    link, _ = Link.objects.get_or_create(connector=connector, object_type=object_type, close_id=close_id)
    if link.deleted_at is None:
        link.deleted_at = at
        link.save(update_fields=["deleted_at", "updated_at"])
        MatchKey.objects.filter(link=link).delete()
    return link


def mark_merged(connector: Connector, close_id: str, survivor: str) -> Link:
    """Remember that a lead was merged into another one."""
    link, _ = Link.objects.get_or_create(connector=connector, object_type=ObjectType.LEAD, close_id=close_id)
    link.merged_into, link.deleted_at = survivor, None
    link.save(update_fields=["merged_into", "deleted_at", "updated_at"])
    MatchKey.objects.filter(link=link).delete()
    return link


def follow(connector: Connector, link: Link) -> Link:
    """Return the survivor of a merged lead, however often it was merged, or the link itself."""
    passed = {link.close_id}
    while link.merged_into and link.merged_into not in passed:
        passed.add(link.merged_into)
        survivor = Link.objects.filter(
            connector=connector, object_type=link.object_type, close_id=link.merged_into
        ).first()
        if survivor is None:
            break
        link = survivor
    return link


def as_dicts(base: dict[str, Any]) -> dict[str, list[Any]]:
    """Return base values in their stored form."""
    return {path: [value.sent, value.stored] for path, value in base.items()}
