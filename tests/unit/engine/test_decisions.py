"""Decisions about Hull's records: tables of small values, no database."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.engine.conflict import Choice, resolve
from sync.engine.echo import agreed
from sync.engine.outbound import plan_family
from sync.engine.plan import BaseValue, Decision, Family, KnownRecord, OutboundRecord
from sync.mapping.transforms import is_empty
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
    SyncSettings,
)

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
LEAD, CONTACT, OUT = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND

SETTINGS = SyncSettings(
    account_segments=("s1",),
    rows=(
        MappingRow(LEAD, OUT, "description", "description"),
        MappingRow(LEAD, OUT, "traits_industry", "custom.cf_i", Mode.IF_EMPTY),
        MappingRow(LEAD, OUT, "source", "custom.cf_s", Mode.ON_CREATE),
        MappingRow(CONTACT, OUT, "title", "title"),
        MappingRow(CONTACT, OUT, "email", "emails.office"),
        MappingRow(CONTACT, OUT, "account.industry", "custom.cf_c"),
    ),
    schema=CloseSchema(
        statuses=(LeadStatus("stat_1", "Potential"), LeadStatus("stat_2", "Qualified")),
        lead_fields=(CustomField("cf_i", "Industry"), CustomField("cf_s", "Source")),
        contact_fields=(CustomField("cf_c", "Branch"),),
    ),
)


def account(in_segment: bool = True, **attributes: Any) -> OutboundRecord:
    values = {"id": "a1", "name": "Acme", "domain": "acme.com", "indexed_at": LATE.isoformat()} | attributes
    return OutboundRecord("a1", LEAD, HullAccount(values, ("s1",) if in_segment else ()))


def user(of: OutboundRecord | None, **attributes: Any) -> OutboundRecord:
    values = {"id": "u1", "name": "Ada", "email": "ada@acme.com", "indexed_at": LATE.isoformat()} | attributes
    hull_account = of.hull if of and isinstance(of.hull, HullAccount) else None
    return OutboundRecord("u1", CONTACT, HullUser(values, (), hull_account))


def known(**fields: Any) -> KnownRecord:
    return KnownRecord(
        "lead_1", {"name": "Acme", "url": "https://www.acme.com"} | fields, hull_id="a1", updated_at=EARLY
    )


def lead_of(record: OutboundRecord, settings: SyncSettings = SETTINGS) -> Decision:
    decision = plan_family(Family(record), settings).lead
    assert decision is not None
    return decision


def test_a_text_that_close_would_refuse_is_left_out_and_said() -> None:
    acme = account()
    contact = plan_family(Family(acme, (user(acme, title="x" * 1001),)), SETTINGS).contacts[0]

    assert "title" not in contact.body and contact.body["name"] == "Ada"
    assert contact.notes == ("title: the text has 1,001 characters; Close takes 1,000.",)
    assert lead_of(account(description="x" * 5000)).body["description"] == "x" * 5000


# ── One field ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "mode", "hull", "close", "base", "hull_at", "close_at", "choice"),
    [
        ("never agreed, always", Mode.ALWAYS, "h", "c", None, LATE, EARLY, Choice.WRITE),
        ("never agreed, always, even if Close is later", Mode.ALWAYS, "h", "c", None, EARLY, LATE, Choice.WRITE),
        ("both hold it", Mode.ALWAYS, "x", "x", None, LATE, EARLY, Choice.AGREED),
        ("only Hull changed", Mode.ALWAYS, "h2", "c", BaseValue("h", "c"), EARLY, LATE, Choice.WRITE),
        ("only Close changed", Mode.ALWAYS, "h", "c2", BaseValue("h", "c"), LATE, EARLY, Choice.LEAVE),
        ("nobody changed, Close normalised", Mode.ALWAYS, "h", "C", BaseValue("h", "C"), LATE, EARLY, Choice.LEAVE),
        ("both changed, Hull later", Mode.ALWAYS, "h2", "c2", BaseValue("h", "c"), LATE, EARLY, Choice.WRITE),
        ("both changed, Close later", Mode.ALWAYS, "h2", "c2", BaseValue("h", "c"), EARLY, LATE, Choice.AGREED),
        ("both changed, a tie", Mode.ALWAYS, "h2", "c2", BaseValue("h", "c"), LATE, LATE, Choice.AGREED),
        ("both changed, no times", Mode.ALWAYS, "h2", "c2", BaseValue("h", "c"), None, None, Choice.AGREED),
        ("both changed to the same", Mode.ALWAYS, "n", "n", BaseValue("h", "c"), EARLY, LATE, Choice.AGREED),
        ("if empty, and it is", Mode.IF_EMPTY, "h", "", None, LATE, EARLY, Choice.WRITE),
        ("if empty, and it is not", Mode.IF_EMPTY, "h", "c", None, LATE, EARLY, Choice.LEAVE),
        ("on create", Mode.ON_CREATE, "h", "", None, LATE, EARLY, Choice.LEAVE),
        ("emptied, ours is there", Mode.ALWAYS, None, "c", BaseValue("h", "c"), LATE, EARLY, Choice.WRITE),
        ("emptied, a rep changed it", Mode.ALWAYS, None, "c2", BaseValue("h", "c"), LATE, EARLY, Choice.LEAVE),
        ("emptied, never ours", Mode.ALWAYS, None, "c", None, LATE, EARLY, Choice.LEAVE),
        ("emptied, empty there too", Mode.ALWAYS, None, None, BaseValue("h", "c"), LATE, EARLY, Choice.AGREED),
        ("zero is a value", Mode.ALWAYS, 0, None, None, LATE, EARLY, Choice.WRITE),
        ("false is a value", Mode.IF_EMPTY, False, "", None, LATE, EARLY, Choice.WRITE),
    ],
)  # fmt: skip
def test_one_field_of_an_existing_record(
    what: str,
    mode: Mode,
    hull: Any,
    close: Any,
    base: BaseValue | None,
    hull_at: Any,
    close_at: Any,
    choice: Choice,
) -> None:
    assert resolve(mode, hull, close, base, hull_at=hull_at, close_at=close_at) is choice, what


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "record", "settings", "result", "reason"),
    [
        ("new", account(), SETTINGS, "CREATED", "NEW"),
        ("outside", account(in_segment=False), SETTINGS, "SKIPPED", "NOT_IN_SEGMENT"),
        ("no segment named", account(), replace(SETTINGS, account_segments=()), "SKIPPED", "NO_SEGMENTS"),
        ("every segment", account(in_segment=False), replace(SETTINGS, account_segments=("ALL",)), "CREATED", "NEW"),
        ("pushed by a person", replace(account(in_segment=False), batch=True), SETTINGS, "CREATED", "NEW"),
        ("no identifier", account(domain=None), SETTINGS, "SKIPPED", "NO_IDENTIFIER"),
        ("no host", account(domain="n/a"), SETTINGS, "SKIPPED", "NO_IDENTIFIER"),
        ("linked, nothing to do", replace(account(), link=known()), SETTINGS, "UNCHANGED", "IN_SYNC"),
        ("one fits", replace(account(), candidates=(replace(known(), hull_id=None),)), SETTINGS, "UNCHANGED", "ADOPTED"),
        ("two fit", replace(account(), candidates=(known(), known())), SETTINGS, "PENDING", "AMBIGUOUS_MATCH"),
        ("fits another's", replace(account(), candidates=(replace(known(), hull_id="a2"),)), SETTINGS, "PENDING", "AMBIGUOUS_MATCH"),
        ("deleted there", replace(account(), link=replace(known(), deleted=True)), SETTINGS, "SKIPPED", "DELETED_REMOTELY"),
        ("merged into another's", replace(account(), link=replace(known(), hull_id="a2")), SETTINGS, "SKIPPED", "MERGED_INTO_OTHER"),
        ("unknown result", replace(account(), create_blocked=True), SETTINGS, "PENDING", "UNKNOWN_RESULT"),
        ("unknown status", account(), replace(SETTINGS, lead_status="Nobody"), "FAILED", "CONFIGURATION"),
    ],
)  # fmt: skip
def test_what_becomes_of_an_account(
    what: str, record: OutboundRecord, settings: SyncSettings, result: str, reason: str
) -> None:
    decision = lead_of(record, settings)

    assert (decision.result, decision.reason) == (result, reason), what
    assert bool(decision.verb) is (result == "CREATED")


@pytest.mark.parametrize(
    ("status", "status_id"),
    [("", None), ("Qualified", "stat_2"), ("qualified", "stat_2"), ("stat_1", "stat_1")],
)
def test_a_new_lead_gets_the_chosen_status(status: str, status_id: str | None) -> None:
    decision = lead_of(
        account(description="d", industry="i", source="web"), replace(SETTINGS, lead_status=status)
    )

    wanted = {
        "name": "Acme",
        "url": "https://acme.com",
        "description": "d",
        "custom.cf_i": "i",
        "custom.cf_s": "web",
    }
    assert decision.body == wanted | ({"status_id": status_id} if status_id else {})


def test_an_adopted_lead_keeps_its_status_and_what_is_for_new_leads() -> None:
    there = replace(known(name="ACME Inc"), hull_id=None)
    decision = lead_of(
        replace(account(source="web"), candidates=(there,)), replace(SETTINGS, lead_status="Qualified")
    )

    assert decision.body == {"name": "Acme"}
    assert decision.adopted


def test_a_value_that_does_not_fit_is_left_out_with_a_sentence() -> None:
    decision = lead_of(account(description={"a": 1}))

    assert "description" not in decision.body
    assert "description" in decision.notes[0]


def test_an_account_that_came_along_with_its_user_is_not_updated() -> None:
    decision = lead_of(replace(account(description="new"), link=known(), due=False))

    assert decision.verb is None
    assert decision.base == {}


# ── Users ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "lead", "settings", "result", "reason"),
    [
        ("with a new lead", account(), SETTINGS, "CREATED", "NEW"),
        ("of a linked lead", replace(account(), link=known()), SETTINGS, "CREATED", "NEW"),
        ("outside", account(in_segment=False), SETTINGS, "SKIPPED", "NOT_IN_SEGMENT"),
        ("no account", None, SETTINGS, "SKIPPED", "PARENT_NOT_LINKED"),
        ("account held", replace(account(), candidates=(known(), known())), SETTINGS, "PENDING", "PARENT_PENDING"),
        ("account without identifier", account(domain=None), SETTINGS, "SKIPPED", "PARENT_NOT_LINKED"),
        ("account deleted", replace(account(), link=replace(known(), deleted=True)), SETTINGS, "SKIPPED", "PARENT_NOT_LINKED"),
        ("not in the user segments", account(), replace(SETTINGS, user_segments=("u",)), "SKIPPED", "NOT_IN_SEGMENT"),
        ("nothing named", account(), replace(SETTINGS, account_segments=()), "SKIPPED", "NO_SEGMENTS"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_user(
    what: str, lead: OutboundRecord | None, settings: SyncSettings, result: str, reason: str
) -> None:
    (decision,) = plan_family(Family(lead, (user(lead),)), settings).contacts

    assert (decision.result, decision.reason) == (result, reason), what


def test_a_contact_of_a_linked_lead_names_it_and_one_of_a_new_lead_does_not() -> None:
    linked = replace(account(industry="i"), link=known())
    (of_linked,) = plan_family(Family(linked, (user(linked),)), SETTINGS).contacts
    (of_new,) = plan_family(Family(account(), (user(account()),)), SETTINGS).contacts

    assert of_linked.body["lead_id"] == "lead_1"
    assert of_linked.body["custom.cf_c"] == "i"
    assert "lead_id" not in of_new.body


def test_a_user_in_a_named_user_segment_joins_a_lead_that_is_linked() -> None:
    lead = replace(account(in_segment=False), link=known())
    member = user(lead)
    member = replace(member, hull=replace(member.hull, segment_ids=("u",)))
    (decision,) = plan_family(Family(lead, (member,)), replace(SETTINGS, user_segments=("u",))).contacts

    assert decision.body["lead_id"] == "lead_1"


def test_a_list_is_read_before_it_is_replaced() -> None:
    lead = replace(account(), link=known())
    contact = KnownRecord("cont_1", {"name": "Ada", "emails": []}, hull_id="u1", parent_close_id="lead_1")
    (stale,) = plan_family(Family(lead, (replace(user(lead), link=contact),)), SETTINGS).contacts
    fresh = replace(user(lead), link=replace(contact, current=True))
    (current,) = plan_family(Family(lead, (fresh,)), SETTINGS).contacts

    assert stale.read_first
    assert not current.read_first
    assert current.body == {"emails": [{"email": "ada@acme.com", "type": "office"}]}


# ── Twice is nothing ─────────────────────────────────────────────────────────────────────────────

VALUES = some.one_of(some.none(), some.just(""), some.text(max_size=5), some.integers(0, 9), some.booleans())


@given(
    hull=some.fixed_dictionaries(dict.fromkeys(("name", "description", "industry", "source"), VALUES)),
    close=some.dictionaries(
        some.sampled_from(["name", "description", "custom.cf_i", "custom.cf_x"]), some.text(max_size=5)
    ),
    linked=some.booleans(),
)
def test_applying_a_plan_and_planning_again_gives_no_request(
    hull: dict[str, Any], close: dict[str, Any], linked: bool
) -> None:
    there = (
        KnownRecord("lead_1", {"url": "acme.com"} | close, hull_id="a1", updated_at=EARLY) if linked else None
    )
    record = replace(account(**hull), link=there)
    before = deepcopy(record)
    decision = lead_of(record)

    fields = _applied(there.close if there else {}, decision.body)
    after = KnownRecord("lead_1", fields, hull_id="a1", base=agreed(decision.base, fields), updated_at=EARLY)
    again = lead_of(replace(record, link=after))

    assert again.verb is None
    assert record == before
    assert fields.get("custom.cf_x") == (close.get("custom.cf_x") if linked else None)


def _applied(fields: Any, body: Any) -> dict[str, Any]:
    """Close takes a patch: an emptied custom value goes, an emptied text stays as an empty text."""
    gone = {name for name, value in dict(body).items() if name.startswith("custom.") and is_empty(value)}
    return {name: value for name, value in (dict(fields) | dict(body)).items() if name not in gone}
