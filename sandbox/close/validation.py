"""What Close accepts, and the words and shape in which it refuses.

Object errors nest under `field-errors` by name, list errors under `errors` by stringified index. Wordings that
nobody has recorded (phones, unknown custom fields) stand here, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from sandbox.close.store import Actor, Record, Store

INVALID_EMAIL = "Invalid email address."
INVALID_URL = "Invalid URL."
INVALID_PHONE = "Invalid phone number."  # nobody has recorded Close's wording
NOT_A_CHOICE = "Not a valid choice."
NO_SUCH_OBJECT = "Object does not exist."
NOT_A_TEXT = "Value must be of str type."
NOT_A_LIST = "Value must be of list type."
NO_SUCH_FIELD = "Custom field does not exist."  # nobody has recorded Close's wording
NOT_YOUR_ROLE = "You do not have permission to edit this field."  # nor whether it is a 400 or a 403

REGION = "US"
_HOST = re.compile(r"^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9-]{2,}\.?(:\d+)?([/?#].*)?$", re.IGNORECASE)
_URI = re.compile(r"^[a-z][a-z0-9+.-]*://\S+$", re.IGNORECASE)
_LISTS = {"emails": ("email", "office"), "phones": ("phone", "office"), "urls": ("url", "url")}
_ADDRESS = ("label", "address_1", "address_2", "city", "state", "zipcode", "country")
_CONTACT_KEYS = {
    "name", "title", "emails", "phones", "urls", "lead_id", "timezone", "created_by", "date_created", "custom",
}  # fmt: skip


class Invalid(Exception):  # noqa: N818 - it is an answer of Close
    """A 400 with Close's envelope."""

    def __init__(
        self, fields: Mapping[str, Any] | None = None, errors: list[str] | None = None, text: str = ""
    ) -> None:
        super().__init__(text or "invalid")
        self.body: dict[str, Any] = (
            {"error": text} if text else {"errors": errors or [], "field-errors": dict(fields or {})}
        )


