"""rotate_encryption_keys and prune_history."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts.models import Agency, Organization
from sync.models import Connector, Delivery, Secret
from sync.services.key_rotation import encrypted_columns

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    agency = Agency.objects.create(slug="northwind", name="Northwind")
    return Organization.objects.create(agency=agency, slug="acme", name="Acme", hull_domain="acme.hullapp.io")


def connector(organization: Organization, slug: str, **values: str) -> Connector:
    return Connector.objects.create(
        organization=organization, slug=slug, name=slug, hull_connector_id=slug, **values
    )


def run(name: str, *arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


# ── Rotation ─────────────────────────────────────────────────────────────────────────────────────


def test_every_encrypted_column_is_found() -> None:
    found = {(model.__name__, column) for model, column in encrypted_columns()}
    assert {
        ("Connector", name) for name in ("hull_secret", "close_api_key", "webhook_signature_key")
    } <= found


def test_secrets_move_to_the_first_key(organization: Organization, settings: Settings) -> None:
    connector(organization, "one", hull_secret="a", close_api_key="b")
    connector(organization, "two", hull_secret="c", webhook_signature_key="d")
    new = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    assert run("rotate_encryption_keys") == ("4 re-encrypted, 0 failed\n", "")
    settings.FIELD_ENCRYPTION_KEYS = [new]
    one, two = Connector.objects.order_by("slug")
    assert (one.hull_secret.reveal(), one.close_api_key.reveal(), bool(one.webhook_signature_key)) == (
        "a",
        "b",
        False,
    )
    assert (two.hull_secret.reveal(), two.webhook_signature_key.reveal()) == ("c", "d")


def test_a_secret_that_cannot_be_read_is_told_and_the_others_go_on(organization: Organization) -> None:
    connector(organization, "one", hull_secret="a")
    connector(organization, "two", hull_secret="b")
    unreadable = Secret("gAAAA-under-a-lost-key")
    Connector.objects.filter(slug="one").update(hull_secret=unreadable)
    before = Connector.objects.get(slug="two").hull_secret.token
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("rotate_encryption_keys", stdout=out, stderr=err)
    assert failed.value.returncode == 1
    assert out.getvalue() == "1 re-encrypted, 1 failed\n"
    assert err.getvalue().startswith("connector one: hull_secret: A stored secret cannot be decrypted")
    assert Connector.objects.get(slug="one").hull_secret == unreadable
    assert Connector.objects.get(slug="two").hull_secret.token != before


# ── Pruning ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "kept"), [((), 2), (("--days", "30"), 1), (("--days", "1"), 1), (("--days=400",), 3)]
)
def test_old_deliveries_are_pruned(
    organization: Organization, now: datetime, arguments: tuple[str, ...], kept: int
) -> None:
    owner = connector(organization, "one")
    for days in (0, 60, 365):
        Delivery.objects.create(
            connector=owner, source="HULL", key=str(days), received_at=now - timedelta(days=days)
        )
    with time_machine.travel(now, tick=False):
        out, _ = run("prune_history", *arguments)
    assert Delivery.objects.count() == kept
    assert (
        out == f"0 outcomes, 0 runs, {3 - kept} deliveries, 0 creations, 0 events, 0 ledger lines deleted\n"
    )


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "", "99999999"])
def test_a_bad_number_of_days(days: str) -> None:
    with pytest.raises(CommandError, match="--days must be a whole number") as refused:
        call_command("prune_history", f"--days={days}")
    assert refused.value.returncode == 2
