"""The hidden custom fields in which Close keeps the Hull id of each lead and contact."""

from __future__ import annotations

from sync.close.client import CloseClient
from sync.errors import ConfigurationError, RejectedError
from sync.mapping.validation import Problem
from sync.models import CloseField, Connector
from sync.records import CloseSchema, CustomField, ObjectType

LABEL = "Hull ID"

_STORED = {ObjectType.LEAD: "lead_hull_id_field", ObjectType.CONTACT: "contact_hull_id_field"}
_FITTING = ("hidden", "text")


def ensure_fields(connector: Connector, close: CloseClient) -> bool:
    """Find each field by its label, or make it. Where the key may not, `problems` says so and the next try is later.

    Returns whether a field was found that holds ids already, so that the match index has to be built anew.
    """
    is_found = False
    for object_type, name in _STORED.items():
        rows = connector.close_fields.filter(object_type=object_type, missing_since=None)
        if rows.filter(close_id=getattr(connector, name) or "-").exists():
            continue
        there = rows.filter(label=LABEL, type__in=_FITTING).first()
        setattr(connector, name, there.close_id if there else _make(connector, close, object_type))
        is_found |= there is not None
    connector.save(update_fields=[*_STORED.values(), "updated_at"])
    return is_found


def _make(connector: Connector, close: CloseClient, object_type: ObjectType) -> str:
    try:
        made = close.create_custom_field(object_type, LABEL, "hidden")
    except (RejectedError, ConfigurationError):
        return ""
    _remember(connector, object_type, made)
    return made.close_id


def _remember(connector: Connector, object_type: ObjectType, made: CustomField) -> None:
    CloseField.objects.get_or_create(
        connector=connector,
        object_type=object_type,
        close_id=made.close_id,
        defaults={"label": made.label, "attribute": f"hull_id_{made.close_id.lower()}", "type": made.type},
    )


def problems(connector: Connector, schema: CloseSchema) -> tuple[Problem, ...]:
    """Say for which objects the Hull id is to be kept and cannot be."""
    if not connector.keeps_hull_id or connector.schema_read_at is None:
        return ()
    return tuple(
        Problem(
            f"There is no field for the Hull id of a {object_type.value.lower()} in Close.",
            f"Add a hidden or text custom field called “{LABEL}”, or use a key that may manage custom fields.",
            setting="keeps_hull_id",
        )
        for object_type, name in _STORED.items()
        if f"custom.{getattr(connector, name)}" not in schema.fields(object_type)
    )
