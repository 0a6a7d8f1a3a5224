"""Fields that both sides changed, fields that go back and forth, and values before and after, as people see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync import queries, tasks
from sync.models import Change, Connector, Link
from sync.services import explain
from tests.integration.admin.rows import failed_change, notices, outcome, text

SignIn = Callable[[Role, SimpleNamespace], Client]

CONFLICTS = {"custom.cf_1": ["Robots <b>", "Trains"], "status_id": [None, "stat_1"]}
PAUSED = {
    "custom.cf_1": {"since": "2026-03-02T09:00:00+00:00", "values": ["Robots", "Trains"], "writer": "the API key api_7"}
}  # fmt: skip


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lanes that would have been woken."""
    nudged: list[Any] = []
    monkeypatch.setattr(tasks, "nudge", lambda pk, direction, trigger: nudged.append((pk, direction)) or True)
    return nudged


def page(client: Client, row: Any) -> str:
    name = row._meta.model_name
    return text(client.get(reverse(f"admin:sync_{name}_change", args=[row.pk])))


class TestChoosingValues:
    @pytest.fixture
    def held(self, ours: SimpleNamespace, now: datetime) -> Change:
        return failed_change(
            ours.connector, 7, now, state="HELD", reason="CONFLICT", conflicts=CONFLICTS, message="Choose."
        )

    def choose(self, client: Client, change: Change, **sides: str) -> HttpResponse:
        posted = {f"side:{path.replace('__', '.')}": side for path, side in sides.items()}
        return client.post(reverse("admin:sync_change_choose_values", args=[change.pk]), posted)

    def test_both_values_stand_side_by_side_under_the_fields_label(
        self, admin_client: Client, ours: SimpleNamespace, held: Change
    ) -> None:
        shown = page(admin_client, held)

        assert "Whose value stays?" in shown
        assert 'name="side:custom.cf_1" value="hull"' in shown
        assert 'name="side:custom.cf_1" value="close"' in shown
        assert "Robots &lt;b&gt;" in shown
        assert "Industry" in shown
        assert "Potential" in shown
        assert "Whose value stays?" not in page(admin_client, ours.held)

    def test_the_choice_is_kept_and_the_change_goes_on(
        self, admin_client: Client, held: Change, nudged: list[Any]
    ) -> None:
        response = self.choose(admin_client, held, custom__cf_1="close", status_id="hull")

        assert notices(response) == ["Chosen for custom.cf_1, status_id, and back in the queue."]
        held.refresh_from_db()
        assert (held.state, held.chosen) == ("PENDING", {"custom.cf_1": "close", "status_id": "hull"})
        assert nudged == [(held.connector_id, "OUTBOUND")]

    @pytest.mark.parametrize("sides", [{}, {"name": "hull"}, {"status_id": "nobody"}])
    def test_what_cannot_be_chosen_is_told(
        self, admin_client: Client, held: Change, sides: dict[str, str]
    ) -> None:
        assert "Nothing was chosen" in notices(self.choose(admin_client, held, **sides))[0]
        held.refresh_from_db()
        assert (held.state, held.chosen) == ("HELD", {})

    def test_a_change_that_is_not_held_any_more_stays_as_it_is(
        self, admin_client: Client, held: Change
    ) -> None:
        Change.objects.filter(pk=held.pk).update(state="DONE")

        assert "Nothing was chosen" in notices(self.choose(admin_client, held, status_id="hull"))[0]

    def test_a_viewer_and_a_stranger_are_not_asked(
        self, sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace, held: Change
    ) -> None:
        viewer = sign_in(Role.VIEWER, ours)
        assert "Whose value stays?" not in page(viewer, held)
        assert self.choose(viewer, held, status_id="hull").status_code == 403

        stranger = sign_in(Role.OWNER, theirs)
        assert self.choose(stranger, held, status_id="hull").status_code == 404
        held.refresh_from_db()
        assert held.state == "HELD"


