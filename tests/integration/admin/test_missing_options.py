"""Options that Hull's values ask for and Close does not have: shown on the field, the connector, and added."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sandbox import CloseSandbox, SandboxAdapter
from sync import transport
from sync.models import Change, Connector
from tests.integration.admin.rows import notices, text

SignIn = Callable[[Role, SimpleNamespace], Client]


@pytest.fixture
def close(ours: SimpleNamespace, now: Any, monkeypatch: pytest.MonkeyPatch) -> CloseSandbox:
    """A Close with the field Industry, which lacks what Hull asked for."""
    sandbox = CloseSandbox(clock=lambda: now)
    sandbox.create_custom_field("lead", "Industry", "choices", ["Robotics"], field_id="cf_1")
    session = requests.Session()
    session.mount("http://close.sandbox", SandboxAdapter(sandbox))
    monkeypatch.setattr(transport, "new_session", lambda: session)
    monkeypatch.setattr("sync.tasks.dispatch", lambda *args, **kwargs: True)
    Connector.objects.filter(pk=ours.connector.pk).update(close_api_url="http://close.sandbox/api/v1")
    ours.connector.refresh_from_db()
    ours.connector.close_api_key, ours.connector.close_organization_id = sandbox.api_key, ""
    ours.connector.save()
    field = ours.closefield
    field.type, field.choices, field.missing_options = (
        "choices",
        ["Robotics"],
        {"Rocketry": 12, "robotics": 3, "Rail": 1},
    )
    field.save()
    Change.objects.filter(pk=ours.change.pk).update(
        state="DONE", reason="CHANGED", left_out=[{"field": "custom.cf_1", "option": "Rocketry"}]
    )
    return sandbox


def press(client: Client, ours: SimpleNamespace) -> HttpResponse:
    address = reverse("admin:sync_closefield_add_missing_options", args=[ours.closefield.pk])
    return client.post(address, {"_form_submitted": "True"}, headers={"HX-Request": "true"})


def field_page(ours: SimpleNamespace) -> str:
    return reverse("admin:sync_closefield_change", args=[ours.closefield.pk])


def test_what_is_missing_is_shown_on_the_field_and_on_the_connector(
    admin_client: Client, ours: SimpleNamespace, close: CloseSandbox
) -> None:
    shown = text(admin_client.get(field_page(ours)))
    connector = text(admin_client.get(reverse("admin:sync_connector_change", args=[ours.connector.pk])))

    assert "Rocketry (12 records)" in shown and "Rail (1 record)" in shown
    assert "robotics (3" not in shown  # Close has it meanwhile
    assert "Add the missing options in Close" in shown
    assert "Industry has no option “Rocketry”: 12 records; “Rail”: 1 record." in connector


def test_missing_options_are_added_and_their_records_looked_at_again(
    admin_client: Client, ours: SimpleNamespace, close: CloseSandbox
) -> None:
    close.fields.change("cf_1", {"choices": ["Robotics", "Added meanwhile"]})

    response = press(admin_client, ours)

    assert notices(response) == ["Added in Close: Rocketry, Rail."]
    assert close.store.custom_fields["cf_1"]["choices"] == ["Robotics", "Added meanwhile", "Rocketry", "Rail"]
    assert Change.objects.get(pk=ours.change.pk).state == "PENDING"
    assert "Add the missing options" not in text(admin_client.get(field_page(ours)))
    assert notices(press(admin_client, ours)) == ["Nothing is missing."]


def test_a_key_that_may_not_is_told_with_the_remedy(
    admin_client: Client, ours: SimpleNamespace, close: CloseSandbox
) -> None:
    ours.connector.close_api_key = "api_weak.key"
    ours.connector.save()
    close.add_key("api_weak.key", "role_agent")

    (said,) = notices(press(admin_client, ours))

    assert "may not change custom fields" in said and "Settings → Custom Fields" in said
    assert close.store.custom_fields["cf_1"]["choices"] == ["Robotics"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_editors_may_add_options(
    sign_in: SignIn, ours: SimpleNamespace, close: CloseSandbox, role: Role
) -> None:
    client = sign_in(role, ours)

    assert press(client, ours).status_code == 403
    assert "Add the missing options" not in text(client.get(field_page(ours)))
    assert close.store.custom_fields["cf_1"]["choices"] == ["Robotics"]


def test_nobody_adds_options_for_another_tenant(
    sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace, close: CloseSandbox
) -> None:
    assert press(sign_in(Role.OWNER, theirs), ours).status_code == 403
    assert close.store.custom_fields["cf_1"]["choices"] == ["Robotics"]


def test_users_cannot_be_added_that_way(
    admin_client: Client, ours: SimpleNamespace, close: CloseSandbox
) -> None:
    ours.closefield.type, ours.closefield.choices = "user", []
    ours.closefield.save()

    shown = text(admin_client.get(field_page(ours)))
    connector = text(admin_client.get(reverse("admin:sync_connector_change", args=[ours.connector.pk])))

    assert "Rocketry (12 records)" in shown and "Add the missing options" not in shown
    assert "Industry has no user “Rocketry”: 12 records" in connector
