"""When to try again, and when to stop."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.engine.plan import FailureMode, Reason, WaitReason
from sync.errors import (
    ConfigurationError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=30)
MOST_ATTEMPTS = 10

# How long a POST without an answer blocks a second one. Close does not say how late an event may appear in its
# log (its advice is to read the last five minutes again); its replies and log usually show a write at once.
SETTLE_AFTER = timedelta(seconds=60)


def next_attempt(
    error: SyncError, attempts: int, *, now: datetime, jitter: float
) -> tuple[datetime, Reason] | None:
    """Return when to try again and what to say meanwhile, or None when the attempts are spent.

    `attempts` counts those already made, `jitter` is a number from 0 to 1. A rate limit never spends an
    attempt's patience: it is waited out for as long as the remote says.
    """
    if isinstance(error, RateLimitedError):
        return error.until or now + timedelta(seconds=error.retry_after), WaitReason.RATE_LIMITED
    if attempts >= MOST_ATTEMPTS:
        return None
    delay = min(FIRST_DELAY * 2 ** max(attempts - 1, 0), LONGEST_DELAY) * (1 + jitter / 4)
    if isinstance(error, UnknownResultError):
        return now + min(delay, SETTLE_AFTER), WaitReason.UNKNOWN_RESULT
    return now + delay, WaitReason.TRANSIENT


def failure_of(error: SyncError) -> FailureMode | None:
    """Return why a person is needed, or None when trying again may help."""

    if isinstance(error, TransientError):
        return None
    if isinstance(error, ConfigurationError):
        return FailureMode.CONFIGURATION
    return FailureMode.REJECTED if isinstance(error, RejectedError) else FailureMode.INTERNAL


def is_settled(started_at: datetime, now: datetime) -> bool:
    """Tell whether a POST without an answer is old enough to be taken for not carried out."""
    return now - started_at >= SETTLE_AFTER
