"""Where to read Close's event log from."""

from __future__ import annotations

from datetime import datetime, timedelta

# Close's advice: events can appear late, so read the last five minutes again. That is done once a minute; a pull in
# between, which a webhook wakes, reads back to where most events have appeared.
OVERLAP = timedelta(minutes=5)
SHORT_OVERLAP = timedelta(seconds=30)
SWEEP_EVERY = timedelta(seconds=60)
# Without any event the watermark follows this far behind, so that no difference between two clocks passes one over.
QUIET = timedelta(minutes=10)
# The event log keeps thirty days; a day is left for a slow pull.
RETENTION = timedelta(days=29)


def read_from(watermark: datetime, *, swept_at: datetime | None, now: datetime) -> tuple[datetime, bool]:
    """Return the time from which the log is read again, and whether that covers the whole overlap."""
    is_sweep = swept_at is None or not timedelta() <= now - swept_at < SWEEP_EVERY
    return watermark - (OVERLAP if is_sweep else SHORT_OVERLAP), is_sweep


def advanced(watermark: datetime, high: datetime | None, now: datetime) -> datetime:
    """Return the watermark after everything was read. `high` is the newest event, by Close's clock.

    A date in the future must not move it past events that are still to come.
    """
    return max(watermark, now - QUIET, *([min(high, now)] if high else []))


def is_lost(watermark: datetime | None, now: datetime) -> bool:
    """Tell whether the log no longer holds everything since the watermark, so that a backfill is due."""
    return watermark is None or now - watermark > RETENTION
