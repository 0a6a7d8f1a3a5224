"""The demo's own story, told on both remotes whole: 120 accounts, 300 users, 80 leads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from sandbox.sample import EMPLOYEES, INDUSTRY, SEGMENTS, load_sample
from sync.mapping.transforms import host
from sync.models import Change, Connector, Outcome
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="takes a minute with real processes; the demo itself runs them")


@pytest.fixture
def after(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world after the demo's first sync, with the demo's own configuration."""
    load_sample(world.close, world.hull)
    text = (Path(settings.BASE_DIR) / "sandbox" / "demo.yaml").read_text()
    text = text.replace("http://127.0.0.1:9001", "http://close.sandbox").replace(
        "http://127.0.0.1:9002", "http://hull.sandbox"
    )
    (tmp_path / "demo.yaml").write_text(text)
    monkeypatch.setenv("SANDBOX_HULL_SECRET", world.hull.secret)
    monkeypatch.setenv("SANDBOX_CLOSE_API_KEY", world.close.api_key)
    call_command("config", "apply", str(tmp_path / "demo.yaml"), verbosity=0)
    world.connector = Connector.objects.get(slug="acme-close")
    world.settle()
    return world


def test_both_sides_agree_and_nothing_exists_twice_and_a_second_sync_writes_nothing(after: World) -> None:
    world = after
    wanted = {segment_id for segment_id, _, _ in SEGMENTS}
    accounts = {key: one for key, one in world.hull.accounts.items() if wanted & set(one["segment_ids"])}
    leads = world.close.leads

    assert len(accounts) == 120
    for account in accounts.values():
        lead = leads[account["closeio/id"]]
        assert host(lead["url"]) == account["domain"]
        assert lead["name"] == account["closeio/name"] == account["name"]
        assert lead[f"custom.{INDUSTRY}"] == account["closeio/industry"] == account["industry"]
        assert lead[f"custom.{EMPLOYEES}"] == account["closeio/of_employees_est"] == account["employees"]
        assert lead["description"] == account["closeio/description"]
        assert lead["status_label"] == account["closeio/status"]

    assert len(leads) == 160
    assert _twice(host(lead["url"]) for lead in leads.values()) == []
    _compare_people(world)

    writes, messages = len(world.writes_to_close()), len(world.hull.firehose_messages)
    world.pull(full=True)
    world.settle()
    assert len(world.writes_to_close()) == writes
    assert len(world.hull.firehose_messages) == messages


def _compare_people(world: World) -> None:
    """Each user of an account that goes out is one contact of that account's lead, with its values."""
    contacts = world.close.contacts
    users = [one for one in world.hull.users.values() if one["id"].startswith("5b")]
    homed = [user for user in users if world.hull.store.entities[user["id"]].account_id]

    assert len(homed) == 294
    for user in homed:
        contact = contacts[user["traits_closeio/id"]]
        assert contact["lead_id"] == world.hull.account_of(user["id"])["closeio/id"]
        assert contact["name"] == user["name"] == user["traits_closeio/name"]
        assert contact["title"] == user["traits_title"] == user["traits_closeio/title"]
        addresses = [entry["email"].lower() for entry in contact["emails"]]
        assert user.get("email") is None or user["email"] in addresses
    assert _twice(entry["email"].lower() for one in contacts.values() for entry in one["emails"][:1]) == []
    assert len({user["traits_closeio/id"] for user in homed}) == 294


def test_every_record_considered_has_an_outcome_with_a_reason(after: World) -> None:
    considered = set(Change.objects.values_list("direction", "object_type", "key"))
    told = set(Outcome.objects.exclude(reason="").values_list("direction", "object_type", "key"))

    assert considered <= told
    assert set(Change.objects.values_list("state", flat=True)) <= {"DONE", "WAITING"}


def _twice(values: Any) -> list[str]:
    return [value for value, count in Counter(values).items() if value and count > 1]
