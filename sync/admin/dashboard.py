"""The first page: every connector one may see, the worst first, and the last 24 hours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from sync import queries
from sync.admin import cells, health
from sync.admin.base import change_page, visible_connectors
from sync.admin.charts import Chart, outcomes_chart, requests_chart
from sync.admin.story import Table

MOST = 100
WORST_FIRST = ("severity", "name")


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page shows."""
    now = timezone.now()
    visible = visible_connectors(request)
    rows = queries.with_last_changes(queries.with_health(visible, now=now))
    connectors = list(rows.select_related("organization__agency").order_by(*WORST_FIRST)[:MOST])
    chart = outcomes_chart(queries.outcomes_by_hour(visible, now=now), now=now)
    return context | {
        "title": gettext("Overview"),
        "numbers": _numbers(connectors, chart),
        "connectors": _table(connectors, now),
        "has_more": len(connectors) == MOST,
        "chart": chart,
        "chart_link": cells.changelist("outcome"),
        "calls": requests_chart(queries.calls_by_hour(visible, now=now), now=now),
    }


def _numbers(connectors: list[Any], chart: Chart) -> list[dict[str, Any]]:
    troubled = [one for one in connectors if one.health in (queries.Health.BROKEN, queries.Health.SILENT)]
    stuck = sum(one.failed + one.held for one in connectors)
    running = [one for one in connectors if one.health not in (queries.Health.OFF, queries.Health.PAUSED)]
    return [
        {"title": gettext("Connectors"), "value": len(connectors), "hint": gettext("{count:,} switched on").format(count=len(running)), "href": cells.changelist("connector")},
        {"title": gettext("Stopped or silent"), "value": len(troubled), "hint": gettext("see the table below"), "href": cells.changelist("connector")},
        {"title": gettext("Need a person"), "value": stuck, "hint": gettext("records failed or held"), "href": cells.changelist("change", queue="attention")},
        {"title": gettext("Waiting"), "value": sum(one.waiting for one in connectors), "hint": gettext("records on their way"), "href": cells.changelist("change", state__exact="PENDING")},
        {"title": gettext("Outcomes in 24 hours"), "value": chart.total, "hint": gettext("records considered"), "href": cells.changelist("outcome")},
    ]  # fmt: skip


def _table(connectors: list[Any], now: datetime) -> Table:
    table = Table(
        gettext("Connectors"),
        [
            gettext("Connector"),
            gettext("State, and what to do"),
            gettext("Last change to Close"),
            gettext("Last change to Hull"),
            gettext("Waiting"),
            gettext("Failed and held"),
            gettext("In step"),
            gettext("Credentials"),
        ],
    )
    table.rows = [
        [
            cells.stacked(cells.link(change_page(one), one.name), one.organization.name),
            _state(one, now),
            cells.ago(one.last_outbound, now),
            cells.ago(one.last_inbound, now),
            cells.stacked(
                f"{one.waiting:,}",
                gettext("oldest for {value}").format(value=cells.age(one.oldest, now)) if one.oldest else "",
            ),
            _stuck(one),
            _in_step(one),
            _credentials(one, now),
        ]
        for one in connectors
    ]
    return table


def _state(connector: Any, now: datetime) -> Any:
    state = health.describe(connector, now=now)
    return cells.wide(cells.stacked(state.badge, state.detail, state.move))


def _in_step(connector: Any) -> Any:
    """Say which share of the pairs neither waits nor is stuck."""
    if not connector.paired:
        return cells.NOTHING
    open_ones = connector.waiting + connector.failed + connector.held
    share = max(100 * (connector.paired - open_ones) / connector.paired, 0)
    address = cells.changelist("link", connector__id__exact=connector.pk, pair="paired")
    pairs = cells.link(address, f"{connector.paired:,} pairs")
    return cells.unbroken(cells.stacked(f"{int(share * 10) / 10:g} %", pairs))


def _credentials(connector: Any, now: datetime) -> Any:
    """Say whether both are there, and when Close last took its key."""
    lacking = health.missing(connector)
    if lacking:
        return cells.badge(f"{' and '.join(lacking)} missing", "warning")
    if connector.health == queries.Health.BROKEN:
        return cells.badge(gettext("See the state"), "danger")
    return cells.stacked("stored", cells.ago(connector.schema_read_at, now, never=gettext("not used yet")))


def _stuck(connector: Any) -> Any:
    count = connector.failed + connector.held
    address = cells.changelist("change", connector__id__exact=connector.pk, queue="attention")
    return cells.badge(f"{count:,}", "danger", href=address) if count else "0"
