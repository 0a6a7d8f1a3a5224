"""A sandbox connector from the first click to the last, with real processes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Agency, Organization
from sync import tasks
from sync.models import Connector
from sync.services import sandboxes
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.enable_socket,  # a real process is started, synced with and ended
    pytest.mark.django_db(transaction=True),  # it is ended when the deletion is committed
]


@pytest.fixture
def organization(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organization:
    """An organization on a machine with a folder of its own, no worker, and no leave to talk to this machine."""
    settings.ALLOW_INSECURE_REMOTES, settings.VAR_DIR = False, tmp_path
    monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: False)
    agency = Agency.objects.create(slug="northwind", name="Northwind")
    return Organization.objects.create(
        agency=agency, slug="acme", name="Acme", hull_domain="northwind.hullapp.io"
    )


def test_create_sync_restart_delete(organization: Organization, admin_client: Client, tmp_path: Path) -> None:
    admin_client.post(
        reverse("admin:sync_connector_create_sandbox"),
        {"_form_submitted": "True", "organization": organization.pk},
    )
    connector = Connector.objects.get(is_sandbox=True)
    process = sandboxes.process_of(connector)
    try:
        assert process.is_alive() and sandboxes.is_running(connector)

        call_command("sync", connector.slug, "--inbound", stdout=io.StringIO())

        assert connector.links.filter(object_type="LEAD").count() == 80
        assert synced_accounts(connector) == 80

        sandboxes.stop_all()
        wait_until(lambda: not process.is_alive())
        assert sandboxes.keep_running(connector)
        assert synced_accounts(connector) == 80  # what it held outlived the process

        admin_client.post(reverse("admin:sync_connector_delete", args=[connector.pk]), {"post": "yes"})

        assert not Connector.objects.filter(is_sandbox=True).exists()
        assert not process.is_alive() and not sandboxes.is_running(connector)
        assert not list((tmp_path / "sandboxes").iterdir())
    finally:
        sandboxes.discard(connector)


def synced_accounts(connector: Connector) -> int:
    """Count the accounts in Hull that know their lead."""
    held: Any = sandboxes._ask(connector.hull_api_url, "/_sandbox/data")
    return sum("closeio/id" in account for account in held["accounts"].values())
