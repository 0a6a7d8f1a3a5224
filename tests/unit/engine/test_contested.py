"""Attributes that both sides changed, as the way from Close to Hull sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.engine.contested import both_ways
from sync.engine.inbound import plan_inbound, values_before_and_after, write_back
from sync.engine.plan import BaseValue, Chosen, InboundRecord, KnownRecord, OutboundRecord
from sync.records import (
    Attributes,
    CloseSchema,
    Conflict,
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    LeadStatus,
    MappingRow,
    ObjectType,
    SyncSettings,
)

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
LEAD, CONTACT, OUT, IN = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND, Direction.INBOUND
SCHEMA = CloseSchema(
    statuses=(LeadStatus("stat_1", "Potential"), LeadStatus("stat_2", "Won"), LeadStatus("stat_3", "Lost")),
    lead_fields=(CustomField("cf_t", "Tags", "choices", ("a", "b", "c"), multiple=True),),
)


def settings(policy: Conflict = Conflict.HOLD, **values: Any) -> SyncSettings:
    rows = [
        MappingRow(LEAD, way, hull, close, conflict=policy)
        for hull, close in (("about", "description"), ("traits_stage", "status_id"), ("tags", "custom.cf_t"))
        for way in (OUT, IN)
    ]
    return SyncSettings(**{"account_segments": ("s1",), "rows": tuple(rows), "schema": SCHEMA} | values)


def record(
    hull: dict[str, Any],
    close: dict[str, Any],
    base: dict[str, BaseValue],
    *,
    at: datetime = LATE,
    **values: Any,
) -> InboundRecord:
    told = {
        "about": "old",
        "stage": "Potential",
        "closeio/id": "lead_1",
        "closeio/name": "Acme",
        "name": "Acme",
    }
    link = KnownRecord("lead_1", {"name": "Acme"} | close, "a1", base=base, sent=told, updated_at=EARLY)
    account = HullAccount({"id": "a1", "indexed_at": at.isoformat()} | hull, ("s1",))
    queued = OutboundRecord("a1", LEAD, account, **values)
    return InboundRecord("lead_1", LEAD, "upsert", link, EARLY, queued=queued)


DOUBLE: dict[str, Any] = {
    "hull": {"about": "Hull's"}, "close": {"description": "rep's"}, "base": {"description": BaseValue("old", "old")}
}  # fmt: skip


def told(one: InboundRecord, by: SyncSettings) -> Attributes:
    write = plan_inbound(one, by).write
    return write.attributes if write else {}


@pytest.mark.parametrize(
    ("policy", "at", "is_told"),
    [
        (Conflict.HOLD, LATE, False),
        (Conflict.HULL, EARLY, False),
        (Conflict.CLOSE, LATE, True),
        (Conflict.NEWEST, LATE, False),
        (Conflict.NEWEST, EARLY, True),
    ],
)
def test_hulls_edit_on_its_way_is_not_overwritten(policy: Conflict, at: datetime, is_told: bool) -> None:
    decision = plan_inbound(record(**DOUBLE, at=at), settings(policy))

    assert ("about" in (decision.write.attributes if decision.write else {})) is is_told
    assert decision.sent["about"] == ("rep's" if is_told else "old")
    assert any("about: changed on both sides" in note for note in decision.notes) is not is_told


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("Hull did not change", {"hull": {"about": "old"}}),
        ("Hull did not tell it", {"hull": {}}),
        ("never agreed", {"base": {}}),
        ("a person chose Close's", {"chosen": {"description": Chosen(Conflict.CLOSE, "Hull's", "rep's")}}),
    ],
)
def test_what_is_not_contested_is_told(what: str, changed: dict[str, Any]) -> None:
    assert told(record(**{**DOUBLE, **changed}), settings())["about"] == "rep's", what


def test_what_does_not_go_out_takes_nothing_from_closes_edit() -> None:
    outside = record(**DOUBLE)
    assert outside.queued is not None

    assert told(replace(outside, queued=None), settings())["about"] == "rep's"
    assert told(outside, settings(account_segments=("other",)))["about"] == "rep's"
    assert "about" not in told(record(**DOUBLE, batch=True), settings(account_segments=("other",)))


def test_the_other_attributes_are_told_all_the_same() -> None:
    base = {"description": BaseValue("old", "old"), "status_id": BaseValue("stat_1", "stat_1")}
    both = record({"about": "Hull's"}, {"description": "rep's", "status_id": "stat_2"}, base)

    decision = plan_inbound(both, settings())

    assert told(both, settings())["stage"] == "Won"
    assert "about" not in told(both, settings())
    assert values_before_and_after(decision)["stage"] == ["Potential", "Won"]


@pytest.mark.parametrize(
    ("what", "hull", "close", "base", "kept"),
    [
        ("a status by its label", {"stage": "Lost"}, {"status_id": "stat_2"}, ("status_id", "stat_1", "stat_1"), "stage"),
        ("ours taken out of a set", {"tags": ["b"]}, {"custom.cf_t": ["c"]}, ("custom.cf_t", ["a"], ["a"]), "tags"),
    ],
)  # fmt: skip
def test_values_are_compared_as_close_takes_them(
    what: str, hull: dict[str, Any], close: dict[str, Any], base: tuple[str, Any, Any], kept: str
) -> None:
    path, sent, stored = base

    assert kept not in told(record(hull, close, {path: BaseValue(sent, stored)}), settings()), what


def test_what_others_add_to_a_set_is_told() -> None:
    added = record({"tags": ["b"]}, {"custom.cf_t": ["a", "c"]}, {"custom.cf_t": BaseValue(["a"], ["a"])})

    assert told(added, settings())["tags"] == ["a", "c"]


def test_a_paused_field_is_not_told_over_hulls_value() -> None:
    one = record(**DOUBLE)
    paused = replace(one, link=replace(one.link, paused={"description": {"since": "", "values": []}}))

    assert "about" not in told(paused, settings(Conflict.HULL))


def test_a_write_back_leaves_the_undecided_alone() -> None:
    known = record(**DOUBLE).link

    write, sent = write_back(known, LEAD, settings(), undecided=["description"])
    decided, told_after = write_back(known, LEAD, settings())

    assert write is not None and decided is not None
    assert ("about" in write.attributes, sent["about"]) == (False, "old")
    assert (decided.attributes["about"], told_after["about"]) == ("rep's", "rep's")


def test_only_what_has_one_name_on_both_ways_is_mapped_both_ways() -> None:
    rows = (
        MappingRow(CONTACT, OUT, "traits_title", "title"),
        MappingRow(CONTACT, IN, "title", "title"),
        MappingRow(CONTACT, OUT, "closeio/name", "name"),
        MappingRow(CONTACT, IN, "closeio/name", "name"),
        MappingRow(CONTACT, OUT, "account.city", "custom.cf_1"),
        MappingRow(CONTACT, IN, "account.city", "custom.cf_1"),
        MappingRow(CONTACT, OUT, "email", "emails.office"),
        MappingRow(CONTACT, IN, "", "emails"),
        MappingRow(LEAD, IN, "title", "title"),
    )

    assert both_ways(CONTACT, SyncSettings(rows=rows)) == {"title": "title"}


def test_a_users_edit_counts_like_an_accounts() -> None:
    rows = tuple(MappingRow(CONTACT, way, "title", "title", conflict=Conflict.HULL) for way in (OUT, IN))
    by = SyncSettings(user_segments=("s1",), rows=rows)
    link = KnownRecord(
        "cont_1", {"title": "rep's"}, "u1", base={"title": BaseValue("old", "old")}, sent={"title": "old"}
    )
    hull = HullUser({"id": "u1", "title": "Hull's"}, ("s1",))
    one = InboundRecord("cont_1", CONTACT, "upsert", link, EARLY, queued=OutboundRecord("u1", CONTACT, hull))

    assert "title" not in told(one, by)
    assert told(one, replace(by, user_segments=("s2",)))["title"] == "rep's"