def listed(errors: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the envelope of a list's errors."""
    return {
        "errors": {str(index): {"errors": [], "field-errors": dict(found)} for index, found in errors.items()}
    }


# ── Leads ────────────────────────────────────────────────────────────────────────────────────────


def clean_lead(store: Store, body: Record, actor: Actor) -> tuple[Record, dict[str, Any]]:
    """Return what a lead body sets, and its field errors. Unknown keys are ignored, as in the wild."""
    clean: Record = {}
    errors: dict[str, Any] = {}
    for name in ("name", "description"):
        if name in body:
            _try(clean, errors, name, partial(_text, body[name]))
    if "url" in body:
        _try(clean, errors, "url", lambda: _lead_url(body["url"]))
    if "addresses" in body:
        _try(clean, errors, "addresses", lambda: _addresses(body["addresses"]))
    _clean_status(store, body, clean, errors)
    clean_custom(store, "lead", body, clean, errors, actor)
    return clean, errors


def _clean_status(store: Store, body: Record, clean: Record, errors: dict[str, Any]) -> None:
    if body.get("status_id") is not None and body.get("status") is not None:
        errors["status"] = "Give either status or status_id."  # nobody has recorded Close's wording
        return
    for key, name in (("id", "status_id"), ("label", "status")):
        wanted = body.get(name)
        if wanted is None:
            continue
        found = next((status["id"] for status in store.statuses if status[key] == wanted), None)
        if found is None:
            errors[name] = NO_SUCH_OBJECT
        else:
            clean["status_id"] = found


def _lead_url(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not (_URI.match(value.strip()) or _HOST.match(value.strip())):
        raise ValueError(INVALID_URL)
    return value.strip()


def _addresses(value: Any) -> list[Record]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(NOT_A_LIST)
    if len(value) > 100:
        raise ValueError("List is too long.")
    cleaned = [{part: _text(entry.get(part)) for part in _ADDRESS} for entry in value]
    return [entry | {"label": entry["label"] or "business", "tz_ids": []} for entry in cleaned]


# ── Contacts ─────────────────────────────────────────────────────────────────────────────────────


def clean_contact(store: Store, body: Record, actor: Actor) -> tuple[Record, dict[str, Any]]:
    """Return what a contact body sets, and its field errors. Unknown keys are refused."""
    clean: Record = {}
    errors: dict[str, Any] = {
        name: "Unknown field."
        for name in body
        if name not in _CONTACT_KEYS and not name.startswith("custom.")
    }
    for name in ("name", "title"):
        if name in body:
            _try(clean, errors, name, partial(_text, body[name], 1000))
    for name in _LISTS:
        if name in body:
            _clean_list(store, name, body[name], clean, errors)
    if body.get("timezone") is not None:
        _try(clean, errors, "timezone", partial(_text, body["timezone"], 100))
    if body.get("lead_id") is not None:
        if isinstance(body["lead_id"], str) and body["lead_id"] in store.leads:
            clean["lead_id"] = body["lead_id"]
        else:
            errors["lead_id"] = NO_SUCH_OBJECT
    clean_custom(store, "contact", body, clean, errors, actor)
    return clean, errors


def _clean_list(store: Store, name: str, value: Any, clean: Record, errors: dict[str, Any]) -> None:
    if value is None:
        value = []
    if not isinstance(value, list) or len(value) > 100:
        errors[name] = "List is too long." if isinstance(value, list) else NOT_A_LIST
        return
    cleaned, refused = [], {}
    for index, entry in enumerate(value):
        try:
            cleaned.append(_entry(store, name, entry))
        except ValueError as error:
            refused[index] = {_LISTS[name][0]: str(error)}
    clean[name] = cleaned
    if refused:
        errors[name] = listed(refused)


def _entry(store: Store, name: str, entry: Any) -> Record:
    key, default = _LISTS[name]
    if not isinstance(entry, dict) or not entry.get(key):
        raise ValueError("This field is required.")
    kind = entry.get("type") or default
    if not isinstance(kind, str):
        raise ValueError(NOT_A_TEXT)
    if name == "emails":
        return {"email": _email(store, entry[key]), "type": kind, "is_unsubscribed": False}
    if name == "urls":
        return {"url": _uri(entry[key]), "type": kind}
    return _phone(entry[key]) | {"type": kind}


def _email(store: Store, value: Any) -> str:
    text = _text(value).strip()
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError(INVALID_EMAIL) from None
    if len(text) > 254 or text.lower() in store.refused_emails:
        raise ValueError(INVALID_EMAIL)
    return text


def _uri(value: Any) -> str:
    if not isinstance(value, str) or not _URI.match(value.strip()):
        raise ValueError(INVALID_URL)
    return value.strip()


def _phone(value: Any) -> Record:
    try:
        number = phonenumbers.parse(_text(value), REGION)
    except phonenumbers.NumberParseException:
        raise ValueError(INVALID_PHONE) from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(INVALID_PHONE)
    formats = phonenumbers.PhoneNumberFormat
    return {
        "phone": phonenumbers.format_number(number, formats.E164),
        "phone_formatted": phonenumbers.format_number(number, formats.INTERNATIONAL),
        "country": phonenumbers.region_code_for_number(number),
    }


# ── Custom values ────────────────────────────────────────────────────────────────────────────────


def clean_custom(
    store: Store, object_type: str, body: Record, clean: Record, errors: dict[str, Any], actor: Actor
) -> None:
    """Take over the custom values of a body, with the suffixes `.add` and `.remove` kept for the caller.

    Beside `custom.cf_…` a field may still be named (`custom.Industry`, or in a map `custom`), as old clients do.
    """
    for name, value in _custom_values(body, errors):
        field_id, suffix = _field_of(store, object_type, name.removeprefix("custom."))
        found = store.custom_fields.get(field_id)
        if found is None or object_type not in found["objects"]:
            errors[name] = NO_SUCH_FIELD
        elif not _may_edit(found, object_type, actor):
            errors[name] = NOT_YOUR_ROLE
        else:
            key = f"custom.{field_id}" + (f".{suffix}" if suffix else "")
            before = dict(errors)
            _try(clean, errors, key, partial(_custom, store, found, value, suffix))
            if key != name and key in errors and key not in before:
                errors[name] = errors.pop(key)


def _custom_values(body: Record, errors: dict[str, Any]) -> list[tuple[str, Any]]:
    named = body.get("custom")
    if named is not None and not isinstance(named, dict):
        errors["custom"] = "Value must be of dict type."
        named = None
    values = [(name, value) for name, value in body.items() if name.startswith("custom.")]
    return values + [(f"custom.{name}", value) for name, value in (named or {}).items()]


def _field_of(store: Store, object_type: str, text: str) -> tuple[str, str]:
    """Return id and suffix of what is written after `custom.`: an id, or the deprecated name."""
    for suffix in ("add", "remove"):
        plain = text.removesuffix(f".{suffix}")
        if plain != text and _known(store, object_type, plain):
            return _known(store, object_type, plain), suffix
    return _known(store, object_type, text), ""


def _known(store: Store, object_type: str, text: str) -> str:
    if text in store.custom_fields:
        return text
    return next(
        (
            field["id"]
            for field in store.custom_fields.values()
            if field["name"] == text and object_type in field["objects"]
        ),
        "",
    )


def _may_edit(found: Record, object_type: str, actor: Actor) -> bool:
    roles = found["editable_with_roles"]
    for association in found.get("associations") or []:
        if association["object_type"] == object_type:
            roles = association["editable_with_roles"]
    return not roles or actor.role_id in roles


def _custom(store: Store, found: Record, value: Any, suffix: str) -> Any:
    if suffix and not found["accepts_multiple_values"]:
        raise ValueError("Custom field does not accept multiple values.")
    if suffix and value in (None, ""):
        raise ValueError("This field is required.")
    if value is None or (value == "" and found["type"] != "hidden"):
        return None
    if isinstance(value, list) and not suffix:
        if not found["accepts_multiple_values"]:
            raise ValueError("Custom field does not accept multiple values.")
        return list(dict.fromkeys(_one(store, found, item) for item in value)) or None
    cleaned = _one(store, found, value)
    return [cleaned] if found["accepts_multiple_values"] and not suffix else cleaned


def _one(store: Store, found: Record, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError(NOT_A_TEXT)
    convert: Callable[[Store, Record, Any], Any] = _TYPES.get(found["type"], _str)
    return convert(store, found, value)


def _str(store: Store, found: Record, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(NOT_A_TEXT)
    return value


def _number(store: Store, found: Record, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Value must be of number type.")
    return value


def _date(store: Store, found: Record, value: Any) -> str:
    text = _str(store, found, value)
    try:
        if len(text) == 10:
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("Could not parse date") from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date().isoformat()


def _datetime(store: Store, found: Record, value: Any) -> str:
    text = _str(store, found, value)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("Could not parse datetime") from None
    return (
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        .astimezone(UTC)
        .isoformat(timespec="seconds")
    )


def _choice(store: Store, found: Record, value: Any) -> str:
    if value not in (found["choices"] or []):
        raise ValueError(NOT_A_CHOICE)
    return str(value)


def _user(store: Store, found: Record, value: Any) -> str:
    for user in store.users.values():
        if value in (user["id"], f"{user['first_name']} {user['last_name']}"):
            return str(user["id"])
    raise ValueError(NO_SUCH_OBJECT)


def _contact(store: Store, found: Record, value: Any) -> str:
    if not isinstance(value, str) or value not in store.contacts:
        raise ValueError(NO_SUCH_OBJECT)
    return value


def _any(store: Store, found: Record, value: Any) -> Any:
    return value


_TYPES: dict[str, Callable[[Store, Record, Any], Any]] = {
    "number": _number, "date": _date, "datetime": _datetime, "choices": _choice, "user": _user,
    "contact": _contact, "hidden": _any,
}  # fmt: skip


def _text(value: Any, longest: int = 100_000) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(NOT_A_TEXT)
    if len(value) > longest:
        raise ValueError(f"The value must be no longer than {longest} characters.")
    return value


def _try(clean: Record, errors: dict[str, Any], name: str, convert: Callable[[], Any]) -> None:
    try:
        clean[name] = convert()
    except ValueError as error:
        errors[name] = str(error)
