"""Delete old history, as the scheduled pruning does."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sync.services import history

_LONGEST = 36_500


class Command(BaseCommand):
    help = "Deletes outcomes, runs and deliveries older than some days. What is queued and linked stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", default=str(history.KEEP_DAYS), help="how many days are kept (default: %(default)s)"
        )

    def handle(self, *args: Any, days: str | int, **options: Any) -> None:
        counts = history.prune(now=timezone.now(), days=_number_of(str(days)))
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()) + " deleted")


def _number_of(days: str) -> int:
    """Return a whole number of days. Raises CommandError."""
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= _LONGEST):
        raise CommandError(f"--days must be a whole number from 1 to {_LONGEST}, not {days}.", returncode=2)
    return int(days)
