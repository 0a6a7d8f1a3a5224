"""The main job before a reader's eyes: both sandboxes, a full sync, a report, an edit on each side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sync import queries
from sync.management.commands.sync import Session, build_report
from sync.models import Connector, Run
from sync.records import Direction

SLUG = "acme-close"
CONFIGURATION = Path(settings.BASE_DIR) / "sandbox" / "demo.yaml"
LOGIN = ("admin", "admin")
PATIENCE_SECONDS = 60


class Command(BaseCommand):
    help = "Show the main job on the sandbox: two-way sync of 120 accounts, 300 users and 80 leads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the report")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo makes a login that everybody knows; it runs with DEBUG on only.")
        settings.ALLOW_INSECURE_REMOTES = True
        os.environ["ALLOW_INSECURE_REMOTES"] = "true"
        demo = Demo(Console(), Places(_port(9001), _port(9002), _port(int(os.environ.get("PORT", "8000")))))
        with demo.stage():
            is_good = demo.play()
            if not options["once"]:
                demo.stay()
        if not is_good:
            raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything listens."""

    close_port: int
    hull_port: int
    web_port: int

    @property
    def close(self) -> str:
        return f"http://127.0.0.1:{self.close_port}"

    @property
    def hull(self) -> str:
        return f"http://127.0.0.1:{self.hull_port}"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"


