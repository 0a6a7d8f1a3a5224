"""Pull and drain in this process until nothing is due."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from sync import queries
from sync.engine.plan import Result
from sync.models import Connector, Run
from sync.records import Direction
from sync.services import backfill, batches, drain, hull_pull, inbound, outbound
from sync.services.drain import Watch, nobody_watches

# Retries that come due within this time are waited for; later ones are left to the next run and reported. Each
# window of Close's rate limit that got something done starts it anew.
PATIENCE = timedelta(seconds=75)
READ_AGAIN = timedelta(seconds=2)
PAUSE_AFTER_TROUBLE = timedelta(seconds=5)

COUNTERS = ("created", "updated", "unchanged", "skipped", "failed", "pending")
_ATTENTION = ("failed", "pending")


class Command(BaseCommand):
    help = "Synchronize one connector now, in this process, without Celery."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the connector, for example acme-close")
        parser.add_argument("--inbound", action="store_true", help="only from Close to Hull")
        parser.add_argument("--outbound", action="store_true", help="only from Hull to Close")
        parser.add_argument(
            "--full",
            action="store_true",
            help="read everything in Close again: the backfill",
        )
        parser.add_argument("--dry-run", action="store_true", help="decide and record, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        connector = _connector(options["slug"])
        directions = _directions(options)
        runs = Session(connector, directions, full=options["full"], dry_run=options["dry_run"]).run()
        report = build_report(connector, runs, directions, round(time.monotonic() - started, 3))
        self.stdout.write(json.dumps(report) if options["json"] else in_words(report))
        _leave(connector, runs, report)


def _connector(slug: str) -> Connector:
    connector = queries.find_connector_by_slug(slug)
    if connector is None:
        raise CommandError(f"There is no connector “{slug}”. `config export` lists them.", returncode=2)
    if not connector.enabled:
        raise CommandError(f"{slug} is switched off: set enabled to true first.", returncode=2)
    if connector.paused_at:
        raise CommandError(f"{slug} is paused: {connector.pause_reason or 'by a person'}", returncode=2)
    return connector


def _directions(options: dict[str, Any]) -> tuple[Direction, ...]:
    chosen = tuple(direction for direction in Direction if options[direction.lower()])
    return chosen or (Direction.INBOUND, Direction.OUTBOUND)


def _leave(connector: Connector, runs: Sequence[Run], report: dict[str, Any]) -> None:
    connector.refresh_from_db()
    if connector.paused_at:
        raise CommandError(f"{connector.slug} is paused: {connector.pause_reason}", returncode=2)
    stopped = [run.message for run in runs if run.state == Run.State.STOPPED]
    if stopped and not _finished_since(runs):
        raise CommandError(stopped[-1], returncode=1)
    if any(report[direction.lower()][name] for direction in Direction for name in _ATTENTION):
        raise SystemExit(1)


def _finished_since(runs: Sequence[Run]) -> bool:
    """Tell whether each kind of work that was stopped by trouble was finished later in the same session."""
    last = {(run.kind, run.direction): run.state for run in runs}
    return Run.State.STOPPED not in last.values()


class Session:
    """One invocation: rounds of pull and drain, with waits for retries that are due soon."""

    def __init__(
        self, connector: Connector, directions: Sequence[Direction], *, full: bool = False, dry_run: bool = False,
        trigger: str = Run.Trigger.COMMAND,
    ) -> None:  # fmt: skip
        self.connector, self.directions, self.full, self.dry_run = (
            connector,
            directions,
            full,
            dry_run,
        )
        self.trigger = trigger
        self.runs: list[Run] = []
        self.watch: Watch = nobody_watches

    def run(self, watch: Watch = nobody_watches) -> list[Run]:
        """Work until nothing is due, and return the runs in order."""
        self.watch = watch
        deadline = timezone.now() + PATIENCE
        self._round(first=True)
        while not self.dry_run and self._wait(deadline):
            before, read_before = len(self.runs), self._read_so_far()
            self._round(first=False)
            got_on = self._waits_for_close() and _got_something_done(self.runs[before:])
            if got_on or self._read_so_far() != read_before:
                deadline = timezone.now() + PATIENCE
        return self.runs

    def _round(self, *, first: bool) -> None:
        is_unread = not self.connector.backfilled_at or backfill.progress(self.connector) is not None
        if is_unread or (Direction.INBOUND in self.directions and (first or self._was_stopped())):
            self._keep(
                inbound.pull(
                    self.connector,
                    trigger=self.trigger,
                    clock=timezone.now,
                    full=self.full and first,
                    dry_run=self.dry_run,
                    watch=self.watch,
                )
            )
        if Direction.OUTBOUND in self.directions and not self.dry_run:
            batches.read_due(self.connector, clock=timezone.now, jitter=random.random)
            hull_pull.pull(self.connector, clock=timezone.now)
        for direction, service in (
            (Direction.INBOUND, inbound),
            (Direction.OUTBOUND, outbound),
        ):
            if direction in self.directions:
                self._keep(
                    service.drain(self.connector, trigger=self.trigger, clock=timezone.now, dry_run=self.dry_run, watch=self.watch)
                )  # fmt: skip
            self.connector.refresh_from_db()

    def _keep(self, run: Run | None) -> None:
        if run is not None:
            self.runs.append(run)

    def _read_so_far(self) -> object:
        """Return what changes while everything in Close is being read."""
        cursor = backfill.progress(self.connector)
        return cursor and (cursor.method, cursor.done, cursor.detail)

    def _was_stopped(self) -> bool:
        pulls = [run for run in self.runs if run.kind == Run.Kind.PULL]
        return bool(pulls) and pulls[-1].state == Run.State.STOPPED

    def _waits_for_close(self) -> datetime | None:
        """Return when Close's rate limit lets us go on, None when it does now."""
        if Direction.OUTBOUND not in self.directions:
            return None
        return drain.opens_at(self.connector, Direction.OUTBOUND, now=timezone.now())

    def _wait(self, deadline: Any) -> bool:
        """Wait for the next retry if it comes soon. False when there is nothing to wait for."""
        if not self.connector.is_active:
            return False
        if backfill.progress(self.connector) is not None:
            return self._wait_for_reading(deadline)
        due = queries.next_due(self.connector, self.directions)
        opens = self._waits_for_close() if due else None
        if due and opens:
            due = max(due, opens)
        elif (self.runs and self.runs[-1].state == Run.State.STOPPED) or self._was_stopped():
            due = timezone.now() + PAUSE_AFTER_TROUBLE
        if due is None or max(due, timezone.now()) > deadline:
            return False
        time.sleep(max(0.05, (due - timezone.now()).total_seconds()))
        return True

    def _wait_for_reading(self, deadline: Any) -> bool:
        """Wait until Close has prepared its export, or its limit lets us read on."""
        opens = drain.reading_opens_at(self.connector, now=timezone.now())
        due = opens or timezone.now() + READ_AGAIN
        if due > deadline:
            return False
        time.sleep(max(0.05, (due - timezone.now()).total_seconds()))
        return True


