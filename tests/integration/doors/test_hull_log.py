"""What a Hull operator reads: log lines in Hull's own words, for each record, without anybody's personal data."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.journeys.world import World


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return the lines in Hull's words, as `(name, context, data)`."""
    return [
        (record.getMessage(), record.context, record.data)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "sync.services.recording"
    ]


def test_a_record_that_goes_out_is_told_under_its_ids(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="sync.services.recording"):
        world.tell_account(id="a1", name="Acme", domain="acme.com")
        world.tell_user({"id": "a1", "domain": "acme.com"}, id="u1", email="ann@acme.com", name="Ann")
        world.settle()
    lines = told(caplog)
    names = [name for name, _, _ in lines]

    assert {
        "outgoing.job.start",
        "outgoing.account.success",
        "outgoing.user.success",
        "outgoing.job.success",
    } <= set(names)
    context, data = next(
        (context, data) for name, context, data in lines if name == "outgoing.account.success"
    )
    (lead,) = world.close.leads
    assert context == {
        "organization": "acme.hullapp.io", "id": "5a43ce781f6d9f471d005d44", "connector_name": world.connector.slug,
        "subject_type": "account", "account_id": "a1", "account_anonymous_id": f"closeio:{lead}",
    }  # fmt: skip
    assert data["reason"] == "NEW" and "name" in data["fields"]
    assert "ann@acme.com" not in str(lines)


def test_a_skip_and_an_error_have_their_reason(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.close.fail_next("POST", "/lead/", "status:400", times=9)
    with caplog.at_level(logging.DEBUG, logger="sync.services.recording"):
        world.tell_account(False, id="a1", name="Acme", domain="acme.com")
        world.tell_account(id="a2", name="Bolt", domain="bolt.com")
        world.settle()
    lines = {name: (data, level) for (name, _, data), level in zip(told(caplog), levels(caplog), strict=True)}

    assert lines["outgoing.account.skip"] == ({"reason": "NOT_IN_SEGMENT"}, logging.DEBUG)
    data, level = lines["outgoing.account.error"]
    assert data["reason"] == "REJECTED" and data["message"] and level == logging.ERROR


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if record.name == "sync.services.recording"]


def test_what_comes_in_is_told_as_incoming(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com", "contacts": [{"name": "Gob"}]})
    with caplog.at_level(logging.DEBUG, logger="sync.services.recording"):
        world.settle()

    assert {"incoming.account.success", "incoming.user.success"} <= {name for name, _, _ in told(caplog)}


def test_what_hull_would_drop_is_left_out_and_said(world: World) -> None:
    lead = world.close.rep_create_lead({"name": "Acme", "url": "https://acme.com", "description": "x" * 3000})
    world.settle()

    outcome = world.outcome(lead["id"])
    (note,) = outcome.notes
    assert note.startswith("closeio/description is left out: 3,002 bytes")
    assert outcome.result == "CREATED" and "closeio/description" not in outcome.fields
    assert world.hull.log == []  # Hull found nothing to drop
    (account,) = world.hull.accounts.values()
    assert account["closeio/id"] == lead["id"] and "closeio/description" not in account

    world.close.rep_update_lead(lead["id"], {"description": "short"})
    world.settle()
    (account,) = world.hull.accounts.values()
    assert account["closeio/description"] == "short"
