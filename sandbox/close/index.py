"""The search index: what leads and contacts were like a moment ago, and which of them hold a word."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sandbox.close.store import Children, Record, Store

KINDS = ("lead", "contact")
# Fields of a contact that hold a list of entries, and the key of the value in an entry.
LISTS: dict[str, tuple[str, str]] = {
    "contact_email": ("emails", "email"),
    "contact_phone": ("phones", "phone"),
    "contact_url": ("urls", "url"),
}


class Index:
    """Takes in what was written `lag` ago; until then it holds the older version, or nothing."""

    def __init__(self, store: Store, lag: timedelta) -> None:
        self.store, self.lag = store, lag
        self._waiting: deque[tuple[datetime, str, str, Record | None]] = deque()
        self._rebuild()

    def _rebuild(self) -> None:
        self.held: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
        self.people = Children()
        self._words: dict[tuple[str, str], dict[str, set[str]]] = {}

    def refill(self) -> None:
        """Take in everything that the store holds now."""
        self._rebuild()
        self._waiting.clear()
        for kind, table in (("lead", self.store.leads), ("contact", self.store.contacts)):
            for close_id, record in table.items():
                self._take(kind, close_id, record)

    def written(self, kind: str, close_id: str, record: Record | None) -> None:
        """Remember a version of a record, or that it is gone."""
        self._waiting.append((self.store.clock(), kind, close_id, record))

    def catch_up(self) -> None:
        """Take in what is old enough by now."""
        newest = self.store.clock() - self.lag
        while self._waiting and self._waiting[0][0] <= newest:
            _, kind, close_id, record = self._waiting.popleft()
            self._take(kind, close_id, record)

    def _take(self, kind: str, close_id: str, record: Record | None) -> None:
        before = self.held[kind].pop(close_id, None)
        if before and kind == "contact":
            self.people.remove(str(before.get("lead_id")), close_id)
        if record is not None:
            self.held[kind][close_id] = record
            if kind == "contact":
                self.people.add(str(record.get("lead_id")), close_id)
        for (of, field), words in self._words.items():
            if of == kind:
                _replace(words, close_id, before, record, field)

    def contacts_of(self, lead_id: str) -> list[Record]:
        return [self.held["contact"][one] for one in self.people.of(lead_id)]

    def having(self, kind: str, field: str, text: str) -> set[str]:
        """Return the ids of the records that hold every word of a text in a field."""
        words = self._words.get((kind, field))
        if words is None:
            words = self._words[(kind, field)] = {}
            for close_id, record in self.held[kind].items():
                _replace(words, close_id, None, record, field)
        wanted = tokens(text)
        found = [words.get(one, set()) for one in sorted(wanted, key=lambda one: len(words.get(one, ())))]
        return set.intersection(*found) if found else set(self.held[kind])


def _replace(
    words: dict[str, set[str]], close_id: str, before: Record | None, after: Record | None, field: str
) -> None:
    for one in _words_of(before, field):
        words.get(one, set()).discard(close_id)
    for one in _words_of(after, field):
        words.setdefault(one, set()).add(close_id)


def _words_of(record: Record | None, field: str) -> set[str]:
    if record is None:
        return set()
    if field in LISTS:
        name, key = LISTS[field]
        return {word for entry in record.get(name) or () for word in tokens(str(entry.get(key) or ""))}
    return set(tokens(as_text(record.get(field))))


def as_text(value: Any) -> str:
    """Return a value as the words that are searched."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def tokens(text: str) -> list[str]:
    """Return the words of a text as the index keeps them."""
    return re.findall(r"\w+", text.lower())


def narrowed(index: Index, kind: str, node: Any) -> Iterable[str]:
    """Return the ids of the records that can fit a query at all, as few as the words in it tell."""
    found = _candidates(index, kind, node)
    return index.held[kind] if found is None else found & index.held[kind].keys()


def _candidates(index: Index, kind: str, node: Any) -> set[str] | None:
    """Return the ids that a node leaves; None says that it may leave any."""
    if not isinstance(node, dict) or node.get("negate"):
        return None
    find: Callable[[Index, str, Record], set[str] | None] | None = _FINDERS.get(str(node.get("type")))
    return find(index, kind, node) if find else None


def _of_and(index: Index, kind: str, node: Record) -> set[str] | None:
    parts = node.get("queries")
    sets = [_candidates(index, kind, one) for one in parts] if isinstance(parts, list) else []
    known = [one for one in sets if one is not None]
    return set.intersection(*known) if known else None


def _of_id(index: Index, kind: str, node: Record) -> set[str] | None:
    return {node["value"]} if isinstance(node.get("value"), str) else None


def _of_kind(index: Index, kind: str, node: Record) -> set[str] | None:
    return None if node.get("object_type") == kind else set()


def _of_condition(index: Index, kind: str, node: Record) -> set[str] | None:
    name, text = _field_name(node.get("field")), _full_words(node.get("condition"))
    return index.having(kind, name, text) if name and text else None


def _of_related(index: Index, kind: str, node: Record) -> set[str] | None:
    related, query = node.get("related_object_type"), node.get("related_query")
    if kind == "lead" and related == "contact":
        found = _candidates(index, "contact", query)
        people = index.held["contact"]
        return None if found is None else {str(people[one].get("lead_id")) for one in found if one in people}
    if kind == "contact" and related in LISTS and isinstance(query, dict) and not query.get("negate"):
        text = _full_words(query.get("condition"))
        is_of_value = _field_name(query.get("field")) == LISTS[str(related)][1]
        return index.having("contact", str(related), text) if text and is_of_value else None
    return None


_FINDERS = {
    "and": _of_and, "id": _of_id, "object_type": _of_kind, "field_condition": _of_condition, "has_related": _of_related,
}  # fmt: skip


def _field_name(field: Any) -> str:
    if not isinstance(field, dict):
        return ""
    if field.get("type") == "custom_field":
        return f"custom.{field.get('custom_field_id')}"
    return str(field.get("field_name") or "")


def _full_words(condition: Any) -> str:
    if not isinstance(condition, dict) or condition.get("type") != "text":
        return ""
    is_whole = condition.get("mode", "full_words") in ("full_words", "phrase")
    value = condition.get("value")
    return value if is_whole and isinstance(value, str) and tokens(value) else ""
