"""Values of Close as their field's type says, for Hull: numbers as numbers, days as days, users by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sync.mapping import transforms
from sync.mapping.transforms import UnusableValueError, is_empty
from sync.records import CloseUser, CustomField

_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "number": transforms.number,
    "date": transforms.day,
    "datetime": transforms.moment,
}


def typed(value: Any, field: CustomField) -> Any:
    """Return a custom field's value as its type says; None for an empty one.

    A field that takes several values is a list also when it holds one. What does not fit its type, as in a field that
    was retyped in Close, stays as Close has it.
    """
    if field.multiple:
        items = value if isinstance(value, list | tuple) else [value]
        return [_one(item, field.type) for item in items if not is_empty(item)] or None
    return None if is_empty(value) else _one(value, field.type)


def kind_of(field: CustomField) -> str:
    """Return a field's type as it is remembered: `choices`, or `choices, several`."""
    return f"{field.type}, several" if field.multiple else field.type


def _one(value: Any, kind: str) -> Any:
    convert = _CONVERTED.get(kind)
    if convert is None or isinstance(value, list | dict):
        return value
    try:
        return convert(value)
    except UnusableValueError:
        return value


def user_details(value: Any, users: Sequence[CloseUser]) -> dict[str, Any]:
    """Return `name` and `email` of the user of Close that an id stands for, as lists for several ids.

    A user who is not known, as one who left the organization long ago, has neither.
    """
    by_id = {user.close_id: user for user in users}
    if isinstance(value, list | tuple):
        found = [by_id[one] for one in value if one in by_id]
        return {
            "name": [user.name for user in found if user.name] or None,
            "email": [user.email for user in found if user.email] or None,
        }
    user = by_id.get(value) if isinstance(value, str) else None
    return {"name": (user.name or None) if user else None, "email": (user.email or None) if user else None}
