"""What happened, in the words of Hull's own logs: `outgoing.account.success`, `incoming.user.skip` and so on.

Hull's operators look for these names, and for a record by its claims in the line's context. Personal data stays out: a
user stands under the ids of both systems.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sync.records import Direction, ObjectType

_WAY = {Direction.OUTBOUND: "outgoing", Direction.INBOUND: "incoming"}
_WHO = {ObjectType.LEAD: "account", ObjectType.CONTACT: "user"}
SUCCESS, SKIP, ERROR = "success", "skip", "error"
_RESULTS = {
    "CREATED": SUCCESS, "UPDATED": SUCCESS, "UNCHANGED": SKIP, "SKIPPED": SKIP, "PENDING": SKIP, "DRY_RUN": SKIP,
    "FAILED": ERROR,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its name, its level, whom it is about, and what is told."""

    message: str
    level: int
    context: dict[str, str]
    data: dict[str, Any]


def record_line(
    direction: Direction, object_type: ObjectType, result: str, *, hull_id: str = "", close_id: str = "",
    data: dict[str, Any],
) -> LogLine:  # fmt: skip
    """Return the line about one record. What was sent out is told always, the rest to whoever wants the detail."""
    outcome, who = _RESULTS[result], _WHO[object_type]
    is_of_interest = outcome == ERROR or (outcome == SUCCESS and direction is Direction.OUTBOUND)
    level = logging.ERROR if outcome == ERROR else logging.INFO if is_of_interest else logging.DEBUG
    context = {"subject_type": who, f"{who}_id": hull_id}
    context[f"{who}_anonymous_id"] = f"closeio:{close_id}" if close_id else ""
    named = {name: value for name, value in context.items() if value}
    return LogLine(f"{_WAY[direction]}.{who}.{outcome}", level, named, data)


def job_line(direction: Direction, outcome: str, data: dict[str, Any]) -> LogLine:
    """Return the line about a run: `outcome` is start, success or error."""
    level = logging.ERROR if outcome == ERROR else logging.INFO
    return LogLine(f"{_WAY[direction]}.job.{outcome}", level, {}, data)
