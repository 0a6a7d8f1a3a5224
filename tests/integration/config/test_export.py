"""Rows become a file that brings them back."""

from __future__ import annotations

import pytest
import yaml
from django.core.management.base import CommandError

from accounts.models import Agency, Organization
from sync.models import Connector, Mapping
from tests.integration.config.conftest import FILE, Config


def test_an_export_is_the_file_without_what_goes_without_saying(config: Config) -> None:
    config.apply()
    expected = FILE.replace(", mode: always", "").replace(
        "[59f09bc7f9c5a94af600076d]", "\n                - 59f09bc7f9c5a94af600076d"
    )
    assert config.export() == expected.replace("account_segments: \n", "account_segments:\n")


def test_export_apply_export_is_byte_identical(config: Config) -> None:
    config.apply()
    exported = config.export()
    assert config.apply(exported) == "nothing to change\n"
    Mapping.objects.all().delete()
    Connector.objects.all().delete()
    Organization.objects.all().delete()
    Agency.objects.all().delete()
    config.apply(exported)
    assert config.export() == exported


def test_what_was_entered_by_hand_survives_too(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd names, secrets without a reference, rows without positions."""
    agency = Agency.objects.create(slug="a", name="yes")
    Agency.objects.create(slug="empty", name="# no: organizations")
    organization = Organization.objects.create(
        agency=agency, slug="o", name=" '\"{}: ünï\n", hull_domain="o.hullapp.io"
    )
    connector = Connector.objects.create(
        organization=organization, slug="3-x", name="null", enabled=False, hull_connector_id="5e10",
        hull_secret="hush-a", close_api_key="hush-b", account_segments=["0123", "1e3", "no"], lead_status="~",
    )  # fmt: skip
    connector.mappings.create(object_type="LEAD", direction="OUTBOUND", hull="on", close="description")
    connector.mappings.create(
        object_type="LEAD", direction="OUTBOUND", hull="0", close="url", mode="on_create"
    )
    monkeypatch.setenv("_3_X_HULL_SECRET", "hush-a")
    monkeypatch.setenv("_3_X_CLOSE_API_KEY", "hush-b")
    Organization.objects.update(name="'\"{}: ünï")
    exported = config.export()
    assert "hush" not in exported
    assert config.apply(exported) == "nothing to change\n"
    assert config.export() == exported


def test_one_connector(config: Config) -> None:
    config.apply()
    Agency.objects.create(slug="other", name="Other")
    whole = config.export()
    config.edit(("acme-close", "other-close"), ("5a43", "6a43"))()
    tree = yaml.safe_load(config.export("--connector", "acme-close"))
    assert [agency["slug"] for agency in yaml.safe_load(whole)["agencies"]] == ["northwind", "other"]
    (agency,) = tree["agencies"]
    (organization,) = agency["organizations"]
    assert [connector["slug"] for connector in organization["connectors"]] == ["acme-close"]


def test_an_unknown_connector(config: Config) -> None:
    with pytest.raises(CommandError, match="no connector with the slug nope") as refused:
        config.export("--connector", "nope")
    assert refused.value.returncode == 2


def test_an_empty_installation(config: Config) -> None:
    assert config.export() == "agencies: []\n"
    assert config.apply(config.export()) == "nothing to change\n"
