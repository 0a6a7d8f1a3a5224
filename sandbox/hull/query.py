"""Hull's search: a part of Elasticsearch's query language, asked of accounts, users and events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.hull.store import ACCOUNT, CLAIMS, Entity, Record, Store, folded, shown, stored_name

Test = Callable[[Any], bool]
Read = Callable[[Any, str], Any]

MOST_PER_PAGE = 50
DEEPEST = 20
# Spellings of a field that is looked at as a whole.
_WHOLE = (".exact", ".raw")
# How many answers are remembered for those who read page after page.
_REMEMBERED = 8


class InvalidQuery(Exception):  # noqa: N818 - it is what the search says
    """A query that the search does not take."""


class Search:
    """Answers queries. Whoever reads page after page of the same query is answered from memory until something changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: dict[tuple[str, str], tuple[int, list[Any]]] = {}

    def find(self, kind: str, query: Any, sort: Any = None) -> list[Entity]:
        """Return all entities that a query finds, in the wanted order. Raises InvalidQuery."""
        test = compiled(query, self._value)
        for part in _listed(sort):
            _sort_part(part)
        key = (kind, repr((query, sort)))
        held = self._held.get(key)
        if held and held[0] == self.store.version:
            return held[1]
        found: list[Entity] = [one for one in self._candidates(kind, query) if test(one)]
        found = in_order(found, sort, self._value)
        self._held = dict(list(self._held.items())[-_REMEMBERED:]) | {key: (self.store.version, found)}
        return found

    def _value(self, entity: Entity, name: str) -> Any:
        """Return the value of a field; a user is also asked for his account's."""
        if name.startswith("account.") and name != "account.id":
            account = self.store.entities.get(entity.account_id or "")
            return entity_value(account, name.removeprefix("account.")) if account else None
        return entity_value(entity, name)

    def _candidates(self, kind: str, query: Any) -> Iterable[Entity]:
        """Return those who may fit: one, if the query names an identifier, else all."""
        for name, value in _terms(query):
            if name in ("id", "_id", "anonymous_ids") or name in CLAIMS[kind]:
                claim = {"_id": "id", "anonymous_ids": "anonymous_id"}.get(name, name)
                found = self.store.find(kind, claim, value)
                return [found] if found else []
        return self.store.of_kind(kind)

    def events(self, query: Any, sort: Any = None) -> list[Record]:
        """Return all events that a query finds. Raises InvalidQuery."""
        users: dict[str, bool] = {}

        def is_of(test: Test) -> Test:
            def look(event: Record) -> bool:
                user_id = event["user_id"]
                if user_id not in users:
                    users[user_id] = user_id in self.store.entities and test(self.store.entities[user_id])
                return users[user_id]

            return look

        test = compiled(query, event_value, lambda inner: is_of(compiled(inner, entity_value)))
        return in_order([one for one in self.store.events.values() if test(one)], sort, event_value)


def _terms(query: Any) -> list[tuple[str, Any]]:
    """Return the terms that all that is found has to have."""
    if not isinstance(query, dict):
        return []
    if isinstance(query.get("term"), dict):
        return [(_plain(str(name)), _term_value(value)) for name, value in query["term"].items()]
    inner = query.get("bool")
    if not isinstance(inner, dict):
        return []
    return [
        term for clause in ("filter", "must") for part in _listed(inner.get(clause)) for term in _terms(part)
    ]


# ── Reading values ───────────────────────────────────────────────────────────────────────────────


def entity_value(entity: Entity, name: str) -> Any:
    """Return the value of a field, in any of its spellings."""
    plain = _plain(name)
    if plain in ("id", "_id"):
        return entity.hull_id
    if plain in ("anonymous_ids", "segment_ids", "indexed_at"):
        return getattr(entity, plain)
    if plain == "updated_at" and "updated_at" not in entity.attributes:
        return entity.indexed_at
    if plain in ("account.id", "account_id"):
        return entity.account_id
    return entity.attributes.get(plain if entity.kind == ACCOUNT else stored_name(plain))


def event_value(event: Record, name: str) -> Any:
    plain = _plain(name)
    if plain.startswith(("properties.", "context.")):
        group, _, key = plain.partition(".")
        return event[group].get(key)
    return event.get(plain)


def _plain(name: str) -> str:
    for end in _WHOLE:
        name = name.removesuffix(end)
    return "email" if name == "contact_email" else name


# ── Clauses ──────────────────────────────────────────────────────────────────────────────────────


def compiled(query: Any, read: Read, parent: Callable[[Any], Test] | None = None, depth: int = 0) -> Test:
    """Return what tells whether something fits a query. None and an empty query are fitted by all.

    Raises InvalidQuery.
    """
    if query is None or query == {}:
        return lambda one: True
    if depth > DEEPEST:
        raise InvalidQuery(f"a query is nested at most {DEEPEST} deep")
    if not isinstance(query, dict) or len(query) != 1:
        raise InvalidQuery("a query is an object with one clause")
    ((clause, body),) = query.items()
    if clause == "match_all":
        return lambda one: True
    if clause == "bool":
        return _bool(body, read, parent, depth)
    if clause == "has_parent" and parent and isinstance(body, dict):
        return parent(body.get("query"))
    if clause in ("exists", "missing"):
        return _exists(body, read, clause == "exists")
    if clause not in _ON_FIELDS:
        raise InvalidQuery(f"no query registered for [{clause}]")
    if not isinstance(body, dict) or not body:
        raise InvalidQuery(f"[{clause}] names a field")
    tests = [_ON_FIELDS[clause](str(name), wanted, read) for name, wanted in body.items() if name != "boost"]
    return lambda one: all(test(one) for test in tests)


