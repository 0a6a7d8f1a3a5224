"""Two homes for settings, one truth: what is taken over, what is only reported, and that nothing goes round."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Connector
from sync.services import hull_settings
from sync.services.configuration import preview_import
from tests.journeys.world import World

THEIRS: dict[str, Any] = {
    "api_key": "",
    "synchronized_account_segments": ["seg-1"],
    "lead_status": "hull-default",
    "lead_identifier_hull": "domain",
    "lead_identifier_service": "url",
    "lead_attributes_outbound": [{"hull_field_name": "industry", "closeio_field_name": "description"}],
    "lead_attributes_inbound": ["description"],
    "contact_attributes_outbound": [],
    "contact_attributes_inbound": [],
}


@pytest.fixture
def at_hull(world: World) -> World:
    """A connector whose settings live in Hull's dashboard."""
    Connector.objects.filter(pk=world.connector.pk).update(home=Connector.Home.HULL)
    world.connector.refresh_from_db()
    return world


def tell(world: World, settings: dict[str, Any], channel: str = "ship:update", **connector: Any) -> None:
    key = world.connector.close_api_key.reveal()
    told = {"id": "5a43ce781f6d9f471d005d44", "private_settings": {"api_key": key} | {name: value for name, value in settings.items() if name != "api_key"}}  # fmt: skip
    messages = [told | connector] if channel == "ship:update" else []
    assert world.notify(channel, messages, connector=told | connector).status_code == 200
    world.connector.refresh_from_db()


def rows(world: World) -> list[str]:
    return [str(row) for row in world.connector.mappings.all()]


def test_with_hull_as_home_its_settings_are_taken_over(at_hull: World) -> None:
    version = at_hull.connector.version
    tell(at_hull, THEIRS)

    assert at_hull.connector.account_segments == ["seg-1"]
    assert "industry → description" in rows(at_hull)
    assert at_hull.connector.version == version + 1


@pytest.mark.parametrize("channel", ["ship:update", "account:update", "users_segment:update"])
def test_any_notification_carries_them(at_hull: World, channel: str) -> None:
    tell(at_hull, THEIRS, channel)
    assert at_hull.connector.account_segments == ["seg-1"]


def test_the_same_settings_make_no_new_version(at_hull: World) -> None:
    tell(at_hull, THEIRS)
    version = at_hull.connector.version
    tell(at_hull, THEIRS)
    tell(at_hull, THEIRS | {"some_setting_of_theirs": 5})

    assert at_hull.connector.version == version


def test_older_settings_that_arrive_later_are_passed_over(at_hull: World) -> None:
    tell(at_hull, THEIRS, updated_at="2026-03-02T10:00:00Z")
    tell(at_hull, THEIRS | {"synchronized_account_segments": ["old"]}, updated_at="2026-03-02T09:00:00Z")
    assert at_hull.connector.account_segments == ["seg-1"]
    tell(at_hull, THEIRS | {"synchronized_account_segments": ["new"]}, updated_at="2026-03-02T11:00:00Z")
    assert at_hull.connector.account_segments == ["new"]


def test_what_cannot_be_used_is_left_out_and_the_rest_runs(at_hull: World) -> None:
    broken = THEIRS | {"lead_attributes_outbound": "nonsense", "lead_identifier_hull": "name"}
    tell(at_hull, broken)

    assert at_hull.connector.account_segments == ["seg-1"]
    assert at_hull.connector.identity_hull == "domain"
    assert hull_settings.drift(at_hull.connector).problems == (
        "lead_identifier_hull name is neither domain nor external_id; domain is used.",
        "lead_attributes_outbound is not a list and is left out.",
    )


def test_with_us_as_home_they_are_reported_and_not_applied(world: World) -> None:
    before, version = rows(world), world.connector.version
    segments = world.connector.account_segments
    tell(world, THEIRS)

    assert (world.connector.account_segments, rows(world), world.connector.version) == (
        segments,
        before,
        version,
    )
    changes = hull_settings.drift(world.connector).changes
    assert f'Account segments: ["{segments[0]}"] → ["seg-1"]' in changes
    assert any("industry → description" in change for change in changes)


def test_a_fresh_installation_says_nothing_of_settings(at_hull: World) -> None:
    before = rows(at_hull)
    at_hull.notify("ship:update", [{"private_settings": {}}], connector={"private_settings": {}})
    at_hull.connector.refresh_from_db()

    assert rows(at_hull) == before and not at_hull.connector.hull_settings_digest


def test_the_key_is_never_kept_in_the_clear(at_hull: World) -> None:
    tell(at_hull, THEIRS)
    key = at_hull.connector.close_api_key.reveal()

    assert key and key not in str(Connector.objects.filter(pk=at_hull.connector.pk).values())


def test_moving_home_to_hull_changes_nothing_and_does_not_come_back(world: World) -> None:
    before, segments = rows(world), world.connector.account_segments
    problems = hull_settings.move_home(world.connector, Connector.Home.HULL, now=world.clock())
    version = world.connector.version

    assert problems == ()
    assert world.hull.private_settings["synchronized_account_segments"] == segments
    tell(world, dict(world.hull.private_settings))
    assert (world.connector.home, rows(world), world.connector.version) == ("HULL", before, version)

    hull_settings.move_home(world.connector, Connector.Home.HERE, now=world.clock())
    assert (world.connector.home, rows(world)) == ("HERE", before)


def test_what_hull_cannot_say_is_told_when_moving(world: World) -> None:
    world.connector.mappings.filter(direction="OUTBOUND", close="description").update(mode="on_create")
    (problem,) = hull_settings.move_home(world.connector, Connector.Home.HULL, now=world.clock())

    assert problem == "description and description: Hull's dashboard cannot say on_create."


def test_an_import_is_looked_at_before_it_is_done(world: World) -> None:
    world.hull.private_settings = dict(THEIRS)
    found = hull_settings.ask_hull(world.connector)
    preview = preview_import(world.connector, found)
    assert preview.changes and world.connector.account_segments != ["seg-1"]

    assert hull_settings.take_over(world.connector, found, now=world.clock()) == ()
    world.connector.refresh_from_db()
    assert world.connector.account_segments == ["seg-1"]
    assert preview_import(world.connector, found).changes == ()
