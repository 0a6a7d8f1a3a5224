"""The lists of fields, statuses and identifiers that a person chooses from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sync.errors import ConfigurationError, RejectedError, SyncError
from sync.models import CloseField, Connector
from sync.records import CloseSchema, ObjectType
from sync.services import missing_options, setup

Option = dict[str, str]

_IDENTIFIERS = [
    {"value": "domain", "label": "Domain"},
    {"value": "external_id", "label": "External ID"},
]
_LEAD_IN = {
    "name": "Name",
    "url": "Url",
    "description": "Description",
    "status_id": "Status",
    "addresses": "Addresses",
}
_LEAD_OUT = {"name": "Name", "url": "Url", "description": "Description"}
_CONTACT_IN = {
    "name": "Name",
    "title": "Title",
    "phones": "Phones",
    "emails": "Emails",
    "urls": "Urls",
}
_PHONES = ("mobile", "office", "direct", "home", "fax", "other")
_EMAILS = ("office", "home", "other")
_CONTACT_OUT = (
    {"name": "Name", "title": "Title"}
    | {f"phones.{kind}": f"Phones > {kind.title()}" for kind in _PHONES}
    | {f"emails.{kind}": f"Emails > {kind.title()}" for kind in _EMAILS}
    | {"urls.url": "Url"}
)

NAMES = (
    "leadstatuses", "fields-lead-in", "fields-lead-out", "fields-contact-in", "fields-contact-out", "fields-account-ident",
)  # fmt: skip


def listed(connector: Connector, name: str, *, clock: Callable[[], datetime]) -> tuple[list[Option], str]:
    """Return a list by its name, and why it may be incomplete: Close is asked when what we know is a day old."""
    problem = ""
    try:
        if connector.schema_read_at is None or clock() - connector.schema_read_at > setup.SCHEMA_AGE:
            setup.refresh_schema(connector, setup.close_client(connector), now=clock())
    except SyncError as error:
        problem = error.message
    return choices(setup.load_schema(connector), name), problem


def choices(schema: CloseSchema, name: str) -> list[Option]:
    """Return the options of one list."""
    if name == "fields-account-ident":
        return list(_IDENTIFIERS)
    if name == "leadstatuses":
        return [{"value": "N/A", "label": "(Use default)"}] + [
            {"value": status.close_id, "label": status.label} for status in schema.statuses
        ]
    object_type = ObjectType.LEAD if "lead" in name else ObjectType.CONTACT
    standard = {
        "fields-lead-in": _LEAD_IN,
        "fields-lead-out": _LEAD_OUT,
        "fields-contact-in": _CONTACT_IN,
        "fields-contact-out": _CONTACT_OUT,
    }[name]
    custom = {path: field.label for path, field in schema.fields(object_type).items()}
    return [{"value": value, "label": label} for value, label in (standard | custom).items()]


def add_missing(field: CloseField, *, clock: Callable[[], datetime]) -> tuple[str, ...]:
    """Add the options that Hull's values asked for to a field in Close, and look at those records again.

    Returns what was added. Raises SyncError; ConfigurationError where the key may not.
    """
    wanted = tuple(missing_options.missing(field)) if field.type == "choices" else ()
    if not wanted:
        return ()
    close = setup.close_client(field.connector)
    try:
        close.add_choices(ObjectType(field.object_type), field.close_id, wanted)
    except RejectedError as error:
        if error.status != 403:
            raise
        raise ConfigurationError(
            f"The Close key may not change custom fields. Add the options of {field.label} in Close, under Settings → "
            "Custom Fields, or enter an administrator's key on the connector."
        ) from None
    setup.refresh_schema(field.connector, close, now=clock())
    return wanted


def create_field(
    connector: Connector, object_type: ObjectType, label: str, type_: str, *, clock: Callable[[], datetime]
) -> CloseField:
    """Make a custom field in Close, unless one of that name is there, and return what is known of it.

    Raises SyncError; ConfigurationError where the key may not, or the name is taken.
    """
    taken = connector.close_fields.filter(object_type=object_type, label__iexact=label, missing_since=None)
    if taken.exists():
        raise ConfigurationError(f"Close has a field “{label}” already. Choose it in the mapping.")
    close = setup.close_client(connector)
    try:
        made = close.create_custom_field(object_type, label, type_)
    except RejectedError as error:
        if error.status != 403:
            raise
        raise ConfigurationError(
            "The Close key may not manage custom fields. Add the field in Close, under Settings → Custom Fields, or enter an "
            "administrator's key on the connector."
        ) from None
    setup.refresh_schema(connector, close, now=clock())
    return connector.close_fields.get(object_type=object_type, close_id=made.close_id)


def dismiss_new(field: CloseField) -> None:
    """Note that a person has seen the options that turned up in Close."""
    CloseField.objects.filter(pk=field.pk).update(new_options=[])
