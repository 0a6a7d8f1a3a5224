"""Setting up and cloning: what starts paused, who enters what, and what never travels along."""

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
from sync.models import ConfigurationVersion, Connector
from tests.integration.admin.rows import SECRETS, text

SignIn = Callable[[Role, SimpleNamespace], Client]
START = "/admin/sync/connector/start/"


def step(connector: Connector, name: str) -> str:
    return reverse("admin:sync_connector_setup", args=[connector.pk, name])


def clone(client: Client, connector: Connector, **given: Any) -> HttpResponse:
    sent = {
        "_form_submitted": "True",
        "name": "Globex to Close",
        "organization": connector.organization_id,
    } | given
    address = reverse("admin:sync_connector_clone", args=[connector.pk])
    return client.post(address, sent, headers={"HX-Request": "true"})


def test_a_clone_has_the_settings_and_no_secret(admin_client: Client, ours: SimpleNamespace) -> None:
    ours.connector.lead_status, ours.connector.brake_creates = "Potential", 7
    ours.connector.save()

    response = clone(admin_client, ours.connector)

    made = Connector.objects.get(slug="globex-to-close")
    assert response.headers["HX-Redirect"] == step(made, "hull")
    assert (made.lead_status, made.brake_creates, made.account_segments) == (
        "Potential",
        7,
        ["seg1", "unknown-seg"],
    )
    assert [(row.hull, row.close) for row in made.mappings.all()] == [("industry", "custom.cf_1")]
    assert not made.close_api_key and not made.hull_secret
    assert made.paused_at and made.pause_reason.startswith("Paused by admin")
    assert made.close_organization_id == "" and made.backfilled_at is None
    version = ConfigurationVersion.objects.get(connector=made)
    assert version.note == f"Cloned from {ours.connector.name}."
    assert not any(secret in str(version.settings) for secret in SECRETS.values())


def test_nobody_clones_into_a_customer_of_others(
    sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    clone(sign_in(Role.OWNER, ours), ours.connector, organization=theirs.organization.pk)

    assert not Connector.objects.filter(slug="globex-to-close").exists()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.EDITOR, 200)])
def test_who_may_set_up(sign_in: SignIn, ours: SimpleNamespace, role: Role, status: int) -> None:
    client = sign_in(role, ours)

    assert client.get(START).status_code == status
    assert client.get(step(ours.connector, "identifiers")).status_code == status


def test_an_editor_enters_no_credentials(sign_in: SignIn, ours: SimpleNamespace) -> None:
    client = sign_in(Role.EDITOR, ours)

    assert "Only an owner enters credentials" in text(client.get(step(ours.connector, "close")))
    client.post(step(ours.connector, "close"), {"close_api_key": "api_evil"})

    assert Connector.objects.get(pk=ours.connector.pk).close_api_key.reveal() == SECRETS["close_api_key"]


def test_a_connector_that_is_set_up_starts_paused(admin_client: Client, ours: SimpleNamespace) -> None:
    response = admin_client.post(START, {"organization": ours.organization.pk, "name": "Second to Close"})

    made = Connector.objects.get(slug="second-to-close")
    assert response.headers["Location"] == step(made, "hull")
    assert not made.is_active


def test_what_is_missing_is_asked_for(admin_client: Client, ours: SimpleNamespace) -> None:
    shown = text(
        admin_client.post(START, {"agency": ours.agency.pk, "hull_domain": "Not A Host", "name": "X"})
    )

    assert "Needed for a new organization" in shown
    assert "A host name in lower case" in shown


def test_each_answer_is_a_version_and_leads_to_the_next_step(
    admin_client: Client, ours: SimpleNamespace
) -> None:
    response = admin_client.post(step(ours.connector, "status"), {"lead_status": "Potential"})

    assert response.headers["Location"] == step(ours.connector, "identifiers")
    saved = Connector.objects.get(pk=ours.connector.pk)
    assert (saved.lead_status, saved.version) == ("Potential", 2)
    assert ConfigurationVersion.objects.get(connector=saved, number=2).note == "Set up: Lead status."


def test_suggested_rows_are_added_once(admin_client: Client, ours: SimpleNamespace, now: datetime) -> None:
    shown = text(admin_client.get(step(ours.connector, "mapping")))
    assert "Industry → closeio/industry" in shown

    admin_client.post(step(ours.connector, "mapping"), {"row": ["0", "1", "999", "x"]})

    assert ours.connector.mappings.count() == 3


def test_going_starts_the_first_sync(
    admin_client: Client, ours: SimpleNamespace, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: bool(sent.append(task.name)) or True)
    ours.connector.pause("Paused by admin: it is being set up.", now=now)

    admin_client.post(step(ours.connector, "go"))

    assert Connector.objects.get(pk=ours.connector.pk).is_active
    assert "sync.tasks.pull" in sent
