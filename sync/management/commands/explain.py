"""Tell the story of one record."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync import queries
from sync.services import explain


class Command(BaseCommand):
    help = "Tell what is known of one record, what happened to it, and what the next sync would do."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the connector, for example acme-close")
        parser.add_argument("id", help="a Hull id, a Close id, an e-mail address or a domain")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        connector = queries.find_connector_by_slug(options["slug"])
        if connector is None:
            raise CommandError(f"There is no connector “{options['slug']}”.", returncode=2)
        story = explain.tell(connector, options["id"])
        if options["json"]:
            self.stdout.write(json.dumps(explain.as_dict(story), default=str, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines(story)))
        if not story.is_known:
            raise SystemExit(1)


def lines(story: explain.Story) -> list[str]:
    """Return the story as a person reads it."""
    if not story.is_known:
        return [f"Nothing is known of “{story.name}”: neither Hull nor Close has told of it yet."]
    told = [story.name, "", "Pair"]
    told += [_pair(link) for link in story.links] or ["  no record in Close is known"]
    told += ["", "Queue"]
    told += [
        f"  {change.direction.lower()} {change.object_type.lower()} {change.label or change.key}: "
        f"{change.state.lower()} {change.reason} {change.message}".rstrip()
        for change in story.changes
    ]
    for change in story.changes:
        told += _side("In Hull", explain.hull_side(change))
    for link in story.links:
        told += _side(f"In Close, {link.close_id}", link.close)
    told += ["", "What happened"]
    told += [
        f"  {outcome.created_at:%Y-%m-%d %H:%M:%S} {outcome.direction.lower()} {outcome.result} {outcome.reason} "
        f"{outcome.message} {' '.join(outcome.notes)}".rstrip()
        for outcome in story.outcomes
    ] or ["  nothing yet"]
    return [
        *told,
        "",
        "The next sync would",
        *(f"  {step}" for step in story.next_steps or ["do nothing"]),
    ]


def _pair(link: Any) -> str:
    state = (
        "deleted in Close"
        if link.deleted_at
        else f"merged into {link.merged_into}"
        if link.merged_into
        else ""
    )
    return f"  {link.close_id} ⇄ {link.hull_id or 'no Hull record yet'}  {link.label}  {state}".rstrip()


def _side(title: str, values: dict[str, Any]) -> list[str]:
    if not values:
        return []
    shown = [
        f"  {name}: {json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in sorted(values.items())
    ]
    return ["", title, *shown]
