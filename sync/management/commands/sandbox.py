"""Serve the two simulated remotes."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox import run


class Command(BaseCommand):
    help = "Serve a Close and a Hull to talk to, with sample data, until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--close-port", type=int, default=9001, help="0 takes a free port")
        parser.add_argument("--hull-port", type=int, default=9002, help="0 takes a free port")
        parser.add_argument("--data", default="", help="a JSON file of records instead of the sample")
        parser.add_argument(
            "--faults", default="", help="for example: POST /lead/=drop_after@0.05,GET .*=status:429@0.1"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--state", default="", help="a file name: what both hold is kept there between runs"
        )
        parser.add_argument(
            "--hull-organization",
            default=run.SAMPLE_IDENTITY.organization,
            help="the host of Hull's organization",
        )
        parser.add_argument(
            "--hull-connector-id",
            default=run.SAMPLE_IDENTITY.connector_id,
            help="how Hull calls its connector; its secret can be given as SANDBOX_HULL_SECRET",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            running = run.start(
                options["close_port"], options["hull_port"], options["data"], options["faults"], options["seed"],
                options["state"], _identity(options),
            )  # fmt: skip
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"The sandbox cannot start: {error}", returncode=2) from None
        signal.signal(signal.SIGTERM, _interrupt)
        self._say(running)
        try:
            running.wait()
        except KeyboardInterrupt:
            pass
        finally:
            running.stop()

    def _say(self, running: run.Running) -> None:
        lines = (
            f"Close: http://127.0.0.1:{running.close_port}/",
            f"Close API key: {running.close_api_key}",
            f"Hull: http://127.0.0.1:{running.hull_port}/",
            f"Hull connector id: {running.connector_id}",
            f"secret: {running.secret}",
        )
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _identity(options: dict[str, Any]) -> run.Identity:
    secret = os.environ.get("SANDBOX_HULL_SECRET") or run.SAMPLE_IDENTITY.secret
    return run.Identity(options["hull_organization"], options["hull_connector_id"], secret)


def _interrupt(*args: Any) -> None:
    raise KeyboardInterrupt
