"""Lists, sets and addresses that both sides write: ours follow Hull, everybody else's stays as it is."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.engine.echo import agreed, value_at
from sync.engine.outbound import plan_family
from sync.engine.plan import BaseValue, Decision, Family, KnownRecord, OutboundRecord, Result, Verb
from sync.engine.refusal import without_foreign
from sync.mapping.paths import ADDRESS_PARTS
from sync.mapping.transforms import is_empty
from sync.records import (
    CloseSchema,
    CloseUser,
    Conflict,
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    MappingRow,
    Mode,
    ObjectType,
    OnNull,
    SyncSettings,
)

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LEAD, CONTACT, OUT = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND
OPTIONS = ("a", "b", "c", "d")
SCHEMA = CloseSchema(
    lead_fields=(
        CustomField("cf_set", "Products", "choices", OPTIONS, multiple=True), CustomField("cf_one", "Tier", "choices", OPTIONS),
        CustomField("cf_rep", "Owner", "user"), CustomField("cf_number", "Seats", "number"), CustomField("cf_date", "Renewal", "date"),
    ),
    contact_fields=(CustomField("cf_set", "Topics", "choices", OPTIONS, multiple=True),),
    users=(CloseUser("user_1", "Ann@acme.com", "Ann Rep"), CloseUser("user_2", "bo@acme.com", "Bo"), CloseUser("user_3", "b@acme.com", "Bo")),
)  # fmt: skip


def settings(*rows: MappingRow) -> SyncSettings:
    return SyncSettings(account_segments=("s1",), rows=rows, schema=SCHEMA)


def leads(
    close: dict[str, Any], base: dict[str, BaseValue] | None = None, *, current: bool = True
) -> KnownRecord:
    fields = {"name": "Acme", "url": "https://acme.com"} | close
    return KnownRecord("lead_1", fields, hull_id="a1", base=base or {}, updated_at=EARLY, current=current)


def plan_lead(
    there: KnownRecord | None, rows: tuple[MappingRow, ...], later: int = 1, **told: Any
) -> Decision:
    """Plan one account; `later` says how many hours after Close's last change Hull's is."""
    at = EARLY + timedelta(hours=later)
    hull = {"id": "a1", "name": "Acme", "domain": "acme.com", "indexed_at": at.isoformat()} | told
    record = OutboundRecord("a1", LEAD, HullAccount(hull, ("s1",)), link=there)
    decision = plan_family(Family(record), settings(*rows)).lead
    assert decision is not None
    return decision


def lead_row(hull: str, close: str, *more: Any) -> MappingRow:
    return MappingRow(LEAD, OUT, hull, close, *more)


# ── Sets ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "base", "held", "hull", "written"),
    [
        ("adopting unites", None, ["d"], ["a", "b"], ["d", "a", "b"]),
        ("adopting what is there", None, ["b", "a", "d"], ["a", "b"], None),
        ("order does not matter", ["a", "b"], ["b", "a"], ["b", "a"], None),
        ("one more", ["a"], ["d", "a"], ["a", "b"], ["d", "a", "b"]),
        ("one less", ["a", "b"], ["a", "d", "b"], ["a"], ["a", "d"]),
        ("another one", ["a"], ["a", "d"], ["b"], ["d", "b"]),
        ("a rep took ours away, Hull is as before", ["a"], ["d"], ["a"], None),
        ("a rep added one, Hull is as before", ["a"], ["a", "d"], ["a"], None),
        ("a single value", None, None, "a", ["a"]),
        ("spelt otherwise", None, None, "A", ["a"]),
        ("twice the same", None, None, ["a", "A", None, ""], ["a"]),
    ],
)  # fmt: skip
def test_a_field_of_several_values_is_a_set(
    what: str, base: list[str] | None, held: list[str] | None, hull: Any, written: list[str] | None
) -> None:
    path = "custom.cf_set"
    there = leads({path: held} if held else {}, {path: BaseValue(base, base)} if base else {})

    decision = plan_lead(there, (lead_row("x", path),), x=hull)

    assert decision.body == ({} if written is None else {path: written}), what


def test_an_unknown_option_leaves_the_field_out_and_is_a_matter_of_configuration() -> None:
    rows = (lead_row("x", "custom.cf_set"), lead_row("y", "custom.cf_one"), lead_row("z", "description"))

    decision = plan_lead(leads({}), rows, x=["a", "Rocketry"], y="Robots", z="text")

    assert decision.body == {"description": "text"}
    assert [(one.path, one.option) for one in decision.left_out] == [
        ("custom.cf_set", "Rocketry"),
        ("custom.cf_one", "Robots"),
    ]
    assert "“Rocketry” is not an option of Products" in decision.notes[0]


@pytest.mark.parametrize(
    ("said", "close_id"),
    [
        ("user_1", "user_1"), ("ann@ACME.com", "user_1"), ("Ann Rep", "user_1"), (" Ann Rep ", "user_1"),
        ("ann rep", None), ("Bo", None), ("bo@acme.com", "user_2"), ("user_9", None),
    ],
)  # fmt: skip
def test_a_user_is_known_by_id_address_or_exact_name(said: str, close_id: str | None) -> None:
    decision = plan_lead(leads({}), (lead_row("x", "custom.cf_rep"),), x=said)

    assert decision.body == ({"custom.cf_rep": close_id} if close_id else {})
    assert [one.path for one in decision.left_out] == ([] if close_id else ["custom.cf_rep"])


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────

CITY, STATE = lead_row("city", "addresses.business.city"), lead_row("state", "addresses.business.state")
MAILING = {"label": "mailing", "city": "Bonn", "zipcode": "53111"}
OURS = {"label": "business", "city": "Rome"}


@pytest.mark.parametrize(
    ("what", "base", "held", "told", "written"),
    [
        ("added when missing", {}, [MAILING], {"city": "Rome"}, [MAILING, OURS]),
        ("added to none", {}, None, {"city": "Rome", "state": "RM"}, [OURS | {"state": "RM"}]),
        ("nothing to add", {}, [MAILING], {"city": None}, None),
        ("a part beside a rep's", {}, [MAILING, {"label": "business", "zipcode": "1"}], {"city": "Rome"}, [MAILING, {"label": "business", "zipcode": "1", "city": "Rome"}]),
        ("changed in place", {"city": "Rome"}, [OURS, MAILING], {"city": "Oslo"}, [OURS | {"city": "Oslo"}, MAILING]),
        ("a rep changed it, Hull did not", {"city": "Rome"}, [OURS | {"city": "Pisa"}], {"city": "Rome"}, None),
        ("one part emptied", {"city": "Rome", "state": "RM"}, [OURS | {"state": "RM"}], {"city": "Rome", "state": None}, [OURS]),
        ("all of ours emptied", {"city": "Rome"}, [OURS, MAILING], {"city": None}, [MAILING]),
        ("the only one emptied", {"city": "Rome"}, [OURS], {"city": ""}, []),
        ("ours emptied, a rep's part stays", {"city": "Rome"}, [OURS | {"zipcode": "1"}], {"city": None}, [{"label": "business", "zipcode": "1"}]),
        ("a rep's blank entry stays", {}, [{"label": "business", "city": ""}, MAILING], {"state": None}, None),
        ("the first of a label", {"city": "Rome"}, [OURS, {"label": "business", "city": "Pisa"}], {"city": "Oslo"}, [OURS | {"city": "Oslo"}, {"label": "business", "city": "Pisa"}]),
        ("the same already", {}, [OURS], {"city": "Rome"}, None),
        ("what Close works out is not sent", {}, [MAILING | {"tz_ids": ["Europe/Berlin"], "state": None}], {"city": "Rome"}, [MAILING, OURS]),
        ("what we do not know is sent back", {}, [MAILING | {"county": "K"}], {"city": "Rome"}, [MAILING | {"county": "K"}, OURS]),
    ],
)  # fmt: skip
def test_an_address_is_written_part_by_part(
    what: str, base: dict[str, str], held: Any, told: dict[str, Any], written: Any
) -> None:
    agreed_before = {f"addresses.business.{part}": BaseValue(value, value) for part, value in base.items()}
    there = leads({"addresses": held} if held else {}, agreed_before)
    before = deepcopy(held)

    decision = plan_lead(there, (CITY, STATE), **told)

    assert decision.body == ({} if written is None else {"addresses": written}), what
    assert [list(entry) for entry in decision.body.get("addresses", [])] == [
        list(entry) for entry in written or []
    ]
    assert held == before


def test_an_address_without_a_label_is_the_office() -> None:
    there = leads({"addresses": [{"label": "", "city": "Rome"}]})

    decision = plan_lead(there, (lead_row("city", "addresses.office.city"),), city="Oslo")

    assert decision.body == {"addresses": [{"label": "", "city": "Oslo"}]}


def test_a_new_lead_gets_its_address_whole() -> None:
    decision = plan_lead(
        None, (CITY, STATE, lead_row("m", "addresses.mailing.city")), city="Rome", state="", m="Bonn"
    )

    assert decision.body["addresses"] == [OURS, {"label": "mailing", "city": "Bonn"}]
    assert decision.base["addresses.business.city"] == "Rome"
    assert "addresses.business.state" not in decision.base


@pytest.mark.parametrize(
    ("rows", "told"),
    [((CITY,), {"city": "Rome"}), ((lead_row("x", "custom.cf_set"),), {"x": ["a"]})],
    ids=["addresses", "set"],
)
def test_what_is_replaced_whole_is_read_first(rows: tuple[MappingRow, ...], told: dict[str, Any]) -> None:
    assert plan_lead(leads({}, current=False), rows, **told).read_first
    assert not plan_lead(leads({}), rows, **told).read_first


def test_a_field_of_one_value_is_not_read_first() -> None:
    assert not plan_lead(leads({}, current=False), (lead_row("x", "custom.cf_one"),), x="a").read_first


# ── A row that says nothing this time ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "told", "emails"),
    [
        ("told null, and null leaves", {"work": None}, ["p@x.com", "w@x.com"]),
        ("not told", {}, ["p@x.com", "w@x.com"]),
        ("cannot be used", {"work": "nobody"}, ["p@x.com", "w@x.com"]),
        ("empty on purpose", {"work": ""}, ["p@x.com"]),
    ],
)
def test_two_rows_for_one_list_do_not_take_from_each_other(
    what: str, told: dict[str, Any], emails: list[str]
) -> None:
    rows = (
        MappingRow(CONTACT, OUT, "private", "emails.office"),
        MappingRow(CONTACT, OUT, "work", "emails.office", on_null=OnNull.LEAVE),
    )
    held = {"name": "Ada", "emails": [{"email": one, "type": "office"} for one in ("o@x.com", "w@x.com")]}
    base = {"emails.office": BaseValue(["o@x.com", "w@x.com"], ["o@x.com", "w@x.com"])}
    lead = leads({})
    contact = KnownRecord("cont_1", held, "u1", "lead_1", base=base, updated_at=EARLY, current=True)
    account = HullAccount({"id": "a1", "name": "Acme", "domain": "acme.com"}, ("s1",))
    user = HullUser({"id": "u1", "name": "Ada", "private": "p@x.com"} | told, (), account)
    family = Family(
        OutboundRecord("a1", LEAD, account, link=lead), (OutboundRecord("u1", CONTACT, user, link=contact),)
    )

    (decision,) = plan_family(family, settings(*rows)).contacts

    found = [entry["email"] for entry in decision.body["emails"]]
    if what == "empty on purpose":
        assert found == emails, what
    else:  # with one row silent nobody knows whose the old address was
        assert set(found) == {"o@x.com", *emails}, what


# ── Close refuses what it holds ──────────────────────────────────────────────────────────────────


def update(body: dict[str, Any], base: dict[str, Any]) -> Decision:
    return replace(
        plan_lead(leads({}), (), x=1), verb=Verb.UPDATE_CONTACT, result=Result.UPDATED, body=body, base=base
    )


PHONES = [{"phone": "12", "type": "home"}, {"phone": "+14155550100", "type": "mobile"}]


@pytest.mark.parametrize(
    ("what", "body", "base", "refused", "left"),
    [
        ("a foreign entry", {"phones": PHONES, "title": "CTO"}, {"phones.mobile": ["+14155550100"], "title": "CTO"}, {"phones.0.phone": "No."}, {"title": "CTO"}),
        ("only a foreign entry", {"phones": PHONES}, {"phones.mobile": ["+14155550100"]}, {"phones.0.phone": "No."}, {}),
        ("ours", {"phones": PHONES, "title": "CTO"}, {"phones.mobile": ["+14155550100"], "title": "CTO"}, {"phones.1.phone": "No."}, None),
        ("ours too", {"phones": PHONES}, {"phones.mobile": ["+14155550100"]}, {"phones.0.phone": "No.", "phones.1.phone": "No."}, None),
        ("nobody says which", {"phones": PHONES}, {"phones.mobile": ["+14155550100"]}, {"phones": "No."}, None),
        ("another field", {"phones": PHONES, "title": "CTO"}, {}, {"title": "No."}, None),
        ("another field too", {"phones": PHONES, "title": "CTO"}, {"phones.mobile": ["+14155550100"]}, {"phones.0.phone": "No.", "title": "No."}, {"title": "CTO"}),
        ("a foreign address", {"addresses": [MAILING, OURS]}, {"addresses.business.city": "Rome"}, {"addresses.0.country": "No."}, {}),
        ("a foreign part", {"addresses": [OURS | {"country": "?"}]}, {"addresses.business.city": "Rome"}, {"addresses.0.country": "No."}, {}),
        ("our part", {"addresses": [OURS]}, {"addresses.business.city": "Rome"}, {"addresses.0.city": "No."}, None),
        ("an option that is gone", {"custom.cf_set": ["old", "a"], "name": "A"}, {"custom.cf_set": ["a"], "name": "A"}, {"custom.cf_set": "No."}, {"name": "A"}),
        ("our option", {"custom.cf_set": ["a"]}, {"custom.cf_set": ["a"]}, {"custom.cf_set": "No."}, None),
    ],
)  # fmt: skip
def test_what_close_refuses_to_take_back_stays_and_the_rest_is_written(
    what: str,
    body: dict[str, Any],
    base: dict[str, Any],
    refused: dict[str, str],
    left: dict[str, Any] | None,
) -> None:
    rest = without_foreign(update(body, base), refused)

    assert (None if rest is None else rest.body) == left, what
    if rest is not None:
        assert "stays as it is" in rest.notes[-1] and "No." in rest.notes[-1]
        assert set(rest.base) == {path for path in base if path in left} if left is not None else True
        assert (rest.verb is None) is (not left)


# ── Properties: random mappings, records and histories ───────────────────────────────────────────

WORDS = some.sampled_from(["x", "y", "z", ""])
SCALAR = some.one_of(some.none(), WORDS, some.integers(0, 3), some.booleans())
SUBSET = some.lists(some.sampled_from(OPTIONS), max_size=3)
MODES, NULLS, CONFLICTS = (
    some.sampled_from(Mode),
    some.sampled_from(OnNull),
    some.sampled_from([Conflict.NEWEST]),
)
LABELS = some.sampled_from(["business", "mailing", "other"])
ADDRESS = some.builds(
    lambda label, parts: {"label": label} | parts,
    LABELS,
    some.dictionaries(some.sampled_from(ADDRESS_PARTS), WORDS.filter(bool), min_size=1),
)
TARGETS = (
    "description", "custom.cf_one", "custom.cf_number", "custom.cf_date", "custom.cf_set", "addresses.business.city",
    "addresses.business.state", "addresses.mailing.zipcode",
)  # fmt: skip


@some.composite
def mappings(draw: some.DrawFn) -> tuple[MappingRow, ...]:
    targets = draw(some.lists(some.sampled_from(TARGETS), unique=True))
    return tuple(
        lead_row(f"h{TARGETS.index(target)}", target, draw(MODES), draw(NULLS), draw(CONFLICTS))
        for target in targets
    )


def told_by_hull() -> some.SearchStrategy[dict[str, Any]]:
    """Values for every attribute that a mapping may name, each of them possibly not told at all."""
    values = {f"h{number}": some.one_of(SCALAR, SUBSET) for number in range(len(TARGETS))}
    return some.fixed_dictionaries({}, optional=values)


def held_in_close() -> some.SearchStrategy[dict[str, Any]]:
    return some.fixed_dictionaries(
        {}, optional={
            "description": WORDS, "custom.cf_one": some.sampled_from(OPTIONS), "custom.cf_number": some.integers(0, 3),
            "custom.cf_set": SUBSET.filter(bool).map(lambda found: list(dict.fromkeys(found))), "addresses": some.lists(ADDRESS, max_size=3),
            "custom.cf_other": WORDS.filter(bool),
        },
    )  # fmt: skip


def written(fields: Any, body: Any) -> dict[str, Any]:
    """Close takes a patch: an emptied custom value goes, an emptied text stays as an empty text."""
    merged = dict(fields) | dict(body)
    return {
        name: value for name, value in merged.items() if not (name.startswith("custom.") and is_empty(value))
    }


def carried_out(there: KnownRecord, decision: Decision) -> KnownRecord:
    fields = written(there.close, decision.body)
    return replace(there, close=fields, base={**there.base, **agreed(decision.base, fields)})


@given(
    rows=mappings(), held=held_in_close(), history=some.lists(told_by_hull(), min_size=1, max_size=4),
    edits=some.lists(held_in_close(), max_size=4), hours=some.sampled_from([-1, 0, 1]),
)  # fmt: skip
def test_planning_again_gives_nothing_and_the_unmapped_stays(
    rows: tuple[MappingRow, ...], held: dict[str, Any], history: list[dict[str, Any]], edits: list[dict[str, Any]], hours: int
) -> None:  # fmt: skip
    there = leads(held)
    for number, told in enumerate(history):
        before = deepcopy(there)
        decision = plan_lead(there, rows, hours, **told)
        assert there == before
        there = carried_out(there, decision)
        assert plan_lead(there, rows, hours, **told).body == {}
        assert unmapped(there.close, rows) == unmapped(before.close, rows)
        if number < len(edits):  # a rep does something meanwhile
            there = replace(there, close={**there.close, **edits[number]})


def unmapped(fields: Any, rows: tuple[MappingRow, ...]) -> dict[str, Any]:
    """Return what no row may touch: other fields, other addresses in their order, other parts of ours."""
    mapped = {row.close for row in rows}
    labels = {path.split(".")[1] for path in mapped if path.startswith("addresses.")}
    rest = {name: value for name, value in fields.items() if name not in mapped and name != "addresses"}
    foreign, seen = [], set()
    for entry in fields.get("addresses") or ():
        own = entry["label"] in labels and entry["label"] not in seen
        seen.add(entry["label"])
        kept = {
            part: value
            for part, value in entry.items()
            if part != "label" and not (own and f"addresses.{entry['label']}.{part}" in mapped)
        }
        if kept:
            foreign.append((entry["label"], kept))
    return rest | {"addresses": foreign}


@given(
    base=some.none() | SUBSET, held=SUBSET, hull=SUBSET | some.none(), on_null=NULLS, mode=MODES
)  # fmt: skip
def test_a_set_never_loses_what_is_not_ours(
    base: list[str] | None, held: list[str], hull: list[str] | None, on_null: OnNull, mode: Mode
) -> None:
    path = "custom.cf_set"
    held = list(dict.fromkeys(held))
    there = leads({path: held} if held else {}, {path: BaseValue(base, held)} if base is not None else {})

    decision = plan_lead(there, (lead_row("x", path, mode, on_null),), x=hull)

    after = value_at(path, written(there.close, decision.body)) or []
    foreign = [value for value in held if value not in (base or [])]
    assert [value for value in after if value in foreign] == foreign
    if decision.body:
        assert set(hull or ()) <= set(after)
        assert set(after) <= {*held, *(hull or ())}


EMAILS = some.lists(
    some.fixed_dictionaries(
        {"email": some.sampled_from([f"{one}@x.com" for one in "abcde"]), "type": some.sampled_from(["office", "home"])}
    ),
    unique_by=lambda entry: entry["email"],
    max_size=4,
)  # fmt: skip
ADDRESSES = some.lists(some.sampled_from([f"{one}@x.com" for one in "abcde"]), unique=True, max_size=3)


@given(
    held=EMAILS,
    base=ADDRESSES,
    hull=some.one_of(ADDRESSES, some.none(), some.just("")),
    on_null=NULLS,
    mode=MODES,
)
def test_a_list_never_loses_what_is_not_ours(
    held: list[dict[str, str]], base: list[str], hull: Any, on_null: OnNull, mode: Mode
) -> None:
    account = HullAccount({"id": "a1", "name": "Acme", "domain": "acme.com"}, ("s1",))
    user = HullUser({"id": "u1", "name": "Ada", "x": hull}, (), account)
    contact = KnownRecord(
        "cont_1", {"name": "Ada", "emails": held}, "u1", "lead_1", updated_at=EARLY, current=True,
        base={"emails.office": BaseValue(base, base)} if base else {},
    )  # fmt: skip
    row = MappingRow(CONTACT, OUT, "x", "emails.office", mode, on_null)
    family = Family(
        OutboundRecord("a1", LEAD, account, link=leads({})),
        (OutboundRecord("u1", CONTACT, user, link=contact),),
    )

    (decision,) = plan_family(family, settings(row)).contacts
    after = decision.body.get("emails", held)

    foreign = [one for one in held if not (one["type"] == "office" and one["email"] in base)]
    assert [one for one in after if one in foreign] == foreign
    again = replace(contact, close=contact.close | {"emails": after}, base={**contact.base, **agreed(decision.base, {"emails": after})})  # fmt: skip
    (nothing,) = plan_family(
        replace(family, contacts=(OutboundRecord("u1", CONTACT, user, link=again),)), settings(row)
    ).contacts
    assert nothing.verb is None
