"""Advanced filtering: `POST /data/search/` over leads and contacts, from an index that lags behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sandbox.close.events import moment
from sandbox.close.index import LISTS, Index, as_text, narrowed, tokens
from sandbox.close.reading import Answer, Routes, json_body
from sandbox.close.records import Records
from sandbox.close.store import Actor, Record
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, Invalid
from sandbox.http import Request

MOST = 200
CAP = 10_000
CURSOR_LIFE = timedelta(seconds=30)
DEEPEST = 20
LAG = timedelta(seconds=2)
Row = tuple[str, Record]
# What an empty index would hold: a query that cannot be read is refused by it, too.
_BLANK = {"id": "", "lead_id": "", **{name: [{key: ""}] for name, key in LISTS.values()}}
_BLANKS: dict[str, Record] = {"contact": _BLANK, "lead": {"id": "", "addresses": [{}]}}


class Search:
    """Answers queries over what is older than `lag`. Text conditions match words, not whole values."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.index = Index(records.store, LAG)
        self._cursors: dict[str, tuple[datetime, int, list[Row]]] = {}
        records.watchers.append(self.index.written)

    @property
    def lag(self) -> timedelta:
        return self.index.lag

    @lag.setter
    def lag(self, value: timedelta) -> None:
        self.index.lag = value

    def routes(self) -> Routes:
        return [("/data/search/", {"POST": self._post})]

    def _post(self, request: Request, actor: Actor) -> Answer:
        return 200, self.answer(json_body(request), actor)

    def answer(self, body: Record, actor: Actor | None = None) -> Record:
        """Return one page of results. Raises Invalid for what Close does not take."""
        limit = _bounded(body, "_limit", MOST, 100)
        fields = _fields(body.get("_fields"))
        start, rows = self._position(body, actor)
        page = rows[start : min(start + limit, CAP)]
        more = start + limit < len(rows)
        answer: Record = {
            "data": [self._shown(kind, record, fields) for kind, record in page],
            "cursor": self._new_cursor(start + limit, rows) if more else None,
        }
        if body.get("include_counts"):
            answer["count"] = {"limited": min(len(rows), CAP), "total": len(rows)}
        return answer

    def matching(self, query: Any, kind: str, actor: Actor | None = None) -> list[Record]:
        """Return the records of a kind that a query finds, oldest first. Raises Invalid."""
        return [record for found, record in self._found({"query": query}, actor) if found == kind]

    def _position(self, body: Record, actor: Actor | None) -> tuple[int, list[Row]]:
        """Return where a page begins and the rows it is a part of. A cursor stands in what was found at first."""
        cursor = body.get("cursor")
        if not isinstance(body.get("query"), dict):
            raise Invalid({"query": "This field is required."})
        if cursor in (None, ""):
            return 0, self._found(body, actor)
        made, position, rows = self._cursors.get(str(cursor), (datetime.min.replace(tzinfo=UTC), 0, []))
        if self.records.store.clock() - made > CURSOR_LIFE or position >= CAP:
            raise Invalid({"cursor": "Invalid or expired cursor."})
        return position, rows

    def _new_cursor(self, position: int, rows: list[Row]) -> str:
        now = self.records.store.clock()
        self._cursors = {name: held for name, held in self._cursors.items() if now - held[0] <= CURSOR_LIFE}
        cursor = self.records.store.new_id("cur")
        self._cursors[cursor] = (now, position, rows)
        return cursor

    def _found(self, body: Record, actor: Actor | None) -> list[Row]:
        """Return what fits, oldest first unless `sort` says otherwise. Raises Invalid for what cannot be read."""
        me = actor.user_id if actor else self.records.store.user_id
        limit = _bounded(body, "results_limit", 10**9, 10**9)
        try:
            for kind, blank in _BLANKS.items():
                _Reader(me, lambda lead_id: [_BLANK]).fits(body["query"], kind, blank)
            self.index.catch_up()
            reader = _Reader(me, self.index.contacts_of)
            found = [row for row in self._rows(body["query"]) if reader.fits(body["query"], *row)]
            for order in reversed(body.get("sort") or []):
                if order.get("direction", "asc") not in ("asc", "desc"):
                    raise Invalid({"sort": {"direction": NOT_A_CHOICE}})
                key = partial(_sort_key, order["field"])
                found.sort(key=key, reverse=order.get("direction", "asc") == "desc")
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            raise Invalid({"query": "Invalid query."}) from None
        return found[:limit]

    def _rows(self, query: Any) -> list[Row]:
        rows: list[Row] = []
        for kind, held in self.index.held.items():
            ids: Iterable[str] = narrowed(self.index, kind, query)
            rows += [(kind, held[close_id]) for close_id in ids]
        return sorted(rows, key=lambda row: (str(row[1].get("date_created")), row[1]["id"]))

    def _shown(self, kind: str, record: Record, fields: dict[str, list[str]]) -> Record:
        wanted = fields.get(kind) or []
        shown = {"__object_type": kind, "id": record["id"]}
        if kind == "contact":
            shown["lead_id"] = record["lead_id"]
        if not wanted:
            return shown
        whole = self._whole(kind, record)
        for name in whole if "_all" in wanted else wanted:
            if name == "custom":
                shown |= {key: value for key, value in whole.items() if key.startswith("custom.")}
            elif name in whole:
                shown[name] = whole[name]
        return shown

    def _whole(self, kind: str, record: Record) -> Record:
        """Return a record as the index has it, with what the API adds to it."""
        if kind == "contact":
            return self.records.shown_contact(record)
        contacts = self.index.contacts_of(record["id"])
        return self.records.shown_lead(record, contacts)


