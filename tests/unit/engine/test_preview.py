"""What an edit does to records: counted, compared field by field, named, and asked about when it is much."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine.plan import (
    Decision,
    DoneReason,
    FailureMode,
    HullWrite,
    InboundDecision,
    InboundRecord,
    KnownRecord,
    OutboundRecord,
    Result,
    SkipReason,
    Verb,
    WaitReason,
)  # fmt: skip
from sync.engine.preview import Effect, Line, compare, inbound_line, outbound_line
from sync.records import Direction, HullAccount, ObjectType
from tests.unit.engine.families import NOW

CLOSE = {"name": "Acme", "description": "Robots", "url": "https://acme.com"}
KNOWN = KnownRecord("lead_1", close=CLOSE, sent={"closeio/name": "Acme"})
RECORD = OutboundRecord("a-1", ObjectType.LEAD, HullAccount({"id": "a-1", "name": "Acme"}), link=KNOWN)


def line(key: str, effect: Effect = Effect.UNCHANGED, **values: Any) -> Line:
    return Line(Direction.OUTBOUND, ObjectType.LEAD, key, key, effect, "CHANGED", values)


@pytest.mark.parametrize(
    ("result", "reason", "verb", "body", "effect"),
    [
        (Result.CREATED, DoneReason.NEW, Verb.CREATE_LEAD, {"name": "New"}, Effect.CREATED),
        (Result.UPDATED, DoneReason.CHANGED, Verb.UPDATE_LEAD, {"name": "Acme Inc"}, Effect.CHANGED),
        (Result.UPDATED, DoneReason.CHANGED, Verb.UPDATE_LEAD, {"description": None}, Effect.CLEARED),
        (
            Result.UPDATED,
            DoneReason.CHANGED,
            Verb.UPDATE_LEAD,
            {"description": "", "name": "X"},
            Effect.CLEARED,
        ),
        (Result.UPDATED, DoneReason.CHANGED, Verb.UPDATE_LEAD, {"title": None}, Effect.CHANGED),
        (Result.UPDATED, DoneReason.DELETED, Verb.DELETE_LEAD, {}, Effect.DELETED),
        (Result.UNCHANGED, DoneReason.IN_SYNC, None, {}, Effect.UNCHANGED),
        (Result.SKIPPED, SkipReason.NOT_IN_SEGMENT, None, {}, Effect.SKIPPED),
        (Result.PENDING, WaitReason.AMBIGUOUS_MATCH, None, {}, Effect.HELD),
        (Result.FAILED, FailureMode.CONFIGURATION, None, {}, Effect.HELD),
    ],
)
def test_what_a_decision_does_in_close(
    result: Result, reason: Any, verb: Verb | None, body: dict[str, Any], effect: Effect
) -> None:
    decision = Decision(RECORD, result, reason, verb, close_id="lead_1", body=body)

    assert outbound_line(decision).effect is effect


@pytest.mark.parametrize(
    ("attributes", "effect"),
    [
        ({"closeio/name": "Acme Inc"}, Effect.CHANGED),
        ({"closeio/name": None}, Effect.CLEARED),
        ({"closeio/status": "Potential"}, Effect.CHANGED),
        (None, Effect.UNCHANGED),
    ],
)
def test_what_a_decision_tells_hull(attributes: dict[str, Any] | None, effect: Effect) -> None:
    record = InboundRecord("lead_1", ObjectType.LEAD, "upsert", KNOWN, NOW)
    write = HullWrite(ObjectType.LEAD, attributes) if attributes else None
    result = Result.UPDATED if write else Result.UNCHANGED

    told = inbound_line(InboundDecision(record, result, DoneReason.CHANGED, write), "Acme")

    assert (told.effect, told.label) == (effect, "Acme")


def test_only_what_the_edit_causes_is_shown_field_by_field() -> None:
    before = [
        line("a", Effect.CHANGED, name=["x", "y"]),
        line("b"),
        line("c", Effect.CHANGED, title=["1", "2"]),
    ]
    after = [
        line("a", Effect.CHANGED, name=["x", "y"], url=["", "acme.com"]), line("b"), line("c"),
    ]  # fmt: skip

    found = compare(before, after, total=3)

    assert [(one.after.key, one.fields) for one in found.differing] == [
        ("a", {"url": ["", "", "acme.com"]}),
        ("c", {"title": ["1", "2", "1"]}),
    ]
    assert found.caused == {Effect.CHANGED: 1, Effect.UNCHANGED: 1}
    assert found.counts[Direction.OUTBOUND, ObjectType.LEAD, Effect.UNCHANGED] == 2


@pytest.mark.parametrize(
    ("effect", "records", "total", "asks"),
    [
        (Effect.CHANGED, 100, 100, False),
        (Effect.CHANGED, 101, 101, True),
        (Effect.CHANGED, 10, 1_000, False),
        (Effect.CHANGED, 11, 1_000, True),  # 110 of all, judged by a tenth of them
        (Effect.CLEARED, 10, 100, False),
        (Effect.CLEARED, 11, 100, True),
        (Effect.DELETED, 1, 100, True),
        (Effect.SKIPPED, 100, 100, False),
    ],
)
def test_much_asks_for_the_name(effect: Effect, records: int, total: int, asks: bool) -> None:
    looked_at = 100 if total == 1_000 else total
    before = [line(str(number)) for number in range(looked_at)]
    after = [
        line(str(number), effect if number < records else Effect.UNCHANGED) for number in range(looked_at)
    ]

    assert compare(before, after, total).asks_for_name is asks


def test_the_same_records_and_settings_have_one_name_in_any_order() -> None:
    before, after = [line("a"), line("b")], [line("a", Effect.CHANGED, name=[1, 2]), line("b")]

    names = {
        compare(before, after, 2).digest, compare(before[::-1], after[::-1], 2).digest,
        compare(before, [line("a", Effect.CHANGED, name=[1, 3]), line("b")], 2).digest,
    }  # fmt: skip

    assert len(names) == 2


def test_without_records_nothing_is_expected() -> None:
    found = compare([], [], total=0)

    assert (found.expected(*Effect), found.asks_for_name) == (0, False)
