"""Whose value stays when both sides changed a field: each policy, a person's choice, and entries beside others'."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from sync.engine.conflict import Choice, resolve, resolve_entries
from sync.engine.echo import agreed
from sync.engine.outbound import plan_family
from sync.engine.patch import build_patch
from sync.engine.plan import BaseValue, Chosen, Decision, Family, KnownRecord, OutboundRecord
from sync.mapping.outbound import Desired, DesiredValue
from sync.mapping.paths import parse_close_path
from sync.mapping.transforms import is_empty, same
from sync.records import Conflict, Direction, HullAccount, MappingRow, Mode, ObjectType, SyncSettings

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
BASE = BaseValue("h", "c")
NEWEST, HULL, CLOSE, HOLD = Conflict.NEWEST, Conflict.HULL, Conflict.CLOSE, Conflict.HOLD


# ── One value ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "hull_at", "close_at", "choice"),
    [
        (NEWEST, LATE, EARLY, Choice.WRITE),
        (NEWEST, EARLY, LATE, Choice.AGREED),
        (NEWEST, LATE, LATE, Choice.AGREED),
        (HULL, EARLY, LATE, Choice.WRITE),
        (CLOSE, LATE, EARLY, Choice.AGREED),
        (HOLD, LATE, EARLY, Choice.HOLD),
        (HOLD, EARLY, LATE, Choice.HOLD),
    ],
)
def test_the_policy_decides_a_double_edit(
    policy: Conflict, hull_at: datetime, close_at: datetime, choice: Choice
) -> None:
    decided = resolve(Mode.ALWAYS, "h2", "c2", BASE, hull_at=hull_at, close_at=close_at, policy=policy)

    assert decided is choice


@pytest.mark.parametrize("policy", list(Conflict))
@pytest.mark.parametrize(
    ("what", "mode", "hull", "close", "base", "choice"),
    [
        ("only Hull changed", Mode.ALWAYS, "h2", "c", BASE, Choice.WRITE),
        ("only Close changed", Mode.ALWAYS, "h", "c2", BASE, Choice.LEAVE),
        ("both changed to the same", Mode.ALWAYS, "n", "n", BASE, Choice.AGREED),
        ("nobody changed", Mode.ALWAYS, "h", "c", BASE, Choice.LEAVE),
        ("never agreed", Mode.ALWAYS, "h", "c", None, Choice.WRITE),
        ("only where Close is empty", Mode.IF_EMPTY, "h2", "c2", BASE, Choice.LEAVE),
        ("only in new records", Mode.ON_CREATE, "h2", "c2", BASE, Choice.LEAVE),
        ("emptied in Hull only", Mode.ALWAYS, None, "c", BASE, Choice.WRITE),
        ("emptied on both sides", Mode.ALWAYS, None, "", BASE, Choice.AGREED),
    ],
)  # fmt: skip
def test_without_a_double_edit_the_policy_says_nothing(
    policy: Conflict, what: str, mode: Mode, hull: Any, close: Any, base: BaseValue | None, choice: Choice
) -> None:
    decided = resolve(mode, hull, close, base, hull_at=LATE, close_at=EARLY, policy=policy)

    assert decided is choice, what


@pytest.mark.parametrize(
    ("policy", "choice"),
    [(NEWEST, Choice.LEAVE), (HULL, Choice.WRITE), (CLOSE, Choice.AGREED), (HOLD, Choice.HOLD)],
)
def test_emptied_in_hull_and_edited_in_close(policy: Conflict, choice: Choice) -> None:
    assert resolve(Mode.ALWAYS, None, "c2", BASE, hull_at=LATE, close_at=EARLY, policy=policy) is choice


# ── Entries beside other people's ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "hull", "close", "base", "policy", "choice"),
    [
        ("Hull unchanged, ours edited", ["a"], ["x"], BaseValue(["a"], ["a"]), HULL, Choice.LEAVE),
        ("Hull changed, ours there", ["b"], ["a"], BaseValue(["a"], ["a"]), HOLD, Choice.WRITE),
        ("Hull changed, others added one", ["b"], ["a", "x"], BaseValue(["a"], ["a"]), HOLD, Choice.WRITE),
        ("Hull changed, others removed theirs", ["b"], ["a"], BaseValue(["a"], ["x", "a"]), HOLD, Choice.WRITE),
        ("Hull changed, ours edited", ["b"], ["x"], BaseValue(["a"], ["a"]), HOLD, Choice.HOLD),
        ("Hull changed, ours removed", ["b"], [], BaseValue(["a"], ["a"]), HOLD, Choice.HOLD),
        ("Close wins", ["b"], ["x"], BaseValue(["a"], ["a"]), CLOSE, Choice.AGREED),
        ("Hull wins", ["b"], ["x"], BaseValue(["a"], ["a"]), HULL, Choice.WRITE),
        ("Hull is newer", ["b"], ["x"], BaseValue(["a"], ["a"]), NEWEST, Choice.WRITE),
        ("edited to what Hull wants", ["b"], ["b"], BaseValue(["a"], ["a"]), HOLD, Choice.AGREED),
        ("ours were lost before", ["b"], ["x"], BaseValue(["a"], ["x"]), HOLD, Choice.WRITE),
        ("emptied in Hull, ours edited", [], ["x"], BaseValue(["a"], ["a"]), HOLD, Choice.HOLD),
        ("nothing of ours, nothing wanted", [], ["x"], None, HOLD, Choice.LEAVE),
        ("first time", ["b"], ["x"], None, HOLD, Choice.WRITE),
    ],
)  # fmt: skip
def test_an_edit_of_our_entry_counts_as_closes_change(
    what: str, hull: list[str], close: list[str], base: BaseValue | None, policy: Conflict, choice: Choice
) -> None:
    decided = resolve_entries(Mode.ALWAYS, hull, close, base, hull_at=LATE, close_at=EARLY, policy=policy)

    assert decided is choice, what


# ── A record ─────────────────────────────────────────────────────────────────────────────────────


def settings(policy: Conflict) -> SyncSettings:
    row = MappingRow(ObjectType.LEAD, Direction.OUTBOUND, "description", "description", conflict=policy)
    return SyncSettings(account_segments=("ALL",), rows=(row,))


def record(known: KnownRecord, hull: Any, *, at: datetime = LATE, **values: Any) -> OutboundRecord:
    told = {
        "id": "a1",
        "name": "Acme",
        "domain": "acme.com",
        "description": hull,
        "indexed_at": at.isoformat(),
    }
    return OutboundRecord("a1", ObjectType.LEAD, HullAccount(told, ()), link=known, **values)


def known(close: Any, base: BaseValue | None, *, current: bool = True, **fields: Any) -> KnownRecord:
    held = {"name": "Acme", "url": "https://acme.com", "description": close} | fields
    return KnownRecord(
        "lead_1", held, "a1", base={"description": base} if base else {}, updated_at=EARLY, current=current
    )


def plan(one: OutboundRecord, policy: Conflict) -> Decision:
    decision = plan_family(Family(one), settings(policy)).lead
    assert decision is not None
    return decision


def test_a_held_field_waits_and_the_others_are_written() -> None:
    decision = plan(record(known("the rep's", BASE, name="Old name"), "Hull's"), HOLD)

    assert (decision.result, decision.reason) == ("PENDING", "CONFLICT")
    assert decision.verb == "UPDATE_LEAD"
    assert decision.body == {"name": "Acme"}
    assert decision.conflicts == {"description": ("Hull's", "the rep's")}
    assert "description" not in decision.base
    assert "description: changed on both sides" in decision.notes[0]


@pytest.mark.parametrize(
    ("side", "body", "reason"),
    [(Conflict.HULL, {"description": "Hull's"}, "CHANGED"), (Conflict.CLOSE, {}, "IN_SYNC")],
)
def test_a_persons_choice_is_obeyed(side: Conflict, body: dict[str, Any], reason: str) -> None:
    chosen = {"description": Chosen(side, "Hull's", "the rep's")}

    decision = plan(record(known("the rep's", BASE), "Hull's", chosen=chosen), HOLD)

    assert (decision.body, decision.reason) == (body, reason)
    assert agreed(decision.base, {"description": "the rep's"})["description"].stored == "the rep's"
    assert decision.base["description"] == "Hull's"


@pytest.mark.parametrize(
    ("hull", "close"), [("Hull's", "the rep's second edit"), ("Hull's second edit", "the rep's")]
)
def test_a_choice_between_other_values_is_no_choice(hull: str, close: str) -> None:
    chosen = {"description": Chosen(Conflict.HULL, "Hull's", "the rep's")}

    assert plan(record(known(close, BASE), hull, chosen=chosen), HOLD).reason == "CONFLICT"


@pytest.mark.parametrize(("policy", "asks"), [(NEWEST, False), (HULL, False), (CLOSE, True), (HOLD, True)])
def test_where_closes_edits_count_the_record_is_read_before_it_is_written(
    policy: Conflict, asks: bool
) -> None:
    decision = plan(record(known("c", BASE, current=False), "Hull's"), policy)

    assert decision.read_first is asks


def test_a_paused_field_is_left_out_with_both_values() -> None:
    entry = {"since": EARLY.isoformat(), "values": ["Rockets", "Trains"]}
    there = replace(known("c", BASE, name="Old name"), paused={"description": entry})

    decision = plan(record(there, "Hull's"), NEWEST)

    assert (decision.reason, decision.body, decision.paused) == (
        "CHANGED",
        {"name": "Acme"},
        ("description",),
    )
    assert "between “Rockets” and “Trains”" in " ".join(decision.notes)
    assert "description" not in decision.base


@pytest.mark.parametrize(("hull", "reason"), [("Hull's", "FLIPPING"), ("h", "IN_SYNC")])
def test_nothing_but_a_paused_field_is_a_skip(hull: str, reason: str) -> None:
    there = replace(known("c", BASE), paused={"description": {"since": EARLY.isoformat(), "values": []}})

    decision = plan(record(there, hull), HOLD)

    assert (decision.reason, decision.verb) == (reason, None)


# ── For any values ───────────────────────────────────────────────────────────────────────────────

VALUES = some.one_of(some.none(), some.just(""), some.text(max_size=3), some.integers(0, 3))
POLICIES = some.sampled_from(Conflict)
MOMENTS = some.sampled_from([EARLY, LATE])


@given(hull=VALUES, close=VALUES, sent=VALUES, stored=VALUES, policy=POLICIES, at=MOMENTS)
def test_planning_after_carrying_out_gives_no_operation(
    hull: Any, close: Any, sent: Any, stored: Any, policy: Conflict, at: datetime
) -> None:
    there = known(close, BaseValue(sent, stored))
    decision = plan(record(there, hull, at=at), policy)

    fields = {**there.close, **decision.body}
    base = {**there.base, **agreed(decision.base, fields)}
    again = plan(record(replace(there, close=fields, base=base), hull, at=at), policy)

    assert again.verb is None
    assert again.conflicts == decision.conflicts


@given(hull=VALUES, close=VALUES, sent=VALUES, stored=VALUES, at=MOMENTS)
def test_close_and_hold_never_write_over_a_double_edit(
    hull: Any, close: Any, sent: Any, stored: Any, at: datetime
) -> None:
    assume(not same(hull, sent) and not same(close, stored) and not is_empty(close))

    for policy in (CLOSE, HOLD):
        assert plan(record(known(close, BaseValue(sent, stored)), hull, at=at), policy).verb is None


WORDS = some.lists(some.sampled_from("abcd"), max_size=3, unique=True)


@given(hull=WORDS, close=WORDS, sent=WORDS, stored=WORDS, policy=POLICIES, at=MOMENTS)
def test_sets_settle_too_and_keep_what_others_added(
    hull: list[str], close: list[str], sent: list[str], stored: list[str], policy: Conflict, at: datetime
) -> None:
    path = parse_close_path("custom.cf_tags")
    wanted = Desired((DesiredValue(path, hull, Mode.ALWAYS, "choices", conflict=policy, is_set=True),))
    there = KnownRecord(
        "lead_1", {path.raw: close}, base={path.raw: BaseValue(sent, stored)}, updated_at=EARLY, current=True
    )
    patch = build_patch(wanted, there, at)

    fields = {**there.close, **patch.body}
    after = replace(there, close=fields, base={**there.base, **agreed(patch.base, fields)})
    again = build_patch(wanted, after, at)

    assert again.body == {}
    assert set(close) - set(sent) <= set(fields[path.raw] or [])
    if policy in (CLOSE, HOLD) and set(sent) & set(stored) - set(close):
        assert patch.body == {}
