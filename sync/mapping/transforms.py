"""Named, pure value conversions, and when two values mean the same.

Normalising is left to maintained libraries: hosts to `publicsuffixlist` and `idna`, e-mails to
`email_validator`, phones to `phonenumbers`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import idna
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from sync.records import CloseUser, CustomField, parse_time

# Close reads a local number in the organization's region, which its API does not tell; US in all samples.
DEFAULT_REGION = "US"

_LABEL = re.compile(r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "ł": "l",
        "Ł": "L",
        "œ": "oe",
    }
)


class UnusableValueError(ValueError):
    """A value cannot be what its target needs. The message is a sentence for people."""


class UnknownOptionError(UnusableValueError):
    """Close does not offer a value, and would once somebody added it there or mapped another one.

    `path` is the field, `option` what was asked of it.
    """

    def __init__(self, message: str, path: str, option: str) -> None:
        super().__init__(message)
        self.path, self.option = path, option


# ── Identifiers ──────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def host(value: Any) -> str | None:
    """Return the plain lower-case host of any spelling of a URL or domain; None when it is no host.

    Scheme, `www.`, user, port, path and a trailing dot go; international names become their ASCII form.
    """
    return _host(value.strip()) if isinstance(value, str) else None


@lru_cache(maxsize=65536)
def _host(text: str) -> str | None:
    name = _hostname(text)
    name = name.rstrip(".").removeprefix("www.") if name else ""
    try:
        name = idna.encode(name, uts46=True).decode() if name and not name.isascii() else name
    except idna.IDNAError:
        return None
    return name if _is_host(name) else None


def _hostname(text: str) -> str | None:
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return None


def _is_host(name: str) -> bool:
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or labels[-1].isdigit():
        return False
    return all(_LABEL.match(label) and len(label) < 64 for label in labels) and not _suffixes().is_public(
        name
    )


def email(value: Any) -> str:
    """Return an e-mail address as it is compared: trimmed and in lower case.

    Raises UnusableValueError when Close would refuse it.
    """
    try:
        checked = validate_email(str(value).strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise UnusableValueError(f"“{value}” is not an e-mail address: {error}") from None
    return checked.normalized.lower()


def phone(value: Any) -> str:
    """Return a phone number in E.164, as Close will give it back.

    Raises UnusableValueError when it is not a possible number.
    """
    try:
        number = phonenumbers.parse(str(value), DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        raise UnusableValueError(f"“{value}” is not a phone number.") from None
    if not phonenumbers.is_possible_number(number):
        raise UnusableValueError(f"“{value}” is not a possible phone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def url(value: Any) -> str:
    """Return a URL with its scheme, which Close demands. Raises UnusableValueError for what is no URL."""
    text = str(value).strip()
    if not host(text):
        raise UnusableValueError(f"“{value}” is not a web address.")
    return text if re.match(r"^https?://", text, re.IGNORECASE) else f"https://{text}"


def snake_case(label: str) -> str:
    """Return the attribute name of a custom field's label, as existing customers have it: `FTEs` → `ft_es`."""
    plain = unicodedata.normalize("NFKD", label.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return "_".join(word.lower() for word in _WORDS.findall(plain.replace("'", "")))


# ── Values for Close's fields ────────────────────────────────────────────────────────────────────


def for_custom_field(value: Any, field: CustomField, users: Sequence[CloseUser] = ()) -> Any:
    """Convert a Hull value to what a Close custom field takes; one that takes several values gets a list.

    Raises UnknownOptionError when Close does not have that option or user, and UnusableValueError when the value
    cannot be converted; the message names the reason.
    """
    if field.multiple:
        given = value if isinstance(value, list | tuple) else [value]
        converted = [_one(item, field, users) for item in given if not is_empty(item)]
        return list(dict.fromkeys(converted))
    if isinstance(value, list | tuple) and field.type != "text":
        raise UnusableValueError(f"{field.label} takes one value, not a list.")
    return _one(value, field, users)


def _one(value: Any, field: CustomField, users: Sequence[CloseUser]) -> Any:
    if field.type == "choices":
        return choice(value, field)
    if field.type == "user":
        return close_user(value, field, users)
    return {"number": number, "date": day, "datetime": moment}.get(field.type, text)(value)


def text(value: Any) -> str:
    """Return a value as text: lists joined by commas, booleans as true and false."""
    if isinstance(value, dict):
        raise UnusableValueError("An object cannot be written into a text.")
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value if not is_empty(item))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number(value: Any) -> int | float:
    """Return a number. Raises UnusableValueError for anything that does not read as one."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    try:
        parsed = value if isinstance(value, float) else float(str(value).strip())
    except ValueError:
        raise UnusableValueError(f"“{value}” is not a number.") from None
    if parsed != parsed or parsed in (float("inf"), float("-inf")):
        raise UnusableValueError(f"“{value}” is not a number.")
    return int(parsed) if parsed.is_integer() and not isinstance(value, float) else parsed


def day(value: Any) -> str:
    """Return the UTC day of a time, or the day itself, as `2014-06-12`."""
    found = _moment(value)
    return (found.astimezone(UTC).date() if isinstance(found, datetime) else found).isoformat()


def moment(value: Any) -> str:
    """Return an ISO time in UTC."""
    found = _moment(value)
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return found.astimezone(UTC).isoformat()


def _moment(value: Any) -> datetime | date:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, tz=UTC)
        except (ValueError, OverflowError, OSError):
            raise UnusableValueError(f"“{value}” is not a time.") from None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise UnusableValueError(f"“{value}” is not a date.") from None
    found = parse_time(value)
    if found is None:
        raise UnusableValueError(f"“{value}” is not a date or time.")
    return found


def choice(value: Any, field: CustomField) -> str:
    """Return the option that a value names, ignoring case. Raises UnknownOptionError for an unknown option."""
    wanted = text(value).strip()
    if wanted in field.choices:
        return wanted
    found = {option.strip().casefold(): option for option in field.choices}.get(wanted.casefold())
    if found is None:
        message = f"“{wanted}” is not an option of {field.label}; add it in Close or map another value."
        raise UnknownOptionError(message, field.path, wanted)
    return found


def close_user(value: Any, field: CustomField, users: Sequence[CloseUser]) -> str:
    """Return the id of the sales rep that an id, an e-mail address or an exact name means.

    Raises UnknownOptionError when nobody is meant, or several are.
    """
    wanted = text(value).strip()
    for names in (_by_id, _by_email, _by_name):
        found = {user.close_id for user in users if names(user) == names(CloseUser(wanted, wanted, wanted))}
        if len(found) == 1:
            return found.pop()
        if found:
            message = f"“{wanted}” are several users of Close; {field.label} needs an e-mail address."
            raise UnknownOptionError(message, field.path, wanted)
    message = f"“{wanted}” is no user of Close; {field.label} takes the e-mail address, id or name of one."
    raise UnknownOptionError(message, field.path, wanted)


def _by_id(user: CloseUser) -> str:
    return user.close_id


def _by_email(user: CloseUser) -> str:
    return user.email.casefold()


def _by_name(user: CloseUser) -> str:
    return user.name


# ── When two values mean the same ────────────────────────────────────────────────────────────────


def is_empty(value: Any) -> bool:
    """None, an empty text and an empty list are empty; 0 and False are values."""
    return value is None or (isinstance(value, str | list | tuple | dict) and len(value) == 0)


def same(first: Any, second: Any, kind: str = "text") -> bool:
    """Tell whether two values of one field mean the same, after what Close is known to normalise.

    `kind` is a custom field's type, or `url`, `email`, `phone`, `text`.
    """
    if is_empty(first) or is_empty(second):
        return is_empty(first) and is_empty(second)
    if isinstance(first, list | tuple) or isinstance(second, list | tuple):
        return _same_sets(_items(first), _items(second), kind)
    return bool(first == second or comparable(first, kind) == comparable(second, kind))


def comparable(value: Any, kind: str) -> Any:
    """Return the form in which values of a kind are compared; what cannot be normalised compares as text."""
    try:
        convert: Callable[[Any], Any] = _COMPARABLE.get(kind, _trimmed)
        return convert(value)
    except UnusableValueError:
        return _trimmed(value)


def _trimmed(value: Any) -> str:
    return text(value).strip() if not isinstance(value, dict) else repr(sorted(value.items(), key=repr))


_COMPARABLE: dict[str, Callable[[Any], Any]] = {
    "number": number,
    "date": day,
    "datetime": moment,
    "email": email,
    "phone": phone,
    "url": lambda value: host(value) or _trimmed(value).lower(),
}


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _same_sets(first: Iterable[Any], second: Iterable[Any], kind: str) -> bool:
    return {repr(comparable(item, kind)) for item in first} == {
        repr(comparable(item, kind)) for item in second
    }
