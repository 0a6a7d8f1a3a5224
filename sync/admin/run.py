"""Runs: each drain, pull and backfill, with what it did and what it asked of Close."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from sync.admin import cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin
from sync.admin.words import DIRECTIONS, OBJECTS, VARIANTS, reason_words
from sync.models import Run
from sync.queries import count_reasons


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    """The newest first."""

    export_fields = ("started_at", "finished_at", "connector", "kind", "direction", "trigger", "state", "dry_run", "considered", "counters", "close_calls", "hull_calls", "message")  # fmt: skip
    list_display = ("started", "state_shown", "kind_shown", "progress", "counted", "asked_close", "lasted", "connector_shown")  # fmt: skip
    list_filter = (
        ("connector", ConnectorFilter),
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("started_at", RangeDateTimeFilter),
    )
    change_form_outer_after_template = "sync/admin/run.html"
    fieldsets = (
        (
            None,
            {
                "description": _("One bounded piece of work, what started it and how it ended."),
                "fields": (
                    "state_shown", "kind_shown", "trigger", "progress", "counted", "message", "started_at", "lasted",
                    "connector",
                ),
            },
        ),
    )  # fmt: skip

    @display(description=_("Started"), ordering="pk")
    def started(self, run: Run) -> SafeString:
        return cells.ago(run.started_at)

    @display(description=_("State"), ordering="state")
    def state_shown(self, run: Run) -> SafeString:
        shown = cells.badge(
            run.get_state_display(),
            VARIANTS.get(run.state, ""),
            href=cells.changelist("run", state__exact=run.state),
        )
        message = story.shorten(run.message, 120)
        return cells.wide(cells.stacked(shown, message)) if message else shown

    @display(description=_("Work"), ordering="kind")
    def kind_shown(self, run: Run) -> SafeString:
        kind = cells.link(cells.changelist("run", kind__exact=run.kind), run.get_kind_display())
        way = cells.link(cells.changelist("run", direction__exact=run.direction), DIRECTIONS[run.direction])
        dry = gettext("a dry run, ") if run.dry_run else ""
        trigger = dry + gettext("by {value}").format(value=run.get_trigger_display().lower())
        return cells.unbroken(cells.stacked(kind, way, trigger))

    @display(description=_("Records"), ordering="considered")
    def progress(self, run: Run) -> SafeString | str:
        if run.state != Run.State.RUNNING or not run.total:
            return f"{run.considered:,}"
        percent = min(100 * run.considered // run.total, 100)
        bar = {
            "value": percent,
            "title": gettext("{considered:,} of {total:,}").format(
                considered=run.considered, total=run.total
            ),
            "description": f"{percent}%",
        }
        return SafeString(
            f'<div style="min-width: 9rem">{render_to_string("unfold/components/progress.html", bar)}</div>'
        )

    @display(description=_("What became of them"))
    def counted(self, run: Run) -> SafeString:
        return cells.counters(run.counters)

    @display(description=_("Requests to Close"))
    def asked_close(self, run: Run) -> str:
        return f"{sum(run.close_calls.values()):,}"

    @display(description=_("Took"))
    def lasted(self, run: Run) -> str:
        ended = run.finished_at or (timezone.now() if run.state == Run.State.RUNNING else run.started_at)
        length = ended - run.started_at
        return f"{length.total_seconds():.1f} s" if length < timedelta(minutes=1) else cells.span(length)

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, run: Run) -> SafeString:
        address = cells.changelist("run", connector__id__exact=run.connector_id)
        return cells.link(address, run.connector.name, gettext("All of this connector"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context = extra_context or {}
        if run is not None:
            tables = (report_table(run), _reasons(run), *_calls(run))
            context["tables"] = [table for table in tables if table.rows]
        return super().change_view(request, object_id, form_url, context)


def report_table(run: Run) -> story.Table:
    """Show what the run set out to do, counted before its first write."""
    requests = run.report.get("requests", 0)
    hint = f"Counted before the first write; {requests:,} requests to Close in all."
    table = story.Table(
        gettext("What it set out to do"),
        [gettext("Records"), gettext("What"), gettext("Result"), gettext("Reason")],
        hint=hint,
    )
    table.rows = [
        [
            f"{row['count']:,}", OBJECTS[row["object"]], cells.result_badge(row["result"]),
            str(reason_words(row["reason"]).label),
        ]
        for row in run.report.get("records", ())
    ]  # fmt: skip
    return table


def _reasons(run: Run) -> story.Table:
    """Count the run's outcomes by reason, each with the way to them."""
    table = story.Table(
        gettext("Why, counted"), [gettext("Records"), gettext("What"), gettext("Reason"), gettext("Meaning")]
    )
    for direction, object_type, reason, count in count_reasons([run]):
        address = cells.changelist("outcome", run__id__exact=run.pk, reason__exact=reason, object_type__exact=object_type)  # fmt: skip
        words = reason_words(reason)
        table.rows.append(
            [
                f"{count:,}",
                f"{object_type.capitalize()}, {DIRECTIONS[direction]}",
                cells.link(address, words.label),
                str(words),
            ]
        )
    return table


def _calls(run: Run) -> list[story.Table]:
    sides = [(gettext("Requests to Close"), run.close_calls), (gettext("Requests to Hull"), run.hull_calls)]
    return [
        story.Table(
            f"{title}: {sum(calls.values()):,}",
            [gettext("Request"), gettext("Times")],
            [[route, f"{count:,}"] for route, count in sorted(calls.items(), key=lambda one: -one[1])],
        )
        for title, calls in sides
    ]
