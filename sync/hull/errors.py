"""Which answer of Hull means which next step, and the errors of what Hull sends us.

What is written to Hull sets values, so that sending it again does no harm: no answer is an unknown result here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sync.errors import (
    ConfigurationError,
    CredentialsError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
)
from sync.transport import Answer, parse_json

DEFAULT_WAIT = 1.0
LONGEST_WAIT = 3600.0


class InvalidToken(SyncError):  # noqa: N818 - the name says it is wrong already
    """A token that Hull or a customer's link brought is not one of ours, was altered, or has expired."""


class InvalidSignature(SyncError):  # noqa: N818 - the name says it is wrong already
    """A notification claims to be signed by Hull, and is not."""


class MalformedNotification(SyncError):  # noqa: N818 - the name says it is wrong already
    """A notification lacks what it must have; `code` is Hull's name for it."""

    def __init__(self, message: str, *, code: str = "MISSING_NOTIFICATION_PAYLOAD") -> None:
        super().__init__(message, status=400)
        self.code = code


def error_for(answer: Answer) -> SyncError | None:
    """Return the error that an answer of Hull stands for, or None when it can be used."""
    status = answer.status
    if answer.is_ok:
        page = "Hull answered with a web page instead of JSON."
        return TransientError(page, status=status) if answer.is_html else None
    if status in (401, 404):
        text = "Hull does not know this connector, or refuses its secret."
        return CredentialsError(text, status=status)
    if status == 429:
        wait = retry_after(answer)
        return RateLimitedError(f"Hull asks to wait {wait:g} s before the next request.", retry_after=wait)
    if status >= 500 or status in (408, 425):
        return TransientError(f"Hull is in trouble: it answered with {status}.", status=status)
    return _refusal(answer)


def _refusal(answer: Answer) -> SyncError:
    status = answer.status
    if status == 402:
        return ConfigurationError("Hull says that this organization is disabled.", status=status)
    if status == 403:
        return ConfigurationError(f"Hull does not permit this: {_said(answer)}", status=status)
    if status < 400:
        return ConfigurationError(f"Hull answered with a redirect ({status}). Check its URL.", status=status)
    return RejectedError(f"Hull refuses this: {_said(answer)}", status=status)


def retry_after(answer: Answer) -> float:
    """Return the seconds that a 429 asks to wait."""
    try:
        seconds = float(answer.headers.get("retry-after", DEFAULT_WAIT))
    except ValueError:
        return DEFAULT_WAIT
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else DEFAULT_WAIT


def _said(answer: Answer) -> str:
    try:
        body = parse_json(answer.body)
    except ValueError:
        body = answer.body[:300].decode(errors="replace").strip()
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("error")
    return (
        body if isinstance(body, str) and body and not answer.is_html else f"it answered with {answer.status}"
    )
