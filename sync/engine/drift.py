"""What changed in Close's fields, statuses and users since they were read before, and which records that concerns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.mapping.paths import USER_FIELDS
from sync.mapping.typed import kind_of
from sync.records import Attributes, CloseSchema, ObjectType


@dataclass(frozen=True, slots=True)
class Drift:
    """Whose records have to be told to Hull again: those with some statuses or users, or with a value in some fields.

    `fields` holds paths (`custom.cf_…`) by object.
    """

    statuses: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.statuses or self.users or any(self.fields.values()))

    def __or__(self, other: Drift) -> Drift:
        objects = {*self.fields, *other.fields}
        both = {
            one: self.fields.get(one, frozenset()) | other.fields.get(one, frozenset()) for one in objects
        }
        return Drift(self.statuses | other.statuses, self.users | other.users, both)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        fields = {name: sorted(paths) for name, paths in self.fields.items()}
        return {"statuses": sorted(self.statuses), "users": sorted(self.users), "fields": fields}


def stored(raw: Mapping[str, Any]) -> Drift:
    """Read the stored form."""
    fields = {name: frozenset(paths) for name, paths in (raw.get("fields") or {}).items()}
    return Drift(frozenset(raw.get("statuses") or ()), frozenset(raw.get("users") or ()), fields)


def compare(before: CloseSchema, after: CloseSchema) -> Drift:
    """Return what changed between two readings such that Hull holds something old.

    A status or user that goes by another name; a field whose type or whose attribute in Hull is another one, or that is
    there again. What is new concerns no record yet, and what was removed leaves Hull as it is.
    """
    labels = {status.close_id: status.label for status in before.statuses}
    people = {user.close_id: (user.name, user.email) for user in before.users}
    return Drift(
        frozenset(one.close_id for one in after.statuses if labels.get(one.close_id, one.label) != one.label),
        frozenset(
            user.close_id
            for user in after.users
            if people.get(user.close_id, (user.name, user.email)) != (user.name, user.email)
        ),
        {object_type.value: _changed_fields(before, after, object_type) for object_type in ObjectType},
    )


def _changed_fields(before: CloseSchema, after: CloseSchema, object_type: ObjectType) -> frozenset[str]:
    earlier, names = before.fields(object_type), before.names(object_type)
    return frozenset(
        path
        for path, found in after.fields(object_type).items()
        if path in names
        and (
            path not in earlier
            or kind_of(earlier[path]) != kind_of(found)
            or names[path] != after.names(object_type).get(path)
        )
    )


def new_options(before: Sequence[str], after: Sequence[str], noticed: Iterable[str]) -> list[str]:
    """Return the options that turned up and that nobody has looked at yet, in Close's order."""
    fresh = {*noticed, *(set(after) - set(before))}
    return [option for option in after if option in fresh]


def is_concerned(
    fields: Attributes, sent: Attributes, object_type: ObjectType, drift: Drift, schema: CloseSchema
) -> bool:
    """Tell whether a record holds any of what changed, or Hull holds a value of it."""
    if fields.get("status_id") in drift.statuses:
        return True
    if drift.users and _holds_user(fields, object_type, drift.users, schema):
        return True
    paths = drift.fields.get(object_type.value, frozenset())
    names = schema.names(object_type)
    return any(
        fields.get(path) is not None or sent.get(f"closeio/{names.get(path)}") is not None for path in paths
    )


def _holds_user(
    fields: Attributes, object_type: ObjectType, users: Collection[str], schema: CloseSchema
) -> bool:
    custom = [path for path, found in schema.fields(object_type).items() if found.type == "user"]
    held = (fields.get(path) for path in (*USER_FIELDS, *custom))
    return any(one in users for value in held for one in (value if isinstance(value, list) else [value]))
