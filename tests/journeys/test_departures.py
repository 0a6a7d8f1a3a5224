"""A record leaves one side: what a person did, what was chosen for it, and what both sides hold afterwards."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from sync.models import Change, Link, Outcome
from sync.services import outbound
from sync.services.configuration import configuration_changed
from tests.journeys.world import SEGMENT, World

pytestmark = pytest.mark.inline(reason="compares both sides whole between two steps of the product")

MEMBERS = "59f09bc7f9c5a94af600076e"
# What moves with every write, whatever was written.
_TIMES = {
    "date_updated",
    "updated_by",
    "updated_by_name",
    "indexed_at",
    "closeio/updated_at",
    "traits_closeio/updated_at",
}
_NESTED = {"contacts", "contact_ids"}

Difference = dict[str, set[str] | None]


@pytest.fixture
def acme(world: World) -> World:
    """An account with a user in Hull, and a lead with a contact in Close: linked, and at rest."""
    world.hull.add_segment("account", SEGMENT, "Prospects", {"attribute": "is_prospect", "equals": True})
    world.hull.add_segment("user", MEMBERS, "Members", {"attribute": "is_member", "equals": True})
    world.hull.add_account({"id": "a-acme", "name": "Acme", "domain": "acme.com", "is_prospect": True})
    ada = {"id": "u-ada", "name": "Ada", "email": "ada@acme.com", "is_member": True}
    world.hull.add_user(ada, "a-acme")
    world.settle()
    world.clock.advance(minutes=1)
    return world


def choose(world: World, object_type: str, departure: str, policy: str, **values: Any) -> None:
    world.connector.departures = {object_type: {departure: policy}}
    for name, value in ({"mark_status": "Qualified"} | values).items():
        setattr(world.connector, name, value)
    world.connector.save()


def state(world: World) -> dict[str, Any]:
    """Return both sides whole: every record by its id."""
    return deepcopy({
        **world.close.snapshot()["leads"], **world.close.snapshot()["contacts"], **world.hull.snapshot()["accounts"],
        **world.hull.snapshot()["users"],
    })  # fmt: skip


def settled(world: World, before: dict[str, Any] | None = None) -> Difference:
    """Let the world settle, and return per record which fields changed; None for one that is gone."""
    before = before or state(world)
    world.clock.advance(minutes=1)
    world.settle()
    after = state(world)
    return {
        key: changes
        for key in before | after
        if (changes := _changes(before.get(key), after.get(key))) != set()
    }


def _changes(before: Any, after: Any) -> set[str] | None:
    if after is None:
        return None
    names = (before or {}).keys() | after.keys()
    changed = {name for name in names if before is None or before.get(name) != after.get(name)}
    return changed - _TIMES - _NESTED


def ids(world: World) -> tuple[str, str]:
    return world.lead("Acme")["id"], world.contact("Ada")["id"]


def touch(world: World, hull_id: str) -> None:
    """Have Hull tell of a record again."""
    world.number += 1
    world.hull.set_account(hull_id, {"note": world.number})


def reason(world: World, key: str) -> str:
    return str(world.outcome(key).reason)


def assert_at_rest(world: World) -> None:
    """Told of everything once more, the product writes nothing."""
    before, writes, messages = state(world), len(world.writes_to_close()), len(world.hull.firehose_messages)
    for hull_id in list(world.hull.accounts):
        touch(world, hull_id)
    for user_id in list(world.hull.users):
        world.hull.set_user(user_id, {"note": world.number})

    assert set().union(*(changed or {"gone"} for changed in settled(world, before).values())) <= {
        "note",
        "traits_note",
    }
    assert (len(world.writes_to_close()), len(world.hull.firehose_messages)) == (writes, messages)


# ── It leaves its segments ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "in_close", "in_hull", "told"),
    [
        ("ignore", {}, {}, "NOT_IN_SEGMENT"),
        ("mark", {"lead": {"status_id", "status_label"}}, {"a-acme": {"closeio/status", "closeio/status_id"}}, "MARKED"),
        ("unlink", {}, {}, "UNLINKED"),
        (
            "delete", {"lead": None, "contact": None},
            {"a-acme": {"closeio/deleted_at"}, "u-ada": {"traits_closeio/deleted_at"}}, "DELETED",
        ),
    ],
)  # fmt: skip
def test_an_account_leaves_its_segments(
    acme: World, policy: str, in_close: Difference, in_hull: Difference, told: str
) -> None:
    choose(acme, "LEAD", "left_segment", policy)
    names = dict(zip(("lead", "contact"), ids(acme), strict=True))
    acme.hull.set_account("a-acme", {"is_prospect": False})

    assert settled(acme) == {names[key]: changed for key, changed in in_close.items()} | in_hull
    assert Outcome.objects.filter(key="a-acme", reason=told).count() == 1
    assert_at_rest(acme)
    assert reason(acme, "a-acme") == "NOT_IN_SEGMENT"


@pytest.mark.parametrize("follows", [True, False], ids=["with its account", "its own segments"])
@pytest.mark.parametrize(
    ("policy", "in_close", "in_hull", "told"),
    [
        ("ignore", {}, {}, "NOT_IN_SEGMENT"),
        ("unlink", {}, {}, "UNLINKED"),
        ("delete", {"contact": None}, {"u-ada": {"traits_closeio/deleted_at"}}, "DELETED"),
    ],
)
def test_a_user_leaves(
    acme: World, follows: bool, policy: str, in_close: Difference, in_hull: Difference, told: str
) -> None:
    choose(acme, "CONTACT", "left_segment", policy, user_segments=[] if follows else [MEMBERS])
    names = dict(zip(("lead", "contact"), ids(acme), strict=True))
    if follows:
        acme.hull.set_account("a-acme", {"is_prospect": False})
    else:
        acme.hull.set_user("u-ada", {"is_member": False})

    assert settled(acme) == {names[key]: changed for key, changed in in_close.items()} | in_hull
    assert Outcome.objects.filter(key="u-ada", reason=told).exists()
    assert Outcome.objects.filter(key="u-ada", reason__in=["UNLINKED", "DELETED"]).count() <= 1
    assert_at_rest(acme)


def test_a_user_leaves_with_its_account_even_when_hull_tells_only_of_the_account(acme: World) -> None:
    choose(acme, "CONTACT", "left_segment", "unlink")
    account = {name: acme.hull.accounts["a-acme"][name] for name in ("id", "name", "domain")}
    acme.tell_account(False, **account)

    assert settled(acme) == {}
    assert reason(acme, "u-ada") == "UNLINKED"
    assert Link.objects.get(object_type="CONTACT").hull_id is None


@pytest.mark.parametrize(
    ("policy", "in_close", "told"),
    [
        ("ignore", {"description"}, "CHANGED"),
        ("mark", {"description"}, "CHANGED"),
        ("unlink", {"description"}, "ADOPTED"),
        ("delete", set(), "DELETED_REMOTELY"),
    ],
)
def test_an_account_that_comes_back_is_synced_again(
    acme: World, policy: str, in_close: set[str], told: str
) -> None:
    choose(acme, "LEAD", "left_segment", policy)
    lead_id, _ = ids(acme)
    acme.hull.set_account("a-acme", {"is_prospect": False})
    settled(acme)
    acme.hull.set_account("a-acme", {"is_prospect": True, "description": "Rockets"})

    assert settled(acme).get(lead_id, set()) == in_close
    assert Outcome.objects.filter(key="a-acme", reason=told).exists()
    assert len(acme.close.leads) == (0 if policy == "delete" else 1)
    assert {link.departed for link in Link.objects.filter(deleted_at=None)} == (
        {""} if policy != "delete" else set()
    )
    assert_at_rest(acme)


def test_it_may_leave_and_be_marked_again(acme: World) -> None:
    choose(acme, "LEAD", "left_segment", "mark")
    lead_id, _ = ids(acme)
    first = acme.lead("Acme")["status_id"]
    for is_prospect in (False, True):
        acme.hull.set_account("a-acme", {"is_prospect": is_prospect})
        settled(acme)
    assert acme.close.leads[lead_id]["status_label"] == "Qualified", "nobody said what it is to be instead"
    acme.close.rep_update_lead(lead_id, {"status_id": first})
    settled(acme)
    acme.hull.set_account("a-acme", {"is_prospect": False})
    settled(acme)

    assert acme.close.leads[lead_id]["status_label"] == "Qualified"
    assert Outcome.objects.filter(key="a-acme", reason="MARKED").count() == 2


def test_what_a_rep_does_with_an_unlinked_lead_is_not_told_to_hull(acme: World) -> None:
    choose(acme, "LEAD", "left_segment", "unlink")
    lead_id, _ = ids(acme)
    acme.hull.set_account("a-acme", {"is_prospect": False})
    settled(acme)
    acme.close.rep_update_lead(lead_id, {"description": "Mine alone"})

    assert settled(acme) == {}
    assert reason(acme, lead_id) == "NOT_IN_SEGMENT"


def test_a_status_that_close_does_not_have_is_a_problem_and_not_a_loss(acme: World) -> None:
    choose(acme, "LEAD", "left_segment", "mark", mark_status="Nobody")
    lead_id, _ = ids(acme)
    acme.hull.set_account("a-acme", {"is_prospect": False})

    assert settled(acme) == {}
    assert (acme.outcome("a-acme").result, reason(acme, "a-acme")) == ("FAILED", "CONFIGURATION")
    assert "“Nobody” is not a lead status" in acme.connector.problems[0]
    choose(acme, "LEAD", "left_segment", "mark")
    configuration_changed(acme.connector, {"mark_status"}, now=acme.clock())
    settled(acme)
    assert acme.close.leads[lead_id]["status_label"] == "Qualified"


def test_naming_other_segments_on_the_connector_is_leaving_but_naming_none_is_not(acme: World) -> None:
    choose(acme, "LEAD", "left_segment", "delete", account_segments=[])
    touch(acme, "a-acme")

    assert set(settled(acme)) == set()
    assert reason(acme, "a-acme") == "NO_SEGMENTS"


@pytest.mark.parametrize(("object_type", "who"), [("LEAD", "a-acme"), ("CONTACT", "u-ada")])
def test_more_deletions_than_the_brake_allows_wait_for_a_person(
    acme: World, object_type: str, who: str
) -> None:
    choose(acme, object_type, "left_segment", "delete", brake_deletes=0)
    acme.hull.set_account("a-acme", {"is_prospect": False})

    assert settled(acme) == {}
    assert reason(acme, who) == "NEEDS_APPROVAL"
    assert Link.objects.exclude(departed="").count() == 0


@pytest.mark.parametrize("policy", ["mark", "unlink", "delete"])
def test_a_dry_run_tells_and_writes_nothing(acme: World, policy: str) -> None:
    choose(acme, "LEAD", "left_segment", policy)
    acme.hull.set_account("a-acme", {"is_prospect": False})
    acme.deliver()
    before, links = state(acme), list(Link.objects.order_by("pk").values())
    outbound.drain(acme.connector, trigger="COMMAND", clock=acme.clock, dry_run=True)

    assert state(acme) == before
    assert list(Link.objects.order_by("pk").values()) == links
    assert reason(acme, "a-acme") in ("MARKED", "UNLINKED", "DELETED")


# ── It is deleted in Close ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "in_hull", "told", "is_made_again"),
    [
        ("mark", {"closeio/deleted_at"}, "DELETED_REMOTELY", False),
        ("ignore", set(), "DELETED_REMOTELY", False),
        ("unlink", None, "IN_SYNC", True),
    ],
)
def test_a_rep_deletes_a_lead(
    acme: World, policy: str, in_hull: set[str] | None, told: str, is_made_again: bool
) -> None:
    choose(acme, "LEAD", "deleted_in_close", policy)
    lead_id, _ = ids(acme)
    acme.close.rep_delete_lead(lead_id)
    difference = settled(acme)
    touch(acme, "a-acme")
    settled(acme)

    assert reason(acme, "a-acme") == told
    assert [lead["name"] for lead in acme.close.leads.values()] == (["Acme"] if is_made_again else [])
    assert lead_id not in acme.close.leads
    if in_hull is not None:
        assert difference.get("a-acme", set()) == in_hull
    else:
        account = acme.hull.accounts["a-acme"]
        assert (account["closeio/id"], account.get("closeio/deleted_at")) == (acme.lead("Acme")["id"], None)
    assert_at_rest(acme)


@pytest.mark.parametrize(
    ("policy", "in_hull", "is_made_again"),
    [("mark", {"traits_closeio/deleted_at"}, False), ("ignore", set(), False), ("unlink", None, True)],
)
def test_a_rep_deletes_a_contact(
    acme: World, policy: str, in_hull: set[str] | None, is_made_again: bool
) -> None:
    choose(acme, "CONTACT", "deleted_in_close", policy)
    lead_id, contact_id = ids(acme)
    acme.close.rep_delete_contact(contact_id)
    difference = settled(acme)
    acme.hull.set_user("u-ada", {"note": 1})
    settled(acme)

    assert [contact["lead_id"] for contact in acme.close.contacts.values()] == (
        [lead_id] if is_made_again else []
    )
    if in_hull is not None:
        assert difference.get("u-ada", set()) == in_hull
    else:
        assert acme.hull.users["u-ada"]["traits_closeio/id"] == acme.contact("Ada")["id"]
    assert acme.hull.account_of("u-ada")["id"] == "a-acme"
    assert_at_rest(acme)


def test_hull_holds_no_id_of_a_lead_that_was_unlinked_as_long_as_it_is_not_made_again(acme: World) -> None:
    choose(acme, "LEAD", "deleted_in_close", "unlink")
    lead_id, _ = ids(acme)
    acme.hull.set_account("a-acme", {"is_prospect": False})
    settled(acme)
    acme.close.rep_delete_lead(lead_id)

    assert settled(acme)["a-acme"] == {"closeio/id"}
    assert acme.hull.accounts["a-acme"]["closeio/id"] is None
    assert reason(acme, lead_id) == "UNLINKED"
    assert_at_rest(acme)


def test_what_was_deleted_on_purpose_is_not_made_again_even_where_deletions_are_unlinked(acme: World) -> None:
    acme.connector.departures = {"LEAD": {"left_segment": "delete", "deleted_in_close": "unlink"}}
    acme.connector.save()
    for is_prospect in (False, True):
        acme.hull.set_account("a-acme", {"is_prospect": is_prospect})
        settled(acme)

    assert acme.close.leads == {}
    assert reason(acme, "a-acme") == "DELETED_REMOTELY"


# ── Two leads are merged in Close ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", ["forward", "ignore", "unlink"])
def test_a_rep_merges_two_leads(acme: World, policy: str) -> None:
    choose(acme, "LEAD", "merged_in_close", policy)
    lead_id, _ = ids(acme)
    survivor = acme.close.rep_create_lead({"name": "Acme Group", "url": "https://acme.group"})["id"]
    settled(acme)
    acme.close.rep_merge(lead_id, survivor)
    settled(acme)
    acme.hull.set_account("a-acme", {"description": "Rockets"})
    settled(acme)

    described = {lead["id"]: lead["description"] for lead in acme.close.leads.values()}
    account = acme.hull.accounts["a-acme"]
    if policy == "forward":
        assert (described, account["closeio/id"]) == ({survivor: "Rockets"}, survivor)
    elif policy == "ignore":
        assert (described, account["closeio/id"]) == ({survivor: ""}, lead_id)
        assert reason(acme, "a-acme") == "MERGED_INTO_OTHER"
    else:
        (made,) = described.keys() - {survivor}
        assert (described, account["closeio/id"]) == ({survivor: "", made: "Rockets"}, made)
    assert_at_rest(acme)


# ── It is deleted in Hull ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "in_close", "told"),
    [
        ("ignore", {}, "DELETED_IN_HULL"),
        ("mark", {"lead": {"status_id", "status_label"}}, "MARKED"),
        ("unlink", {}, "UNLINKED"),
        ("delete", {"lead": None, "contact": None}, "DELETED"),
    ],
)
def test_an_account_is_deleted_in_hull(acme: World, policy: str, in_close: Difference, told: str) -> None:
    choose(acme, "LEAD", "deleted_in_hull", policy)
    names = dict(zip(("lead", "contact"), ids(acme), strict=True))
    acme.hull.delete("a-acme", is_told=True)

    difference = settled(acme)
    difference.pop("u-ada", None)  # a user without an account; its contact may have gone with the lead
    assert difference == {names[key]: changed for key, changed in in_close.items()}
    assert Outcome.objects.filter(key="a-acme", reason=told).count() == 1
    if policy != "delete":
        acme.close.rep_update_lead(names["lead"], {"description": "Still ours"})
        settled(acme)
    assert acme.hull.accounts == {}, "what is gone from Hull is not made again there"
    acme.notify("account:delete", [{"id": "a-acme"}])
    assert settled(acme) == {}
    assert reason(acme, "a-acme") == "DELETED_IN_HULL"


@pytest.mark.parametrize(
    ("policy", "in_close", "told"),
    [
        ("ignore", {}, "DELETED_IN_HULL"),
        ("unlink", {}, "UNLINKED"),
        ("delete", {"contact": None}, "DELETED"),
    ],
)
def test_a_user_is_deleted_in_hull(acme: World, policy: str, in_close: Difference, told: str) -> None:
    choose(acme, "CONTACT", "deleted_in_hull", policy)
    _, contact_id = ids(acme)
    acme.hull.delete("u-ada", is_told=True)

    names = {"contact": contact_id}
    assert settled(acme) == {names[key]: changed for key, changed in in_close.items()}
    assert Outcome.objects.filter(key="u-ada", reason=told).count() == 1
    touch(acme, "a-acme")
    assert settled(acme) == {}
    assert acme.hull.users == {}
    assert len(acme.close.contacts) == (0 if policy == "delete" else 1)


def test_a_deletion_of_somebody_who_never_was_in_close_makes_nobody(acme: World) -> None:
    acme.notify(
        "account:delete",
        [{"account": {"id": "a-new", "name": "New", "domain": "new.com", "segment_ids": [SEGMENT]}}],
    )
    acme.notify("user:delete", [{"user_id": "u-new"}])

    assert settled(acme) == {}
    assert (reason(acme, "a-new"), reason(acme, "u-new")) == ("DELETED_IN_HULL", "DELETED_IN_HULL")


def test_an_account_that_is_told_again_after_its_deletion_is_back(acme: World) -> None:
    choose(acme, "LEAD", "deleted_in_hull", "unlink")
    lead_id, _ = ids(acme)
    account = acme.hull.accounts["a-acme"]
    acme.notify("account:delete", [{"id": "a-acme"}])
    assert settled(acme) == {}
    assert Link.objects.get(close_id=lead_id).hull_id is None

    acme.notify("account:update", [{"account": account, "account_segments": [{"id": SEGMENT}]}])
    assert settled(acme) == {}, "that was its state from before"
    assert Link.objects.get(close_id=lead_id).hull_id is None
    acme.hull.set_account("a-acme", {"description": "Rockets"})
    assert settled(acme) == {lead_id: {"description"}, "a-acme": {"closeio/description"}}
    assert (list(acme.close.leads), Link.objects.get(close_id=lead_id).departed) == ([lead_id], "")


# ── Two of Hull's records are merged ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", ["forward", "ignore", "unlink"])
def test_an_account_is_merged_into_one_without_a_lead(acme: World, policy: str) -> None:
    choose(acme, "LEAD", "merged_in_hull", policy)
    lead_id, _ = ids(acme)
    acme.hull.add_account({"id": "a-twin", "name": "Twin", "external_id": "t-1"})
    settled(acme)
    assert acme.hull.merge("a-twin", "a-acme").hull_id == "a-twin"

    difference = settled(acme)
    assert list(acme.close.leads) == [lead_id]
    link = Link.objects.get(close_id=lead_id)
    if policy == "ignore":
        assert (difference, link.hull_id) == ({}, "a-acme")
        assert Change.objects.get(key="a-twin").state == "HELD"
        return
    assert set(difference) == {lead_id, "a-twin"}, "it is called Twin now"
    assert (link.hull_id, link.departed) == ("a-twin", "")
    told = Outcome.objects.filter(key="a-twin", reason="ADOPTED").get()
    assert "Hull merged a-acme into this record" in told.notes[0]
    assert_at_rest(acme)


@pytest.mark.parametrize("policy", ["forward", "ignore", "unlink"])
def test_an_account_is_merged_into_one_with_a_lead_of_its_own(acme: World, policy: str) -> None:
    choose(acme, "LEAD", "merged_in_hull", policy, moves_contacts=False)
    lead_id, _ = ids(acme)
    acme.hull.add_account(
        {"id": "a-twin", "name": "Twin", "domain": "twin.com", "external_id": "t-1", "is_prospect": True}
    )
    settled(acme)
    own_id = acme.lead("Twin")["id"]
    acme.hull.link("u-ada", None)
    settled(acme)
    acme.hull.merge("a-twin", "a-acme")

    assert settled(acme) == {}, "nothing is merged or deleted by ourselves"
    assert set(acme.close.leads) == {lead_id, own_id}
    lost = Link.objects.get(close_id=lead_id)
    if policy == "ignore":
        assert lost.hull_id == "a-acme"
        return
    assert (lost.hull_id, lost.departed) == (None, "merged_in_hull")
    notes = [note for one in Outcome.objects.filter(key="a-twin") for note in one.notes]
    (note,) = [note for note in notes if "merge the two in Close" in note]
    assert all(name in note for name in ("a-acme", lead_id, own_id))
    acme.close.rep_update_lead(lead_id, {"description": "Mine alone"})
    assert settled(acme) == {}, "Hull would take it for the survivor's"
    acme.close.rep_merge(lead_id, own_id)
    settled(acme)
    assert acme.hull.accounts["a-twin"]["closeio/id"] == own_id
    assert_at_rest(acme)


@pytest.mark.parametrize("policy", ["forward", "ignore", "unlink"])
def test_a_user_is_merged_into_one_without_a_contact(acme: World, policy: str) -> None:
    choose(acme, "CONTACT", "merged_in_hull", policy)
    _, contact_id = ids(acme)
    acme.hull.add_user({"id": "u-twin", "external_id": "t-1"})
    settled(acme)
    assert acme.hull.merge("u-twin", "u-ada").hull_id == "u-twin"

    settled(acme)
    assert list(acme.close.contacts) == [contact_id]
    link = Link.objects.get(close_id=contact_id)
    assert link.hull_id == ("u-ada" if policy == "ignore" else "u-twin")
    if policy != "ignore":
        assert acme.hull.users["u-twin"]["traits_closeio/id"] == contact_id
        assert_at_rest(acme)


@pytest.mark.parametrize("policy", ["forward", "ignore", "unlink"])
def test_a_user_is_merged_into_one_with_a_contact_of_its_own(acme: World, policy: str) -> None:
    choose(acme, "CONTACT", "merged_in_hull", policy)
    _, contact_id = ids(acme)
    twin = {"id": "u-twin", "external_id": "t-1", "name": "Twin", "email": "twin@acme.com", "is_member": True}
    acme.hull.add_user(twin, "a-acme")
    settled(acme)
    own_id = acme.contact("Twin")["id"]
    acme.hull.merge("u-twin", "u-ada")

    assert settled(acme) == {}
    assert set(acme.close.contacts) == {contact_id, own_id}
    assert Link.objects.get(close_id=contact_id).hull_id == ("u-ada" if policy == "ignore" else None)
    if policy != "ignore":
        assert_at_rest(acme)
