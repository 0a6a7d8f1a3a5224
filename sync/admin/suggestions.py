"""What a mapping row may name: Close's fields with their labels, and the attributes that Hull told of lately."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from django.utils.translation import gettext

from sync.mapping.paths import ADDRESS_PARTS, GROUP
from sync.models import Change, Connector, HullAttribute, HullSegment
from sync.records import CloseSchema, Direction, ObjectType
from sync.services import options, setup

LATEST_CHANGES = 200
MOST = 300

_PARTS = {"address_1": "street", "address_2": "street, second line", "zipcode": "zip code"}
# What the original does not offer to write, and we do. Addresses of other labels may be typed in.
_LEAD_OUT = {"status_id": "Status"} | {
    f"addresses.business.{part}": f"Business address: {_PARTS.get(part, part)}" for part in ADDRESS_PARTS
}


class Suggestions:
    """The suggestions of one connector, each asked for once."""

    def __init__(self, connector: Connector | None) -> None:
        self.connector = connector

    @cached_property
    def schema(self) -> CloseSchema:
        return setup.load_schema(self.connector) if self.connector else CloseSchema()

    @property
    def is_schema_known(self) -> bool:
        return self.connector is not None and self.connector.schema_read_at is not None

    def close_fields(self, object_type: ObjectType, direction: Direction) -> dict[str, str]:
        """Return the fields that can be mapped, by name, with what they are called."""
        way = "out" if direction is Direction.OUTBOUND else "in"
        listed = options.choices(self.schema, f"fields-{object_type.lower()}-{way}")
        further = _LEAD_OUT if direction is Direction.OUTBOUND and object_type is ObjectType.LEAD else {}
        return {option["value"]: option["label"] for option in listed} | further

    def called(self, object_type: ObjectType, direction: Direction) -> Callable[[str], str]:
        """Return what tells a field's name in Close, or that Close does not have it."""
        names = self.close_fields(object_type, direction)
        kind = object_type.lower()

        def call(field: str) -> str:
            is_gone = field.startswith("custom.") and self.is_schema_known
            return names.get(field) or (
                gettext("No custom field of a {kind} in Close has this id.").format(kind=kind)
                if is_gone
                else ""
            )

        return call

    def hull_attributes(self, object_type: ObjectType, direction: Direction) -> dict[str, str]:
        """Return the attributes that records of a kind lately had, or the standard names they come in as."""
        if direction is Direction.INBOUND:
            return dict.fromkeys(self._standard_names(object_type), "")
        told = dict.fromkeys(self._told[object_type][:MOST], "")
        return dict(sorted((told | self._read[object_type]).items())[: 2 * MOST])

    @cached_property
    def _read(self) -> dict[ObjectType, dict[str, str]]:
        """Return the attributes that were read over REST, with their types; a user's row may name its account's."""
        found: dict[ObjectType, dict[str, str]] = {object_type: {} for object_type in ObjectType}
        rows = HullAttribute.objects.filter(connector=self.connector) if self.connector else ()
        for row in rows:
            if row.kind == HullSegment.Kind.ACCOUNT:
                found[ObjectType.LEAD][row.name] = row.type
                found[ObjectType.CONTACT][f"account.{row.name}"] = row.type
            else:
                found[ObjectType.CONTACT][row.name] = row.type
        return found

    def _standard_names(self, object_type: ObjectType) -> list[str]:
        plain = [
            name.removeprefix("custom.")
            for name in self.close_fields(object_type, Direction.INBOUND)
            if "." not in name
        ]
        renamed = ["status" if name == "status_id" else name for name in plain]
        return sorted(f"{GROUP}/{name}" for name in [*renamed, *self.schema.names(object_type).values()])

    @cached_property
    def _told(self) -> dict[ObjectType, list[str]]:
        names: dict[ObjectType, set[str]] = {object_type: set() for object_type in ObjectType}
        for object_type, payload in self._latest():
            names[ObjectType(object_type)].update(_names(payload))
        return {object_type: sorted(found) for object_type, found in names.items()}

    def _latest(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.connector is None:
            return
        outbound = Change.objects.filter(connector=self.connector, direction=Direction.OUTBOUND)
        for object_type in ObjectType:
            rows = outbound.filter(object_type=object_type).order_by("-pk")
            yield from rows.values_list("object_type", "payload")[:LATEST_CHANGES]


def _names(payload: Mapping[str, Any]) -> Iterator[str]:
    account = (payload.get("account") or {}).get("attributes") or {}
    if "user" in payload:
        yield from payload["user"]
        yield from (f"account.{name}" for name in account)
    else:
        yield from account
