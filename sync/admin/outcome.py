"""Outcomes: what happened to each record, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from sync.admin import cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin, change_page
from sync.admin.words import reason_words
from sync.engine.plan import Result
from sync.models import Outcome
from sync.records import Direction
from sync.services import versions


@admin.register(Outcome)
class OutcomeAdmin(HistoryAdmin):
    """The newest first. Each cell leads to more of its kind: the same record, the same reason."""

    export_fields = ("created_at", "connector", "direction", "object_type", "label", "key", "hull_id", "close_id", "result", "reason", "message", "fields", "version")  # fmt: skip
    list_display = ("when", "result_shown", "reason_shown", "record", "what", "written", "connector_shown")
    list_filter = (
        ("connector", ConnectorFilter),
        ("result", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("object_type", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("label", "key", "hull_id", "close_id")
    search_help_text = _("Name, Hull id or Close id")
    list_select_related = ("connector",)
    change_form_outer_after_template = "sync/admin/change.html"
    fieldsets = (
        (
            None,
            {
                "description": _("What happened to this record, and what to do next."),
                "fields": (
                    "result_shown", "reason_shown", "message", "notes_shown", "written", "record", "what", "hull_id",
                    "close_id", "when_exactly", "run", "connector", "version_shown",
                ),
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outcome]:
        return super().get_queryset(request).prefetch_related("connector__close_fields")

    @display(description=_("When"), ordering="pk")
    def when(self, outcome: Outcome) -> SafeString:
        return cells.ago(outcome.created_at)

    @display(description=_("When"))
    def when_exactly(self, outcome: Outcome) -> str:
        return cells.exact(outcome.created_at)

    @display(description=_("Result"))
    def result_shown(self, outcome: Outcome) -> SafeString:
        return cells.result_badge(
            outcome.result, href=cells.changelist("outcome", result__exact=outcome.result)
        )

    @display(description=_("Reason, and what to do"))
    def reason_shown(self, outcome: Outcome) -> SafeString:
        words = reason_words(outcome.reason)
        name = cells.link(
            cells.same_reason("outcome", outcome.reason), words.label, gettext("All with this reason")
        )
        said = story.shorten(outcome.message, 200)
        return cells.wide(cells.stacked(name, said or words.meaning, words.move))

    @display(description=_("Record"))
    def record(self, outcome: Outcome) -> SafeString:
        all_of_it = cells.same_record("outcome", outcome.connector_id, outcome.key)
        name = cells.link(all_of_it, outcome.label or outcome.key, gettext("All outcomes of this record"))
        return cells.wide(
            cells.stacked(
                name, cells.close_link(outcome.object_type, outcome.close_id, of=outcome.connector)
            ),
            9,
        )

    @display(description=_("Fields written"))
    def written(self, outcome: Outcome) -> SafeString:
        return cells.wide(cells.stacked(story.shorten(story.field_names(outcome), 120)), 8)

    @display(description=_("Left out"))
    def notes_shown(self, outcome: Outcome) -> SafeString:
        return cells.stacked_plainly(outcome.notes) or SafeString(cells.NOTHING)

    @display(description=_("Version of the settings"))
    def version_shown(self, outcome: Outcome) -> SafeString | str:
        found = versions.find(outcome.connector, outcome.version)
        return (
            cells.link(change_page(found), str(found.number), found.note) if found else str(outcome.version)
        )

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, outcome: Outcome) -> SafeString:
        address = cells.changelist("outcome", connector__id__exact=outcome.connector_id)
        return cells.link(address, outcome.connector.name, gettext("All of this connector"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        outcome = self.get_object(request, object_id)
        context = extra_context or {}
        if outcome is not None:
            context["value_tables"] = [table for table in [values_table(outcome)] if table.rows]
            context["story"] = story.tell(outcome.connector, outcome.key, now=timezone.now())
        return super().change_view(request, object_id, form_url, context)


def values_table(outcome: Outcome) -> story.Table:
    """Show what was written, or would have been, beside what was there before; lists whole."""
    is_outbound = outcome.direction == Direction.OUTBOUND
    title = (
        gettext("What would be written") if outcome.result == Result.DRY_RUN else gettext("What was written")
    )
    table = story.Table(
        title,
        [
            gettext("Field in Close") if is_outbound else gettext("Attribute in Hull"),
            gettext("Before"),
            gettext("After"),
        ],
    )
    labels = {f"custom.{field.close_id}": field.label for field in outcome.connector.close_fields.all()}
    table.rows = [
        [labels.get(name, name), *(story.readable(value) for value in pair)]
        for name, pair in sorted(outcome.values.items())
    ]
    if table.rows and not is_outbound:
        table.hint = "Before is what Hull was told last; “–” where it was never told."
    return table