def _bounded(body: Record, name: str, most: int, default: int) -> int:
    value = body.get(name, default)
    if value is None:
        return default
    if type(value) is not int or not 1 <= value <= most:
        raise Invalid({name: f"Value must be between 1 and {most}."})
    return value


def _fields(given: Any) -> dict[str, list[str]]:
    """Return `_fields`: a map of object types to names. Raises Invalid."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in given.values()
    ):
        raise Invalid({"_fields": "Value must be a dict of lists of field names."})
    return given


# ── Conditions ───────────────────────────────────────────────────────────────────────────────────


class _Reader:
    """Tells whether a record fits a query, as one user sees it."""

    def __init__(self, me: str, contacts_of: Callable[[str], list[Record]]) -> None:
        self.me, self.contacts_of = me, contacts_of

    def fits(self, node: Any, kind: str, record: Record, depth: int = 0) -> bool:
        if not isinstance(node, dict) or depth > DEEPEST:
            raise Invalid({"query": "Invalid query."})
        return self._fits_plain(node, kind, record, depth) != bool(node.get("negate"))

    def _fits_plain(self, node: Record, kind: str, record: Record, depth: int) -> bool:
        kind_of_node = node.get("type")
        if kind_of_node in ("and", "or"):
            results = [self.fits(one, kind, record, depth + 1) for one in node.get("queries") or []]
            return all(results) if kind_of_node == "and" else any(results)
        if kind_of_node == "object_type":
            if node.get("object_type") not in ("lead", "contact"):
                raise Invalid({"query": {"object_type": NOT_A_CHOICE}})
            return bool(node["object_type"] == kind)
        if kind_of_node == "match_all":
            return True
        if kind_of_node == "id":
            return bool(node.get("value") == record["id"])
        if kind_of_node == "text":
            mode = str(node.get("mode", "full_words"))
            return _has_words(self._all_text(kind, record), str(node.get("value", "")), mode)
        if kind_of_node == "has_related":
            return self._has_related(node, kind, record, depth)
        if kind_of_node == "field_condition":
            return self._meets(node.get("condition") or {}, _field(node.get("field") or {}, record))
        if kind_of_node == "saved_search":
            raise Invalid({"query": {"saved_search_id": NO_SUCH_OBJECT}})
        raise Invalid({"query": {"type": NOT_A_CHOICE}})

    def _has_related(self, node: Record, kind: str, record: Record, depth: int) -> bool:
        related = str(node.get("related_object_type"))
        if node.get("this_object_type", kind) != kind:
            return False
        if kind == "lead" and related == "contact":
            rows = self.contacts_of(record["id"])
        elif kind == "lead" and related == "address":
            rows = record.get("addresses") or []
        elif kind == "contact" and related in LISTS:
            rows = record.get(LISTS[related][0]) or []
        else:
            raise Invalid({"query": {"related_object_type": NOT_A_CHOICE}})
        return any(self.fits(node["related_query"], related, one, depth + 1) for one in rows)

    def _all_text(self, kind: str, record: Record) -> str:
        own = " ".join(as_text(value) for value in record.values())
        if kind != "lead":
            return own
        people = (self._all_text("contact", one) for one in self.contacts_of(record["id"]))
        return " ".join([own, *people])

    def _meets(self, condition: Record, value: Any) -> bool:
        kind = condition.get("type")
        if kind == "text":
            mode = str(condition.get("mode", "full_words"))
            return _has_words(as_text(value), str(condition.get("value", "")), mode)
        if kind == "term":
            return _is_among(value, list(condition.get("values") or []))
        if kind == "exists":
            return value not in (None, "", [])
        if kind == "reference":
            return _is_among(value, list(condition.get("object_ids") or []))
        if kind == "boolean":
            return bool(value) == bool(condition.get("value"))
        if kind == "current_user":
            return bool(value == self.me)
        if kind == "number_range":
            return _in_numbers(condition, value)
        if kind == "moment_range":
            return _in_time(condition, value)
        raise Invalid({"query": {"condition": {"type": NOT_A_CHOICE}}})


def _is_among(value: Any, wanted: list[Any]) -> bool:
    return any(one in wanted for one in value) if isinstance(value, list) else value in wanted


def _field(field: Record, record: Record) -> Any:
    if field.get("type") == "custom_field":
        return record.get(f"custom.{field.get('custom_field_id')}")
    return record.get(str(field.get("field_name")))


def _sort_key(field: Record, row: Row) -> tuple[bool, float, str]:
    value = _field(field, row[1])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is not None, float(value) if is_number else 0.0, "" if is_number else str(value)


def _in_numbers(condition: Record, value: Any) -> bool:
    bounds = {name: condition[name] for name in ("gt", "gte", "lt", "lte") if condition.get(name) is not None}
    if not all(isinstance(bound, int | float) for bound in bounds.values()):
        raise Invalid({"query": {"condition": "Value must be of number type."}})
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    holds = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    return all(holds[name](bound) is True for name, bound in bounds.items())


def _in_time(condition: Record, value: Any) -> bool:
    after, before = _bound(condition.get("on_or_after")), _bound(condition.get("before"))
    if not value:
        return False
    held = moment(str(value))
    return (not after or held >= after) and (not before or held < before)


def _bound(given: Any) -> datetime | None:
    """Return the moment of a bound: `fixed_utc`, or the start or the end of a `fixed_local_date`."""
    if given is None:
        return None
    kind, found = given.get("type", "fixed_utc"), moment(str(given["value"]))
    if kind == "fixed_local_date":
        return found + timedelta(days=1) if given.get("which") == "end" else found
    if kind != "fixed_utc":
        raise Invalid({"query": {"condition": {"type": NOT_A_CHOICE}}})
    return found


def _has_words(text: str, wanted: str, mode: str = "full_words") -> bool:
    words, looked_for = tokens(text), tokens(wanted)
    if mode == "beginning_of_words":
        return all(any(word.startswith(one) for word in words) for one in looked_for)
    if mode == "phrase":
        return f" {' '.join(looked_for)} " in f" {' '.join(words)} "
    if mode != "full_words":
        raise Invalid({"query": {"mode": NOT_A_CHOICE}})
    return set(looked_for) <= set(words)
