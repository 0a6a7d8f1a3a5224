"""What follows from a change of a connector's configuration."""

from __future__ import annotations

from datetime import datetime

import pytest

from accounts.models import Agency, Organization
from sync.models import Change, Connector, Link, MatchKey
from sync.records import Direction, ObjectType
from sync.services.configuration import PAUSED_BY_A_PERSON, configuration_changed, import_private_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(now: datetime) -> Connector:
    agency = Agency.objects.create(slug="northwind", name="Northwind")
    organization = Organization.objects.create(
        agency=agency, slug="acme", name="Acme", hull_domain="a.hullapp.io"
    )
    return Connector.objects.create(
        organization=organization, slug="acme-close", name="Acme", hull_connector_id="5a43", schema_read_at=now,
        close_api_key="api_old", close_api_key_ref={"env": "KEY"}, hull_secret_ref={"env": "SECRET"},
    )  # fmt: skip


@pytest.fixture
def lead(connector: Connector) -> Link:
    return Link.objects.create(
        connector=connector, object_type=ObjectType.LEAD, close_id="lead_1",
        close={"url": "https://www.acme.com", "custom.cf_1": "other.com"},
    )  # fmt: skip


def failed_change(connector: Connector, now: datetime, reason: str) -> Change:
    return Change.objects.create(
        connector=connector, direction=Direction.OUTBOUND, object_type=ObjectType.LEAD, key=reason,
        state=Change.State.FAILED, reason=reason, not_before=now, queued_at=now,
    )  # fmt: skip


def test_the_version_goes_up_once_a_change(connector: Connector, now: datetime) -> None:
    configuration_changed(connector, {"name", "lead_status"}, now=now)
    assert connector.version == 2
    configuration_changed(connector, set(), now=now)
    connector.refresh_from_db()
    assert connector.version == 2


@pytest.mark.parametrize(
    ("field", "is_asked_anew"),
    [("close_api_key", True), ("close_api_url", True), ("lead_status", False), ("mappings", False)],
)
def test_another_close_is_asked_what_it_offers(
    connector: Connector, now: datetime, field: str, is_asked_anew: bool
) -> None:
    configuration_changed(connector, {field}, now=now)
    connector.refresh_from_db()
    assert (connector.schema_read_at is None) is is_asked_anew


def test_the_match_index_follows_the_identifier(connector: Connector, lead: Link, now: datetime) -> None:
    configuration_changed(connector, {"lead_status"}, now=now)
    assert MatchKey.objects.count() == 0
    connector.identity_close = "custom.cf_1"
    connector.save()
    configuration_changed(connector, {"identity_close"}, now=now)
    keys = set(MatchKey.objects.filter(link=lead).values_list("kind", "value"))
    assert keys == {("identifier", "other.com"), ("host", "acme.com")}


def test_what_failed_for_configuration_reasons_is_tried_again(connector: Connector, now: datetime) -> None:
    for reason in ("CONFIGURATION", "REJECTED"):
        failed_change(connector, now, reason)
    configuration_changed(connector, {"mappings"}, now=now)
    assert dict(Change.objects.values_list("key", "state")) == {
        "CONFIGURATION": Change.State.PENDING,
        "REJECTED": Change.State.FAILED,
    }


@pytest.mark.parametrize(
    ("reason", "field", "is_resumed"),
    [
        ("Close refuses the key.", "close_api_key", True),
        ("Close refuses the key.", "lead_status", True),
        ("Close refuses the key.", "identity_close", True),
        ("Hull refuses the secret.", "hull_secret", True),
        ("Hull refuses the secret.", "hull_domain", True),
        ("Close refuses the key.", "name", False),
        ("", "close_api_key", False),
        (f"{PAUSED_BY_A_PERSON} ada@example.com", "close_api_key", False),
    ],
)
def test_a_pause_by_an_error_is_lifted_when_its_cause_may_be_gone(
    connector: Connector, now: datetime, reason: str, field: str, is_resumed: bool
) -> None:
    connector.pause(reason, now=now)
    configuration_changed(connector, {field}, now=now)
    connector.refresh_from_db()
    assert connector.is_active is is_resumed


def test_a_secret_entered_by_hand_is_not_the_reference_s_any_more(
    connector: Connector, now: datetime
) -> None:
    configuration_changed(connector, {"close_api_key"}, now=now)
    connector.refresh_from_db()
    assert (connector.close_api_key_ref, connector.hull_secret_ref) == ({}, {"env": "SECRET"})


# ── Settings kept in Hull ────────────────────────────────────────────────────────────────────────

SETTINGS = {
    "api_key": "api_new",
    "synchronized_account_segments": ["59f0"],
    "lead_status": "stat_1",
    "lead_identifier_hull": "domain",
    "lead_identifier_service": "custom.lcf_1",
    "lead_attributes_outbound": [
        {"hull_field_name": "traits_industry", "closeio_field_name": "custom.lcf_2"},
        {},
    ],
    "contact_attributes_inbound": ["emails"],
}


def test_settings_of_hull_are_taken_over(connector: Connector, now: datetime) -> None:
    connector.mappings.create(object_type="LEAD", direction="INBOUND", close="url")
    imported = import_private_settings(connector, SETTINGS, now=now)
    connector.refresh_from_db()
    assert connector.close_api_key.reveal() == "api_new"
    assert (connector.account_segments, connector.lead_status) == (["59f0"], "stat_1")
    assert (connector.identity_close, connector.version, connector.home) == ("custom.lcf_1", 2, "HERE")
    assert [str(row) for row in connector.mappings.all()] == [
        "(standard name) ← emails",
        "industry → custom.lcf_2",
    ]
    assert imported.problems == ("Row 2 of lead_attributes_outbound is incomplete and is left out.",)


def test_the_same_settings_change_nothing(connector: Connector, now: datetime) -> None:
    import_private_settings(connector, SETTINGS, now=now)
    token, updated_at = connector.close_api_key.token, connector.updated_at
    import_private_settings(connector, SETTINGS, now=now)
    connector.refresh_from_db()
    assert (connector.version, connector.close_api_key.token) == (2, token)
    assert connector.updated_at == updated_at


@pytest.mark.parametrize(
    ("settings", "expected"), [({}, "api_old"), ({"api_key": None}, ""), ({"api_key": "x"}, "x")]
)
def test_the_key_stays_when_the_settings_do_not_speak_of_it(
    connector: Connector, now: datetime, settings: dict[str, str | None], expected: str
) -> None:
    import_private_settings(connector, settings, now=now)
    connector.refresh_from_db()
    assert connector.close_api_key.reveal() == expected
