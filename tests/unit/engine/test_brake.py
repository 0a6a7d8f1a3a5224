"""The brake, twins, the report before a run, and a dry run's made-up ids."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sync.engine import brake
from sync.engine.brake import Effect, Limits, exceeded
from sync.engine.outbound import plan_family
from sync.engine.plan import BaseValue, FamilyPlan
from sync.engine.rehearsal import with_virtual_ids
from sync.engine.report import Report, changes_of, requests_of
from sync.engine.twins import hold, without_twins
from sync.records import ObjectType
from tests.unit.engine.families import SETTINGS, account, contact, family, lead, user

LEAD, CONTACT = ObjectType.LEAD, ObjectType.CONTACT
CREATES, CLEARS, DELETES = Effect.CREATES, Effect.CLEARS, Effect.DELETES


def plan_of(of: Any, *users: Any) -> FamilyPlan:
    return plan_family(family(of, *users), SETTINGS)


# ── The brake ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("planned", "spent", "linked", "count", "share", "is_over"),
    [
        (10, 0, 0, 10, 50, False),
        (11, 0, 0, 10, 50, True),
        (1, 10, 0, 10, 50, True),  # what the hour has seen counts along
        (0, 99, 0, 10, 50, False),  # nothing planned, nothing to hold
        (500, 0, 0, None, None, False),  # no limits
        (500, 0, 99, None, 1, False),  # too few are linked for a share to mean anything
        (2, 0, 100, None, 1, True),
        (50, 0, 100, 1000, 50, False),
        (51, 0, 100, 1000, 50, True),  # the stricter of both counts
        (11, 0, 100_000, 10, 50, True),
        (1, 0, 0, 0, None, True),  # zero: everything waits
    ],
)
def test_what_is_too_much(
    planned: int, spent: int, linked: int, count: int | None, share: int | None, is_over: bool
) -> None:
    limits = Limits({DELETES: count}, share)

    over = exceeded({DELETES: planned}, {DELETES: spent}, linked, limits)

    assert over == (frozenset({DELETES}) if is_over else frozenset())


def linked_account(**attributes: Any) -> Any:
    known = lead(description="Rockets", **{"custom.cf_x": "y"})
    base = {"description": BaseValue("Rockets", "Rockets")}
    return replace(account("a1", **attributes), link=replace(known, base=base))


@pytest.mark.parametrize(
    ("record", "effects"),
    [
        (account("a1"), {CREATES: 1}),
        (linked_account(description="Planes"), {}),
        (linked_account(description=None), {CLEARS: 1}),
        (linked_account(), {}),
    ],
)
def test_what_counts(record: Any, effects: dict[Effect, int]) -> None:
    assert brake.count([plan_of(record)]) == Counter(effects)


def test_new_contacts_count_beside_their_new_lead() -> None:
    one = account("a1")

    assert brake.count([plan_of(one, user("u1", one), user("u2", one))]) == {CREATES: 3}
    assert brake.count([plan_of(one, user("u1", one))], approved={(LEAD, "a1")}) == {CREATES: 1}


def test_a_held_family_writes_nothing_and_everyday_work_goes_on() -> None:
    one = account("a1")
    held = brake.restrain(plan_of(one, user("u1", one)), {CREATES})
    everyday = brake.restrain(plan_of(linked_account(description="Planes")), {CREATES})

    assert [(one.verb, one.reason) for one in held.decisions] == [(None, "NEEDS_APPROVAL")] * 2
    assert everyday.lead and everyday.lead.verb == "UPDATE_LEAD"


def test_what_was_approved_goes_out() -> None:
    one = account("a1")
    approved = {(LEAD, "a1"), (CONTACT, "u1")}

    plan = brake.restrain(plan_of(one, user("u1", one), user("u2", one)), {CREATES}, approved)

    assert [decision.verb for decision in plan.decisions] == ["CREATE_LEAD", "CREATE_CONTACT", None]


# ── Twins ────────────────────────────────────────────────────────────────────────────────────────


def test_one_company_under_two_hull_ids_is_created_once() -> None:
    first, second = account("a1", domain="acme.com"), account("a2", domain="www.acme.com")

    plans = without_twins([plan_of(first), plan_of(second, user("u1", second))])

    assert [(one.verb, one.reason) for plan in plans for one in plan.decisions] == [
        ("CREATE_LEAD", "NEW"),
        (None, "TWIN_PENDING"),
        (None, "PARENT_PENDING"),
    ]


def test_one_person_under_two_hull_ids_is_created_once() -> None:
    acme = account("a1")
    twins = [user("u1", acme, email="ada@acme.com"), user("u2", acme, email="ADA@acme.com")]

    plan = without_twins([plan_of(acme, *twins)])[0]

    assert [one.verb for one in plan.contacts] == ["CREATE_CONTACT", None]


def test_different_companies_and_nameless_people_are_no_twins() -> None:
    acme, other = account("a1"), account("a2")
    plans = [plan_of(acme, user("u1", acme, email=None)), plan_of(other, user("u2", other, email=None))]

    assert without_twins(plans) == plans


def test_a_contact_that_waits_alone_leaves_its_lead_to_be_created() -> None:
    acme = account("a1")

    plan = hold(plan_of(acme, user("u1", acme)), {(CONTACT, "u1")})

    assert [one.verb for one in plan.decisions] == ["CREATE_LEAD", None]


# ── The report, and a dry run ────────────────────────────────────────────────────────────────────


def test_the_report_counts_every_record_and_request() -> None:
    new, there = account("a1"), replace(account("a2"), candidates=(lead("lead_2", None),))
    ambiguous = replace(account("a3"), candidates=(lead("lead_3", None), lead("lead_4", None)))
    report = Report()

    report.add([plan_of(new, user("u1", new)), plan_of(there), plan_of(ambiguous)])

    told = {
        (row["object"], row["result"], row["reason"]): row["count"] for row in report.as_dict()["records"]
    }
    assert told == {
        ("LEAD", "CREATED", "NEW"): 1,
        ("LEAD", "UPDATED", "ADOPTED"): 1,
        ("LEAD", "PENDING", "AMBIGUOUS_MATCH"): 1,
        ("CONTACT", "CREATED", "NEW"): 1,
    }
    assert report.as_dict()["requests"] == 2
    assert [row["label"] for row in report.sample] == ["A1", "U1"]


def test_a_change_is_told_with_what_was_there_before() -> None:
    decision = plan_of(linked_account(description="Planes")).lead

    assert decision and changes_of(decision) == {"description": ["Rockets", "Planes"]}


def test_a_dry_run_names_what_it_would_create() -> None:
    acme = account("a1")
    moving = replace(
        user("u2", acme), link=contact(hull_id="u2", lead_id="lead_old", place=("lead_old", "lead_old"))
    )

    plan = with_virtual_ids([plan_of(acme, user("u1", acme), moving)], SETTINGS)[0]

    assert plan.lead and plan.lead.close_id == "lead_virtual_1"
    created, moved = plan.contacts
    assert (created.close_id, created.body["lead_id"]) == ("cont_virtual_1", "lead_virtual_1")
    assert (moved.close_id, moved.body["lead_id"]) == ("cont_1", "lead_virtual_1")
    assert requests_of(plan) == 2


@pytest.mark.parametrize(("users", "requests"), [(0, 1), (1, 1), (5, 1)])
def test_a_new_lead_with_its_contacts_is_one_request(users: int, requests: int) -> None:
    acme = account("a1")

    assert requests_of(plan_of(acme, *(user(f"u{n}", acme) for n in range(users)))) == requests
