"""The moves on the queue: replay, ignore, choose."""

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
from sync import tasks
from sync.models import Change
from tests.integration.admin.rows import failed_change, notices, text

SignIn = Callable[[Role, SimpleNamespace], Client]


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lanes that would have been woken."""
    nudged: list[Any] = []
    monkeypatch.setattr(tasks, "nudge", lambda pk, direction, trigger: nudged.append((pk, direction)) or True)
    return nudged


def press(client: Client, name: str, *changes: Change) -> HttpResponse:
    data = {"action": name, "_selected_action": [change.pk for change in changes]}
    return client.post(reverse("admin:sync_change_changelist"), data)


def press_one(client: Client, name: str, change: Change) -> HttpResponse:
    return client.post(reverse(f"admin:sync_change_{name}", args=[change.pk]), {"_form_submitted": "True"})


def state(change: Change) -> str:
    change.refresh_from_db()
    return change.state


def test_replay_reports_and_wakes_the_lane(
    admin_client: Client, ours: SimpleNamespace, now: datetime, nudged: list[Any]
) -> None:
    waiting = failed_change(ours.connector, 6, now, state="PENDING")

    response = press(admin_client, "replay_selected", ours.change, ours.held, waiting)

    assert notices(response) == ["2 put back into the queue. 1 were in the queue already."]
    assert state(ours.change) == state(ours.held) == Change.State.PENDING
    assert nudged == [(ours.connector.pk, "OUTBOUND")]


def test_ignore_rechecks_the_state(admin_client: Client, ours: SimpleNamespace, now: datetime) -> None:
    done = failed_change(ours.connector, 6, now, state="DONE")

    response = press(admin_client, "ignore_selected", ours.change, done)

    assert notices(response) == ["1 ignored. 1 had neither failed nor were they held."]
    assert (state(ours.change), state(done)) == (Change.State.IGNORED, Change.State.DONE)


@pytest.mark.parametrize(("name", "becomes"), [("replay_one", "PENDING"), ("ignore_one", "IGNORED")])
def test_one_from_its_page(admin_client: Client, ours: SimpleNamespace, name: str, becomes: str) -> None:
    assert press_one(admin_client, name, ours.change).status_code == 302
    assert state(ours.change) == becomes


@pytest.mark.parametrize("name", ["replay", "ignore"])
def test_a_viewer_and_a_stranger_may_not(
    sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace, name: str
) -> None:
    for role, where in ((Role.VIEWER, ours), (Role.OWNER, theirs)):
        client = sign_in(role, where)
        press(client, f"{name}_selected", ours.change)
        assert press_one(client, f"{name}_one", ours.change).status_code in (403, 404)

    assert state(ours.change) == Change.State.FAILED


class TestChoosing:
    def choose(self, client: Client, change: Change, candidate: str) -> HttpResponse:
        return client.post(reverse("admin:sync_change_choose", args=[change.pk]), {"candidate": candidate})

    def page(self, client: Client, change: Change) -> str:
        return text(client.get(reverse("admin:sync_change_change", args=[change.pk])))

    def test_candidates_are_offered_with_a_way_to_look(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        shown = self.page(admin_client, ours.held)

        assert "Which record in Close is it?" in shown
        assert "northwind-close lead 2" in shown
        assert "https://app.close.com/lead/lead_2/" in shown
        assert "not known here any more" in shown
        assert "Which record in Close is it?" not in self.page(admin_client, ours.change)

    def test_the_chosen_one_is_linked(
        self, admin_client: Client, ours: SimpleNamespace, nudged: list[Any]
    ) -> None:
        response = self.choose(admin_client, ours.held, "lead_2")

        assert "Linked to lead_2" in notices(response)[0]
        ours.candidate.refresh_from_db()
        assert ours.candidate.hull_id == "h2"
        assert state(ours.held) == Change.State.PENDING
        assert nudged

    def test_none_of_them_makes_a_new_one(
        self, admin_client: Client, ours: SimpleNamespace, nudged: list[Any]
    ) -> None:
        assert "None of them" in self.page(admin_client, ours.held)

        assert notices(self.choose(admin_client, ours.held, "new")) == [
            "A new record will be created in Close."
        ]
        assert state(ours.held) == Change.State.PENDING
        assert ours.held.makes_new and nudged

    @pytest.mark.parametrize("candidate", ["lead_9", "lead_1", ""])
    def test_what_cannot_be_chosen_is_told(
        self, admin_client: Client, ours: SimpleNamespace, candidate: str
    ) -> None:
        assert "Not linked" in notices(self.choose(admin_client, ours.held, candidate))[0]
        assert state(ours.held) == Change.State.HELD

    def test_looking_chooses_nothing(self, admin_client: Client, ours: SimpleNamespace) -> None:
        admin_client.get(reverse("admin:sync_change_choose", args=[ours.held.pk]), {"candidate": "lead_2"})

        assert state(ours.held) == Change.State.HELD

    def test_a_viewer_is_not_asked(self, sign_in: SignIn, ours: SimpleNamespace) -> None:
        client = sign_in(Role.VIEWER, ours)

        assert "Which record in Close is it?" not in self.page(client, ours.held)
        assert self.choose(client, ours.held, "lead_2").status_code == 403


def test_values_are_shown_readably(admin_client: Client, ours: SimpleNamespace) -> None:
    shown = text(admin_client.get(reverse("admin:sync_change_change", args=[ours.change.pk])))

    assert "Robotics" in shown
    assert "Segments: northwind prospects" in shown
    assert "{&#x27;" not in shown
