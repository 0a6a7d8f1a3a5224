"""The shared budget of a Close organization: grants tokens, takes back what is left, keeps the ledger.

Each function is one short transaction under the lock of one row, right for any number of workers on any number of
machines. Who dies with tokens costs the rest of that window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max

from sync.engine import budget as rules
from sync.engine.budget import Demand, Lane, Told, Window
from sync.models import Budget, BudgetDemand, BudgetUse, Connector

# How many requests are granted at once, at most: few enough that nobody holds what others could use.
BLOCK = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What became of tokens since the last exchange. `granted` is the window as it was when they were given."""

    granted: Window
    unused: int = 0
    calls: int = 0
    refused: int = 0
    told: Told | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.unused or self.calls or self.refused or self.told)


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens out of a window. None of them means: nothing more before the window's end."""

    tokens: int
    window: Window


def exchange(
    connector: Connector, group: str, lane: Lane, report: Report, *, wanted: int, share: int, now: datetime, takes: bool = True
) -> Grant:  # fmt: skip
    """Give back what was not used, tell what was heard, and take the next block.

    `wanted` is how many requests the lane has before it as far as it knows; others see it when it is their turn.
    `share` is what is left to other tools, see `share_left`.
    """
    with transaction.atomic():
        row = _locked(connector.close_organization_id, group)
        known = _window_of(row)
        window = rules.settle(known, report.granted, unused=report.unused, told=report.told, now=now)
        window = rules.current(window, now) if takes else window
        if _is_new(window, known):
            row.demands.update(used=0, window_ends_at=window.ends_at)
        mine, others = _demands(row, connector, lane, window, now)
        if not rules.is_another(window, report.granted) and report.granted.limit is not None:
            mine = replace(mine, used=max(mine.used - report.unused, 0))
        mine = replace(mine, wanted=wanted)
        tokens = min(rules.allot(window, mine, others, share), BLOCK) if takes else 0
        _store(row, replace(window, remaining=window.remaining - tokens))
        _store_demand(row, mine, tokens, now)
        _count(connector, group, lane, report, now)
    return Grant(tokens, window)


def opens_at(connector: Connector, group: str, lane: Lane, *, now: datetime) -> datetime | None:
    """Return when a lane may make its next request; None when it may at once."""
    row = Budget.objects.filter(close_organization_id=connector.close_organization_id, group=group).first()
    if row is None or row.ends_at is None or row.ends_at <= now:
        return None
    window = _window_of(row)
    mine, others = _demands(row, connector, lane, window, now)
    share = share_left(connector.close_organization_id)
    return None if rules.allot(window, replace(mine, wanted=1), others, share) else window.ends_at


def share_left(close_organization_id: str) -> int:
    """Return the percentage that is left to other tools: the largest that a connector of the organization asks for."""
    rows = Connector.objects.filter(close_organization_id=close_organization_id)
    return int(rows.aggregate(share=Max("rate_share_left"))["share"] or 0)


def window_of(close_organization_id: str, group: str, *, now: datetime) -> Window:
    """Return what is known of a window at a moment."""
    row = Budget.objects.filter(close_organization_id=close_organization_id, group=group).first()
    return rules.current(_window_of(row), now) if row else Window()


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────


def _locked(close_organization_id: str, group: str) -> Budget:
    names: dict[str, Any] = {"close_organization_id": close_organization_id, "group": group}
    row = Budget.objects.select_for_update().filter(**names).first()
    if row is None:
        Budget.objects.get_or_create(**names)
        row = Budget.objects.select_for_update().get(**names)
    return row


def _window_of(row: Budget) -> Window:
    return Window(row.limit, row.remaining, row.ends_at, row.length)


def _store(row: Budget, window: Window) -> None:
    row.limit, row.remaining, row.ends_at, row.length = (
        window.limit,
        window.remaining if window.limit is not None else 0,
        window.ends_at,
        window.length,
    )
    row.save(update_fields=["limit", "remaining", "ends_at", "length"])


def _is_new(window: Window, known: Window) -> bool:
    """Tell whether a window was opened, or is the first that is known."""
    if window.ends_at is None or known.ends_at is None:
        return window.ends_at != known.ends_at
    return rules.is_another(window, known)


def _demands(
    row: Budget, connector: Connector, lane: Lane, window: Window, now: datetime
) -> tuple[Demand, list[Demand]]:
    """Return my demand and the others'. A wish that is older than two windows has no owner any more."""
    recent = now - timedelta(seconds=2 * (window.length or 0.0))
    found = {
        (one.connector_id, one.lane): Demand(
            one.connector_id, Lane(one.lane), one.wanted if one.asked_at >= recent else 0, one.used
        )
        for one in row.demands.all()
    }
    mine = found.pop((connector.pk, lane.value), Demand(connector.pk, lane))
    return mine, list(found.values())


def _store_demand(row: Budget, mine: Demand, tokens: int, now: datetime) -> None:
    values: dict[str, Any] = {
        "used": mine.used + tokens, "wanted": max(mine.wanted - tokens, 0), "asked_at": now,
        "window_ends_at": row.ends_at,
    }  # fmt: skip
    if not row.demands.filter(connector_id=mine.connector, lane=mine.lane).update(**values):
        BudgetDemand.objects.create(budget=row, connector_id=mine.connector, lane=mine.lane, **values)


def _count(connector: Connector, group: str, lane: Lane, report: Report, now: datetime) -> None:
    """Add to the ledger what was asked of Close."""
    if not (report.calls or report.refused):
        return
    names: dict[str, Any] = {
        "close_organization_id": connector.close_organization_id, "group": group, "connector": connector,
        "lane": lane, "hour": now.replace(minute=0, second=0, microsecond=0),
    }  # fmt: skip
    more = {"calls": F("calls") + report.calls, "refused": F("refused") + report.refused}
    if not BudgetUse.objects.filter(**names).update(**more):
        BudgetUse.objects.get_or_create(**names)
        BudgetUse.objects.filter(**names).update(**more)


def prune(*, before: datetime) -> int:
    """Delete the ledger of hours before a moment. Returns how many lines."""
    return BudgetUse.objects.filter(hour__lt=before).delete()[0]
