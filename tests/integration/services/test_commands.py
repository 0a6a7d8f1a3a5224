"""What scripts rely on: the exit code and the report of `sync`, the story of `explain`."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sync.management.commands import sync as command
from tests.journeys.conftest import inline_world
from tests.journeys.world import World

__all__ = ["inline_world"]
ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}


@pytest.fixture
def world(inline_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(command.time, "sleep", lambda seconds: inline_world.clock.advance(seconds=seconds))
    return inline_world


def run(*arguments: str) -> tuple[int, Any]:
    """Return the exit code and what was printed, read as JSON if it is."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), _read(out)
    except CommandError as error:
        return error.returncode, str(error)
    return 0, _read(out)


def _read(out: StringIO) -> Any:
    text = out.getvalue()
    return json.loads(text) if text.startswith("{") else text


def test_the_report_counts_records_and_every_call(world: World) -> None:
    world.close.rep_create_lead({"name": "Other", "url": "other.com"})
    world.tell_account(**ACME)

    code, report = run("sync", "acme-close", "--json")

    assert code == 0
    assert report["connector"] == "acme-close"
    assert report["inbound"] == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "failed": 0,
        "pending": 0,
    }
    assert report["outbound"] == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "failed": 0,
        "pending": 0,
    }
    assert sum(report["close_calls"].values()) == len(world.close.requests)
    assert report["close_calls"]["POST /lead/"] == 1
    assert report["duration_s"] >= 0


def test_a_second_sync_writes_nothing(world: World) -> None:
    world.tell_account(**ACME)
    run("sync", "acme-close")
    writes = world.writes_to_close()

    code, report = run("sync", "acme-close", "--json")

    assert code == 0
    assert world.writes_to_close() == writes
    assert report["outbound"]["created"] == report["outbound"]["updated"] == 0


def test_a_record_that_needs_attention_is_exit_one_until_it_is_settled(world: World) -> None:
    for url in ("acme.com", "www.acme.com"):
        world.close.rep_create_lead({"name": "Acme", "url": url})
    world.tell_account(**ACME)

    for _ in range(2):
        code, report = run("sync", "acme-close", "--json")
        assert (code, report["outbound"]["pending"]) == (1, 1)


def test_a_refused_record_is_failed_and_explained_in_closes_own_words(world: World) -> None:
    world.close.refuse_email("bad@acme.com")
    world.tell_user(ACME, id="u-bad", name="Bad", email="bad@acme.com")

    code, report = run("sync", "acme-close", "--json")
    told, story = run("explain", "acme-close", "bad@acme.com", "--json")

    assert (code, report["outbound"]["failed"]) == (1, 1)
    assert told == 0
    assert "Invalid email address." in json.dumps(story["queue"])


def test_a_retry_that_is_due_soon_is_waited_for(world: World) -> None:
    world.close.fail_next("POST", "/lead/", "drop_before")
    world.tell_account(**ACME)

    code, report = run("sync", "acme-close", "--json")

    assert (code, report["outbound"]["created"]) == (0, 1)


def test_one_direction_leaves_the_other_alone(world: World) -> None:
    world.close.rep_create_lead({"name": "Other", "url": "other.com"})
    world.tell_account(**ACME)

    run("sync", "acme-close", "--outbound")

    assert world.lead("Acme")
    assert world.hull.accounts == {} or all(
        "closeio/id" not in one or one["name"] != "Other" for one in world.hull.accounts.values()
    )


def test_a_dry_run_writes_nothing_on_either_side(world: World) -> None:
    world.close.rep_create_lead({"name": "Other", "url": "other.com"})
    world.tell_account(**ACME)

    code, report = run("sync", "acme-close", "--dry-run", "--json")

    assert code == 0
    assert (report["inbound"]["dry_run"], report["outbound"]["dry_run"]) == (1, 1)
    assert world.writes_to_close() == []
    assert world.hull.firehose_messages == []

    run("sync", "acme-close")
    assert world.lead("Acme")


@pytest.mark.parametrize("arguments", [("sync", "nobody"), ("explain", "nobody", "x")])
def test_an_unknown_connector_is_exit_two(world: World, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_a_configuration_error_is_exit_two_with_its_reason(world: World) -> None:
    world.close.fail_next("GET", "/me/", "status:401", times=9)

    code, said = run("sync", "acme-close")
    again, reason = run("sync", "acme-close")

    assert (code, again) == (2, 2)
    assert "API key" in said
    assert "API key" in reason


@pytest.mark.parametrize("name", ["a-acme", "acme.com", "https://www.acme.com/x", "lead"])
def test_a_record_is_explained_by_any_of_its_names(world: World, name: str) -> None:
    world.tell_account(**ACME)
    run("sync", "acme-close")

    code, text = run("explain", "acme-close", world.lead("Acme")["id"] if name == "lead" else name)

    assert code == 0
    assert world.lead("Acme")["id"] in text


def test_an_unknown_record_is_exit_one(world: World) -> None:
    assert run("explain", "acme-close", "nobody@nowhere.com")[0] == 1
