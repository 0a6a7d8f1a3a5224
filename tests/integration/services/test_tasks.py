"""Each task runs as a worker runs it, also with arguments of another version."""

from __future__ import annotations

from typing import Any

import pytest

from sync import tasks
from tests.journeys.conftest import inline_world
from tests.journeys.world import World

__all__ = ["inline_world"]


@pytest.fixture
def world(inline_world: World) -> World:
    return inline_world


def test_the_tasks_do_the_whole_work(world: World) -> None:
    world.close.rep_create_lead({"name": "Other", "url": "other.com"})
    world.tell_account(id="a-acme", name="Acme", domain="acme.com")

    for task in (tasks.pull, tasks.drain_inbound, tasks.drain_outbound):
        task.apply(kwargs={"connector_id": world.connector.pk, "from_a_newer_version": 1}, throw=True)
    tasks.prune_history.apply(throw=True)

    assert world.lead("Acme")
    assert [
        account["name"] for account in world.hull.accounts.values() if account.get("name") == "Other"
    ] == ["Other"]


@pytest.mark.parametrize("task", [tasks.pull, tasks.drain_inbound, tasks.drain_outbound])
def test_a_task_for_a_connector_that_is_gone_does_nothing(world: World, task: Any) -> None:
    assert task.apply(kwargs={"connector_id": 0}, throw=True).successful()


def test_what_is_to_be_written_has_close_read_first_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits a minute for the first look at Close."""
    monkeypatch.setattr(
        tasks, "dispatch", lambda task, *, after=0, **kwargs: task.apply(kwargs=kwargs, throw=True)
    )
    world.tell_account(id="a-acme", name="Acme", domain="acme.com")

    tasks.drain_outbound.apply(kwargs={"connector_id": world.connector.pk}, throw=True)

    assert world.lead("Acme")
