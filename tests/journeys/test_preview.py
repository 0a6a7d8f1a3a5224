"""Somebody edits the mapping: sees what it would do, saves it, has the affected records synced, and goes back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sync import tasks
from sync.models import Change, ConfigurationVersion, Connector, Link, Outcome, Resync
from tests.journeys.world import World
from tests.sending import add_row, sent_by

pytestmark = pytest.mark.inline(reason="posts the admin's forms to this process")

NAMES = ("Acme", "Globex", "Initech", "Umbrella")


@pytest.fixture
def page(world: World) -> str:
    """Four accounts, each with an industry that is not mapped yet."""
    for name in NAMES:
        world.tell_account(id=f"a-{name}", name=name, domain=f"{name.lower()}.com", industry="Robots")
    world.settle()
    assert len(world.close.snapshot()["leads"]) == len(NAMES)
    return reverse("admin:sync_connector_change", args=[world.connector.pk])


def everything(world: World) -> Any:
    return [
        world.close.snapshot(), len(world.hull.firehose_messages),
        *(list(model.objects.order_by("pk").values()) for model in (Change, Connector, Link, Outcome, ConfigurationVersion)),
    ]  # fmt: skip


def test_a_preview_shows_each_field_and_saves_nothing(world: World, admin_client: Client, page: str) -> None:
    before = everything(world)
    edited = add_row(sent_by(admin_client.get(page)), "lead_outbound", "industry", "description")
    edited["lead_outbound-1-DELETE"] = "on"  # the row that fed it before

    first, second = (admin_client.post(page, edited | {"_preview": "1"}) for _ in range(2))

    shown = first.context["preview"]
    assert first.status_code == 200
    assert "4 records: 4 changed." in shown.summary
    assert shown.digest == second.context["preview"].digest
    assert [row[2:] for row in shown.tables[1].rows] == [["description", "–", "–", "Robots"]] * 4
    assert everything(world) == before
    # What was typed is still there.
    assert 'value="industry"' in first.content.decode()


def test_what_is_saved_is_counted_and_synced_when_somebody_says_so(
    world: World, admin_client: Client, page: str, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        tasks, "dispatch", lambda task, *, after=0, **kwargs: task.apply(kwargs=kwargs, throw=True)
    )
    edited = add_row(sent_by(admin_client.get(page)), "lead_inbound", "closeio/lead_status", "status_id")
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(page, edited | {"version_note": "Marketing wants the status twice."})

    assert answer.status_code == 302
    version = ConfigurationVersion.objects.get(number=world.connector.version + 1)
    assert (version.author_name, version.note) == ("admin", "Marketing wants the status twice.")
    counted = Resync.objects.get()
    assert (counted.state, counted.outbound, counted.inbound) == ("COUNTED", 0, 4)
    assert not any("closeio/lead_status" in world.told(f"a-{name}") for name in NAMES)

    shown = admin_client.get(page).content.decode()
    assert "4 records differ by version" in shown
    admin_client.post(reverse("admin:sync_connector_resync_affected", args=[world.connector.pk]))
    world.settle()

    assert Resync.objects.get().state == "QUEUED"
    assert [world.told(f"a-{name}").get("closeio/lead_status") for name in NAMES] == ["Potential"] * 4
    told = Outcome.objects.filter(direction="INBOUND", version=version.number, result="UPDATED")
    assert told.count() == 4


def test_much_is_saved_only_by_whoever_types_the_name(
    world: World, admin_client: Client, page: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("sync.engine.preview.MANY_CHANGES", 3)
    edited = add_row(sent_by(admin_client.get(page)), "lead_inbound", "closeio/lead_status", "status_id")

    refused = admin_client.post(page, edited)
    wrong = admin_client.post(page, edited | {"_typed_name": "something else"})

    assert refused.status_code == wrong.status_code == 200
    assert "Not saved." in refused.content.decode()
    assert world.connector.mappings.count() == Connector.objects.get().mappings.count()
    assert not Connector.objects.get().mappings.filter(hull="closeio/lead_status").exists()

    saved = admin_client.post(page, edited | {"_typed_name": world.connector.name})
    assert saved.status_code == 302
    assert Connector.objects.get().mappings.filter(hull="closeio/lead_status").exists()


def test_going_back_is_one_click_and_a_version_of_its_own(
    world: World, admin_client: Client, page: str
) -> None:
    admin_client.post(page, sent_by(admin_client.get(page)) | {"lead_status": "Qualified"})
    first = ConfigurationVersion.objects.order_by("number").first()
    edited = sent_by(admin_client.get(page)) | {"lead_status": "", "lead_outbound-1-DELETE": "on"}
    admin_client.post(page, edited)
    assert first is not None
    assert not Connector.objects.get().mappings.filter(close="description", direction="OUTBOUND").exists()

    address = reverse("admin:sync_configurationversion_restore", args=[first.pk])
    admin_client.post(address, {"_form_submitted": "True"}, headers={"HX-Request": "true"})

    back = Connector.objects.get()
    assert (back.lead_status, back.version) == ("Qualified", first.number + 2)
    assert back.mappings.filter(close="description", direction="OUTBOUND").exists()
    assert back.close_api_key == world.connector.close_api_key
    newest = ConfigurationVersion.objects.get(number=back.version)
    assert newest.note == f"Version {first.number} put back."
    assert (newest.settings, newest.rows) == (first.settings, first.rows)
