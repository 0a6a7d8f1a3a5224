"""The names by which Hull's operators find what happened."""

from __future__ import annotations

import logging

import pytest

from sync.engine.plan import Result
from sync.hull.vocabulary import job_line, record_line
from sync.records import Direction, ObjectType


@pytest.mark.parametrize(
    ("direction", "object_type", "result", "message", "level"),
    [
        (Direction.OUTBOUND, ObjectType.LEAD, Result.CREATED, "outgoing.account.success", logging.INFO),
        (Direction.OUTBOUND, ObjectType.CONTACT, Result.UPDATED, "outgoing.user.success", logging.INFO),
        (Direction.OUTBOUND, ObjectType.LEAD, Result.SKIPPED, "outgoing.account.skip", logging.DEBUG),
        (Direction.OUTBOUND, ObjectType.LEAD, Result.UNCHANGED, "outgoing.account.skip", logging.DEBUG),
        (Direction.OUTBOUND, ObjectType.CONTACT, Result.PENDING, "outgoing.user.skip", logging.DEBUG),
        (Direction.OUTBOUND, ObjectType.LEAD, Result.FAILED, "outgoing.account.error", logging.ERROR),
        (Direction.INBOUND, ObjectType.LEAD, Result.CREATED, "incoming.account.success", logging.DEBUG),
        (Direction.INBOUND, ObjectType.CONTACT, Result.SKIPPED, "incoming.user.skip", logging.DEBUG),
        (Direction.INBOUND, ObjectType.CONTACT, Result.FAILED, "incoming.user.error", logging.ERROR),
    ],
)
def test_names_and_levels(
    direction: Direction, object_type: ObjectType, result: Result, message: str, level: int
) -> None:
    line = record_line(direction, object_type, result, data={})
    assert (line.message, line.level) == (message, level)


@pytest.mark.parametrize("result", Result)
def test_every_result_has_a_name(result: Result) -> None:
    assert record_line(Direction.OUTBOUND, ObjectType.LEAD, result, data={}).message


def test_a_record_stands_under_its_ids() -> None:
    line = record_line(
        Direction.OUTBOUND,
        ObjectType.CONTACT,
        "CREATED",
        hull_id="5b1",
        close_id="cont_1",
        data={"reason": "NEW"},
    )
    assert line.context == {
        "subject_type": "user", "user_id": "5b1", "user_anonymous_id": "closeio:cont_1",
    }  # fmt: skip
    assert record_line(Direction.INBOUND, ObjectType.LEAD, "SKIPPED", data={}).context == {
        "subject_type": "account"
    }


def test_jobs() -> None:
    assert job_line(Direction.INBOUND, "start", {}).message == "incoming.job.start"
    assert job_line(Direction.OUTBOUND, "error", {"reason": "x"}).level == logging.ERROR
