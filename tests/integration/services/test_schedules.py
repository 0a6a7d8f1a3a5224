"""Each connector's periodic tasks are kept in step with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django_celery_beat.models import PeriodicTask

from sync.models import Connector
from tests.journeys.world import make_connector

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def tasks(connector: Connector) -> dict[str, PeriodicTask]:
    mine = [
        task
        for task in PeriodicTask.objects.all()
        if json.loads(task.kwargs).get("connector_id") == connector.pk
    ]
    return {task.task.removeprefix("sync.tasks."): task for task in mine}


def test_a_new_connector_is_read_and_drained_from_then_on() -> None:
    connector = make_connector()

    found = tasks(connector)
    assert set(found) == {"pull", "drain_inbound", "drain_outbound", "read_due_batches", "report_to_hull"}
    assert all(task.enabled and connector.slug in task.name for task in found.values())
    assert found["pull"].interval.every == connector.pull_interval_seconds


def test_a_pause_stops_the_tasks_but_hull_still_hears_of_it() -> None:
    connector = make_connector()
    connector.pause("Paused by Ada", now=NOW)
    assert [name for name, task in tasks(connector).items() if task.enabled] == ["report_to_hull"]

    connector.resume()
    assert all(task.enabled for task in tasks(connector).values())


def test_another_interval_name_or_switch_is_followed() -> None:
    connector = make_connector()
    connector.pull_interval_seconds, connector.slug, connector.enabled = 300, "other", False
    connector.save()

    found = tasks(connector)
    assert found["pull"].interval.every == 300
    assert not any(task.enabled for task in found.values())
    assert all("other" in task.name for task in found.values())
    assert PeriodicTask.objects.filter(task__startswith="sync.").count() == 5


def test_some_tasks_are_for_some_connectors_only() -> None:
    connector = make_connector()
    connector.asks_hull = connector.is_sandbox = True
    connector.save()
    assert {"ask_hull", "keep_sandbox"} <= set(tasks(connector))

    connector.asks_hull = False
    connector.save()
    assert "ask_hull" not in tasks(connector)


def test_a_deleted_connector_leaves_no_task() -> None:
    connector = make_connector()
    connector.mappings.all().delete()
    connector.delete()

    assert not PeriodicTask.objects.filter(task__startswith="sync.").exists()
