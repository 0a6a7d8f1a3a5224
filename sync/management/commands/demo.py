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
