"""Our own writes coming back, and what is agreed once a write was carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.engine.plan import BaseValue
from sync.mapping.inbound import UPDATED_AT
from sync.mapping.lists import address_part, values_of
from sync.mapping.paths import parse_close_path
from sync.records import Attributes


def says_something(changed: Attributes) -> bool:
    """Tell whether a change of attributes is worth a message to Hull.

    The time of the last update alone is not: Close moves it for a lead whose contact was touched, and for
    reasons that no field shows. Hull holds the time of the last change that it was told.
    """
    return bool(set(changed) - {UPDATED_AT})


def value_at(path: str, fields: Attributes) -> Any:
    """Return what a Close record holds at a mapped path: list targets as a list, an address's part by its label."""
    parsed = parse_close_path(path)
    if parsed.is_list:
        return values_of(fields.get(parsed.root), parsed.root, parsed.type)
    if parsed.is_address_part:
        return address_part(fields.get("addresses"), parsed.type, parsed.part)
    return fields.get(parsed.raw)


def agreed(reconciled: Mapping[str, Any], fields: Attributes) -> dict[str, BaseValue]:
    """Return the base values after a decision was carried out: Hull's value beside what Close made of it."""
    return {path: BaseValue(sent, value_at(path, fields)) for path, sent in reconciled.items()}
