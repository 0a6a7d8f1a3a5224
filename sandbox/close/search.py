"""Advanced filtering: `POST /data/search/` over leads and contacts, from an index that lags behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sandbox.close.records import Records
from sandbox.close.store import Record
from sandbox.close.validation import Invalid

MOST = 200
CAP = 10_000
CURSOR_LIFE = timedelta(seconds=30)
_RELATED: dict[str, tuple[str, str]] = {
    "contact_email": ("emails", "email"),
    "contact_phone": ("phones", "phone"),
    "contact_url": ("urls", "url"),
}
_BLANK = {"id": "", "lead_id": "", **{name: [{key: ""}] for name, key in _RELATED.values()}}
_BLANKS: dict[str, Record] = {"contact": _BLANK, "lead": {"id": "", "contacts": [_BLANK]}}


class Search:
    """Answers queries over what is older than `lag`. Text conditions match tokens, not whole values."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.lag = timedelta(seconds=2)
        self._cursors: dict[str, tuple[datetime, int]] = {}

    def answer(self, body: Record) -> Record:
        """Return one page of results. Raises Invalid for what Close does not take."""
        limit = body.get("_limit", 100)
        if type(limit) is not int or not 1 <= limit <= MOST:
            raise Invalid({"_limit": f"Value must be between 1 and {MOST}."})
        if not isinstance(body.get("query"), dict):
            raise Invalid({"query": "This field is required."})
        found = self._found(body)
        start = self._position(body.get("cursor"))
        page = found[start : start + limit]
        shown = [_shown(kind, record, body.get("_fields") or {}) for kind, record in page]
        more = start + limit < len(found)
        answer: Record = {"data": shown, "cursor": self._new_cursor(start + limit) if more else None}
        if body.get("include_counts"):
            answer["count"] = {"limited": min(len(found), CAP), "total": len(found)}
        return answer

    def _found(self, body: Record) -> list[tuple[str, Record]]:
        """Return what fits, oldest first unless `sort` says otherwise. Raises Invalid for what cannot be read."""
        try:
            for kind, blank in _BLANKS.items():
                self._fits(body["query"], kind, blank)  # an empty index refuses what cannot be read, too
            found = [row for row in self._indexed() if self._fits(body["query"], *row)]
            for order in reversed(body.get("sort") or []):
                found.sort(
                    key=partial(_sort_key, order["field"]), reverse=order.get("direction", "asc") == "desc"
                )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Invalid({"query": "Invalid query."}) from None
        return found

    def _indexed(self) -> list[tuple[str, Record]]:
        store = self.records.store
        newest = store.clock().astimezone(UTC) - self.lag
        leads = [("lead", self.records.lead(lead_id)) for lead_id in store.leads]
        contacts = [("contact", self.records.contact(contact_id)) for contact_id in store.contacts]
        rows = [
            (kind, record)
            for kind, record in [*leads, *contacts]
            if _moment(record["date_updated"]) <= newest
        ]
        return sorted(rows, key=lambda row: (row[1]["date_created"], row[1]["id"]))

    def _position(self, cursor: Any) -> int:
        if not cursor:
            return 0
        made, position = self._cursors.get(str(cursor), (datetime.min.replace(tzinfo=UTC), 0))
        if self.records.store.clock() - made > CURSOR_LIFE or position >= CAP:
            raise Invalid({"cursor": "Invalid or expired cursor."})
        return position

    def _new_cursor(self, position: int) -> str:
        cursor = self.records.store.new_id("cur")
        self._cursors[cursor] = (self.records.store.clock(), position)
        return cursor

    # ── Conditions ───────────────────────────────────────────────────────────────────────────────

    def _fits(self, node: Any, kind: str, record: Record) -> bool:
        if not isinstance(node, dict):
            raise Invalid({"query": "Invalid query."})
        found = self._fits_plain(node, kind, record)
        return found != bool(node.get("negate"))

    def _fits_plain(self, node: Record, kind: str, record: Record) -> bool:
        kind_of_node = node.get("type")
        if kind_of_node in ("and", "or"):
            results = [self._fits(one, kind, record) for one in node.get("queries") or []]
            return all(results) if kind_of_node == "and" else any(results)
        if kind_of_node == "object_type":
            return bool(node.get("object_type") == kind)
        if kind_of_node == "match_all":
            return True
        if kind_of_node == "id":
            return bool(node.get("value") == record["id"])
        if kind_of_node == "text":
            return _has_words(_all_text(record), str(node.get("value", "")))
        if kind_of_node == "has_related":
            return self._has_related(node, kind, record)
        if kind_of_node == "field_condition":
            return _meets(node.get("condition") or {}, _field(node.get("field") or {}, record))
        raise Invalid({"query": {"type": "Not a valid choice."}})

    def _has_related(self, node: Record, kind: str, record: Record) -> bool:
        related = str(node.get("related_object_type"))
        if node.get("this_object_type", kind) != kind:
            return False
        if kind == "lead" and related == "contact":
            return any(self._fits(node["related_query"], "contact", one) for one in record["contacts"])
        if related not in _RELATED:
            raise Invalid({"query": {"related_object_type": "Not a valid choice."}})
        name, _ = _RELATED[related]
        return any(self._fits(node["related_query"], related, entry) for entry in record.get(name) or [])


def _field(field: Record, record: Record) -> Any:
    if field.get("type") == "custom_field":
        return record.get(f"custom.{field.get('custom_field_id')}")
    return record.get(str(field.get("field_name")))


def _meets(condition: Record, value: Any) -> bool:
    kind = condition.get("type")
    if kind == "text":
        return _has_words(
            str(value or ""), str(condition.get("value", "")), str(condition.get("mode", "full_words"))
        )
    if kind == "term":
        return value in (condition.get("values") or [])
    if kind == "exists":
        return value not in (None, "", [])
    if kind == "reference":
        return value in (condition.get("object_ids") or [])
    if kind == "moment_range":
        return _in_range(condition, value)
    raise Invalid({"query": {"condition": {"type": "Not a valid choice."}}})


def _sort_key(field: Record, row: tuple[str, Record]) -> tuple[bool, str]:
    value = _field(field, row[1])
    return value is not None, str(value)


def _in_range(condition: Record, value: Any) -> bool:
    if not value:
        return False
    moment = _moment(str(value))
    after, before = condition.get("on_or_after"), condition.get("before")
    return (not after or moment >= _moment(after["value"])) and (
        not before or moment < _moment(before["value"])
    )


def _has_words(text: str, wanted: str, mode: str = "full_words") -> bool:
    words, looked_for = _tokens(text), _tokens(wanted)
    if mode == "beginning_of_words":
        return all(any(word.startswith(one) for word in words) for one in looked_for)
    if mode == "phrase":
        return " ".join(looked_for) in " ".join(words)
    return set(looked_for) <= set(words)


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _all_text(record: Record) -> str:
    return " ".join(str(value) for value in record.values())


def _shown(kind: str, record: Record, fields: Record) -> Record:
    wanted = fields.get(kind) or []
    shown = {"__object_type": kind, "id": record["id"]}
    if kind == "contact":
        shown["lead_id"] = record["lead_id"]
    for name in wanted:
        if name == "custom":
            shown |= {key: value for key, value in record.items() if key.startswith("custom.")}
        elif name in record:
            shown[name] = record[name]
    return shown


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