def _port(wanted: int) -> int:
    """Return a port, another one when the wanted one is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("No port is free on this machine.")


class Demo:
    """The scenes of the demo, in order."""

    def __init__(self, console: Console, places: Places) -> None:
        self.console, self.places = console, places

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Run the sandbox and the web server for as long as the block runs."""
        sandbox = [
            "sandbox", "--close-port", str(self.places.close_port), "--hull-port", str(self.places.hull_port),
            "--state", str(settings.VAR_DIR / "demo-sandbox.json"),
        ]  # fmt: skip
        call_command("migrate", verbosity=0)
        with _child(sandbox, f"{self.places.hull}/_sandbox/status"):
            yield

    def play(self) -> bool:
        """Show everything once. Returns whether every record synced."""
        connector = self._configure()
        with _child(self._web(), f"{self.places.web}/health/live"):
            self._hear()
            first = self._sync(connector, "Hull and Close are brought in step")
            self._hear()
            second = self._sync(connector, "Once more, to see that nothing travels twice")
            self._report(connector, first, second)
            edits = self._edits(connector)
        return edits and _is_good(first) and _is_good(second)

    def stay(self) -> None:
        """Serve the admin with worker and scheduler until Ctrl-C."""
        user, password = LOGIN
        self.console.print(
            f"\nThe admin is on [bold]{self.places.web}/admin/[/bold]  login {user}, password {password}"
        )
        self.console.print(f"What Close holds: {self.places.close}/   what Hull holds: {self.places.hull}/")
        os.environ["PORT"] = str(self.places.web_port)
        call_command("serve")

    # ── Scenes ───────────────────────────────────────────────────────────────────────────────────

    def _configure(self) -> Connector:
        os.environ.setdefault("SANDBOX_HULL_SECRET", "sandbox-secret")
        os.environ.setdefault("SANDBOX_CLOSE_API_KEY", _sandbox_key(self.places))
        text = CONFIGURATION.read_text().replace("http://127.0.0.1:9001", self.places.close)
        applied = Path(settings.VAR_DIR) / "demo.yaml"
        applied.write_text(text.replace("http://127.0.0.1:9002", self.places.hull))
        call_command("config", "apply", str(applied), verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115 - closed with the process
        _login()
        connector = queries.find_connector_by_slug(SLUG)
        assert connector is not None
        return connector

    def _web(self) -> list[str]:
        return ["runserver", "--noreload", "--insecure", f"127.0.0.1:{self.places.web_port}"]

    def _hear(self) -> None:
        """Connect Hull to our door, and wait until it has told everything."""
        _post(f"{self.places.hull}/_sandbox/connect", {"url": f"{self.places.web}/smart-notifier"})
        with _bar(self.console) as bar:
            task = bar.add_task("Hull tells of its accounts and users", total=None)
            for status in _until(
                lambda: _get(f"{self.places.hull}/_sandbox/status"), lambda found: not found["pending"]
            ):
                bar.update(task, completed=status["sent"], total=status["sent"] + status["pending"])

    def _sync(self, connector: Connector, title: str) -> dict[str, Any]:
        started = time.monotonic()
        connector.refresh_from_db()
        session = Session(connector, (Direction.INBOUND, Direction.OUTBOUND))
        with _bar(self.console) as bar:
            runs = session.run(watch=_watcher(bar, title))
        return build_report(connector, runs, tuple(Direction), round(time.monotonic() - started, 1)) | {
            "runs": runs
        }

    def _edits(self, connector: Connector) -> bool:
        """A rep's edit in Close and an attribute change in Hull, each seen to arrive on the other side."""
        link = (
            connector.links.paired()
            .live()
            .filter(object_type="LEAD", hull_id__isnull=False)
            .order_by("close_id")
            .first()
        )
        if link is None:
            return False
        note = "Asked for a demo in March; decides with her CFO."
        self.console.print(f"\n[bold]A rep writes on the lead “{link.label}” in Close:[/bold] {note}")
        _post(f"{self.places.close}/_sandbox/rep/lead/{link.close_id}", {"description": note})
        self._sync(connector, "From Close to Hull")
        account = _data(self.places.hull, "accounts")[str(link.hull_id)]
        self.console.print(
            f"  the account in Hull now has closeio/description = {account.get('closeio/description')}"
        )

        self.console.print(f"\n[bold]The industry of “{link.label}” changes in Hull:[/bold] Robotics")
        _post(f"{self.places.hull}/_sandbox/account/{link.hull_id}", {"industry": "Robotics"})
        self._hear()
        self._sync(connector, "From Hull to Close")
        lead = _data(self.places.close, "leads")[link.close_id]
        field = connector.mappings.get(object_type="LEAD", direction="OUTBOUND", hull="industry").close
        self.console.print(f"  the lead in Close now has its industry = {lead.get(field)}")
        return account.get("closeio/description") == note and lead.get(field) == "Robotics"

    def _report(self, connector: Connector, first: dict[str, Any], second: dict[str, Any]) -> None:
        for line in report_lines(connector, first, second):
            self.console.print(line, highlight=False)


# ── Report ───────────────────────────────────────────────────────────────────────────────────────


def report_lines(connector: Connector, first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return what happened in a dozen lines."""
    lines = ["", "[bold]What happened[/bold]"]
    for name, arrow in (("inbound", "Close → Hull"), ("outbound", "Hull → Close")):
        counted = first[name]
        lines.append(
            f"  {arrow}  " + ", ".join(f"{counted[what]} {what}" for what in counted if counted[what])
        )
    lines += [f"  {count:>5} {words}" for count, words in in_words(queries.count_reasons(first["runs"]))]
    calls = sum(first["close_calls"].values())
    lines.append(f"  {calls} calls to Close in {first['duration_s']:.1f} s")
    if not _written(first):
        lines.append("  The first sync wrote nothing: both sides agreed already.")
    agree = "both sides agree" if not _written(second) else "look at the outcomes"
    lines.append(f"  The second sync wrote {_written(second) or 'nothing'}: {agree}.")
    return lines


_REASONS = {
    "NEW": "created",
    "ADOPTED": "were there already and were linked",
    "CHANGED": "updated",
    "IN_SYNC": "needed nothing",
    "ECHO": "were our own writes coming back",
    "PARENT_NOT_LINKED": "wait for an account in Hull",
}
_OBJECTS = {
    ("INBOUND", "LEAD"): "leads told to Hull",
    ("INBOUND", "CONTACT"): "contacts told to Hull",
    ("OUTBOUND", "LEAD"): "accounts",
    ("OUTBOUND", "CONTACT"): "users",
}


def in_words(counted: list[tuple[str, str, str, int]]) -> list[tuple[int, str]]:
    """Return counts with what they count: `(40, "accounts: were there already and were linked")`."""
    return [
        (
            count,
            f"{_OBJECTS[direction, object_type]}: {_REASONS.get(reason, reason.replace('_', ' ').lower())}",
        )
        for direction, object_type, reason, count in counted
    ]


def _written(report: dict[str, Any]) -> int:
    return sum(report[name][what] for name in ("inbound", "outbound") for what in ("created", "updated"))


def _is_good(report: dict[str, Any]) -> bool:
    return not any(report[name][what] for name in ("inbound", "outbound") for what in ("failed", "pending"))


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _watcher(bar: Progress, title: str) -> Callable[[Run, int], None]:
    """Return what moves a bar while runs go on: one bar per kind of work."""
    tasks: dict[int, Any] = {}
    words = {
        (Run.Kind.PULL, Direction.INBOUND): "reading Close",
        (Run.Kind.DRAIN, Direction.INBOUND): "telling Hull",
        (Run.Kind.DRAIN, Direction.OUTBOUND): "writing to Close",
    }

    def watch(run: Run, left: int) -> None:
        if run.pk not in tasks:
            tasks[run.pk] = bar.add_task(f"{title}: {words[Run.Kind(run.kind), Direction(run.direction)]}")
        bar.update(tasks[run.pk], completed=run.considered, total=run.considered + left)

    return watch


# ── Helpers ──────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _child(arguments: list[str], address: str) -> Iterator[None]:
    """Run a management command as a child process until the block ends; wait until it answers."""
    log = (Path(settings.VAR_DIR) / f"demo-{arguments[0]}.log").open("w")
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        list(_until(lambda: _answers(process, address), bool))
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)
        log.close()


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    if process.poll() is not None:
        raise CommandError(f"{process.args} stopped; its log is in {settings.VAR_DIR}.")  # type: ignore[str-bytes-safe]  # a list of texts
    try:
        return requests.get(address, timeout=2).ok
    except requests.RequestException:
        return False


def _until(ask: Callable[[], Any], is_done: Callable[[Any], bool]) -> Iterator[Any]:
    """Ask again and again, yielding what comes, until it is as wanted. Raises CommandError when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = ask()
        yield found
        if is_done(found):
            return
        time.sleep(0.1)
    raise CommandError("The sandbox does not answer as expected; see the logs in var/.")


def _get(address: str) -> Any:
    return requests.get(address, timeout=10).json()


def _post(address: str, body: dict[str, Any]) -> None:
    requests.post(address, json=body, timeout=10).raise_for_status()


def _data(place: str, name: str) -> dict[str, Any]:
    found = _get(f"{place}/_sandbox/data")[name]
    return found if isinstance(found, dict) else {row["id"]: row for row in found}


def _sandbox_key(places: Places) -> str:
    return str(_get(f"{places.close}/_sandbox/status")["api_key"])


def _login() -> None:
    user, _ = get_user_model().objects.get_or_create(
        username=LOGIN[0], defaults={"email": "admin@example.com", "is_staff": True, "is_superuser": True}
    )
    user.set_password(LOGIN[1])
    user.save()
