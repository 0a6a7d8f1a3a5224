"""The rate budget in the admin: how much is left, who used it, and nobody else's names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace

from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync.models import BudgetUse, Connector
from tests.integration.admin.rows import failed_change, text

SignIn = Callable[[Role, SimpleNamespace], Client]


def page(rows: SimpleNamespace) -> str:
    return reverse("admin:sync_budget_change", args=[rows.budget.pk])


def test_the_window_and_who_used_it_are_shown(ours: SimpleNamespace, sign_in: SignIn, now: datetime) -> None:
    shown = text(sign_in(Role.VIEWER, ours).get(page(ours)))

    for words in ("Leads and contacts", "160 in 8 s", "Northwind to Close", "104", "1,234", "Fresh changes"):
        assert words in shown


def test_another_tenant_of_the_same_close_organization_is_not_named(
    ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn, now: datetime
) -> None:
    BudgetUse.objects.create(
        close_organization_id=ours.budget.close_organization_id, group="records", connector=theirs.connector,
        lane="RETRY", hour=now.replace(minute=0), calls=77,
    )  # fmt: skip

    shown = text(sign_in(Role.VIEWER, ours).get(page(ours)))

    assert "Other connectors" in shown and "77" in shown
    assert "outhwind" not in shown


def test_the_connectors_page_tells_how_long_the_queue_takes(
    ours: SimpleNamespace, admin_client: Client, now: datetime
) -> None:
    for number in range(10, 100):
        failed_change(ours.connector, number, now, state="PENDING", reason="")
    Connector.objects.update(rate_share_left=10)
    ours.connector.runs.update(close_calls={"POST /lead/": 3})

    shown = text(admin_client.get(reverse("admin:sync_connector_change", args=[ours.connector.pk])))

    assert "90 waiting, about 5 s at 18 requests a second" in shown
