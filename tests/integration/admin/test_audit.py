"""Who did what: each move leaves a line, and each person sees the lines of their own connectors."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync import tasks
from tests.integration.admin.rows import text
from tests.integration.admin.test_connector import form, page

SignIn = Callable[[Role, SimpleNamespace], Client]
LIST = "/admin/admin/logentry/"


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: True)


def press(client: Client, model: str, pk: int, name: str, **given: Any) -> None:
    address = reverse(f"admin:sync_{model}_{name}", args=[pk])
    client.post(address, {"_form_submitted": "True", **given}, headers={"HX-Request": "true"})


def said() -> list[tuple[str, str]]:
    return [(entry.user.username, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("model", "name", "given", "message"),
    [
        ("connector", "pause", {"reason": "holidays"}, "Paused by admin: holidays"),
        ("connector", "sync_now", {}, "Started a sync."),
        ("connector", "backfill", {}, "Started a backfill."),
        ("change", "replay_one", {}, "Replayed 1 records."),
        ("change", "ignore_one", {}, "Ignored 1 records."),
    ],
)
def test_each_move_leaves_a_line(
    admin_client: Client, ours: SimpleNamespace, model: str, name: str, given: dict[str, str], message: str
) -> None:
    press(admin_client, model, getattr(ours, model).pk, name, **given)

    assert said() == [("admin", message)]
    assert message in text(admin_client.get(LIST))


def test_a_save_leaves_one_too(admin_client: Client, ours: SimpleNamespace) -> None:
    admin_client.post(page(ours.connector), form(ours.connector, lead_status="Potential"))

    assert said() == [("admin", "Changed Lead status.")]


def test_nobody_sees_what_was_done_to_others(
    sign_in: SignIn, admin_client: Client, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    press(admin_client, "connector", ours.connector.pk, "pause", reason="of ours")
    press(admin_client, "connector", theirs.connector.pk, "pause", reason="of theirs")
    hidden = LogEntry.objects.get(object_id=str(theirs.connector.pk))

    shown = text(sign_in(Role.VIEWER, ours).get(LIST))
    alone = sign_in(Role.VIEWER, theirs)

    assert "of ours" in shown and "of theirs" not in shown
    assert alone.get(f"{LIST}{hidden.pk}/change/").status_code == 200
    assert alone.post(f"{LIST}{hidden.pk}/delete/", {"post": "yes"}).status_code == 403
