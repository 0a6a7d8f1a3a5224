"""Which answer of Close means which next step.

Status codes: https://developer.close.com/topics/http-response-codes/
Rate limits: https://developer.close.com/topics/rate-limits/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sync.errors import (
    ConfigurationError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.transport import Answer, parse_json

DEFAULT_WAIT = 1.0
LONGEST_WAIT = 3600.0  # a header that asks for more is broken, not busy


def error_for(answer: Answer) -> SyncError | None:
    """Return the error that an answer of Close stands for, or None when it can be used."""
    status = answer.status
    if answer.is_ok:
        return _unreadable(answer)
    if status == 429:
        wait = retry_after(answer)
        return RateLimitedError(f"Close asks to wait {wait:g} s before the next request.", retry_after=wait)
    if status >= 500:
        return _server_error(answer)
    if answer.is_html or status in (408, 425):
        # A page for people, or a request that never arrived whole: something in front of the API said so.
        return TransientError(f"Close answered with {status} and no explanation.", status=status)
    return _refusal(answer)


def _unreadable(answer: Answer) -> SyncError | None:
    """A proxy's page instead of JSON says nothing about what became of the request."""
    if not answer.is_html:
        return None
    kind = UnknownResultError if answer.is_create else TransientError
    return kind("Close answered with a web page instead of JSON.", status=answer.status)


def _server_error(answer: Answer) -> SyncError:
    """After a POST nobody knows whether the record was made, unless Close says it was too busy (503)."""
    kind = UnknownResultError if answer.is_create and answer.status != 503 else TransientError
    return kind(f"Close is in trouble: it answered with {answer.status}.", status=answer.status)


def _refusal(answer: Answer) -> SyncError:
    status, fields = answer.status, flatten_fields(_body(answer))
    said = _said(_body(answer), fields)
    if status == 401:
        return CredentialsError("Close refuses the API key. Enter a valid one.", status=status)
    if status == 402:  # "Request failed: the organization's plan does not allow it"
        return ForbiddenError(f"Close's plan does not allow this: {said}", status=status)
    if status == 403 and not answer.is_write:
        return ForbiddenError(f"The Close key lacks a permission: {said}", status=status)
    if status in (404, 410):
        return NotFoundError(said, status=status)
    if status < 400:
        return ConfigurationError(f"Close answered with a redirect ({status}). Check its URL.", status=status)
    return RejectedError(said, fields=fields, status=status)


# ── Close's own words ────────────────────────────────────────────────────────────────────────────


def flatten_fields(body: Any) -> dict[str, str]:
    """Return `contacts.0.emails.0.email → Invalid email address.` from Close's nested validation envelope.

    Objects nest under `field-errors` by name, lists under `errors` by index.
    """
    found: dict[str, str] = {}
    for path, words in _leaves(body, ()):
        if path:
            name = ".".join(path)
            found[name] = f"{found[name]} {words}" if name in found else words
    return found


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _leaves(item, path)
    elif isinstance(node, Mapping):
        is_envelope = "errors" in node or "field-errors" in node
        for key in ("errors", "field-errors") if is_envelope else node if path else ():
            inner = node.get(key)
            if is_envelope and not isinstance(inner, Mapping):
                yield from _leaves(inner, path)
            else:
                yield from _below(inner if is_envelope else {key: inner}, path)


def _below(named: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, inner in named.items():
        yield from _leaves(inner, (*path, str(name)))


def _said(body: Any, fields: Mapping[str, str]) -> str:
    """Return what Close said, in its own words: the general part first, then field by field."""
    general = [words for path, words in _leaves(body, ()) if not path]
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        error = error.get("message")
    if isinstance(error, str):
        general.insert(0, error)
    words = general + [f"{path}: {words}" for path, words in fields.items()]
    return "; ".join(word.strip() for word in words if word.strip()) or "Close gave no reason."


def _body(answer: Answer) -> Any:
    try:
        return parse_json(answer.body)
    except ValueError:
        return answer.body[:300].decode(errors="replace").strip()


# ── How long to wait ─────────────────────────────────────────────────────────────────────────────


def retry_after(answer: Answer) -> float:
    """Return the seconds that a 429 asks to wait, by the most precise of the places that may tell."""
    told = rate_limit(answer.headers).get("reset")
    if told is None:
        told = _seconds(answer.headers.get("retry-after"))
    if told is None:
        told = _seconds(_rate_reset(_body(answer)))
    return DEFAULT_WAIT if told is None else told


def rate_limit(headers: Mapping[str, str]) -> dict[str, float]:
    """Read `RateLimit: limit=100, remaining=50, reset=5`. The wire has semicolons where the page has commas."""
    pairs = re.findall(r"(limit|remaining|reset)\s*=\s*([^\s,;]+)", headers.get("ratelimit", ""))
    read = {name: _seconds(value) for name, value in pairs}
    return {name: number for name, number in read.items() if number is not None}


def _rate_reset(body: Any) -> Any:
    error = body.get("error") if isinstance(body, Mapping) else None
    inner = error.get("rate_reset") if isinstance(error, Mapping) else None
    return inner if inner is not None else body.get("rate_reset") if isinstance(body, Mapping) else None


def _seconds(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return min(max(number, 0.0), LONGEST_WAIT) if math.isfinite(number) else None
