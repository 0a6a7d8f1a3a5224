"""The scheduler, guarded: of any number of beats on one database exactly one sends, the others wait."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler
from structlog import get_logger

from closeconnector.models import Lease

NAME = "beat"
LEASE = timedelta(seconds=15)
WAIT = 5.0

log = get_logger(__name__)


def take_lease(name: str, holder: str, *, now: datetime) -> bool:
    """Take or renew a lease. Return whether the holder has it now."""
    until = now + LEASE
    ours_or_free = Q(holder=holder) | Q(expires_at__lte=now)
    if Lease.objects.filter(ours_or_free, name=name).update(holder=holder, expires_at=until):
        return True
    _, made = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": until})
    return made


def release_lease(name: str, holder: str) -> None:
    """Give a lease up, if the holder has it."""
    Lease.objects.filter(name=name, holder=holder).delete()


class GuardedScheduler(DatabaseScheduler):
    """Sends what is due only while it holds the lease."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.leading: bool | None = None
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next look."""
        if not self._leads():
            return WAIT
        return min(super().tick(*args, **kwargs), WAIT)

    def close(self) -> None:
        super().close()
        release_lease(NAME, self.holder)

    def _leads(self) -> bool:
        leading = take_lease(NAME, self.holder, now=timezone.now())
        if leading != self.leading:
            log.info("beat leads" if leading else "beat waits: another one leads", holder=self.holder)
            self._initial_read, self._heap = True, None  # what another one sent meanwhile is in the database
        self.leading = leading
        return leading