def _bool(body: Any, read: Read, parent: Callable[[Any], Test] | None, depth: int) -> Test:
    if not isinstance(body, dict) or set(body) - {
        "filter",
        "must",
        "must_not",
        "should",
        "minimum_should_match",
    }:
        raise InvalidQuery("[bool] has filter, must, must_not and should")

    def tests(*names: str) -> list[Test]:
        return [compiled(part, read, parent, depth + 1) for name in names for part in _listed(body.get(name))]

    all_of, none_of, some_of = tests("filter", "must"), tests("must_not"), tests("should")
    return lambda one: (
        all(test(one) for test in all_of)
        and not any(test(one) for test in none_of)
        and (bool(all_of) or not some_of or any(test(one) for test in some_of))
    )


def _exists(body: Any, read: Read, wanted: bool) -> Test:
    name = body.get("field") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise InvalidQuery("[exists] names a field")
    return lambda one: (read(one, name) not in (None, "", [])) is wanted


def _term(name: str, wanted: Any, read: Read) -> Test:
    return _any_of(name, [_term_value(wanted)], read)


def _terms_clause(name: str, wanted: Any, read: Read) -> Test:
    if not isinstance(wanted, list):
        raise InvalidQuery("[terms] takes a list")
    return _any_of(name, wanted, read)


def _any_of(name: str, wanted: list[Any], read: Read) -> Test:
    keys = {_comparable(one) for one in wanted}

    def test(one: Any) -> bool:
        held = read(one, name)
        if isinstance(held, list):
            return any(_comparable(part) in keys for part in held)
        return held is not None and _comparable(held) in keys

    return test


def _range(name: str, limits: Any, read: Read) -> Test:
    if not isinstance(limits, dict) or set(limits) - {*_COMPARE, "format", "time_zone", "boost"}:
        raise InvalidQuery("[range] takes gt, gte, lt and lte")
    wanted = [(_COMPARE[key], _orderly(value)) for key, value in limits.items() if key in _COMPARE]
    if any(limit is None for _, limit in wanted):
        raise InvalidQuery("[range] compares with a number, a date or a text")

    def test(one: Any) -> bool:
        held = _orderly(read(one, name))
        return held is not None and all(
            type(held) is type(limit) and compare(held, limit) for compare, limit in wanted
        )

    return test


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda held, limit: held > limit, "gte": lambda held, limit: held >= limit,
    "lt": lambda held, limit: held < limit, "lte": lambda held, limit: held <= limit,
}  # fmt: skip


def _prefix(name: str, wanted: Any, read: Read) -> Test:
    start = _pattern(wanted).lower()
    return lambda one: str(read(one, name) or "").lower().startswith(start)


def _wildcard(name: str, wanted: Any, read: Read) -> Test:
    parts = (re.escape(part) for part in _pattern(wanted).split("*"))
    pattern = re.compile(".*".join(parts).replace("\\?", "."), re.IGNORECASE | re.DOTALL)
    return lambda one: bool(pattern.fullmatch(str(read(one, name) or "")))


def _pattern(wanted: Any) -> str:
    text = _term_value(wanted)
    if not isinstance(text, str):
        raise InvalidQuery("a beginning or a pattern is a text")
    return text


_ON_FIELDS: dict[str, Callable[[str, Any, Read], Test]] = {
    "term": _term, "terms": _terms_clause, "range": _range, "prefix": _prefix, "wildcard": _wildcard,
}  # fmt: skip


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _term_value(value: Any) -> Any:
    """Return what a term is compared with; it may be wrapped in an object."""
    return value.get("value") if isinstance(value, dict) else value


def _comparable(value: Any) -> Any:
    """Return a value as terms compare it: texts without regard to case."""
    if isinstance(value, str):
        return folded(value)
    return value if isinstance(value, bool | int | float) else repr(value)


def _orderly(value: Any) -> Any:
    """Return a value that can be put in order: a number or a text; moments all in one spelling."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value) if value[:4].isdigit() and len(value) >= 10 else None
    except ValueError:
        moment = None
    if moment is None:
        return value
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.isoformat(timespec="microseconds") if aware.tzinfo == UTC else _in_utc(aware)


def _in_utc(moment: datetime) -> str:
    try:
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except OverflowError:
        return moment.isoformat()


# ── Order and pages ──────────────────────────────────────────────────────────────────────────────


def in_order(found: list[Any], sort: Any, read: Read) -> list[Any]:
    """Return what was found in the wanted order: `{"field": "asc"}`, a name, or a list of both. Raises InvalidQuery."""
    for part in reversed(_listed(sort)):
        name, is_down = _sort_part(part)
        with_key = [(_sort_key(read(one, name)), one) for one in found]
        with_key.sort(key=lambda pair: pair[0], reverse=is_down)
        found = [one for key, one in with_key if key[0] < 2] + [one for key, one in with_key if key[0] == 2]
    return found


def _sort_part(part: Any) -> tuple[str, bool]:
    if isinstance(part, str) and part:
        return part, False
    if not isinstance(part, dict) or len(part) != 1:
        raise InvalidQuery("sort is a field, or an object of a field and asc or desc")
    ((name, order),) = part.items()
    order = order.get("order", "asc") if isinstance(order, dict) else order
    if order not in ("asc", "desc"):
        raise InvalidQuery("sort is asc or desc")
    return str(name), order == "desc"


def _sort_key(value: Any) -> tuple[int, Any]:
    orderly = _orderly(value)
    return (2, "") if orderly is None else (int(isinstance(orderly, str)), orderly)


def row(store: Store, entity: Entity) -> Record:
    """Return an entity as searches and extracts have it: a user with the account."""
    shown_entity = shown(entity)
    if entity.kind == ACCOUNT:
        return shown_entity
    account = store.get(ACCOUNT, entity.account_id)
    return shown_entity | {"account": shown(account) if account else {}}
