"""Configuration as code: apply a YAML file, or write one."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sync.models import Connector
from sync.services.config_apply import apply, plan
from sync.services.config_export import export
from sync.services.config_file import ConfigFile, read_file
from sync.services.config_steps import Step
from sync.services.config_yaml import ConfigFileError


class Command(BaseCommand):
    help = "Creates and updates agencies, organizations, connectors and mappings from a YAML file, or writes that file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="apply|export")
        apply_parser = actions.add_parser(
            "apply", help="bring the database in line with a file, whole or not at all"
        )
        apply_parser.add_argument("file", type=Path, help="the YAML file")
        apply_parser.add_argument("--plan", action="store_true", help="only print what would change")
        apply_parser.add_argument("--json", action="store_true", help="print one JSON object")
        export_parser = actions.add_parser("export", help="write the YAML, secrets as references, to stdout")
        export_parser.add_argument("--connector", metavar="SLUG", help="only this one, with its organization")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "export":
            self._export(options["connector"])
        else:
            self._apply(options["file"], options["plan"], options["json"])

    def _export(self, slug: str | None) -> None:
        connector = Connector.objects.filter(slug=slug).first() if slug else None
        if slug and connector is None:
            raise CommandError(f"There is no connector with the slug {slug}.", returncode=2)
        self.stdout.write(export(connector), ending="")

    def _apply(self, path: Path, only_plan: bool, as_json: bool) -> None:
        try:
            config = read_file(path)
            steps = plan(config) if only_plan else apply(config, now=timezone.now())
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=2) from None
        except ConfigFileError as error:
            raise CommandError(_refusal(path, error), returncode=2) from None
        self._warn(config)
        self.stdout.write(_as_json(steps) if as_json else _as_text(steps, only_plan))

    def _warn(self, config: ConfigFile) -> None:
        for warning in config.report.warnings:
            self.stderr.write(self.style.WARNING(f"warning: {warning}"))


def _refusal(path: Path, error: ConfigFileError) -> str:
    count = len(error.mistakes)
    heading = f"{path} has {count} mistake{'' if count == 1 else 's'}; nothing was changed."
    return "\n".join([heading, *(f"  {mistake}" for mistake in error.mistakes)])


def _as_json(steps: tuple[Step, ...]) -> str:
    return json.dumps({"changes": [step.as_dict() for step in steps]}, ensure_ascii=False)


def _as_text(steps: tuple[Step, ...], only_plan: bool) -> str:
    if not steps:
        return "nothing to change"
    count = f"{len(steps)} change{'' if len(steps) == 1 else 's'}"
    closing = f"{count}; nothing was written" if only_plan else f"{count} made"
    return "\n".join([*map(str, steps), closing])
