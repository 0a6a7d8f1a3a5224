"""What stands above a connector's settings: its state, both directions, and the last 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sync import queries
from sync.admin import cells, health
from sync.admin.base import change_page
from sync.admin.charts import Chart, outcomes_chart
from sync.admin.words import DIRECTIONS
from sync.models import Connector, Lane, Resync
from sync.records import Direction
from sync.services import affected, backfill, sandboxes, setup


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a card."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Card:
    """A titled list of facts."""

    title: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything the template shows."""

    state: health.State
    problems: list[str]
    cards: list[Card]
    chart: Chart
    chart_link: str
    live_address: str
    reading: Reading | None = None
    resync: ResyncCard | None = None
    sandbox: Sandbox | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How far everything in Close is read: a sentence, and a share of 100 for the bar where that is known."""

    title: str
    sentence: str
    percent: int | None


@dataclass(frozen=True, slots=True)
class ResyncCard:
    """How many records the newest settings affect, and the two answers to it."""

    title: str
    sentence: str
    percent: int | None
    count: str
    can_start: bool
    start: str
    leave: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where the simulated remotes are, and whether they answer."""

    close: str
    hull: str
    is_running: bool


def build(connector: Connector, *, now: datetime, may_run: bool) -> Panel:
    """Look a connector up that was loaded with `queries.with_health`."""
    hours = queries.outcomes_by_hour(Connector.objects.filter(pk=connector.pk), now=now)
    lanes = {lane.direction: lane for lane in connector.lanes.all()}
    cards = [_direction_card(connector, direction, lanes.get(direction), now) for direction in Direction]
    return Panel(
        state=health.describe(connector, now=now),
        problems=find_problems(connector),
        cards=[*cards, _links_card(connector, now)],
        chart=outcomes_chart(hours, now=now),
        chart_link=cells.changelist("outcome", connector__id__exact=connector.pk),
        live_address=reverse("admin:sync_connector_live", args=[connector.pk]),
        reading=_reading(connector, now),
        resync=_resync(connector, may_run),
        sandbox=_sandbox(connector) if connector.is_sandbox else None,
    )


def _reading(connector: Connector, now: datetime) -> Reading | None:
    """Say how far reading is, and what waits for it."""
    told = backfill.told(connector, now=now)
    if told is None:
        if connector.backfilled_at or not connector.is_active:
            return None
        return Reading(
            gettext("Close is about to be read."),
            gettext("Nothing is written to Close before everything in it was read once."),
            None,
        )
    title = (
        gettext("Close is being read.")
        if connector.backfilled_at
        else "Close is being read first; nothing is written to it before."
    )
    return Reading(title, told.sentence, told.percent)