class TestPausedFields:
    @pytest.fixture
    def paused(self, ours: SimpleNamespace) -> Link:
        ours.link.paused_fields, ours.link.flips = (
            PAUSED,
            {"custom.cf_1": [["2026-03-02T09:00:00+00:00", "x"]]},
        )
        ours.link.save()
        return ours.link

    def resume(self, client: Client, link: Link) -> HttpResponse:
        return client.post(reverse("admin:sync_link_resume_one", args=[link.pk]), {"_form_submitted": "True"})

    def test_the_page_says_which_between_what_and_who_else_writes(
        self, admin_client: Client, ours: SimpleNamespace, paused: Link
    ) -> None:
        shown = page(admin_client, paused)

        for words in ("Paused fields", "Robots", "Trains", "the API key api_7", "Resume paused fields"):
            assert words in shown
        assert "Resume paused fields" not in page(admin_client, ours.candidate)

    def test_resuming_clears_the_history_and_looks_at_the_record_again(
        self, admin_client: Client, ours: SimpleNamespace, paused: Link, nudged: list[Any]
    ) -> None:
        Change.objects.filter(pk=ours.change.pk).update(state="DONE")

        response = self.resume(admin_client, paused)

        assert notices(response) == ["1 resumed."]
        paused.refresh_from_db()
        ours.change.refresh_from_db()
        assert (paused.paused_fields, paused.flips, ours.change.state) == ({}, {}, "PENDING")
        assert nudged == [(ours.connector.pk, "OUTBOUND")]
        assert notices(self.resume(admin_client, paused))[-1] == "No field was paused any more."

    def test_several_from_the_list(self, admin_client: Client, ours: SimpleNamespace, paused: Link) -> None:
        posted = {"action": "resume_selected", "_selected_action": [paused.pk, ours.candidate.pk]}

        response = admin_client.post(reverse("admin:sync_link_changelist"), posted)

        assert notices(response) == ["1 resumed."]

    def test_a_viewer_may_look_and_a_stranger_may_not(
        self, sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace, paused: Link
    ) -> None:
        viewer = sign_in(Role.VIEWER, ours)

        assert "Paused fields" in page(viewer, paused)
        assert self.resume(viewer, paused).status_code == 403
        assert self.resume(sign_in(Role.OWNER, theirs), paused).status_code in (403, 404)
        paused.refresh_from_db()
        assert paused.paused_fields == PAUSED

    def test_it_counts_as_something_that_needs_a_person(
        self, admin_client: Client, ours: SimpleNamespace, paused: Link, now: datetime
    ) -> None:
        Change.objects.all().delete()
        (connector,) = queries.with_health(Connector.objects.filter(pk=ours.connector.pk), now=now)

        assert (connector.flipping, connector.health) == (1, queries.Health.ATTENTION)
        shown = page(admin_client, ours.connector)
        assert "1 with a paused field" in shown
        assert "pair=paused" in shown
        listed = text(admin_client.get(reverse("admin:sync_link_changelist"), {"pair": "paused"}))
        assert paused.label in listed
        assert ours.candidate.label not in listed


@pytest.mark.parametrize(
    ("result", "title"), [("UPDATED", "What was written"), ("DRY_RUN", "What would be written")]
)
def test_values_before_and_after_are_told_in_words(
    admin_client: Client, ours: SimpleNamespace, now: datetime, result: str, title: str
) -> None:
    values = {
        "custom.cf_1": [None, "Robotics"],
        "emails": [[{"email": "old@x.com", "type": "office"}], [{"email": "new@x.com", "type": "office"}]],
    }
    row = outcome(
        ours.connector, ours.run, 5, now, result=result, reason="CHANGED", message="", values=values
    )

    shown = page(admin_client, row)

    for words in (
        title,
        "Before",
        "After",
        "Industry",
        "Robotics",
        "email: old@x.com, type: office",
        "new@x.com",
    ):
        assert words in shown
    told = explain.as_dict(explain.tell(ours.connector, "h5"))
    assert told["outcomes"][0]["values"] == values


def test_an_outcome_without_a_write_shows_no_values(admin_client: Client, ours: SimpleNamespace) -> None:
    assert "What was written" not in page(admin_client, ours.outcome)
