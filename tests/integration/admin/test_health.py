"""Which state a connector is in, by facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sync import queries
from sync.models import Change, Connector, Cursor, Run
from sync.queries import Health
from sync.services import configuration

LONG = timedelta(hours=2)


def seen(now: datetime) -> Any:
    return queries.with_last_changes(queries.with_health(Connector.objects.all(), now=now)).get()


@pytest.fixture
def calm(ours: SimpleNamespace) -> Connector:
    """A connector with nothing to complain about."""
    Change.objects.all().delete()
    return ours.connector


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({}, Health.RUNNING),
        ({"enabled": False, "close_api_key": ""}, Health.OFF),
        ({"hull_secret": ""}, Health.UNFINISHED),
        ({"pause_reason": "The key was refused."}, Health.BROKEN),
        ({"pause_reason": f"{configuration.PAUSED_BY_A_PERSON} ann"}, Health.PAUSED),
        ({"pause_reason": ""}, Health.PAUSED),
        ({"problems": ["custom.cf_9 is gone."]}, Health.ATTENTION),
    ],
)
def test_health_follows_the_settings(
    calm: Connector, now: datetime, fields: dict[str, Any], health: Health
) -> None:
    paused_at = now if "pause_reason" in fields else None
    Connector.objects.update(paused_at=paused_at, **fields)

    assert seen(now).health == health
    assert seen(now).severity == list(Health).index(health)


@pytest.mark.parametrize(
    ("interval", "ago", "health"),
    [
        (60, timedelta(minutes=14), Health.RUNNING),
        (60, timedelta(minutes=16), Health.SILENT),
        (600, LONG, Health.RUNNING),
        (600, 2 * LONG, Health.SILENT),
        (86_400, timedelta(days=9), Health.RUNNING),
    ],
)
def test_silence_is_measured_against_the_interval(
    calm: Connector, now: datetime, interval: int, ago: timedelta, health: Health
) -> None:
    Connector.objects.update(pull_interval_seconds=interval)
    Cursor.objects.update(read_at=now - ago)

    assert seen(now).health == health


def test_a_new_connector_is_given_time(calm: Connector, now: datetime) -> None:
    Cursor.objects.all().delete()

    assert seen(now).health == Health.RUNNING
    assert seen(now + LONG).health == Health.SILENT


def test_a_backfill_under_way_is_not_silence(calm: Connector, now: datetime) -> None:
    Cursor.objects.update(read_at=now - LONG)
    Cursor.objects.create(connector=calm, stream="BACKFILL", read_at=now)

    assert seen(now).health == Health.RUNNING


def test_the_queue_is_counted(ours: SimpleNamespace, now: datetime) -> None:
    Change.objects.filter(pk=ours.held.pk).update(state="PENDING")

    found = seen(now)

    assert (found.waiting, found.held, found.failed, found.oldest) == (1, 0, 1, now - LONG)
    assert found.health == Health.ATTENTION
    assert queries.count_stuck(Connector.objects.all()) == 1


def test_the_last_change_is_one_that_wrote(ours: SimpleNamespace, now: datetime) -> None:
    later = {"connector": ours.connector, "kind": "DRAIN", "direction": "OUTBOUND", "trigger": "SCHEDULE"}
    Run.objects.create(**later, counters={"UNCHANGED": 5}, started_at=now + LONG)

    assert (seen(now).last_outbound, seen(now).last_inbound) == (now, None)
