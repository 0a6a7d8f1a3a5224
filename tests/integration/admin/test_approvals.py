"""Approvals: looked at, approved or rejected once, by those who may."""

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
from sync.models import Approval, Change
from tests.integration.admin.rows import failed_change, notices, text

SignIn = Callable[[Role, SimpleNamespace], Client]


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lanes that would have been woken."""
    nudged: list[Any] = []
    monkeypatch.setattr(tasks, "nudge", lambda pk, direction, trigger: nudged.append((pk, direction)) or True)
    return nudged


@pytest.fixture
def batch(ours: SimpleNamespace, now: datetime) -> list[Change]:
    """Three records that wait for the approval."""
    state = {"state": "HELD", "reason": "NEEDS_APPROVAL", "approval": ours.approval}
    return [failed_change(ours.connector, number, now, **state) for number in (11, 12, 13)]


def page(client: Client, rows: SimpleNamespace) -> str:
    return text(client.get(reverse("admin:sync_approval_change", args=[rows.approval.pk])))


def answer(client: Client, name: str, rows: SimpleNamespace) -> HttpResponse:
    address = reverse(f"admin:sync_approval_{name}", args=[rows.approval.pk])
    return client.post(address, {"_form_submitted": "True"})


def states(batch: list[Change]) -> set[str]:
    return set(Change.objects.filter(pk__in=[change.pk for change in batch]).values_list("state", flat=True))


def test_the_page_shows_numbers_limits_and_a_sample(
    admin_client: Client, ours: SimpleNamespace, batch: list[Change]
) -> None:
    shown = page(admin_client, ours)

    assert "1,200 new records; the brake allows 1,000 within an hour" in shown
    assert "name: empty → northwind sample" in shown
    assert f"approval__id__exact={ours.approval.pk}" in shown
    listed = text(
        admin_client.get(reverse("admin:sync_change_changelist"), {"approval__id__exact": ours.approval.pk})
    )
    assert listed.count("Needs approval") >= 3


@pytest.mark.parametrize(
    ("name", "becomes", "said", "wakes"),
    [
        ("approve", "PENDING", "3 records are in the queue again.", True),
        ("reject", "IGNORED", "3 records are ignored.", False),
    ],
)
def test_the_answer_counts_once(
    admin_client: Client, ours: SimpleNamespace, batch: list[Change], nudged: list[Any],
    name: str, becomes: str, said: str, wakes: bool,
) -> None:  # fmt: skip
    assert notices(answer(admin_client, name, ours)) == [said]
    assert states(batch) == {becomes}
    assert bool(nudged) is wakes
    decided = Approval.objects.get(pk=ours.approval.pk)
    assert decided.decided_by is not None and decided.decided_at is not None

    assert "decided already" in notices(answer(admin_client, "approve", ours))[-1]
    assert states(batch) == {becomes}


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_a_viewer_and_a_stranger_may_not(
    sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace, batch: list[Change], name: str
) -> None:
    for role, where in ((Role.VIEWER, ours), (Role.OWNER, theirs)):
        assert answer(sign_in(role, where), name, ours).status_code in (403, 404)

    assert states(batch) == {"HELD"}


def test_the_sidebar_counts_what_waits(sign_in: SignIn, ours: SimpleNamespace) -> None:
    client = sign_in(Role.OPERATOR, ours)

    assert "Approvals" in text(client.get(reverse("admin:index")))
