"""Decisions about Close's records: what Hull is told, under which names and claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.engine import cursor
from sync.engine.identity import account_claims, user_claims
from sync.engine.inbound import plan_inbound
from sync.engine.plan import FailureMode, InboundRecord, KnownRecord, WaitReason
from sync.engine.retry import MOST_ATTEMPTS, failure_of, is_settled, next_attempt
from sync.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnknownResultError,
)
from sync.mapping.inbound import build_attributes, changed_attributes
from sync.records import CloseSchema, Direction, LeadStatus, MappingRow, ObjectType, SyncSettings

AT = datetime(2026, 1, 1, tzinfo=UTC)
LEAD, CONTACT, IN = ObjectType.LEAD, ObjectType.CONTACT, Direction.INBOUND


def settings(*fields: str, object_type: ObjectType = LEAD, **values: Any) -> SyncSettings:
    rows = tuple(MappingRow(object_type, IN, "", field) for field in fields)
    schema = CloseSchema(
        statuses=(LeadStatus("stat_1", "Potential"),), lead_names={"custom.cf_1": "industry"}
    )
    return SyncSettings(rows=rows, schema=schema, **values)


@pytest.mark.parametrize(
    ("field", "fields", "told"),
    [
        ("description", {"description": "d"}, {"closeio/description": "d"}),
        ("description", {"description": ""}, {"closeio/description": None}),
        ("status_id", {"status_id": "stat_1"}, {"closeio/status": "Potential", "closeio/status_id": "stat_1"}),
        ("status_id", {"status_id": "stat_9", "status_label": "New"}, {"closeio/status": "New", "closeio/status_id": "stat_9"}),
        ("status_id", {"status_id": "stat_9"}, {"closeio/status": None, "closeio/status_id": "stat_9"}),
        ("custom.cf_1", {"custom.cf_1": ["a", "b"]}, {"closeio/industry": ["a", "b"]}),
        ("custom.cf_1", {}, {"closeio/industry": None}),
        ("custom.cf_1", {"custom.cf_1": 0}, {"closeio/industry": 0}),
        ("addresses", {"addresses": []}, {"closeio/addresses": None}),
        (
            "addresses",
            {"addresses": [{"label": "business", "city": "SF"}, {"label": "business", "city": "LA"}, {"city": "X"}]},
            {"closeio/address_business_city": "SF", "closeio/address_office_city": "X", "closeio/addresses": ["SF", "LA", "X"]},
        ),
    ],
)  # fmt: skip
def test_a_field_of_a_lead_comes_in_under_its_name(
    field: str, fields: dict[str, Any], told: dict[str, Any]
) -> None:
    built = build_attributes(LEAD, "lead_1", fields, settings(field))

    standard = {"closeio/id", "closeio/name", "name", "closeio/created_at", "closeio/updated_at"}
    assert {name: value for name, value in built.items() if name not in standard} == told


def test_lists_are_flattened_by_type_and_nothing_is_lost() -> None:
    emails = [
        {"email": "a@x.com", "type": "office"},
        {"email": "b@x.com", "type": "office"},
        {"email": "c@x.com"},
        {"email": "d@x.com", "type": "home"},
    ]
    phones = [{"phone": "+2", "type": "direct line"}]
    built = build_attributes(
        CONTACT,
        "cont_1",
        {"emails": emails, "phones": phones},
        settings("emails", "phones", object_type=CONTACT),
        "lead_1",
    )

    assert built["closeio/email_office"] == "a@x.com"
    assert built["closeio/email_home"] == "d@x.com"
    assert built["closeio/emails"] == ["a@x.com", "b@x.com", "c@x.com", "d@x.com"]
    assert built["closeio/phone_direct line"] == "+2"
    assert built["closeio/lead_id"] == "lead_1"


@pytest.mark.parametrize(
    ("now", "sent", "changed"),
    [
        ({"a": 1}, {}, {"a": 1}), ({"a": 1}, {"a": 1}, {}), ({"a": 2}, {"a": 1}, {"a": 2}), ({"a": None}, {}, {"a": None}),
        ({"a": None}, {"a": None}, {}), ({}, {"a": 1}, {"a": None}), ({}, {"a": None}, {}), ({"name": "n"}, {"name": "o"}, {}),
        ({"name": "n"}, {"name": None}, {"name": "n"}), ({"name": None}, {}, {}),
    ],
)  # fmt: skip
def test_only_what_changed_is_told(
    now: dict[str, Any], sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert changed_attributes(now, sent) == changed


def record(action: str = "upsert", ours: bool = False, **known: Any) -> InboundRecord:
    link = KnownRecord(**{"close_id": "lead_1", "close": {"name": "Acme", "url": "acme.com"}} | known)
    return InboundRecord("lead_1", LEAD, action, link, AT, ours=ours)


TOLD = {
    "closeio/id": "lead_1",
    "closeio/name": "Acme",
    "name": "Acme",
    "closeio/created_at": None,
    "closeio/updated_at": "t",
}


@pytest.mark.parametrize(
    ("what", "given", "result", "reason", "attributes"),
    [
        ("first seen", record(), "CREATED", "NEW", {"closeio/id", "closeio/name", "name", "closeio/updated_at"}),
        ("nothing new", record(sent=TOLD), "UNCHANGED", "IN_SYNC", set()),
        ("ours coming back", record(sent=TOLD, ours=True), "SKIPPED", "ECHO", set()),
        ("a rep's edit", record(sent=TOLD, close={"name": "Other"}), "UPDATED", "CHANGED", {"closeio/name", "closeio/updated_at"}),
        ("a rep on our key", record(sent=TOLD, close={"name": "Other"}, ours=True), "UPDATED", "CHANGED", {"closeio/name", "closeio/updated_at"}),
        ("deleted", record("deleted", sent=TOLD), "UPDATED", "DELETED", {"closeio/deleted_at"}),
        ("deleted, Hull never knew", record("deleted"), "SKIPPED", "DELETED_REMOTELY", set()),
        ("deleted, told before", record("deleted", sent=TOLD | {"closeio/deleted_at": "t"}), "UNCHANGED", "IN_SYNC", set()),
        ("merged", record("merged", sent=TOLD, merged_into="lead_2"), "UPDATED", "MERGED", {"closeio/id"}),
        ("there again", record(sent=TOLD | {"closeio/deleted_at": "t"}), "UPDATED", "CHANGED", {"closeio/deleted_at", "closeio/updated_at"}),
    ],
)  # fmt: skip
def test_what_hull_is_told(
    what: str, given: InboundRecord, result: str, reason: str, attributes: set[str]
) -> None:
    decision = plan_inbound(given, SyncSettings())

    assert (decision.result, decision.reason) == (result, reason), what
    assert set(decision.write.attributes if decision.write else ()) == attributes


def test_a_record_of_ours_waits_while_its_creation_is_written_down() -> None:
    decision = plan_inbound(replace(record(ours=True), create_in_flight=True), SyncSettings())

    assert decision.reason is WaitReason.UNKNOWN_RESULT


@pytest.mark.parametrize(
    ("hull_id", "url", "claims"),
    [
        (None, "http://www.Acme.com/x", {"domain": "acme.com"}),
        (None, "not a url", {}),
        (None, "https://facebook.com/acme", {}),
        (None, "gmail.com", {}),
        ("a1", "gmail.com", {"id": "a1"}),
        ("a1", "acme.com", {"id": "a1"}),
        ("domain:acme.com", "other.com", {"domain": "acme.com"}),
        ("external_id:x", "other.com", {"external_id": "x"}),
    ],
)
def test_how_hull_finds_an_account(hull_id: str | None, url: str, claims: dict[str, str]) -> None:
    lead = KnownRecord("lead_1", {"url": url}, hull_id=hull_id)

    assert account_claims(lead, SyncSettings()).as_dict() == claims | {"anonymous_id": "closeio:lead_1"}


@pytest.mark.parametrize(
    ("emails", "shared", "claims"),
    [
        (["A@x.com", "b@x.com"], set(), {"email": "a@x.com"}),
        (["bad", "b@x.com"], set(), {"email": "b@x.com"}),
        (["a@x.com"], {"a@x.com"}, {}),
        (["info@x.com"], set(), {}),
        (["Info@x.com", "b@x.com"], set(), {"email": "b@x.com"}),
        (["jane@gmail.com"], set(), {"email": "jane@gmail.com"}),
        ([], set(), {}),
    ],
)
def test_how_hull_finds_a_user(emails: list[str], shared: set[str], claims: dict[str, str]) -> None:
    contact = KnownRecord("cont_1", {"emails": [{"email": one} for one in emails]})

    assert user_claims(contact, SyncSettings(), frozenset(shared)).as_dict() == claims | {
        "anonymous_id": "closeio:cont_1"
    }


# ── Trying again ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TransientError("x"), None), (RateLimitedError("x", retry_after=1), None), (UnknownResultError("x"), None),
        (ConfigurationError("x"), FailureMode.CONFIGURATION), (CredentialsError("x"), FailureMode.CONFIGURATION),
        (RejectedError("x"), FailureMode.REJECTED), (NotFoundError("x"), FailureMode.INTERNAL),
    ],
)  # fmt: skip
def test_who_has_to_act(error: Any, failure: FailureMode | None) -> None:
    assert failure_of(error) is failure


def test_pauses_grow_and_end() -> None:
    pauses = []
    for attempts in range(1, MOST_ATTEMPTS):
        again = next_attempt(TransientError("x"), attempts, now=AT, jitter=0)
        assert again
        pauses.append(again[0] - AT)

    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=5)
    assert next_attempt(TransientError("x"), MOST_ATTEMPTS, now=AT, jitter=0) is None
    assert next_attempt(RateLimitedError("x", retry_after=7), 99, now=AT, jitter=1) == (
        AT + timedelta(seconds=7),
        "RATE_LIMITED",
    )


def test_a_post_without_an_answer_settles_after_a_minute() -> None:
    assert not is_settled(AT, AT + timedelta(seconds=59))
    assert is_settled(AT, AT + timedelta(seconds=60))


def test_the_log_is_read_five_minutes_back_and_lost_after_a_month() -> None:
    assert cursor.read_from(AT, swept_at=None, now=AT) == (AT - timedelta(minutes=5), True)
    assert cursor.is_lost(None, AT)
    assert not cursor.is_lost(AT, AT + timedelta(days=28))
    assert cursor.is_lost(AT, AT + timedelta(days=30))
