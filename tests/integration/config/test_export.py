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


RULES = """\
              lead_status: Potential
              keep_hull_id: true
              contacts:
                move: false
              mark_status: Gone
              departures:
                lead:
                  left_segment: mark
                contact:
                  deleted_in_hull: unlink
              brake:
                creates: null
                clears: 0
              flips:
                minutes: 5
            inbound:
              backfill: search
              follow_renames: true
              opportunities: true
              events:
                - status_change
                - note
"""
IDENTITY = """\
              never:
                - acme.com
              always:
                - gmail.com
"""


def test_rules_and_the_options_of_rows_survive(config: Config) -> None:
    config.edit(
        ("              lead_status: Potential\n", RULES),
        ("              api_url: http://127.0.0.1:9001/api/v1\n", "              api_url: http://127.0.0.1:9001/api/v1\n              share_left: 30\n"),
        ("              close: url\n", "              close: url\n" + IDENTITY),
        ("mode: if_empty}", "mode: if_empty, null: leave, conflict: hold, transform: lower}"),
    )()  # fmt: skip
    exported = config.export()

    assert RULES in exported
    assert IDENTITY in exported
    assert "share_left: 30" in exported
    assert (
        "{hull: industry, close: custom.cf_9kQ, mode: if_empty, null: leave, conflict: hold, transform: lower}"
        in exported
    )
    assert config.apply(exported) == "nothing to change\n"
    assert config.export() == exported
    assert config.apply().splitlines() == [
        "connector acme-close: keeps_hull_id true → false",
        "connector acme-close: moves_contacts false → true",
        'connector acme-close: mark_status "Gone" → ""',
        'connector acme-close: departures {"LEAD": {"left_segment": "mark"}, "CONTACT": {"deleted_in_hull": "unlink"}} → {}',
        "connector acme-close: brake_creates null → 1000",
        "connector acme-close: brake_clears 0 → 100",
        "connector acme-close: flip_minutes 5 → 60",
        'connector acme-close: backfill_by "search" → "auto"',
        "connector acme-close: follows_renames true → false",
        "connector acme-close: reads_opportunities true → false",
        'connector acme-close: hull_events ["status_change", "note"] → []',
        'connector acme-close: never_identities ["acme.com"] → []',
        'connector acme-close: always_identities ["gmail.com"] → []',
        "connector acme-close: rate_share_left 30 → 10",
        "mapping acme-close: update lead.outbound industry → custom.cf_9kQ (if_empty, null: leave, conflict: hold, transform: lower)"
        " becomes industry → custom.cf_9kQ (if_empty)",
        "15 changes made",
    ]


def test_a_default_that_is_stored_is_no_difference(config: Config) -> None:
    config.apply()
    Connector.objects.update(departures={"LEAD": {"left_segment": "ignore"}})

    assert "departures" not in config.export()
    assert config.apply() == "nothing to change\n"


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
