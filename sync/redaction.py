"""Takes secrets and personal data out of what is written to logs and shown in messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, overload

MASK = "[redacted]"
_SHORTEST_SECRET = 6  # shorter texts occur by chance; masking them would garble messages and hide nothing

_SENSITIVE_NAME = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api[_-]?key|signature|credential", re.IGNORECASE
)
_NAMED_VALUE = re.compile(
    r"(?P<name>[\w-]*(?:password|secret|token|api[_-]?key|signature)[\w-]*[\"']?\s*[=:]\s*[\"']?)"
    r"(?P<value>[^\s\"'&,;}]+)",
    re.IGNORECASE,
)
_PATTERNS = (
    re.compile(r"(?<=Basic )[A-Za-z0-9+/=_-]{6,}", re.IGNORECASE),
    re.compile(r"(?<=Bearer )[A-Za-z0-9+/=_.~-]{6,}", re.IGNORECASE),
    re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # a JSON web token
    re.compile(r"\bapi_[A-Za-z0-9]{4,}(?:\.[A-Za-z0-9]+)?"),  # a Close key
    re.compile(r"[\w.%+'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"),  # an e-mail address, also inside a query string
    re.compile(r"(?<![\w.])\+\d[\d\s().-]{5,}\d"),  # a phone number with its country
    re.compile(r"(?<![\w.-])\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?![\w-])"),  # and one without
)


@overload
def redact(value: str, secrets: Iterable[str] = ()) -> str: ...
@overload
def redact(value: Mapping[str, Any], secrets: Iterable[str] = ()) -> dict[str, Any]: ...
@overload
def redact(value: Any, secrets: Iterable[str] = ()) -> Any: ...
def redact(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a text, mapping or list without keys, tokens, e-mail addresses and phone numbers.

    `secrets` are texts known to be secret; they are masked wherever they occur. What is under a name such as
    `api_key` or `authorization` is masked whole. The input is left as it is.
    """
    known = tuple(secrets)
    if isinstance(value, str):
        return _redact_text(value, known)
    if isinstance(value, Mapping):
        return {name: _redact_named(str(name), item, known) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, known) for item in value]
    return value


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Mask only the given secrets, for texts whose other words an operator needs."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return text


def _redact_named(name: str, value: Any, secrets: tuple[str, ...]) -> Any:
    return MASK if value and _SENSITIVE_NAME.search(name) else redact(value, secrets)


def _redact_text(text: str, secrets: tuple[str, ...]) -> str:
    text = mask_secrets(text, secrets)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return _NAMED_VALUE.sub(lambda found: found["name"] + MASK, text)
