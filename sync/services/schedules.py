"""Each connector's periodic tasks, kept in step with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from sync.models import Connector

# How often a lane is looked at when nobody nudged it: what a lost nudge costs.
SWEEP_SECONDS = 30

# How often Hull is told how the connector is doing, and looked at for new segments and attributes.
REPORT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Routine:
    """One periodic task: what it does in words, how often, for which connectors, and whether a pause stops it."""

    words: str
    seconds: Callable[[Connector], int] = lambda connector: SWEEP_SECONDS
    wanted: Callable[[Connector], bool] = lambda connector: True
    is_stopped_by_a_pause: bool = True


ROUTINES = {
    "pull": Routine("read Close's event log", lambda connector: connector.pull_interval_seconds),
    "drain_inbound": Routine("tell Hull what changed in Close"),
    "drain_outbound": Routine("write to Close what changed in Hull"),
    "read_due_batches": Routine("read on in Hull's extracts"),
    "ask_hull": Routine(
        "look in Hull for what changed",
        lambda connector: connector.pull_interval_seconds,
        lambda connector: connector.asks_hull,
    ),
    "report_to_hull": Routine(
        "tell Hull how the connector is doing", lambda connector: REPORT_SECONDS, is_stopped_by_a_pause=False
    ),
    # A person may be looking at the remotes of a sandbox, whether it is paused or not.
    "keep_sandbox": Routine(
        "keep the simulated Close and Hull running",
        wanted=lambda connector: connector.is_sandbox,
        is_stopped_by_a_pause=False,
    ),
}


def task_name(connector: Connector, name: str) -> str:
    """Return how a connector's periodic task is called in the admin."""
    return f"{connector.slug}: {ROUTINES[name].words}"


def align(connector: Connector) -> None:
    """Create or correct the periodic tasks of a connector, and delete those that it does not need any more."""
    tasks = {task.task: task for task in _tasks_of(connector)}
    for name, routine in ROUTINES.items():
        task = tasks.pop(_path(name), None)
        if routine.wanted(connector):
            _align_one(connector, name, routine, task or PeriodicTask(task=_path(name)))
        elif task:
            task.delete()


def _align_one(connector: Connector, name: str, routine: Routine, task: PeriodicTask) -> None:
    seconds = routine.seconds(connector)
    interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    is_running = connector.is_active if routine.is_stopped_by_a_pause else connector.enabled
    wanted = {
        "name": task_name(connector, name),
        "interval": interval,
        "kwargs": _kwargs(connector),
        "enabled": is_running,
        "expire_seconds": max(seconds, SWEEP_SECONDS),
    }
    if any(getattr(task, field) != value for field, value in wanted.items()):
        for field, value in wanted.items():
            setattr(task, field, value)
        task.save()


def _path(name: str) -> str:
    return f"sync.tasks.{name}"


def remove(connector: Connector) -> None:
    """Delete the periodic tasks of a connector that is going away."""
    _tasks_of(connector).delete()


def _kwargs(connector: Connector) -> str:
    return json.dumps({"connector_id": connector.pk})


def _tasks_of(connector: Connector):  # type: ignore[no-untyped-def]  # the package has no types
    return PeriodicTask.objects.filter(task__in=[_path(name) for name in ROUTINES], kwargs=_kwargs(connector))
