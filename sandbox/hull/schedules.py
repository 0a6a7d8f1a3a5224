"""When Hull calls a connector by itself: every so many minutes, or by a cron line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sandbox.hull.store import Record

MINUTE = timedelta(minutes=1)
# A cron line is looked up minute by minute; further back than this nothing is made up for.
LONGEST_LOOK = timedelta(hours=24)
_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(slots=True)
class Timetable:
    """Remembers when each call was last made. A call that was missed is made once."""

    last: dict[str, datetime] = field(default_factory=dict)

    def due_calls(self, calls: list[Record], private_settings: Record, now: datetime) -> list[str]:
        """Return the paths that are to be called now, and count them as called.

        A path that is seen for the first time waits for its time. A schedule that cannot be read is never due.
        """
        paths = []
        for call in calls:
            path, key = call.get("url"), repr(sorted((name, str(value)) for name, value in call.items()))
            if not isinstance(path, str) or not path:
                continue
            last = self.last.setdefault(key, now)
            if now >= _next(call, private_settings, last):
                self.last[key] = now
                paths.append(path)
        return list(dict.fromkeys(paths))


def _next(call: Record, private_settings: Record, last: datetime) -> datetime:
    """Return when a call is to be made next: never, if its schedule cannot be read."""
    never = datetime.max.replace(tzinfo=last.tzinfo)
    value = _value(call, private_settings)
    if call.get("type") == "cron":
        return _next_of_cron(str(value), last) or never
    try:
        minutes = float(str(value))
    except ValueError:
        return never
    return last + timedelta(minutes=minutes) if 0 < minutes < 10**6 else never


def _value(call: Record, private_settings: Record) -> object:
    """Return a schedule's value; it may be kept in a setting."""
    source = call.get("value_from")
    if isinstance(source, str) and source.startswith("private_settings."):
        held = private_settings.get(source.removeprefix("private_settings."))
        if held not in (None, ""):
            return held
    return call.get("value")


def _next_of_cron(line: str, last: datetime) -> datetime | None:
    """Return the first minute after a time that a cron line names, within a day. None for a line that is none."""
    fields = line.split()
    if len(fields) != len(_LIMITS):
        return None
    try:
        wanted = [_numbers(text, *limits) for text, limits in zip(fields, _LIMITS, strict=True)]
    except ValueError:
        return None
    minute = last.replace(second=0, microsecond=0) + MINUTE
    end = last + LONGEST_LOOK
    while minute <= end:
        of_week = minute.isoweekday() % 7
        parts = (minute.minute, minute.hour, minute.day, minute.month, of_week)
        if all(part in numbers for part, numbers in zip(parts, wanted, strict=True)):
            return minute
        minute += MINUTE
    return end + MINUTE


def _numbers(text: str, lowest: int, highest: int) -> set[int]:
    """Return what one field of a cron line names: `*`, `*/5`, `1-5`, `1,2`. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, has_end, end = (str(lowest), "-", str(highest)) if span == "*" else span.partition("-")
        found |= set(range(int(first), int(end if has_end else first) + 1, int(step or 1)))
    if not found or min(found) < lowest or max(found) > highest:
        raise ValueError(text)
    return {number % 7 for number in found} if highest == 7 else found


def call_url(base: str, path: str, configuration: Mapping[str, str]) -> str:
    """Return the address of a call, with the credentials that Hull puts there."""
    query = {
        "ship": configuration["id"],
        "organization": configuration["organization"],
        "secret": configuration["secret"],
    }
    return f"{base}/{path.lstrip('/')}{'&' if '?' in path else '?'}{urlencode(query)}"
