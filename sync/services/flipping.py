"""Fields that go back and forth: noted after each write, paused when it happens too often, resumed by a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from sync.engine import flips
from sync.engine.plan import Decision
from sync.engine.report import known_of
from sync.engine.twins import CREATING
from sync.mapping.paths import parse_close_path
from sync.models import Change, CloseUser, Connector, Link
from sync.records import Direction, SyncSettings
from sync.services import links
from sync.services.replay import replay

# Per field what Close held before, and Hull's value.
Written = Mapping[str, tuple[Any, Any]]


def note(
    connector: Connector,
    carried_out: Iterable[tuple[Link, Decision]],
    settings: SyncSettings,
    *,
    now: datetime,
) -> dict[int, list[str]]:
    """Add what was just written to the histories of its links, and pause the fields that flipped too often.

    Returns what is to be said, by the `id` of the decision. Must run inside a transaction.
    """
    said: dict[int, list[str]] = {}
    touched: list[Link] = []
    for link, decision in carried_out:
        written = _written(link, decision)
        if written:
            said[id(decision)] = _note(connector, link, written, settings, now)
            touched.append(link)
    links.save(touched, _NOTED)
    return said


_NOTED = ["flips", "paused_fields"]


def _written(link: Link, decision: Decision) -> Written:
    """Return what was written over earlier values. A new record has none, and so no history yet."""
    known = known_of(decision)
    return flips.written(decision, known.close, link.close) if known and decision.verb not in CREATING else {}


def _note(
    connector: Connector, link: Link, written: Written, settings: SyncSettings, now: datetime
) -> list[str]:
    values = {path: after for path, (_, after) in written.items()}
    link.flips = flips.noted(link.flips, values, now=now, window=settings.flip_window)
    paths = flips.to_pause(link.flips, values, link.paused_fields, limit=settings.flip_limit)
    fresh = {
        path: flips.pause_entry(written[path], now=now, writer=_other_writer(connector, link, path))
        for path in paths
    }
    link.paused_fields = link.paused_fields | fresh
    return [flips.pause_note(path, entry) for path, entry in fresh.items()]


def _other_writer(connector: Connector, link: Link, path: str) -> str:
    """Say who else wrote a field last, as far as Close's event log told; empty when it did not."""
    heard = Change.objects.filter(
        connector=connector, direction=Direction.INBOUND, object_type=link.object_type, key=link.close_id
    ).first()
    told: dict[str, Any] = heard.payload if heard else {}
    parsed = parse_close_path(path)
    is_told = (path if parsed.is_custom else parsed.root) in (told.get("changed_fields") or ())
    return _name(connector, told) if is_told and not told.get("ours") else ""


def _name(connector: Connector, told: dict[str, Any]) -> str:
    if told.get("api_key_id"):
        return f"the API key {told['api_key_id']}"
    user_id = told.get("user_id")
    if not user_id:
        return ""
    known = CloseUser.objects.filter(connector=connector, close_id=user_id).first()
    return str(known) if known else f"the user {user_id}"


def paused(links: QuerySet[Link]) -> QuerySet[Link]:
    """Narrow links to those with a paused field."""
    return links.filter(~Q(paused_fields={}))


def resume(links: QuerySet[Link], *, now: datetime) -> int:
    """Let paused fields be written again, and look at their records anew. Returns how many fields."""
    with transaction.atomic():
        rows: Sequence[Link] = list(paused(links).select_for_update().order_by("pk"))
        count = sum(len(link.paused_fields) for link in rows)
        for link in rows:
            link.flips, link.paused_fields = {}, {}
        Link.objects.bulk_update(rows, _NOTED)
        for link in rows:
            replay(_outbound(link), now=now)
    return count


def _outbound(link: Link) -> QuerySet[Change]:
    return Change.objects.filter(
        connector=link.connector_id,
        direction=Direction.OUTBOUND,
        object_type=link.object_type,
        key=link.hull_id,
    )
