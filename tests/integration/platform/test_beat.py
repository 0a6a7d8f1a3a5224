"""Of any number of beats on one database exactly one sends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from closeconnector.beat import LEASE, NAME, WAIT, GuardedScheduler, release_lease, take_lease
from closeconnector.celery import app
from closeconnector.models import BrokerMessage, Lease

pytestmark = pytest.mark.django_db(transaction=True)  # the scheduler closes connections itself


class TestLease:
    def test_the_first_holder_keeps_it(self, now: datetime) -> None:
        assert take_lease(NAME, "first", now=now)
        assert not take_lease(NAME, "second", now=now)
        assert take_lease(NAME, "first", now=now + LEASE / 2)
        assert not take_lease(NAME, "second", now=now + LEASE)

    def test_it_passes_on_when_it_ran_out(self, now: datetime) -> None:
        take_lease(NAME, "first", now=now)

        assert take_lease(NAME, "second", now=now + LEASE)
        assert not take_lease(NAME, "first", now=now + LEASE)

    def test_it_passes_on_when_it_is_given_up(self, now: datetime) -> None:
        take_lease(NAME, "first", now=now)

        release_lease(NAME, "second")
        assert not take_lease(NAME, "second", now=now)
        release_lease(NAME, "first")
        assert take_lease(NAME, "second", now=now)


class TestScheduler:
    @pytest.fixture
    def due_task(self) -> PeriodicTask:
        often = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
        yesterday = timezone.now() - timedelta(days=1)
        return PeriodicTask.objects.create(name="pull", task="pull", interval=often, last_run_at=yesterday)

    def beat(self, name: str) -> GuardedScheduler:
        scheduler = GuardedScheduler(app=app, lazy=True)
        scheduler.holder = name
        return scheduler

    def ticks(self, scheduler: GuardedScheduler) -> list[Any]:
        """Let it look three times; return what has been sent by then."""
        for _ in range(3):
            assert scheduler.tick() <= WAIT
        return list(BrokerMessage.objects.values_list("payload", flat=True))

    def test_only_one_of_two_sends(self, due_task: PeriodicTask) -> None:
        first, second = self.beat("first"), self.beat("second")

        assert len(self.ticks(first)) == 1
        BrokerMessage.objects.all().delete()
        PeriodicTask.objects.update(last_run_at=due_task.last_run_at)

        assert self.ticks(second) == []
        assert Lease.objects.get().holder == "first"

    def test_the_second_takes_over_when_the_first_ends(self, due_task: PeriodicTask) -> None:
        first, second = self.beat("first"), self.beat("second")
        first.tick()
        second.tick()
        BrokerMessage.objects.all().delete()

        first.close()
        PeriodicTask.objects.update(last_run_at=due_task.last_run_at)

        assert len(self.ticks(second)) == 1

    def test_the_first_goes_on_after_a_pause(self, due_task: PeriodicTask) -> None:
        first = self.beat("first")

        assert len(self.ticks(first)) == 1
        assert len(self.ticks(first)) == 1
