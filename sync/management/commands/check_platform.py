"""Ask a real Close what its documentation leaves open."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import sys
import time
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sync import queries
from sync.close.questions import Verdict
from sync.errors import SyncError
from sync.models import Connector
from sync.services import platform_check
from sync.services.platform_check import CheckError, Report, Wishes

_NARROWEST, _WIDEST = 100, 180
_STYLES = {
    Verdict.AGREES: "green",
    Verdict.DIFFERS: "bold red",
    Verdict.UNCLEAR: "yellow",
    Verdict.NOT_ASKED: "dim",
}
_EPILOG = """\
Without --write nothing is changed in Close; the questions that need a record of their own are NOT ASKED.
With --write leads are made whose names begin with “Close Connector check”, and removed again after each question. Close
keeps their traces in its event log, and its own automation may notice them. Hull does not hear of them: the lane from
Close to Hull rests while the check runs. With --with-fields, custom fields may be made and removed as well.

Exit: 0 when nothing differs, 1 when something differs or could not be removed, 2 when it cannot be asked.
"""


class Command(BaseCommand):
    help = (
        "Ask Close what its documentation leaves open, and compare the answers with what this software assumes "
        "(docs/decisions/0001)."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"epilog": _EPILOG}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = _Formatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        keys = [question.key for question in platform_check.QUESTIONS]
        parser.add_argument("slug", help="the connector, for example acme-close; it may be paused")
        parser.add_argument(
            "--write", action="store_true", help="ask also what needs records of its own, which are removed again"
        )  # fmt: skip
        parser.add_argument(
            "--with-fields", action="store_true", help="with --write: make custom fields where none is suitable"
        )  # fmt: skip
        parser.add_argument(
            "--patience", type=_seconds, default=60.0, metavar="SECONDS",
            help="how long an own write is waited for in the event log and in search (60)",
        )  # fmt: skip
        parser.add_argument(
            "--only", action="append", default=[], choices=keys, metavar="KEY", help="ask one question; repeatable"
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["with_fields"] and not options["write"]:
            raise CommandError("--with-fields makes custom fields, so it needs --write.", returncode=2)
        connector = queries.find_connector_by_slug(options["slug"])
        if connector is None:
            raise CommandError(f"There is no connector “{options['slug']}”.", returncode=2)
        wishes = Wishes(options["write"], options["with_fields"], options["patience"], tuple(options["only"]))
        started = time.monotonic()
        report = _checked(connector, wishes)
        seconds = round(time.monotonic() - started, 1)
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(connector, wishes, report, seconds), ensure_ascii=False))
        else:
            show(self._console(), connector, wishes, report, seconds)
        _leave(report)

    def _console(self) -> Console:
        width = min(max(shutil.get_terminal_size((140, 40)).columns, _NARROWEST), _WIDEST)
        return Console(file=cast(IO[str], self.stdout), width=width)


class _Formatter(RawDescriptionHelpFormatter):
    """Keeps the lines of the epilog."""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 1 <= value <= platform_check.LONGEST_PATIENCE:
        raise ArgumentTypeError(f"between 1 and {platform_check.LONGEST_PATIENCE:g} seconds")
    return value


def _checked(connector: Connector, wishes: Wishes) -> Report:
    with _progress() as watch, _unlogged_refusals():
        try:
            return platform_check.check(
                connector, wishes, clock=timezone.now, sleep=time.sleep, chance=secrets.token_hex(4), watch=watch
            )  # fmt: skip
        except CheckError as error:
            raise CommandError(str(error), returncode=2)
        except SyncError as error:
            raise CommandError(error.message, returncode=2)


@contextmanager
def _progress() -> Iterator[platform_check.Watch]:
    """Show on stderr which question is being asked: as one moving line, or as lines where nobody looks on."""
    console, total = Console(file=sys.stderr), len(platform_check.QUESTIONS)
    if not console.is_terminal:
        yield lambda question, number: console.print(Text(f"{number}/{total} {question.key}"))
        return
    with console.status("Asking Close…") as status:
        yield lambda question, number: status.update(Text(f"{number}/{total}  {question.asks}"))


@contextmanager
def _unlogged_refusals() -> Iterator[None]:
    """Keep the log free of refusals while they are what is asked for."""
    log = logging.getLogger("sync.transport")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _leave(report: Report) -> None:
    if report.is_refused:
        raise CommandError(report.stopped, returncode=2)
    if report.stopped:
        raise SystemExit(130)
    if report.left or report.counts[Verdict.DIFFERS]:
        raise SystemExit(1)


# ── Report ───────────────────────────────────────────────────────────────────────────────────────


def as_dict(connector: Connector, wishes: Wishes, report: Report, seconds: float) -> dict[str, Any]:
    """Return what scripts read."""
    return {
        "connector": connector.slug,
        "organization": {"id": report.identity.organization_id, "name": report.identity.organization_name},
        "write": wishes.write,
        "questions": [
            {
                "key": question.key, "question": question.asks, "reading": question.reading, "where": question.where,
                "writes": question.writes, "verdict": finding.verdict.value, "answer": finding.answer,
            }
            for question, finding in report.rows
        ],
        "verdicts": report.counts,
        "left": [
            {"id": left.close_id, "url": f"{report.api_url}{left.path}" if left.path else "", "reason": left.reason}
            for left in report.left
        ],
        "stopped": report.stopped,
        "close_calls": report.calls,
        "calls": report.call_count,
        "duration_s": seconds,
    }  # fmt: skip


def show(console: Console, connector: Connector, wishes: Wishes, report: Report, seconds: float) -> None:
    """Print the table, what it comes to, and what has to be removed by hand."""
    console.print(Text(f"{connector.slug}: {report.identity.organization_name} in Close", style="bold"))
    console.print(_table(wishes, report))
    counted = ", ".join(f"{verdict} {count}" for verdict, count in report.counts.items() if count)
    console.print(Text(f"{counted}; {report.call_count} calls to Close in {seconds:.1f} s"))
    if not wishes.write and not wishes.only and report.counts[Verdict.NOT_ASKED]:
        console.print(Text("--write asks the rest, on leads that it makes and removes."))
    if report.stopped:
        console.print(Text(f"Stopped: {report.stopped}", style="bold red"))
    for line in _left_lines(report):
        console.print(Text(line, style="bold red"), soft_wrap=True)


def _table(wishes: Wishes, report: Report) -> Table:
    table = Table(
        "question", "our reading", "answer", "verdict", pad_edge=False, show_lines=True, box=box.HORIZONTALS
    )
    for column in table.columns:
        column.overflow = "fold"
    table.columns[3].no_wrap = True
    for question, finding in report.rows:
        if wishes.only and question.key not in wishes.only:
            continue
        asks = Text.assemble((question.key, "bold"), "\n", question.asks)
        verdict = Text(finding.verdict.value, style=_STYLES[finding.verdict])
        table.add_row(asks, Text(question.reading), Text(finding.answer), verdict)
    return table


def _left_lines(report: Report) -> list[str]:
    if not report.left:
        return []
    lines = ["This could not be removed. Delete it in Close, or with the key of this connector as YOUR_KEY:"]
    for left in report.left:
        lines.append(f"  {left.close_id}: {left.reason}")
        if left.path:
            lines.append(f"    curl -X DELETE -u YOUR_KEY: {report.api_url}{left.path}")
    return lines