def _got_something_done(runs: Sequence[Run]) -> bool:
    return any(count for run in runs for result, count in run.counters.items() if result != Result.PENDING)


# ── Report ───────────────────────────────────────────────────────────────────────────────────────


def build_report(
    connector: Connector,
    runs: Sequence[Run],
    directions: Sequence[Direction],
    seconds: float,
) -> dict[str, Any]:
    """Return what scripts read: counters each way, calls to Close by route, seconds."""
    calls: Counter[str] = Counter()
    for run in runs:
        calls.update(run.close_calls)
    report: dict[str, Any] = {"connector": connector.slug}
    for direction in (Direction.INBOUND, Direction.OUTBOUND):
        counted = queries.count_results(connector, runs, direction) if direction in directions else {}
        report[direction.lower()] = {name: counted.get(name.upper(), 0) for name in COUNTERS}
        if any(run.dry_run for run in runs):
            report[direction.lower()]["dry_run"] = counted.get("DRY_RUN", 0)
    return report | {"close_calls": dict(sorted(calls.items())), "duration_s": seconds}


def in_words(report: dict[str, Any]) -> str:
    """Return the report as a person reads it."""
    lines = [report["connector"]]
    for name, arrow in (("inbound", "Close → Hull"), ("outbound", "Hull → Close")):
        counted = (
            ", ".join(f"{count} {what}" for what, count in report[name].items() if count) or "nothing to do"
        )
        lines.append(f"  {arrow}  {counted}")
    total = sum(report["close_calls"].values())
    lines.append(f"  {total} calls to Close in {report['duration_s']:.1f} s")
    return "\n".join(lines)
