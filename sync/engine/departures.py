"""What follows when a record has left one side: a policy per object and per way of leaving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.records import Departure, DeparturePolicy, ObjectType

Policies = Mapping[tuple[ObjectType, Departure], DeparturePolicy]

_IGNORE, _MARK, _UNLINK = DeparturePolicy.IGNORE, DeparturePolicy.MARK, DeparturePolicy.UNLINK
_FORWARD, _DELETE = DeparturePolicy.FORWARD, DeparturePolicy.DELETE

# What may be chosen; the first is the default. Nothing is deleted in Close unless somebody chose it, and nothing in Hull.
ALLOWED: Mapping[tuple[ObjectType, Departure], tuple[DeparturePolicy, ...]] = {
    (ObjectType.LEAD, Departure.LEFT_SEGMENT): (_IGNORE, _MARK, _UNLINK, _DELETE),
    (ObjectType.LEAD, Departure.DELETED_IN_CLOSE): (_MARK, _IGNORE, _UNLINK),
    (ObjectType.LEAD, Departure.MERGED_IN_CLOSE): (_FORWARD, _IGNORE, _UNLINK),
    (ObjectType.LEAD, Departure.DELETED_IN_HULL): (_IGNORE, _MARK, _UNLINK, _DELETE),
    (ObjectType.LEAD, Departure.MERGED_IN_HULL): (_FORWARD, _IGNORE, _UNLINK),
    (ObjectType.CONTACT, Departure.LEFT_SEGMENT): (_IGNORE, _UNLINK, _DELETE),
    (ObjectType.CONTACT, Departure.DELETED_IN_CLOSE): (_MARK, _IGNORE, _UNLINK),
    (ObjectType.CONTACT, Departure.DELETED_IN_HULL): (_IGNORE, _UNLINK, _DELETE),
    (ObjectType.CONTACT, Departure.MERGED_IN_HULL): (_FORWARD, _IGNORE, _UNLINK),
}


def policies(stored: Mapping[str, Any]) -> dict[tuple[ObjectType, Departure], DeparturePolicy]:
    """Return the whole matrix from its stored form, `{"LEAD": {"left_segment": "mark"}}`, defaults filled in.

    What is not allowed counts as not said.
    """
    return {
        (object_type, departure): _chosen(stored, object_type, departure, allowed)
        for (object_type, departure), allowed in ALLOWED.items()
    }


def _chosen(
    stored: Mapping[str, Any],
    object_type: ObjectType,
    departure: Departure,
    allowed: tuple[DeparturePolicy, ...],
) -> DeparturePolicy:
    of_type = stored.get(object_type.value)
    said = of_type.get(departure.value) if isinstance(of_type, Mapping) else None
    return next((policy for policy in allowed if policy == said), allowed[0])
