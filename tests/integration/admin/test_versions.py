"""Versions in the admin: who sees them, who goes back, and what of a connector is never in one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace

import pytest
from django.db import IntegrityError
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync.models import ConfigurationVersion, Connector, SegmentAction, SegmentEntry
from sync.services import configuration, versions
from tests.integration.admin.rows import SECRETS, notices, text

SignIn = Callable[[Role, SimpleNamespace], Client]


def page(version: ConfigurationVersion) -> str:
    return reverse("admin:sync_configurationversion_change", args=[version.pk])


def restore(client: Client, version: ConfigurationVersion) -> HttpResponse:
    address = reverse("admin:sync_configurationversion_restore", args=[version.pk])
    return client.post(address, {"_form_submitted": "True"}, headers={"HX-Request": "true"})


@pytest.fixture
def edited(ours: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """A second version, with another status, another row and a new Close key."""
    connector = ours.connector
    connector.lead_status, connector.close_api_key = "Potential", "api_newer"
    connector.save()
    connector.mappings.update(hull="sector")
    changed = {"lead_status", "mappings", "close_api_key"}
    configuration.configuration_changed(connector, changed, by="ann", note="New key.", now=now)
    ours.newer = versions.find(connector, 2)
    return ours


def test_a_version_says_what_it_changed(admin_client: Client, edited: SimpleNamespace) -> None:
    shown = text(admin_client.get(page(edited.newer)))

    for said in ("New key.", "ann", "Lead status", "Potential", "sector", "Close API key", "entered anew"):
        assert said in shown
    assert not any(secret in shown for secret in [*SECRETS.values(), "api_newer"])
    assert "What restoring it would change" not in shown
    assert "What restoring it would change" in text(admin_client.get(page(edited.configurationversion)))


@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.EDITOR, 200), (Role.OWNER, 200)]
)
def test_who_edits_may_go_back(sign_in: SignIn, edited: SimpleNamespace, role: Role, status: int) -> None:
    response = restore(sign_in(role, edited), edited.configurationversion)

    assert response.status_code == status
    connector = Connector.objects.get(pk=edited.connector.pk)
    assert connector.version == (3 if status == 200 else 2)
    assert connector.lead_status == ("" if status == 200 else "Potential")
    assert connector.close_api_key.reveal() == "api_newer"


def test_nobody_goes_back_elsewhere(
    sign_in: SignIn, edited: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    assert restore(sign_in(Role.OWNER, theirs), edited.configurationversion).status_code == 403


def test_going_back_to_what_is_changes_nothing(admin_client: Client, ours: SimpleNamespace) -> None:
    response = restore(admin_client, ours.configurationversion)

    assert "Nothing differs" in notices(response)[-1]
    assert Connector.objects.get(pk=ours.connector.pk).version == 1


def test_a_version_stays_as_it_is(edited: SimpleNamespace, now: datetime) -> None:
    edited.newer.note = "Another story."
    with pytest.raises(TypeError):
        edited.newer.save()
    with pytest.raises(IntegrityError):
        versions.note(edited.connector, {"lead_status"}, by="bob", now=now)


def test_actions_on_segments_come_back_with_what_became_of_them(ours: SimpleNamespace, now: datetime) -> None:
    action = SegmentAction.objects.create(
        connector=ours.connector, object_type="LEAD", segment="seg1", text="Call"
    )
    SegmentEntry.objects.create(action=action, key="h1", not_before=now, entered_at=now)
    configuration.configuration_changed(ours.connector, {"mappings"}, by="ann", now=now)
    before = versions.find(ours.connector, 2)
    SegmentAction.objects.create(connector=ours.connector, object_type="LEAD", segment="seg9", text="New")
    SegmentAction.objects.filter(pk=action.pk).update(text="Write")
    configuration.configuration_changed(ours.connector, {"mappings"}, by="ann", now=now)
    assert before

    assert configuration.restore(before, by="ann", now=now)

    assert [(one.pk, one.text, one.entries.count()) for one in SegmentAction.objects.all()] == [
        (action.pk, "Call", 1)
    ]


def test_every_setting_that_can_be_edited_is_in_a_version() -> None:
    """A new field of the connector belongs to its versions unless it is named as an exception."""
    assert set(versions.setting_names()) == {
        "account_segments", "user_segments", "lead_status", "identity_hull", "identity_close", "asks_hull",
        "never_identities", "always_identities", "keeps_hull_id", "moves_contacts", "keeps_every_contact", "departures",
        "mark_status", "brake_creates", "brake_clears", "brake_deletes", "brake_share", "rate_share_left", "flip_limit",
        "flip_minutes", "backfill_by", "follows_renames", "reads_opportunities", "hull_events", "pull_interval_seconds",
    }  # fmt: skip
