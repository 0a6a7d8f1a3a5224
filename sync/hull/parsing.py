"""Hull's payloads as frozen values. Lenient: every documented spelling is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.records import HullAccount, HullUser, ObjectType, Segment

_TRAITS = "traits_"
_ELEMENT = re.compile(r"\[\d+\]$")  # `anonymous_ids[1]`: one element of a list changed


@dataclass(frozen=True, slots=True)
class HullAttribute:
    """An attribute that Hull knows, named without any `traits_` prefix."""

    key: str
    type: str = "string"


@dataclass(frozen=True, slots=True)
class Message:
    """One record that Hull tells about. A user's message holds its account too, as far as it was told."""

    message_id: str | None = None
    user: HullUser | None = None
    account: HullAccount | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def parse_message(raw: Any, object_type: ObjectType) -> Message:
    """Read a message about a user or an account. Raises ValueError, in words, when it names none."""
    if not isinstance(raw, Mapping):
        raise ValueError("it is not an object")
    user = parse_user(raw) if object_type is ObjectType.CONTACT else None
    account = user.account if user else parse_account(raw)
    if user is None and object_type is ObjectType.CONTACT:
        raise ValueError("it has no user")
    if account is None and object_type is ObjectType.LEAD:
        raise ValueError("it has no account")
    return Message(text(raw.get("message_id")), user, account, parse_changes(raw.get("changes")))


def parse_export_line(raw: Any, object_type: ObjectType) -> Message:
    """Read one line of an extract: a flat user with its account embedded, or a flat account.

    Raises ValueError when it is neither.
    """
    if not isinstance(raw, Mapping):
        raise ValueError("it is not an object")
    if object_type is ObjectType.LEAD:
        return parse_message({"account": raw}, object_type)
    user = {name: value for name, value in raw.items() if name != "account"}
    return parse_message({"user": user, "account": raw.get("account")}, object_type)


def parse_user(message: Mapping[str, Any]) -> HullUser | None:
    """Read a message's user with its account; None when it holds none."""
    user = message.get("user")
    if not isinstance(user, Mapping) or not user:
        return None
    ids = _segment_ids(message, "segments", "segment_ids", user)
    return HullUser(plain_attributes(user), ids, parse_account(message))


def parse_account(message: Mapping[str, Any]) -> HullAccount | None:
    """Read a message's account; None when it holds none, or an empty one, which means the same."""
    account = message.get("account")
    if not isinstance(account, Mapping) or not account:
        return None
    return HullAccount(account, _segment_ids(message, "account_segments", "account_segment_ids", account))


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without their `traits_` prefix; a reserved one of the same name wins if it has a value."""
    plain: dict[str, Any] = {}
    for name, value in attributes.items():
        is_trait, key = name.startswith(_TRAITS), name.removeprefix(_TRAITS)
        if key not in plain or plain[key] is None or (not is_trait and value is not None):
            plain[key] = value
    return plain


def parse_changes(raw: Any) -> dict[str, Any]:
    """Return the changes with attribute names as mappings have them."""
    changes = dict(raw) if isinstance(raw, Mapping) else {}
    for name in ("user", "account"):
        if isinstance(changes.get(name), Mapping):
            changes[name] = {_attribute_name(key): value for key, value in changes[name].items()}
    return changes


def _attribute_name(key: str) -> str:
    return _ELEMENT.sub("", key.removeprefix(_TRAITS))


def _segment_ids(
    message: Mapping[str, Any], segments: str, ids: str, record: Mapping[str, Any]
) -> tuple[str, ...] | None:
    """Return the ids of a record's segments from the first place that tells any; None when nothing does."""
    told = (message.get(segments), message.get(ids), record.get("segment_ids"))
    for listed in told:
        if isinstance(listed, list):
            return tuple(dict.fromkeys(_ids(listed)))
    return None


def _ids(listed: Iterable[Any]) -> Iterator[str]:
    for item in listed:
        found = text(item.get("id") if isinstance(item, Mapping) else item)
        if found:
            yield found


# ── What an organization has ─────────────────────────────────────────────────────────────────────


def parse_segments(rows: Any) -> tuple[Segment, ...]:
    """Read a list of segments; what has no id is left out."""
    found = (row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
    return tuple(Segment(row["id"], text(row.get("name")) or "") for row in found if text(row.get("id")))


def parse_schema(rows: Any) -> tuple[HullAttribute, ...]:
    """Read the flat attribute list; events are not attributes."""
    found = (row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
    read = (_attribute(row.get("key"), row.get("type")) for row in found)
    return tuple(attribute for attribute in dict.fromkeys(read) if attribute and attribute.type != "event")


def parse_tree(raw: Any) -> tuple[HullAttribute, ...]:
    """Read the attribute tree that organizations without the flat list have."""
    return tuple(dict.fromkeys(_leaves(raw.get("tree") if isinstance(raw, Mapping) else None)))


def _leaves(nodes: Any) -> Iterator[HullAttribute]:
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, Mapping):
            attribute = _attribute(node.get("id"), node.get("type"))
            yield from [attribute] if attribute else ()
            yield from _leaves(node.get("children"))


def _attribute(key: Any, kind: Any) -> HullAttribute | None:
    name = text(key)
    return HullAttribute(name.removeprefix(_TRAITS), text(kind) or "string") if name else None


def text(value: Any) -> str | None:
    """Return a text that says something, else None."""
    return value if isinstance(value, str) and value else None
