"""The page that compares the settings here with those in Hull's dashboard, and its three buttons."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync.errors import TransientError
from sync.models import Connector
from sync.services import hull_settings, setup
from tests.integration.admin.rows import text

SignIn = Callable[[Role, SimpleNamespace], Client]
THEIRS = {
    "synchronized_account_segments": ["theirs"],
    "lead_attributes_outbound": "nonsense",
    "api_key": "api_secret9.x",
}


class FakeHull:
    """What the page asks of Hull."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def get_connector(self) -> dict[str, Any]:
        return {"private_settings": self.settings}

    def update_settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        self.settings = self.settings | changes
        return {"private_settings": self.settings}


@pytest.fixture
def hull(monkeypatch: pytest.MonkeyPatch) -> FakeHull:
    fake = FakeHull(dict(THEIRS))
    monkeypatch.setattr(setup, "connect_hull", lambda connector: fake)
    return fake


def address(rows: SimpleNamespace) -> str:
    return reverse("admin:sync_connector_compare_hull_settings", args=[rows.connector.pk])


def test_it_shows_what_differs_and_changes_nothing(
    ours: SimpleNamespace, sign_in: SignIn, hull: FakeHull
) -> None:
    shown = unescape(text(sign_in(Role.EDITOR, ours).get(address(ours))))
    ours.connector.refresh_from_db()

    assert 'Account segments: ["seg1", "unknown-seg"] → ["theirs"]' in shown
    assert "lead_attributes_outbound is not a list and is left out." in shown
    assert "Close API key changes" in shown and "api_secret9" not in shown
    assert ours.connector.account_segments == ["seg1", "unknown-seg"]


@pytest.mark.parametrize(
    ("move", "segments", "home"),
    [("take_over", ["theirs"], "HERE"), ("to_hull", ["seg1", "unknown-seg"], "HULL"), ("nothing", ["seg1", "unknown-seg"], "HERE")],
)  # fmt: skip
def test_its_buttons(
    ours: SimpleNamespace, sign_in: SignIn, hull: FakeHull, move: str, segments: list[str], home: str
) -> None:
    client = sign_in(Role.EDITOR, ours)
    answer = client.post(address(ours), {"move": move})
    ours.connector.refresh_from_db()

    assert answer.status_code == 302
    assert (ours.connector.account_segments, ours.connector.home) == (segments, home)
    if move == "to_hull":
        assert hull.settings["synchronized_account_segments"] == segments
        client.post(address(ours), {"move": "to_here"})
        ours.connector.refresh_from_db()
        assert ours.connector.home == "HERE"


def test_when_hull_is_silent_what_was_last_heard_is_shown(
    ours: SimpleNamespace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    Connector.objects.filter(pk=ours.connector.pk).update(
        hull_settings={"synchronized_account_segments": ["heard"]}
    )

    def silent(connector: Connector) -> Any:
        raise TransientError("no answer in time")

    monkeypatch.setattr(hull_settings, "ask_hull", silent)
    client = sign_in(Role.EDITOR, ours)
    shown = unescape(text(client.get(address(ours))))
    assert "no answer in time" in shown and '["heard"]' in shown
    client.post(address(ours), {"move": "take_over"})
    ours.connector.refresh_from_db()
    assert ours.connector.account_segments == ["seg1", "unknown-seg"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_who_may_edit_settings_sees_it(
    ours: SimpleNamespace, sign_in: SignIn, hull: FakeHull, role: Role
) -> None:
    client = sign_in(role, ours)

    assert client.get(address(ours)).status_code in (403, 404)
    assert client.post(address(ours), {"move": "take_over"}).status_code in (403, 404)


def test_another_agencys_connector_is_not_there(
    ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn, hull: FakeHull
) -> None:
    client = sign_in(Role.OWNER, theirs)
    assert client.get(address(ours)).status_code in (403, 404)
    assert client.post(address(ours), {"move": "take_over"}).status_code in (403, 404)
    ours.connector.refresh_from_db()
    assert ours.connector.account_segments == ["seg1", "unknown-seg"]
