"""What an empty Hull value does to a field of Close: the whole matrix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from sync.engine.outbound import plan_family
from sync.engine.plan import BaseValue, Decision, Family, KnownRecord, OutboundRecord
from sync.records import (
    CloseSchema,
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    LeadStatus,
    MappingRow,
    Mode,
    ObjectType,
    OnNull,
    SyncSettings,
)

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
LEAD, CONTACT, OUT = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND
NEVER, OURS = None, BaseValue("ours", "ours")

SCHEMA = CloseSchema(
    statuses=(LeadStatus("stat_1", "Potential"),),
    lead_fields=(
        CustomField("cf_date", "Renewal", "date"), CustomField("cf_time", "Seen", "datetime"),
        CustomField("cf_number", "Seats", "number"), CustomField("cf_text", "Tier"),
        CustomField("cf_set", "Products", "choices", ("a", "b"), multiple=True),
    ),
)  # fmt: skip


def decided(row: MappingRow, raw: Any, base: BaseValue | None, close: Any, **told: Any) -> Decision:
    """Plan one linked, current lead with one mapped attribute."""
    attributes = {"id": "a1", "name": "Acme", "domain": "acme.com", "indexed_at": LATE.isoformat(), **told}
    fields = {"name": "Acme", "url": "https://acme.com", "status_id": "stat_1"} | (
        {row.close: close} if close else {}
    )
    there = KnownRecord(
        "lead_1", fields, hull_id="a1" if base else None, base={row.close: base} if base else {}, updated_at=EARLY,
        current=True,
    )  # fmt: skip
    hull = HullAccount(attributes | {row.hull: raw}, ("s1",))
    settings = SyncSettings(account_segments=("s1",), rows=(row,), schema=SCHEMA)
    record = (
        OutboundRecord("a1", LEAD, hull, link=there)
        if base
        else OutboundRecord("a1", LEAD, hull, candidates=(there,))
    )
    decision = plan_family(Family(record), settings).lead
    assert decision is not None
    return decision


def expected(mode: Mode, on_null: OnNull, raw: Any, base: BaseValue | None, close: Any) -> dict[str, Any]:
    """Say in words what an empty value may do: it clears what we wrote, if it is still there and may be cleared."""
    is_asked = raw == "" or on_null is OnNull.CLEAR
    is_ours = base is not None and close == "ours"
    return {"description": None} if mode is Mode.ALWAYS and is_asked and is_ours else {}


@pytest.mark.parametrize(
    ("mode", "on_null", "raw", "base", "close"),
    list(product(Mode, OnNull, (None, ""), (NEVER, OURS), ("", "ours", "a rep's"))),
)
def test_an_empty_value_of_a_known_record(
    mode: Mode, on_null: OnNull, raw: Any, base: BaseValue | None, close: Any
) -> None:
    row = MappingRow(LEAD, OUT, "about", "description", mode, on_null)

    assert decided(row, raw, base, close).body == expected(mode, on_null, raw, base, close)


@pytest.mark.parametrize("on_null", OnNull)
@pytest.mark.parametrize(
    ("raw", "sent"), [(0, "0"), (False, "false"), (0.0, "0.0"), (" ", " ")], ids=["zero", "no", "nought", "space"]
)  # fmt: skip
def test_what_looks_empty_and_is_a_value(on_null: OnNull, raw: Any, sent: str) -> None:
    row = MappingRow(LEAD, OUT, "about", "description", on_null=on_null)

    assert decided(row, raw, OURS, "ours").body == {"description": sent}


@pytest.mark.parametrize("raw", [None, ""])
@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("custom.cf_date", "2026-01-01"), ("custom.cf_time", "2026-01-01T00:00:00+00:00"), ("custom.cf_number", 7),
        ("custom.cf_text", "gold"), ("description", "text"), ("custom.cf_set", ["a"]),
    ],
)  # fmt: skip
def test_a_field_of_any_type_is_emptied(path: str, stored: Any, raw: Any) -> None:
    decision = decided(MappingRow(LEAD, OUT, "x", path), raw, BaseValue(stored, stored), stored)

    assert decision.body == {path: None}


@pytest.mark.parametrize("raw", [None, ""])
@pytest.mark.parametrize("path", ["name", "url", "status_id", "custom.cf_text"])
def test_a_name_an_identifier_and_a_status_are_never_emptied(path: str, raw: Any) -> None:
    row = MappingRow(LEAD, OUT, "x", path)
    attributes = {"id": "a1", "external_id": "e1", "name": "Acme", "indexed_at": LATE.isoformat(), "x": raw}
    fields = {"name": "Acme", "url": "https://acme.com", "status_id": "stat_1", "custom.cf_text": "e1"}
    base = {name: BaseValue(value, value) for name, value in fields.items()}
    settings = SyncSettings(
        account_segments=("ALL",), identity_hull="external_id", identity_close="custom.cf_text", rows=(row,),
        schema=SCHEMA,
    )  # fmt: skip
    there = KnownRecord("lead_1", fields, hull_id="a1", base=base, updated_at=EARLY)
    decision = plan_family(
        Family(OutboundRecord("a1", LEAD, HullAccount(attributes, ()), link=there)), settings
    ).lead

    assert decision is not None
    assert decision.body == {}


@pytest.mark.parametrize("raw", [None, "", []])
def test_what_is_empty_is_not_sent_with_a_new_record(raw: Any) -> None:
    rows = (
        MappingRow(LEAD, OUT, "x", "description"), MappingRow(LEAD, OUT, "x", "custom.cf_number"),
        MappingRow(LEAD, OUT, "x", "custom.cf_set"), MappingRow(LEAD, OUT, "x", "addresses.business.city"),
        MappingRow(CONTACT, OUT, "x", "title"), MappingRow(CONTACT, OUT, "x", "phones.mobile"),
    )  # fmt: skip
    account = HullAccount({"id": "a1", "name": "Acme", "domain": "acme.com", "x": raw}, ("s1",))
    user = HullUser({"id": "u1", "name": "Ada", "x": raw}, (), account)
    plan = plan_family(
        Family(OutboundRecord("a1", LEAD, account), (OutboundRecord("u1", CONTACT, user),)),
        SyncSettings(account_segments=("s1",), rows=rows, schema=SCHEMA),
    )

    assert [decision.body for decision in plan.decisions] == [
        {"name": "Acme", "url": "https://acme.com"},
        {"name": "Ada"},
    ]


# ── Lists and sets ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "on_null", "raw", "base", "held", "kept"),
    [
        ("null clears ours", OnNull.CLEAR, None, ["a"], ["a", "b"], ["b"]),
        ("null leaves ours", OnNull.LEAVE, None, ["a"], ["a", "b"], None),
        ("empty on purpose", OnNull.LEAVE, "", ["a"], ["a", "b"], ["b"]),
        ("an empty list on purpose", OnNull.LEAVE, [], ["a"], ["a", "b"], ["b"]),
        ("an adopted record keeps all", OnNull.CLEAR, "", None, ["a", "b"], None),
        ("a rep took ours away", OnNull.CLEAR, None, ["a"], ["b"], None),
        ("the last one goes", OnNull.CLEAR, None, ["a"], ["a"], []),
    ],
)
def test_an_emptied_set_gives_up_ours_only(
    what: str, on_null: OnNull, raw: Any, base: Any, held: list[str], kept: list[str] | None
) -> None:
    row = MappingRow(LEAD, OUT, "x", "custom.cf_set", on_null=on_null)
    decision = decided(row, raw, BaseValue(base, base) if base else None, held)

    assert decision.body == ({} if kept is None else {"custom.cf_set": kept or None}), what
