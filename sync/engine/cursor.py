"""Where to read Close's event log from."""

from __future__ import annotations

from datetime import datetime, timedelta

# Close's advice: events can appear late, so read the last five minutes again.
OVERLAP = timedelta(minutes=5)
# The event log keeps thirty days; a day is left for a slow pull.
RETENTION = timedelta(days=29)


def read_from(watermark: datetime) -> datetime:
    """Return the time from which the log is read again."""
    return watermark - OVERLAP


def is_lost(watermark: datetime | None, now: datetime) -> bool:
    """Tell whether the log no longer holds everything since the watermark, so that a backfill is due."""
    return watermark is None or now - watermark > RETENTION
