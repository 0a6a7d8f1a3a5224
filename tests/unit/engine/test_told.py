"""What Hull was told of a field stands for an agreement until both sides agreed by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sync.engine.outbound import plan_family
from sync.engine.plan import Decision
from sync.records import Direction, MappingRow, SyncSettings
from tests.unit.engine.families import CONTACT, LEAD, NOW, OUT, account, contact, family, lead, user

BEFORE, AFTER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
BOTH_WAYS = SyncSettings(
    account_segments=("s1",),
    rows=(
        MappingRow(LEAD, OUT, "description", "description"),
        MappingRow(LEAD, Direction.INBOUND, "description", "description"),
        MappingRow(LEAD, Direction.INBOUND, "", "url"),
        MappingRow(CONTACT, OUT, "email", "emails.office"),
        MappingRow(CONTACT, Direction.INBOUND, "", "emails"),
    ),
)


def planned(sent: dict[str, Any], sent_at: Any, close: dict[str, Any], **hull: Any) -> Decision:
    known = replace(lead(hull_id=None, **close), sent=sent, sent_at=sent_at)
    decision = plan_family(family(replace(account("a1", **hull), link=known)), BOTH_WAYS).lead
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("told", "sent_at", "close", "hull", "body"),
    [
        # Hull holds what it was told, a rep has typed something since
        ("v1", BEFORE, "v2", "v1", {}),
        # Hull's message is from before it was told the rep's edit
        ("v2", AFTER, "v2", "v1", {}),
        # Hull changed what it was told
        ("v1", BEFORE, "v1", "v3", {"description": "v3"}),
        # both did, at the same moment: Close keeps it
        ("v1", BEFORE, "v2", "v3", {}),
        # nothing was told of it: Hull's value goes out as ever
        (None, BEFORE, "v2", "v1", {"description": "v1"}),
        ("v1", None, "v1", "v3", {"description": "v3"}),
    ],
)
def test_a_reps_edit_outlives_the_return_of_what_hull_was_told(
    told: str | None, sent_at: Any, close: str, hull: str, body: dict[str, str]
) -> None:
    decision = planned({"description": told}, sent_at, {"description": close}, description=hull)

    assert dict(decision.body) == body


def test_a_web_address_that_a_rep_changed_stays() -> None:
    sent = {"closeio/url": "https://a1.com"}

    assert planned(sent, BEFORE, {"url": "https://new.com"}, domain="a1.com").body == {}
    for told_at in (BEFORE, AFTER):
        decision = planned(sent, told_at, {"url": "https://a1.com"}, domain="moved.com")
        assert decision.body == {"url": "https://moved.com"}


def test_a_name_that_hull_has_of_its_own_goes_out_whenever_it_was_told() -> None:
    assert planned({"name": "Acme Inc"}, AFTER, {"name": "Acme Inc"}, name="Acme").body == {"name": "Acme"}
    assert planned({"name": "Acme"}, BEFORE, {"name": "Acme Ltd"}, name="Acme").body == {}


@pytest.mark.parametrize(
    ("told", "held", "written"),
    [
        (["u1@acme.com"], [], None),  # a rep removed what Hull was told
        (["u1@acme.com"], ["u1@acme.com"], None),
        (["other@acme.com"], ["other@acme.com"], ["other@acme.com", "u1@acme.com"]),
    ],
)
def test_an_address_that_a_rep_removed_stays_away(
    told: list[str], held: list[str], written: list[str] | None
) -> None:
    acme = replace(account("a1"), link=lead())
    emails = [{"email": one, "type": "office"} for one in held]
    ada = replace(
        contact(hull_id=None, emails=emails), base={}, sent={"closeio/emails": told}, sent_at=BEFORE
    )

    decision = plan_family(family(acme, replace(user("u1", acme), link=ada)), BOTH_WAYS).contacts[0]

    assert [one["email"] for one in decision.body.get("emails", ())] == (written or [])
