"""Make an API token."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Agency
from accounts.roles import Role
from accounts.services import issue_api_token


def positive(value: str) -> int:
    """Return a whole number above zero. Raises ArgumentTypeError."""
    if not value.isdigit() or int(value) < 1:
        raise ArgumentTypeError("a whole number of days, at least 1")
    return int(value)


class Command(BaseCommand):
    help = "Makes an API token for an agency and prints it, alone, on the last line. It is never shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agency", help="slug of the agency")
        parser.add_argument("--role", required=True, choices=[role.value.lower() for role in reversed(Role)])
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument(
            "--days", type=positive, help="how long it is valid; without it, until it is revoked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        agency = Agency.objects.filter(slug=options["agency"]).first()
        if agency is None:
            raise CommandError(f"There is no agency with the slug {options['agency']}.", returncode=2)
        role = Role(options["role"].upper())
        clear = issue_api_token(
            agency=agency, role=role, name=options["name"], days=options["days"], now=timezone.now()
        )
        self.stdout.write(clear)
