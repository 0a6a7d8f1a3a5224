"""What Hull reads when the connector is installed, and what it is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.hull import flow_control
from sync.hull.manifest import manifest

INSTALLED = {
    "api_key",
    "synchronized_account_segments",
    "lead_status",
    "lead_identifier_hull",
    "lead_identifier_service",
    "lead_attributes_outbound",
    "lead_attributes_inbound",
    "contact_attributes_outbound",
    "contact_attributes_inbound",
}


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    return manifest("https://close.example.com/")


def test_settings_keep_the_names_under_which_they_are_installed(read: dict[str, Any]) -> None:
    assert {setting["name"] for setting in read["private_settings"]} >= INSTALLED


def test_every_setting_is_in_one_section(read: dict[str, Any]) -> None:
    shown = [name for section in read["settings_sections"] for name in section["properties"]]
    assert sorted(shown) == sorted(
        f"private_settings.{setting['name']}" for setting in read["private_settings"]
    )


def test_options_come_from_the_routes_that_there_are(read: dict[str, Any]) -> None:
    text = json.dumps(read)
    for route in (
        "leadstatuses",
        "fields-lead-in",
        "fields-lead-out",
        "fields-contact-in",
        "fields-contact-out",
    ):
        assert f'"loadOptions": "/{route}"' in text
    assert '"loadOptions": "/fields-account-ident"' in text


def test_what_hull_is_to_send_and_ask(read: dict[str, Any]) -> None:
    (subscription,) = read["subscriptions"]
    assert subscription["url"] == "/smart-notifier"
    assert {"user:update", "user:delete", "account:update", "ship:update"} <= set(
        subscription["conditions"]["channels"]["only"]
    )
    assert {schedule["url"] for schedule in read["schedules"]} == {"/fetch", "/status"}
    assert {"kraken", "kraken-exports", "incoming", "outgoing"} <= set(read["tags"])
    assert read["source"] == "closeio"


def test_pictures_are_found_from_hulls_dashboard(read: dict[str, Any]) -> None:
    assert read["logo"] == "https://close.example.com/logo.png"
    assert manifest()["logo"] == "logo.png"


def test_flow_control() -> None:
    assert flow_control.next_(50, 10) == {
        "flow_control": {"type": "next", "size": 50, "in": 10, "in_time": 10}
    }
    told = flow_control.retry("Too large.", code="ENTITY_TOO_LARGE", name="Refused", size=1)
    assert told == {
        "flow_control": {"type": "retry", "size": 1, "in": 1000, "in_time": 10},
        "error": {"message": "Too large.", "name": "Refused", "code": "ENTITY_TOO_LARGE"},
    }