def _resync(connector: Connector, may_run: bool) -> ResyncCard | None:
    """Say what the last edit affects, until somebody answered."""
    row = Resync.objects.filter(connector=connector, version=connector.version).first()
    if row is None or row.state in (Resync.State.QUEUED, Resync.State.DISMISSED):
        return None
    if row.state == Resync.State.COUNTED and not row.affected:
        return None
    count, version = f"{row.affected:,}", gettext("version {version}").format(version=row.version)
    percent = min(100 * row.looked_at // row.total, 100) if row.total else 0
    title, sentence = (
        gettext("{count} records differ by {version} of the settings.").format(count=count, version=version),
        _effort(row),
    )
    if row.is_under_way:
        doing = "counted" if row.state == Resync.State.COUNTING else "queued"
        title = gettext("The records that {version} of the settings affects are being {doing}.").format(
            version=version, doing=doing
        )
        sentence = gettext("{looked_at:,} of {total:,} looked at, {count} affected.").format(
            looked_at=row.looked_at, total=row.total, count=count
        )
    is_counted = row.state == Resync.State.COUNTED
    start, leave = (
        reverse(f"admin:sync_connector_{name}", args=[connector.pk])
        for name in ("resync_affected", "leave_affected")
    )
    return ResyncCard(
        title, sentence, None if is_counted else percent, count, is_counted and may_run, start, leave
    )


def _effort(row: Resync) -> str:
    found = affected.estimate(row)
    ways = [
        gettext("{outbound:,} in Close").format(outbound=row.outbound) if row.outbound else "",
        gettext("{inbound:,} in Hull").format(inbound=row.inbound) if row.inbound else "",
    ]
    lasts = f", {cells.span(timedelta(seconds=found.seconds))}" if found.seconds is not None else ""
    takes = (
        gettext(" About {calls:,} requests to Close{lasts}.").format(calls=found.calls, lasts=lasts)
        if found.calls
        else ""
    )
    return gettext("{value}.{takes} They follow when something else of them changes, or now.").format(
        value=" and ".join(filter(None, ways)), takes=takes
    )


def _sandbox(connector: Connector) -> Sandbox:
    close, hull = sandboxes.root_of(connector.close_api_url), sandboxes.root_of(connector.hull_api_url)
    return Sandbox(close, hull, sandboxes.is_running(connector))


def find_problems(connector: Connector) -> list[str]:
    """Say what is wrong with the settings now, once Close was read; before that, what was found last."""
    if connector.schema_read_at is None:
        return list(connector.problems)
    return [str(problem) for problem in setup.load_settings(connector)[1]]


def _direction_card(connector: Connector, direction: Direction, lane: Lane | None, now: datetime) -> Card:
    counted = queries.backlog(connector, direction)
    filters = {"connector__id__exact": connector.pk, "direction__exact": direction.value}
    waiting = f"{counted.waiting:,}" + (
        gettext(", the oldest for {value}").format(value=cells.age(counted.oldest, now))
        if counted.oldest
        else ""
    )
    is_busy = lane is not None and lane.leased_until is not None and lane.leased_until > now
    return Card(
        DIRECTIONS[direction],
        [
            Fact(gettext("Waiting"), _counted(counted.waiting, waiting, "PENDING", filters)),
            *_outlook(connector, direction),
            *_brake(connector, direction),
            Fact(gettext("Held for a choice"), _counted(counted.held, f"{counted.held:,}", "HELD", filters, "warning")),
            Fact(gettext("Failed"), _counted(counted.failed, f"{counted.failed:,}", "FAILED", filters, "danger")),
            Fact(gettext("Last worked off"), "now" if is_busy else cells.ago(lane.drained_at if lane else None, now)),
        ],
    )  # fmt: skip


def _outlook(connector: Connector, direction: Direction) -> list[Fact]:
    """Say how long what waits for Close will take; nothing when nothing waits or the limit is not known."""
    if direction is not Direction.OUTBOUND:
        return []
    found = queries.outlook(connector)
    if not found.waiting or found.seconds is None:
        return []
    lasts = cells.span(timedelta(seconds=found.seconds)) if found.seconds >= 120 else f"{found.seconds:.0f} s"
    pace = gettext("{per_second:.3g} requests a second").format(per_second=found.per_second)
    return [
        Fact(
            gettext("Time to finish"),
            gettext("{waiting:,} waiting, about {lasts} at {pace}").format(
                waiting=found.waiting, lasts=lasts, pace=pace
            ),
        )
    ]


def _brake(connector: Connector, direction: Direction) -> list[Fact]:
    """Say that a batch waits for approval, with the way to it."""
    approval = queries.find_waiting_approval(connector) if direction is Direction.OUTBOUND else None
    if approval is None:
        return []
    return [
        Fact(
            gettext("Brake"),
            cells.badge(gettext("a batch waits for approval"), "warning", href=change_page(approval)),
        )
    ]


def _counted(
    count: int, text: str, state: str, filters: dict[str, Any], variant: str = ""
) -> SafeString | str:
    if not count:
        return "0"
    address = cells.changelist("change", **filters, state__exact=state)
    return cells.badge(text, variant, href=address) if variant else cells.link(address, text)


def _links_card(connector: Connector, now: datetime) -> Card:
    counted = queries.link_counts(connector)
    filters = {"connector__id__exact": connector.pk}
    return Card(
        gettext("Records and places"),
        [
            Fact(gettext("Linked pairs"), cells.link(cells.changelist("link", **filters, pair="paired"), f"{counted['paired']:,}")),
            Fact(gettext("Only in Close"), cells.link(cells.changelist("link", **filters, pair="alone"), f"{counted['unpaired']:,}")),
            Fact(gettext("With a paused field"), _paused(counted["paused"], filters)),
            Fact(gettext("Close last read"), cells.ago(queries.last_read(connector), now)),
            Fact(gettext("Open"), cells.stacked_plainly(_places(connector))),
        ],
    )  # fmt: skip


def _paused(count: int, filters: dict[str, Any]) -> SafeString | str:
    if not count:
        return "0"
    return cells.badge(f"{count:,}", "warning", href=cells.changelist("link", **filters, pair="paused"))


def _places(connector: Connector) -> list[SafeString]:
    if connector.is_sandbox:
        close = cells.external(sandboxes.root_of(connector.close_api_url), gettext("simulated Close"))
        return [close, cells.hull_link(connector, gettext("simulated Hull"))]
    close_name = connector.close_organization_name or "Close"
    return [
        cells.external(f"{cells.CLOSE_APP}/", close_name),
        cells.hull_link(connector, connector.hull_organization),
    ]
