"""The story of one record, as tables: its pair, both sides, what happened, what the next sync would do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sync.admin import cells
from sync.admin.base import change_page
from sync.admin.words import DIRECTIONS, OBJECTS, VARIANTS, reason_words
from sync.models import Change, Connector, HullSegment, Link, Outcome
from sync.records import parse_time
from sync.services import explain

LONGEST = 300


@dataclass(slots=True)
class Table:
    """A titled table in the shape that the theme's component takes."""

    title: str
    headers: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    hint: str = ""

    @property
    def data(self) -> dict[str, Any]:
        return {"headers": self.headers, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Page:
    """What a record's page shows below its own fields."""

    next_steps: list[str]
    tables: list[Table]


def tell(connector: Connector, key: str, *, now: datetime) -> Page:
    """Return the story of the record that a Hull id or a Close id names."""
    told = explain.tell(connector, key)
    prefetch_related_objects(told.outcomes, "connector__close_fields")
    tables = [_pairs(told.links), _queue(told.changes, now), outcomes_table(told.outcomes, now)]
    return Page(told.next_steps, [table for table in tables if table.rows])


def outcomes_table(outcomes: Iterable[Outcome], now: datetime) -> Table:
    table = Table(
        gettext("What happened"),
        [
            gettext("When"),
            gettext("Which way"),
            gettext("Result"),
            gettext("Reason"),
            gettext("Written"),
            gettext("Message"),
        ],
    )
    table.rows = [
        [
            cells.link(change_page(outcome), cells.ago(outcome.created_at, now)),
            DIRECTIONS[outcome.direction],
            cells.result_badge(outcome.result),
            reason_words(outcome.reason).label,
            shorten(field_names(outcome), 120) or cells.NOTHING,
            _said(outcome.message, outcome.notes),
        ]
        for outcome in outcomes
    ]
    return table


def field_names(outcome: Outcome) -> str:
    """Name the fields that were written, custom ones by their label."""
    labels = {f"custom.{field.close_id}": field.label for field in outcome.connector.close_fields.all()}
    return ", ".join(labels.get(name, name) for name in outcome.fields)


def _pairs(links: Iterable[Link]) -> Table:
    table = Table(
        gettext("The pair"), [gettext("What"), gettext("In Close"), gettext("In Hull"), gettext("State")]
    )
    for link in links:
        page = cells.link(change_page(link), link.label or link.close_id)
        in_close = cells.close_link(
            link.object_type, link.close_id, link.parent_close_id, "open", of=link.connector
        )
        table.rows.append(
            [
                OBJECTS[link.object_type],
                cells.stacked(page, cells.broken(link.close_id), in_close),
                link.hull_id or gettext("not paired"),
                link_state(link),
            ]
        )
    return table


def link_state(link: Link) -> SafeString:
    """Say whether a Close record is paired, alone, deleted or merged away."""
    if link.deleted_at:
        return cells.badge(gettext("Deleted in Close"), "warning")
    if link.merged_into:
        return cells.badge(
            gettext("Merged into {merged_into}").format(merged_into=link.merged_into), "warning"
        )
    if link.paused_fields:
        return cells.badge(gettext("Paired, a field is paused"), "warning")
    return (
        cells.badge(gettext("Paired"), "success") if link.hull_id else cells.badge(gettext("Only in Close"))
    )


def _queue(changes: Iterable[Change], now: datetime) -> Table:
    table = Table(
        gettext("In the queue"),
        [gettext("Which way"), gettext("State"), gettext("Reason"), gettext("Next try"), gettext("Message")],
    )
    for change in changes:
        waits = change.state == Change.State.PENDING
        table.rows.append(
            [
                cells.link(change_page(change), DIRECTIONS[change.direction]),
                state_badge(change),
                reason_words(change.reason).label if change.reason else cells.NOTHING,
                cells.due(change.not_before, now) if waits else cells.NOTHING,
                _said(change.message),
            ]
        )
    return table


def state_badge(change: Change) -> SafeString:
    variant = "danger" if change.state == Change.State.FAILED else VARIANTS.get(change.state, "")
    return cells.badge(change.get_state_display(), variant)


def _said(*parts: Any) -> SafeString:
    texts = [text for part in parts for text in ([part] if isinstance(part, str) else part) if text]
    return cells.wide(cells.stacked(*texts)) if texts else SafeString(cells.NOTHING)


# ── Values ───────────────────────────────────────────────────────────────────────────────────────


def hull_tables(change: Change) -> list[Table]:
    """Show what Hull told of a record: its attributes, its account's, and their segments by name."""
    names = {row.hull_id: row.name for row in HullSegment.objects.filter(connector=change.connector_id)}
    payload = change.payload
    account = payload.get("account") or {}
    sides = [
        (gettext("The user in Hull"), payload.get("user") or {}, payload.get("segment_ids")),
        (gettext("The account in Hull"), account.get("attributes") or {}, account.get("segment_ids")),
    ]
    found = [_values(title, attributes, ids, names) for title, attributes, ids in sides if attributes]
    told = {name: value for name, value in payload.items() if name not in ("user", "account", "segment_ids")}
    return [
        *found,
        *(
            [Table(gettext("What Close told"), [gettext("Name"), gettext("Value")], pairs(told))]
            if told
            else []
        ),
    ]


def _values(title: str, attributes: Mapping[str, Any], ids: Any, names: Mapping[str, str]) -> Table:
    if ids is None:
        segments = gettext("The notification did not tell the segments.")
    else:
        segments = f"Segments: {', '.join(names.get(one) or one for one in ids) or 'none'}"
    return Table(title, [gettext("Attribute"), gettext("Value")], pairs(attributes), segments)


def pairs(values: Mapping[str, Any]) -> list[list[Any]]:
    """Return rows of name and readable value, sorted by name."""
    return [[name, readable(values[name])] for name in sorted(values)]


def readable(value: Any) -> SafeString | str:
    """Render a value for a person: no quotes around texts, one line per entry of a list."""
    if value is None or value in ("", [], {}):
        return cells.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and value:
        return cells.stacked_plainly([readable(entry) for entry in value])
    if isinstance(value, dict):
        parts = sorted(value.items(), key=lambda part: (part[0] in ("type", "label"), part[0]))
        return ", ".join(f"{name}: {flat(entry)}" for name, entry in parts if entry not in (None, "", []))
    moment = parse_time(value) if isinstance(value, str) and "T" in value else None
    return cells.exact(moment) if moment else shorten(str(value), LONGEST)


def flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
