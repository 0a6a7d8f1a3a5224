"""Each connector's periodic tasks, kept in step with it."""

from __future__ import annotations

import json

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from sync.models import Connector

# How often a lane is looked at when nobody nudged it: what a lost nudge costs.
SWEEP_SECONDS = 30

_NAMES = ("pull", "drain_inbound", "drain_outbound")
_WORDS = {
    "pull": "{slug}: read Close's event log",
    "drain_inbound": "{slug}: tell Hull what changed in Close",
    "drain_outbound": "{slug}: write to Close what changed in Hull",
}


def task_name(connector: Connector, name: str) -> str:
    """Return how a connector's periodic task is called in the admin."""
    return _WORDS[name].format(slug=connector.slug)


def align(connector: Connector) -> None:
    """Create or correct the periodic tasks of a connector: they run while it is enabled and not paused."""
    tasks = {task.task: task for task in _tasks_of(connector)}
    for name in _NAMES:
        seconds = connector.pull_interval_seconds if name == "pull" else SWEEP_SECONDS
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        path = f"sync.tasks.{name}"
        task = tasks.get(path) or PeriodicTask(task=path)
        wanted = {
            "name": task_name(connector, name),
            "interval": interval,
            "kwargs": _kwargs(connector),
            "enabled": connector.is_active,
            "expire_seconds": max(seconds, SWEEP_SECONDS),
        }
        if any(getattr(task, field) != value for field, value in wanted.items()):
            for field, value in wanted.items():
                setattr(task, field, value)
            task.save()


def remove(connector: Connector) -> None:
    """Delete the periodic tasks of a connector that is going away."""
    _tasks_of(connector).delete()


def _kwargs(connector: Connector) -> str:
    return json.dumps({"connector_id": connector.pk})


def _tasks_of(connector: Connector):  # type: ignore[no-untyped-def]  # the package has no types
    return PeriodicTask.objects.filter(
        task__in=[f"sync.tasks.{name}" for name in _NAMES], kwargs=_kwargs(connector)
    )
