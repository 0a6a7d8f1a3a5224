"""What follows when a record leaves one side: every object, every way of leaving, every policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.engine.departures import (
    ALLOWED,
    after_deletion,
    is_over,
    losers,
    named_close_ids,
    policies,
    silence,
    stored_form,
)
from sync.engine.inbound import plan_inbound
from sync.engine.outbound import plan_family
from sync.engine.plan import BaseValue, Decision, Family, InboundRecord, KnownRecord, OutboundRecord
from sync.mapping.validation import check_settings
from sync.records import (
    CloseSchema,
    Departure,
    DeparturePolicy,
    Direction,
    HullAccount,
    HullUser,
    LeadStatus,
    MappingRow,
    ObjectType,
    SyncSettings,
)

LEAD, CONTACT = ObjectType.LEAD, ObjectType.CONTACT
LEFT, GONE_THERE, MERGED_THERE = Departure.LEFT_SEGMENT, Departure.DELETED_IN_CLOSE, Departure.MERGED_IN_CLOSE
GONE_HERE, MERGED_HERE = Departure.DELETED_IN_HULL, Departure.MERGED_IN_HULL
AT = datetime(2026, 1, 1, tzinfo=UTC)

STATUSES = (LeadStatus("stat_1", "Potential"), LeadStatus("stat_2", "Left"))
SETTINGS = SyncSettings(account_segments=("s1",), mark_status="left", schema=CloseSchema(statuses=STATUSES))
ACME = {"id": "a1", "name": "Acme", "domain": "acme.com"}
ADA = {"id": "u1", "name": "Ada", "email": "ada@acme.com"}

Case = tuple[ObjectType, Departure, str, str, str, str | None]


def chosen(object_type: ObjectType, departure: Departure, policy: str, **more: Any) -> SyncSettings:
    said = {object_type.value: {departure.value: policy}}
    return replace(SETTINGS, departures=policies(said), **more)


def lead_record(**known: Any) -> KnownRecord:
    fields = {"name": "Acme", "url": "https://acme.com", "status_id": "stat_1"}
    return KnownRecord(**{"close_id": "lead_1", "close": fields, "hull_id": "a1"} | known)


def contact_record(**known: Any) -> KnownRecord:
    fields = {"name": "Ada", "emails": [{"email": "ada@acme.com", "type": "office"}]}
    base = {
        "close_id": "cont_1",
        "close": fields,
        "hull_id": "u1",
        "parent_close_id": "lead_1",
        "current": True,
    }
    return KnownRecord(**base | known)


def account(
    *segments: str, link: KnownRecord | None = None, told: bool = True, **more: Any
) -> OutboundRecord:
    hull = HullAccount(ACME | more.pop("attributes", {}), segments if told else None)
    return OutboundRecord("a1", LEAD, hull, link=link, **more)


def user(
    link: KnownRecord | None = None, segments: tuple[str, ...] | None = (), **more: Any
) -> OutboundRecord:
    attributes = ADA | more.pop("attributes", {})
    return OutboundRecord("u1", CONTACT, HullUser(attributes, segments), link=link, **more)


def decided(
    object_type: ObjectType, settings: SyncSettings, lead: OutboundRecord, contact: OutboundRecord
) -> Decision:
    plan = plan_family(Family(lead, (contact,)), settings)
    decision = plan.lead if object_type is LEAD else plan.contacts[0]
    assert decision is not None
    return decision


# ── Hull's record leaves ─────────────────────────────────────────────────────────────────────────

OUTBOUND: list[Case] = [
    (LEAD, LEFT, "ignore", "SKIPPED", "NOT_IN_SEGMENT", None),
    (LEAD, LEFT, "mark", "UPDATED", "MARKED", "UPDATE_LEAD"),
    (LEAD, LEFT, "unlink", "UNCHANGED", "UNLINKED", None),
    (LEAD, LEFT, "delete", "UPDATED", "DELETED", "DELETE_LEAD"),
    (LEAD, GONE_HERE, "ignore", "SKIPPED", "DELETED_IN_HULL", None),
    (LEAD, GONE_HERE, "mark", "UPDATED", "MARKED", "UPDATE_LEAD"),
    (LEAD, GONE_HERE, "unlink", "UNCHANGED", "UNLINKED", None),
    (LEAD, GONE_HERE, "delete", "UPDATED", "DELETED", "DELETE_LEAD"),
    (CONTACT, LEFT, "ignore", "SKIPPED", "NOT_IN_SEGMENT", None),
    (CONTACT, LEFT, "unlink", "UNCHANGED", "UNLINKED", None),
    (CONTACT, LEFT, "delete", "UPDATED", "DELETED", "DELETE_CONTACT"),
    (CONTACT, GONE_HERE, "ignore", "SKIPPED", "DELETED_IN_HULL", None),
    (CONTACT, GONE_HERE, "unlink", "UNCHANGED", "UNLINKED", None),
    (CONTACT, GONE_HERE, "delete", "UPDATED", "DELETED", "DELETE_CONTACT"),
]
SKIPS = {LEFT: "NOT_IN_SEGMENT", GONE_HERE: "DELETED_IN_HULL"}


def family(
    object_type: ObjectType, departure: Departure, link: KnownRecord | None = None
) -> tuple[OutboundRecord, OutboundRecord]:
    """Return an account and a user of which one has just left."""
    linked = link or (lead_record() if object_type is LEAD else contact_record())
    lead = linked if object_type is LEAD else lead_record()
    contact = linked if object_type is CONTACT else contact_record()
    has_left, is_gone = departure is LEFT, departure is GONE_HERE
    return (
        account(*(() if has_left else ("s1",)), link=lead, gone=is_gone and object_type is LEAD),
        user(contact, gone=is_gone and object_type is CONTACT),
    )


@pytest.mark.parametrize(("object_type", "departure", "policy", "result", "reason", "verb"), OUTBOUND)
def test_a_linked_record_leaves(
    object_type: ObjectType, departure: Departure, policy: str, result: str, reason: str, verb: str | None
) -> None:
    settings = chosen(object_type, departure, policy)
    decision = decided(object_type, settings, *family(object_type, departure))

    assert (decision.result, decision.reason, decision.verb) == (result, reason, verb)
    assert decision.departure == (departure if policy != "ignore" else None)
    assert decision.body == ({"status_id": "stat_2"} if policy == "mark" else {})


@pytest.mark.parametrize(("object_type", "departure", "policy"), [case[:3] for case in OUTBOUND])
@pytest.mark.parametrize(
    "known",
    [
        {"departed": "same"},
        {"hull_id": None},
        {"hull_id": "other"},
        {"deleted": True},
        {"merged_into": "lead_9"},
    ],
    ids=["acted upon already", "never paired", "paired with another", "deleted in Close", "merged in Close"],
)
def test_it_leaves_once_and_only_what_is_linked_leaves(
    object_type: ObjectType, departure: Departure, policy: str, known: dict[str, Any]
) -> None:
    link = lead_record() if object_type is LEAD else contact_record()
    link = replace(link, **known | ({"departed": departure} if "departed" in known else {}))
    decision = decided(
        object_type, chosen(object_type, departure, policy), *family(object_type, departure, link)
    )

    assert (decision.result, decision.reason) == ("SKIPPED", SKIPS[departure])
    assert (decision.verb, decision.departure) == (None, None)


@pytest.mark.parametrize("policy", ["mark", "unlink", "delete"])
@pytest.mark.parametrize(
    ("what", "record", "reason"),
    [
        ("segments not told", account(told=False, link=lead_record()), "NOT_IN_SEGMENT"),
        ("only came along with its user", account(link=lead_record(), due=False), "NOT_IN_SEGMENT"),
        ("not linked", account(), "NOT_IN_SEGMENT"),
        (
            "only named by Hull, not seen yet",
            account(link=lead_record(seen=False, hull_id=None)),
            "NOT_IN_SEGMENT",
        ),
        ("inside", account("s1", link=lead_record()), "IN_SYNC"),
        ("pushed by a person", account(link=lead_record(), batch=True), "IN_SYNC"),
    ],
)
def test_what_is_no_leaving(what: str, record: OutboundRecord, reason: str, policy: str) -> None:
    decision = plan_family(Family(record), chosen(LEAD, LEFT, policy)).lead

    assert decision is not None
    assert (decision.reason, decision.verb, decision.departure) == (reason, None, None), what


@pytest.mark.parametrize("policy", ["mark", "unlink", "delete"])
def test_naming_no_segment_at_all_is_no_leaving(policy: str) -> None:
    settings = chosen(LEAD, LEFT, policy, account_segments=())
    decision = plan_family(Family(account(link=lead_record())), settings).lead

    assert decision is not None
    assert (decision.reason, decision.verb, decision.departure) == ("NO_SEGMENTS", None, None)


@pytest.mark.parametrize(
    ("status", "said"), [("", "None is chosen"), ("Nobody", "“Nobody” is not a lead status")]
)
@pytest.mark.parametrize("departure", [LEFT, GONE_HERE])
def test_marking_with_no_status_or_an_unknown_one_names_the_setting(
    status: str, said: str, departure: Departure
) -> None:
    settings = chosen(LEAD, departure, "mark", mark_status=status)
    decision = decided(LEAD, settings, *family(LEAD, departure))

    assert (decision.result, decision.reason, decision.verb) == ("FAILED", "CONFIGURATION", None)
    assert said in decision.notes[0]
    assert [problem.setting for problem in check_settings(settings)] == ["mark_status"]
    assert said in str(check_settings(settings)[0])


def test_a_status_that_nothing_uses_is_no_problem() -> None:
    assert check_settings(replace(SETTINGS, mark_status="Nobody", departures=policies({}))) == ()


def test_a_lead_that_has_the_status_already_is_marked_without_a_request() -> None:
    link = lead_record(close={"status_id": "stat_2"})
    decision = decided(LEAD, chosen(LEAD, LEFT, "mark"), *family(LEAD, LEFT, link))

    assert (decision.result, decision.reason, decision.verb) == ("UNCHANGED", "MARKED", None)
    assert decision.departure is LEFT


@pytest.mark.parametrize(
    ("mapped", "body"),
    [((), {}), ((MappingRow(LEAD, Direction.OUTBOUND, "stage", "status_id"),), {"status_id": "stat_1"})],
    ids=["not mapped: it keeps the mark", "mapped: Hull's value is back"],
)
def test_a_marked_lead_whose_account_is_back(mapped: tuple[MappingRow, ...], body: dict[str, Any]) -> None:
    marked = lead_record(
        departed=LEFT, base={"status_id": BaseValue("stat_2", "stat_2")},
        close={"name": "Acme", "url": "https://acme.com", "status_id": "stat_2"},
    )  # fmt: skip
    record = account("s1", link=marked, attributes={"stage": "Potential"})
    decision = plan_family(Family(record), chosen(LEAD, LEFT, "mark", rows=mapped)).lead

    assert decision is not None
    assert (dict(decision.body), decision.departure) == (body, None)


# ── A user and its account ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "user_segments", "account_in", "user_in", "reason"),
    [
        ("the account left, and contacts follow it", (), (), ("u",), "UNLINKED"),
        ("the account is inside, and contacts follow it", (), ("s1",), (), "IN_SYNC"),
        ("its own membership counts: inside", ("u",), (), ("u",), "IN_SYNC"),
        ("its own membership counts: left", ("u",), ("s1",), (), "UNLINKED"),
        ("its own membership was not told", ("u",), ("s1",), None, "NOT_IN_SEGMENT"),
        ("the account's segments were not told", (), None, ("u",), "NOT_IN_SEGMENT"),
    ],
)
def test_whose_membership_counts(
    what: str, user_segments: tuple[str, ...], account_in: Any, user_in: Any, reason: str
) -> None:
    settings = chosen(CONTACT, LEFT, "unlink", user_segments=user_segments)
    lead = account(*(account_in or ()), told=account_in is not None, link=lead_record())
    decision = decided(CONTACT, settings, lead, user(contact_record(), user_in))

    assert decision.reason == reason, what


@pytest.mark.parametrize("policy", ["ignore", "mark", "unlink", "delete"])
@pytest.mark.parametrize("departure", [LEFT, GONE_HERE])
def test_nothing_new_goes_to_a_lead_that_is_left(departure: Departure, policy: str) -> None:
    lead, _ = family(LEAD, departure)
    settings = chosen(LEAD, departure, policy)
    decision = decided(CONTACT, settings, lead, user())

    assert (decision.result, decision.verb) == ("SKIPPED", None)


def test_a_contact_goes_with_its_lead() -> None:
    said = {"LEAD": {"left_segment": "delete"}, "CONTACT": {"left_segment": "delete"}}
    plan = plan_family(
        Family(account(link=lead_record()), (user(contact_record()),)),
        replace(SETTINGS, departures=policies(said)),
    )

    assert [decision.verb for decision in plan.decisions] == ["DELETE_LEAD", None]
    assert plan.contacts[0].departure is None


@pytest.mark.parametrize(("policy", "verb"), [("unlink", None), ("delete", "DELETE_CONTACT")])
def test_further_contacts_are_let_go_and_never_deleted(policy: str, verb: str | None) -> None:
    further = contact_record(close_id="cont_2", parent_close_id="lead_2", is_further=True)
    settings = chosen(CONTACT, LEFT, policy, keeps_every_contact=True)
    plan = plan_family(
        Family(account(link=lead_record()), (user(contact_record(), further=(further,)),)), settings
    )
    own, other = plan.contacts

    assert own.verb == verb
    assert (other.close_id, other.reason, other.verb, other.is_further) == ("cont_2", "UNLINKED", None, True)


@pytest.mark.parametrize("object_type", [LEAD, CONTACT])
def test_nothing_is_made_for_what_was_deleted_in_hull(object_type: ObjectType) -> None:
    lead = account("s1", gone=object_type is LEAD, link=None if object_type is LEAD else lead_record())
    decision = decided(object_type, SETTINGS, lead, user(gone=object_type is CONTACT))

    assert (decision.result, decision.reason, decision.verb) == ("SKIPPED", "DELETED_IN_HULL", None)


def test_the_user_of_a_deleted_account_makes_no_lead_and_no_contact() -> None:
    plan = plan_family(Family(account("s1", gone=True), (user(),)), SETTINGS)

    assert [(one.reason, one.verb) for one in plan.decisions] == [
        ("DELETED_IN_HULL", None),
        ("PARENT_NOT_LINKED", None),
    ]


# ── Two of Hull's records become one ─────────────────────────────────────────────────────────────

OTHERS = {
    LEAD: lead_record(close_id="lead_2", hull_id="other"),
    CONTACT: contact_record(close_id="cont_2", hull_id="other"),
}
HULL_MERGES: list[tuple[ObjectType, str, bool, str, str | None, tuple[str, ...]]] = [
    # object, policy, has its own, reason, Close id it goes on with, losers
    (LEAD, "forward", False, "ADOPTED", "lead_2", ("lead_2",)),
    (LEAD, "forward", True, "IN_SYNC", "lead_1", ("lead_2",)),
    (LEAD, "ignore", False, "NEW", None, ()),
    (LEAD, "ignore", True, "IN_SYNC", "lead_1", ()),
    (LEAD, "unlink", False, "NEW", None, ("lead_2",)),
    (LEAD, "unlink", True, "IN_SYNC", "lead_1", ("lead_2",)),
    (CONTACT, "forward", False, "ADOPTED", "cont_2", ("cont_2",)),
    (CONTACT, "forward", True, "IN_SYNC", "cont_1", ("cont_2",)),
    (CONTACT, "ignore", False, "NEW", None, ()),
    (CONTACT, "ignore", True, "IN_SYNC", "cont_1", ()),
    (CONTACT, "unlink", False, "NEW", None, ("cont_2",)),
    (CONTACT, "unlink", True, "IN_SYNC", "cont_1", ("cont_2",)),
]


@pytest.mark.parametrize(("object_type", "policy", "has_own", "reason", "close_id", "lost"), HULL_MERGES)
def test_hull_merged_another_record_into_this_one(
    object_type: ObjectType,
    policy: str,
    has_own: bool,
    reason: str,
    close_id: str | None,
    lost: tuple[str, ...],
) -> None:
    named = {"named": (OTHERS[object_type],)}
    is_lead = object_type is LEAD
    lead = account("s1", link=lead_record() if has_own or not is_lead else None, **named if is_lead else {})
    contact = user(contact_record() if has_own else None, **{} if is_lead else named)
    decision = decided(object_type, chosen(object_type, MERGED_HERE, policy), lead, contact)

    assert (decision.reason, decision.close_id) == (reason, close_id)
    assert tuple(loser.close_id for loser in decision.losers) == lost
    assert all("other" in note and lost[0] in note for note in decision.notes)
    assert len(decision.notes) == len(lost)
    assert decision.verb in (None, "CREATE_LEAD", "CREATE_CONTACT", "UPDATE_CONTACT")


def test_where_both_have_a_lead_a_person_is_told_of_both() -> None:
    record = account("s1", link=lead_record(), named=(OTHERS[LEAD],))
    decision = plan_family(Family(record), SETTINGS).lead

    assert decision is not None
    assert "lead_2" in decision.notes[0]
    assert "lead_1" in decision.notes[0]
    assert "merge the two in Close" in decision.notes[0]


def test_ignoring_a_merge_leaves_the_other_record_held_where_it_fits() -> None:
    record = account("s1", candidates=(OTHERS[LEAD],), named=(OTHERS[LEAD],))
    ignored = plan_family(Family(record), chosen(LEAD, MERGED_HERE, "ignore")).lead
    unlinked = plan_family(Family(record), chosen(LEAD, MERGED_HERE, "unlink")).lead

    assert ignored is not None
    assert unlinked is not None
    assert ignored.reason == "AMBIGUOUS_MATCH"
    assert (unlinked.reason, unlinked.close_id) == ("ADOPTED", "lead_2")


@pytest.mark.parametrize(
    ("what", "named", "close_id"),
    [
        (
            "what is still there",
            (replace(OTHERS[LEAD], close_id="lead_3", deleted=True), OTHERS[LEAD]),
            "lead_2",
        ),
        ("what Hull names first", (OTHERS[LEAD], replace(OTHERS[LEAD], close_id="lead_3")), "lead_3"),
    ],
)
def test_of_several_losers_one_goes_on(what: str, named: tuple[KnownRecord, ...], close_id: str) -> None:
    record = account("s1", named=named, attributes={"closeio/id": "lead_3"})
    decision = plan_family(Family(record), SETTINGS).lead

    assert decision is not None
    assert decision.close_id == close_id, what
    assert len(decision.losers) == 2


def test_a_lead_that_was_deleted_is_not_made_again_for_the_survivor() -> None:
    record = account("s1", named=(replace(OTHERS[LEAD], deleted=True),))
    decision = plan_family(Family(record), SETTINGS).lead

    assert decision is not None
    assert (decision.reason, decision.verb, decision.losers) == ("DELETED_REMOTELY", None, ())


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("its own", lead_record()),
        ("nobody's", lead_record(hull_id=None)),
        ("a further one", replace(OTHERS[LEAD], is_further=True)),
    ],
)
def test_what_is_no_evidence_of_a_merge(what: str, named: KnownRecord) -> None:
    assert losers(account("s1", named=(named,))) == (), what


@pytest.mark.parametrize(
    ("hull", "named"),
    [
        (HullAccount({"anonymous_ids": ["closeio:lead_1", "x", None, "closeio:cont_1", "closeio:lead_2"]}), ("lead_1", "lead_2")),
        (HullUser({"anonymous_ids": ["closeio:lead_1", "closeio:cont_1"]}), ("cont_1",)),
        (HullAccount({"closeio/id": "lead_1"}), ()),
        (HullAccount({"anonymous_ids": "closeio:lead_1"}), ()),
    ],
)  # fmt: skip
def test_only_the_list_of_anonymous_ids_is_evidence(
    hull: HullAccount | HullUser, named: tuple[str, ...]
) -> None:
    assert named_close_ids(hull) == named


# ── Close's record leaves ────────────────────────────────────────────────────────────────────────

NULL_LEAD, NULL_CONTACT = {"closeio/id": None}, {"closeio/id": None, "closeio/lead_id": None}
INBOUND: list[tuple[ObjectType, Departure, str, str, str, dict[str, Any] | None]] = [
    (LEAD, GONE_THERE, "mark", "UPDATED", "DELETED", {"closeio/deleted_at": AT.isoformat()}),
    (LEAD, GONE_THERE, "ignore", "SKIPPED", "DELETED_REMOTELY", None),
    (LEAD, GONE_THERE, "unlink", "UPDATED", "UNLINKED", NULL_LEAD),
    (CONTACT, GONE_THERE, "mark", "UPDATED", "DELETED", {"closeio/deleted_at": AT.isoformat()}),
    (CONTACT, GONE_THERE, "ignore", "SKIPPED", "DELETED_REMOTELY", None),
    (CONTACT, GONE_THERE, "unlink", "UPDATED", "UNLINKED", NULL_CONTACT),
    (LEAD, MERGED_THERE, "forward", "UPDATED", "MERGED", {"closeio/id": "lead_9"}),
    (LEAD, MERGED_THERE, "ignore", "SKIPPED", "MERGED_INTO_OTHER", None),
    (LEAD, MERGED_THERE, "unlink", "UPDATED", "UNLINKED", NULL_LEAD),
]


def heard(object_type: ObjectType, departure: Departure, **known: Any) -> InboundRecord:
    sent = {"closeio/id": "lead_1" if object_type is LEAD else "cont_1"}
    gone = {"merged_into": "lead_9"} if departure is MERGED_THERE else {"deleted": True}
    link = (lead_record if object_type is LEAD else contact_record)(sent=sent, **gone | known)
    action = "merged" if departure is MERGED_THERE else "deleted"
    return InboundRecord(link.close_id, object_type, action, link, AT, account=lead_record())


@pytest.mark.parametrize(("object_type", "departure", "policy", "result", "reason", "told"), INBOUND)
def test_a_record_leaves_close(
    object_type: ObjectType,
    departure: Departure,
    policy: str,
    result: str,
    reason: str,
    told: dict[str, Any] | None,
) -> None:
    decision = plan_inbound(heard(object_type, departure), chosen(object_type, departure, policy))

    assert (decision.result, decision.reason) == (result, reason)
    assert (decision.write.attributes if decision.write else None) == told
    assert decision.departure == (departure if policy == "unlink" else None)
    if decision.write and object_type is CONTACT:
        assert decision.write.account is None, "a user is not linked to the account of a contact that is gone"


@pytest.mark.parametrize(("object_type", "departure", "policy"), [case[:3] for case in INBOUND])
def test_once_dissolved_nothing_is_told_again(
    object_type: ObjectType, departure: Departure, policy: str
) -> None:
    record = heard(object_type, departure, hull_id=None, departed=departure)

    assert plan_inbound(record, chosen(object_type, departure, policy)).write is None


@pytest.mark.parametrize(
    ("departed", "hull_id", "reason"),
    [
        ("", "a1", None), ("", None, None), (LEFT, "a1", None), (LEFT, None, "NOT_IN_SEGMENT"),
        (GONE_HERE, "a1", "DELETED_IN_HULL"), (GONE_HERE, None, "DELETED_IN_HULL"),
        (MERGED_HERE, None, "MERGED_INTO_OTHER"), (MERGED_HERE, "a2", None),
        (GONE_THERE, None, "DELETED_REMOTELY"), (MERGED_THERE, None, "MERGED_INTO_OTHER"),
    ],
)  # fmt: skip
def test_hull_hears_nothing_of_what_is_not_kept_in_step(
    departed: str, hull_id: str | None, reason: str | None
) -> None:
    known = lead_record(departed=departed, hull_id=hull_id)
    decision = plan_inbound(InboundRecord("lead_1", LEAD, "upsert", known, AT), SETTINGS)

    assert silence(known) == reason
    assert (decision.write is None) is (reason is not None)


def test_what_was_deleted_on_purpose_stays_paired_so_that_nothing_makes_it_again() -> None:
    settings = chosen(LEAD, GONE_THERE, "unlink")

    assert after_deletion(lead_record(departed=LEFT), LEAD, settings) is DeparturePolicy.MARK
    assert after_deletion(lead_record(), LEAD, settings) is DeparturePolicy.UNLINK


@pytest.mark.parametrize(
    ("departed", "hull_id", "over"),
    [
        (GONE_THERE, None, True), (MERGED_THERE, None, True), (MERGED_HERE, None, True), (LEFT, None, False),
        (GONE_HERE, None, False), (GONE_THERE, "a1", False), ("", None, False),
    ],
)  # fmt: skip
def test_which_close_ids_that_hull_carries_mean_nothing_any_more(
    departed: str, hull_id: str | None, over: bool
) -> None:
    assert is_over(lead_record(departed=departed, hull_id=hull_id)) is over


@pytest.mark.parametrize(
    ("policy", "reason"),
    [("forward", "MERGED_INTO_OTHER"), ("ignore", "MERGED_INTO_OTHER"), ("unlink", "MERGED_INTO_OTHER")],
)
def test_an_account_whose_lead_was_merged_away_makes_no_other(policy: str, reason: str) -> None:
    record = account("s1", link=lead_record(merged_into="lead_9"))
    plan = plan_family(Family(record, (user(),)), chosen(LEAD, MERGED_THERE, policy))

    assert [(one.reason, one.verb) for one in plan.decisions] == [(reason, None), ("PARENT_NOT_LINKED", None)]


# ── The matrix ───────────────────────────────────────────────────────────────────────────────────


def test_every_cell_and_policy_is_in_a_table_above() -> None:
    told = {case[:3] for case in (*OUTBOUND, *INBOUND)}
    told |= {(object_type, MERGED_HERE, policy) for object_type, policy, *_ in HULL_MERGES}

    assert told == {(*cell, policy.value) for cell, allowed in ALLOWED.items() for policy in allowed}


def test_by_default_nothing_is_deleted_in_close_and_what_is_deleted_there_is_not_made_again() -> None:
    defaults = policies({})

    assert DeparturePolicy.DELETE not in defaults.values()
    assert {defaults[kind, GONE_THERE] for kind in ObjectType} == {DeparturePolicy.MARK}
    assert defaults[LEAD, MERGED_THERE] is DeparturePolicy.FORWARD


@pytest.mark.parametrize(
    "stored", [{}, {"LEAD": {"left_segment": "delete"}}, {"CONTACT": {"merged_in_hull": "unlink"}}]
)
def test_the_stored_form_holds_what_differs_and_nothing_else(stored: dict[str, dict[str, str]]) -> None:
    assert stored_form(policies(stored)) == stored


@pytest.mark.parametrize(
    "stored",
    [
        {"LEAD": {"left_segment": "forward"}},
        {"LEAD": "mark"},
        {"OTHER": {}},
        {"LEAD": {"left_segment": None}},
    ],
)
def test_what_is_not_allowed_counts_as_not_said(stored: dict[str, Any]) -> None:
    assert policies(stored) == policies({})
