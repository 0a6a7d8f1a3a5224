"""The transforms that a mapping row may name: small pure conversions, with words for people.

One that a row names comes first; what comes out of it is then made what the field's type takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync.mapping import transforms
from sync.mapping.transforms import UnusableValueError, is_empty

_YES = ("true", "yes", "y", "1", "on")
_NO = ("false", "no", "n", "0", "off")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Transform:
    """One conversion. `words` say what it does; with `whole` it gets a list as one value, else entry by entry."""

    name: str
    words: str
    convert: Callable[[Any], Any]
    whole: bool = False


def transformed(value: Any, name: str) -> Any:
    """Return a value that says something after the named transform; without a name it stays as it is.

    Raises UnusableValueError when the value cannot be converted, or there is no such transform.
    """
    if not name:
        return value
    found = TRANSFORMS.get(name)
    if found is None:
        raise UnusableValueError(f"there is no transform “{name}”.")
    if isinstance(value, list | tuple) and not found.whole:
        return [found.convert(item) for item in value if not is_empty(item)]
    return found.convert(value)


# ── Each of them ─────────────────────────────────────────────────────────────────────────────────


def number(value: Any) -> int | float:
    """Read a number, also one written with commas between thousands: `1,234.50`."""
    if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
        value = value.replace(",", "")
    return transforms.number(value)


def yes_no(value: Any) -> str:
    """Return Yes or No for what means true or false; Close has no fields of that type."""
    said = transforms.text(value).strip().lower()
    if said not in _YES + _NO:
        raise UnusableValueError(f"“{value}” is neither yes nor no.")
    return "Yes" if said in _YES else "No"


def lower(value: Any) -> str:
    """Return a text in lower case."""
    return transforms.text(value).lower()


def upper(value: Any) -> str:
    """Return a text in capitals."""
    return transforms.text(value).upper()


def title(value: Any) -> str:
    """Return a text with each word's first letter as a capital. What stands after an apostrophe is no word."""
    return re.sub(r"[^\W\d_]+(['’][^\W\d_]+)?", lambda word: word[0].capitalize(), transforms.text(value))


def trim(value: Any) -> str:
    """Return a text without the spaces around it, and with single ones inside."""
    return " ".join(transforms.text(value).split())


def host(value: Any) -> str:
    """Return the plain host of a web address."""
    found = transforms.host(value)
    if found is None:
        raise UnusableValueError(f"“{value}” has no host.")
    return found


def first(value: Any) -> Any:
    """Return the first entry of a list that says something; a single value stays as it is."""
    if not isinstance(value, list | tuple):
        return value
    return next((item for item in value if not is_empty(item)), None)


def join(value: Any) -> str:
    """Return the entries of a list as one text, with commas between."""
    return transforms.text(value)


def split(value: Any) -> list[Any]:
    """Return the parts of a text between commas or semicolons as a list."""
    if isinstance(value, list | tuple):
        return list(value)
    return [part.strip() for part in re.split(r"[,;]", transforms.text(value)) if part.strip()]


def cents_to_units(value: Any) -> int | float:
    """Return an amount that is counted in hundredths as a whole amount: 12345 cents are 123.45."""
    try:
        amount = round(number(value) / 100, 4)
    except OverflowError:
        raise UnusableValueError(f"“{value}” is too large a number.") from None
    return int(amount) if amount == int(amount) else amount


TRANSFORMS: Mapping[str, Transform] = {
    one.name: one
    for one in (
        Transform("text", "as text", transforms.text),
        Transform("number", "as a number; 1,234.50 is read too", number),
        Transform("date", "the day of a time, in UTC", transforms.day),
        Transform("datetime", "a time, in UTC", transforms.moment),
        Transform("yes_no", "true and false as Yes and No", yes_no),
        Transform("lower", "in lower case", lower),
        Transform("upper", "IN CAPITALS", upper),
        Transform("title", "With Each Word Capitalised", title),
        Transform("trim", "without needless spaces", trim),
        Transform("host", "the plain host of a web address", host),
        Transform("email", "an e-mail address, in lower case", transforms.email),
        Transform("phone", "a phone number in E.164", transforms.phone),
        Transform("url", "a web address with its scheme", transforms.url),
        Transform("first", "the first entry of a list", first, whole=True),
        Transform("join", "the entries of a list, with commas between", join, whole=True),
        Transform("split", "a text with commas as a list", split, whole=True),
        Transform("cents_to_units", "hundredths as a whole amount: 12345 is 123.45", cents_to_units),
    )
}
