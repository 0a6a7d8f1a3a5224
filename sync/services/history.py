"""How long history is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.models import Delivery, HullEvent, Intent, Outcome, Run
from sync.services import budget

KEEP_DAYS = 90


def prune(*, now: datetime, days: int = KEEP_DAYS) -> dict[str, int]:
    """Delete outcomes, runs, deliveries, settled creations and the ledger of requests older than some days.

    What is queued and linked stays. Returns how many of each were deleted.
    """
    before = now - timedelta(days=days)
    outcomes, _ = Outcome.objects.filter(created_at__lt=before).delete()
    runs, _ = (
        Run.objects.filter(started_at__lt=before, outcomes=None).exclude(state=Run.State.RUNNING).delete()
    )
    deliveries, _ = Delivery.objects.filter(received_at__lt=before).delete()
    creations, _ = Intent.objects.filter(settled_at__lt=before).delete()
    events, _ = HullEvent.objects.filter(told_at__lt=before).delete()
    lines = budget.prune(before=before)
    return {
        "outcomes": outcomes, "runs": runs, "deliveries": deliveries, "creations": creations, "events": events, "ledger lines": lines,
    }  # fmt: skip
