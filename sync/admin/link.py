"""Links: what is known of each Close record, and the Hull record it is paired with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin, change_page, redirect
from sync.admin.explain import ExplainPages, address
from sync.admin.words import OBJECTS
from sync.models import CloseField, Link, Run
from sync.records import Direction, ObjectType
from sync.services import flipping, telling


class PairFilter(DropdownFilter):
    """Paired, only in Close, deleted, merged."""

    title = "pair"
    parameter_name = "pair"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("paired", "Paired"), ("alone", gettext("Only in Close")), ("deleted", gettext("Deleted in Close")), ("merged", "Merged"), ("paused", gettext("With a paused field"))]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Link]) -> QuerySet[Link]:
        narrowed = {
            "paired": queryset.filter(hull_id__isnull=False, deleted_at=None, merged_into=""),
            "alone": queryset.filter(hull_id=None, deleted_at=None, merged_into=""),
            "deleted": queryset.filter(deleted_at__isnull=False),
            "merged": queryset.exclude(merged_into=""),
            "paused": flipping.paused(queryset),
        }
        return narrowed.get(str(self.value()), queryset)


@admin.register(Link)
class LinkAdmin(ExplainPages, HistoryAdmin):  # type: ignore[misc]  # None where a permission may be None
    """Both sides of a pair; the page shows them next to each other."""

    export_fields = ("connector", "object_type", "label", "close_id", "hull_id", "parent_close_id", "close_updated_at", "paired_at", "sent_at", "deleted_at", "merged_into")  # fmt: skip
    list_display = (
        "record",
        "state_shown",
        "object_shown",
        "in_close",
        "hull_id",
        "told_hull",
        "why",
        "connector_shown",
    )
    list_filter = (PairFilter, ("connector", ConnectorFilter), ("object_type", ChoicesDropdownFilter))
    search_fields = ("label", "close_id", "hull_id")
    search_help_text = _("Name, Close id or Hull id")
    actions = ("resume_selected",)
    actions_detail = ("resume_one",)
    change_form_outer_after_template = "sync/admin/change.html"
    fieldsets = (
        (
            None,
            {
                "description": _("Which record in Close goes with which record in Hull."),
                "fields": (
                    "record", "state_shown", "why", "object_shown", "in_close", "hull_id", "paired_at", "close_updated_at",
                    "told_hull", "connector",
                ),
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Link]:
        return super().get_queryset(request).defer("close", "base", "sent")

    # ── Moves ────────────────────────────────────────────────────────────────────────────────────

    @action(description=_("Resume paused fields"), permissions=["run"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Link]) -> None:
        """Let paused fields of the selected records be written again."""
        allowed = self.scope(request, queryset, Permission.RUN).values_list("pk", flat=True)
        self._resume(request, Link.objects.filter(pk__in=list(allowed)))

    @action(
        description=_("Resume paused fields"), permissions=["run"], icon="play_arrow",
        dialog={
            "title": _("Resume the paused fields?"), "form_class": None, "form_submit_text": _("Resume"),
            "description": _("They are written again from now on. Stop one of the tools that write them first."),
        },
    )  # fmt: skip
    def resume_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        link = self.get_permitted(request, object_id, Permission.RUN)
        self._resume(request, Link.objects.filter(pk=link.pk))
        return redirect(request, change_page(link))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the move where a field is paused."""
        is_paused = flipping.paused(Link.objects.filter(pk=object_id)).exists()
        return super().get_actions_detail(request, object_id) if is_paused else []

    def _resume(self, request: HttpRequest, links: QuerySet[Link]) -> None:
        lanes = set(flipping.paused(links).values_list("connector_id", flat=True))
        count = flipping.resume(links, now=timezone.now())
        audit.note_all(request, lanes, f"Resumed paused fields of {count} records.")
        for connector_id in sorted(lanes):
            tasks.nudge(connector_id, Direction.OUTBOUND, trigger=Run.Trigger.PERSON)
        self.message_user(
            request,
            gettext("{count} resumed.").format(count=count)
            if count
            else gettext("No field was paused any more."),
        )

    # ── What is shown ────────────────────────────────────────────────────────────────────────────

    @display(description=_("Record"), ordering="label")
    def record(self, link: Link) -> SafeString:
        return cells.broken(link.label or link.close_id)

    @display(description=_("Why"))
    def why(self, link: Link) -> SafeString:
        return cells.link(address(link.connector, link.close_id), "Explain")

    @display(description=_("State"))
    def state_shown(self, link: Link) -> SafeString:
        return story.link_state(link)

    @display(description=_("What"), ordering="object_type")
    def object_shown(self, link: Link) -> SafeString:
        return cells.link(
            cells.changelist("link", object_type__exact=link.object_type), OBJECTS[link.object_type]
        )

    @display(description=_("In Close"), ordering="close_id")
    def in_close(self, link: Link) -> SafeString:
        deep = cells.close_link(
            link.object_type, link.close_id, link.parent_close_id, "open", of=link.connector
        )
        return cells.stacked(cells.broken(link.close_id), deep)

    @display(description=_("Hull last told"), ordering="sent_at")
    def told_hull(self, link: Link) -> SafeString:
        return cells.ago(link.sent_at)

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, link: Link) -> SafeString:
        address = cells.changelist("link", connector__id__exact=link.connector_id)
        return cells.link(address, link.connector.name, gettext("All of this connector"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        link = self.get_object(request, object_id)
        context = extra_context or {}
        if link is not None:
            context["value_tables"] = list(sides(link))
            context["story"] = story.tell(link.connector, link.close_id, now=timezone.now())
        return super().change_view(request, object_id, form_url, context)


def sides(link: Link) -> Iterable[story.Table]:
    """Yield what was last reconciled, what Close holds, and what Hull was told."""
    fields = CloseField.objects.filter(connector=link.connector_id, object_type=link.object_type)
    labels = {f"custom.{field.close_id}": field.label for field in fields}
    agreed = story.Table(
        gettext("Last agreed, field by field"),
        [gettext("Close field"), gettext("From Hull"), gettext("As Close keeps it")],
    )
    agreed.rows = [
        [labels.get(name, name), *(story.readable(value) for value in pair)]
        for name, pair in sorted(link.base.items())
    ]
    in_close = story.Table(gettext("In Close"), [gettext("Field"), gettext("Value")])
    hidden = ("contacts", "tasks", "opportunities")
    in_close.rows = [
        [labels.get(name, name), story.readable(value)]
        for name, value in sorted(link.close.items())
        if name not in hidden and value not in (None, "", [])
    ]
    told = story.Table(
        gettext("Told to Hull"), [gettext("Attribute"), gettext("Value")], story.pairs(telling.told(link))
    )
    told.hint = gettext("Set on the {value} in Hull.").format(
        value="account" if link.object_type == ObjectType.LEAD else "user"
    )
    return [table for table in (_paused(link, labels), agreed, in_close, told) if table.rows]


def _paused(link: Link, labels: Mapping[str, str]) -> story.Table:
    """Show the fields that went back and forth, and between which values."""
    table = story.Table(
        gettext("Paused fields"),
        [
            gettext("Field"),
            gettext("Between"),
            gettext("and"),
            gettext("Who else writes it"),
            gettext("Since"),
        ],
    )
    table.hint = gettext("They went back and forth and are left out of every write until they are resumed.")
    for name, entry in sorted(link.paused_fields.items()):
        values = [story.readable(value) for value in [*entry.get("values", ()), None, None][:2]]
        who = entry.get("writer") or cells.NOTHING
        table.rows.append([labels.get(name, name), *values, who, story.readable(entry.get("since"))])
    return table
