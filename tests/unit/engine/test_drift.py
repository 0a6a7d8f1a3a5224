"""What changed in Close's fields, statuses and users, and which records that concerns."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine.drift import Drift, compare, is_concerned, new_options, stored
from sync.records import CloseSchema, CloseUser, CustomField, LeadStatus, ObjectType

LEAD = ObjectType.LEAD


def schema(
    *fields: CustomField, statuses: dict[str, str] | None = None, users: dict[str, str] | None = None, **names: str
) -> CloseSchema:  # fmt: skip
    return CloseSchema(
        statuses=tuple(LeadStatus(*pair) for pair in (statuses or {}).items()),
        lead_fields=fields,
        lead_names={f"custom.{field.close_id}": field.close_id for field in fields}
        | {f"custom.{key}": value for key, value in names.items()},
        users=tuple(CloseUser(key, f"{key}@x.com", name) for key, name in (users or {}).items()),
    )


TEXT, NUMBER, SEVERAL = (
    CustomField("cf_1", "A"),
    CustomField("cf_1", "A", "number"),
    CustomField("cf_1", "A", multiple=True),
)
RENAMED = CustomField("cf_1", "B")


@pytest.mark.parametrize(
    ("what", "before", "after", "changed"),
    [
        ("nothing", schema(TEXT, statuses={"s": "New"}), schema(TEXT, statuses={"s": "New"}), Drift()),
        ("first reading", CloseSchema(), schema(TEXT, statuses={"s": "New"}, users={"u": "Ann"}), Drift()),
        ("status renamed", schema(statuses={"s": "New"}), schema(statuses={"s": "Fresh"}), Drift(frozenset({"s"}))),
        ("status added", schema(statuses={"s": "New"}), schema(statuses={"s": "New", "t": "Old"}), Drift()),
        ("status removed", schema(statuses={"s": "New"}), schema(), Drift()),
        ("user renamed", schema(users={"u": "Ann"}), schema(users={"u": "Anne"}), Drift(users=frozenset({"u"}))),
        ("field renamed, name kept", schema(TEXT), schema(RENAMED), Drift()),
        ("field renamed, name follows", schema(TEXT), schema(RENAMED, cf_1="b"), Drift(fields={"LEAD": frozenset({"custom.cf_1"})})),
        ("field retyped", schema(TEXT), schema(NUMBER), Drift(fields={"LEAD": frozenset({"custom.cf_1"})})),
        ("several values now", schema(TEXT), schema(SEVERAL), Drift(fields={"LEAD": frozenset({"custom.cf_1"})})),
        ("field removed", schema(TEXT), schema(cf_1="cf_1"), Drift()),
        ("field there again", schema(cf_1="cf_1"), schema(TEXT), Drift(fields={"LEAD": frozenset({"custom.cf_1"})})),
        ("field added", schema(), schema(TEXT), Drift()),
    ],
)  # fmt: skip
def test_what_changed(what: str, before: CloseSchema, after: CloseSchema, changed: Drift) -> None:
    found = compare(before, after)

    assert found | Drift() == changed | Drift(fields={"LEAD": frozenset(), "CONTACT": frozenset()})
    assert bool(found) is bool(changed)
    assert stored(found.as_dict()) == found


@pytest.mark.parametrize(
    ("fields", "sent", "concerned"),
    [
        ({"status_id": "s"}, {}, True), ({"status_id": "t"}, {}, False), ({}, {}, False), ({"created_by": "u"}, {}, True),
        ({"custom.cf_o": "u"}, {}, True), ({"custom.cf_o": ["x", "u"]}, {}, True), ({"custom.cf_o": "x"}, {}, False),
        ({"custom.cf_1": 0}, {}, True), ({"custom.cf_1": None}, {}, False), ({}, {"closeio/a": "x"}, True), ({}, {"closeio/a": None}, False),
    ],
)  # fmt: skip
def test_which_records_that_concerns(fields: dict[str, Any], sent: dict[str, Any], concerned: bool) -> None:
    drift = Drift(frozenset({"s"}), frozenset({"u"}), {"LEAD": frozenset({"custom.cf_1"})})
    known = schema(TEXT, CustomField("cf_o", "Owner", "user"), cf_1="a")

    assert is_concerned(fields, sent, LEAD, drift, known) is concerned


@pytest.mark.parametrize(
    ("before", "after", "noticed", "shown"),
    [
        (["a"], ["a", "b"], [], ["b"]), (["a"], ["a"], [], []), (["a", "b"], ["a"], ["b"], []), (["a"], ["b", "a", "c"], ["a"], ["b", "a", "c"]),
    ],
)  # fmt: skip
def test_options_that_turned_up(
    before: list[str], after: list[str], noticed: list[str], shown: list[str]
) -> None:
    assert new_options(before, after, noticed) == shown
