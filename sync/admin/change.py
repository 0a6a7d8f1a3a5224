"""The queue: what waits, what failed, what is held for a person's choice, and the moves on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from accounts.admin.scoped import ReadOnlyMixin
from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, conflicts, story
from sync.admin.base import ConnectorFilter, ConnectorScopedAdmin, change_page, redirect
from sync.admin.export import CsvExport
from sync.admin.words import reason_words
from sync.engine.plan import WaitReason
from sync.models import Change, Link, Run
from sync.records import Direction
from sync.services import replay

_FIRST = [
    Change.State.FAILED,
    Change.State.HELD,
    Change.State.PENDING,
    Change.State.WAITING,
    Change.State.PAUSED,
]


class QueueFilter(DropdownFilter):
    """Parts of the queue that are more than one state."""

    title = "part of the queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("attention", gettext("Needs attention: failed or held")), ("open", gettext("Not done yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        if self.value() == "attention":
            return queryset.stuck()  # type: ignore[attr-defined]  # the model's own queryset
        return queryset.filter(state__in=_FIRST) if self.value() == "open" else queryset


@admin.register(Change)
class ChangeAdmin(CsvExport, ReadOnlyMixin, ConnectorScopedAdmin):  # type: ignore[misc]  # None where a permission may be None
    """What needs a person comes first."""

    export_fields = ("state", "reason", "message", "connector", "direction", "object_type", "label", "key", "attempts", "not_before", "queued_at")  # fmt: skip
    list_display = ("state_shown", "reason_shown", "record", "what", "attempts", "next_try", "queued", "connector_shown")  # fmt: skip
    list_filter = (
        QueueFilter,
        ("connector", ConnectorFilter),
        ("state", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("object_type", ChoicesDropdownFilter),
    )
    search_fields = ("label", "key")
    search_help_text = _("Name, Hull id or Close id")
    actions = ("replay_selected", "ignore_selected")
    actions_detail = ("replay_one", "ignore_one")
    actions_detail_hide_default = True
    change_form_outer_before_template = "sync/admin/chooser.html"
    change_form_outer_after_template = "sync/admin/change.html"
    fieldsets = (
        (
            None,
            {
                "description": _("Whether this record needs work in this direction, and what stands in its way."),
                "fields": (
                    "state_shown", "reason_shown", "message", "record", "what", "key", "attempts", "next_try", "queued",
                    "record_at", "connector",
                ),
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(_FIRST)]
        urgency = Case(*ranks, default=Value(len(_FIRST)), output_field=IntegerField())
        changes = (
            Change.objects.annotate(urgency=urgency).defer("payload").order_by(*self.get_ordering(request))
        )
        return self.scope(request, changes, self.permission_to_view)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("urgency", "-queued_at")

    @display(description=_("State"), ordering="urgency")
    def state_shown(self, change: Change) -> SafeString:
        return story.state_badge(change)

    @display(description=_("Reason, and what to do"))
    def reason_shown(self, change: Change) -> SafeString:
        if not change.reason:
            return SafeString(cells.NOTHING)
        words = reason_words(change.reason)
        name = cells.link(
            cells.same_reason("change", change.reason), words.label, gettext("All with this reason")
        )
        needs_a_person = change.state in (Change.State.FAILED, Change.State.HELD)
        said = story.shorten(change.message, 200) or words.meaning
        return cells.wide(cells.stacked(name, said, words.move if needs_a_person else ""))

    @display(description=_("Record"), ordering="label")
    def record(self, change: Change) -> SafeString:
        history = cells.same_record("outcome", change.connector_id, change.key)
        close_id = change.key if change.direction == Direction.INBOUND else ""
        name = cells.link(history, change.label or change.key, gettext("All outcomes of this record"))
        return cells.wide(
            cells.stacked(name, cells.close_link(change.object_type, close_id, of=change.connector)), 9
        )

    @display(description=_("Next try"), ordering="not_before")
    def next_try(self, change: Change) -> str:
        return cells.due(change.not_before) if change.state == Change.State.PENDING else cells.NOTHING

    @display(description=_("Queued"), ordering="queued_at")
    def queued(self, change: Change) -> SafeString:
        return cells.ago(change.queued_at)

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, change: Change) -> SafeString:
        address = cells.changelist("change", connector__id__exact=change.connector_id)
        return cells.link(address, change.connector.name, gettext("All of this connector"))

    # ── Moves ────────────────────────────────────────────────────────────────────────────────────

    @action(description=_("Replay"), permissions=["run"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Change]) -> None:
        """Put the selected changes back into the queue."""
        self._replay(request, self._permitted(request, queryset))

    @action(description=_("Ignore"), permissions=["run"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[Change]) -> None:
        """Close the selected changes by hand."""
        self._ignore(request, self._permitted(request, queryset))

    @action(
        description=_("Replay"), permissions=["run"], icon="replay",
        dialog={
            "title": _("Replay this record?"), "form_class": None, "form_submit_text": _("Replay"),
            "description": _("It goes back into the queue and is decided anew, with the present settings."),
        },
    )  # fmt: skip
    def replay_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        change = self.get_permitted(request, object_id, Permission.RUN)
        self._replay(request, Change.objects.filter(pk=change.pk))
        return redirect(request, change_page(change))

    @action(
        description=_("Ignore"), permissions=["run"], icon="do_not_disturb_on",
        dialog={
            "title": _("Ignore this record?"), "form_class": None, "form_submit_text": _("Ignore"),
            "description": _("It is closed by hand. The next message about it opens it again."),
        },
    )  # fmt: skip
    def ignore_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        change = self.get_permitted(request, object_id, Permission.RUN)
        self._ignore(request, Change.objects.filter(pk=change.pk))
        return redirect(request, change_page(change))

    def _permitted(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        allowed = self.scope(request, queryset, Permission.RUN).values_list("pk", flat=True)
        return Change.objects.filter(pk__in=list(allowed))

    def _replay(self, request: HttpRequest, changes: QuerySet[Change]) -> None:
        total = changes.count()
        lanes = set(changes.values_list("connector_id", "direction"))
        count = replay.replay(changes, now=timezone.now())
        audit.note_all(request, {pk for pk, _ in lanes}, f"Replayed {count} records.")
        told = [tasks.nudge(pk, Direction(way), trigger=Run.Trigger.PERSON) for pk, way in sorted(lanes)]
        rest = (
            gettext(" {value} were in the queue already.").format(value=total - count)
            if count < total
            else ""
        )
        later = "" if all(told) else " No worker can be reached; they are worked on as soon as one is there."
        self.message_user(
            request,
            gettext("{count} put back into the queue.{rest}{later}").format(
                count=count, rest=rest, later=later
            ),
        )

    def _ignore(self, request: HttpRequest, changes: QuerySet[Change]) -> None:
        total = changes.count()
        concerned = set(changes.values_list("connector_id", flat=True))
        count = replay.ignore(changes, now=timezone.now())
        audit.note_all(request, concerned, f"Ignored {count} records.")
        rest = (
            gettext(" {value} had neither failed nor were they held.").format(value=total - count)
            if count < total
            else ""
        )
        self.message_user(request, f"{count} ignored.{rest}")

    # ── One record ───────────────────────────────────────────────────────────────────────────────

    def get_urls(self) -> list[Any]:
        choose = self.admin_site.admin_view(self.choose_view)
        values = self.admin_site.admin_view(self.choose_values_view)
        return [
            path("<int:object_id>/choose/", choose, name="sync_change_choose"),
            path("<int:object_id>/choose-values/", values, name="sync_change_choose_values"),
            *super().get_urls(),
        ]

    def choose_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Settle an ambiguous match by the chosen candidate."""
        change = self.get_permitted(request, object_id, Permission.RUN)
        close_id = request.POST.get("candidate", "")
        if request.method == "POST" and close_id == "new" and replay.choose_none(change, now=timezone.now()):
            tasks.nudge(change.connector_id, Direction(change.direction), trigger=Run.Trigger.PERSON)
            self.message_user(request, gettext("A new record will be created in Close."), messages.SUCCESS)
        elif request.method == "POST" and replay.choose(change, close_id, now=timezone.now()):
            tasks.nudge(change.connector_id, Direction(change.direction), trigger=Run.Trigger.PERSON)
            self.message_user(
                request,
                gettext("Linked to {close_id}, and back in the queue.").format(close_id=close_id),
                messages.SUCCESS,
            )
        elif request.method == "POST":
            self.message_user(
                request,
                gettext(
                    "Not linked: the change is not held any more, or that record is gone or linked elsewhere."
                ),
                messages.WARNING,
            )
        return redirect(request, change_page(change))

    def choose_values_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Settle fields that both sides changed by the chosen sides."""
        change = self.get_permitted(request, object_id, Permission.RUN)
        sides = conflicts.chosen_sides(request.POST.dict())
        if request.method == "POST" and replay.choose_values(change, sides, now=timezone.now()):
            tasks.nudge(change.connector_id, Direction(change.direction), trigger=Run.Trigger.PERSON)
            self.message_user(request, gettext("Chosen for {value}, and back in the queue.").format(value=', '.join(sorted(sides))), messages.SUCCESS)  # fmt: skip
        elif request.method == "POST":
            self.message_user(
                request,
                gettext("Nothing was chosen: no value was picked, or the change is not held any more."),
                messages.WARNING,
            )
        return redirect(request, change_page(change))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        change = self.get_object(request, object_id)
        context = extra_context or {}
        if change is not None:
            context["story"] = story.tell(change.connector, change.key, now=timezone.now())
            context["value_tables"] = story.hull_tables(change)
            if change.state == Change.State.HELD and self.has_run_permission(request, change):
                context["candidates"] = candidates(change)
                context["contested"] = (
                    conflicts.contested(change) if change.reason == WaitReason.CONFLICT else []
                )
        return super().change_view(request, object_id, form_url, context)


def candidates(change: Change) -> list[dict[str, Any]]:
    """Return the Close records that a held change may be, and whether each can be chosen."""
    rows = Link.objects.filter(
        connector=change.connector_id, object_type=change.object_type, close_id__in=change.candidates
    )
    known = {link.close_id: link for link in rows}
    return [_candidate(close_id, known.get(close_id)) for close_id in change.candidates]


def _candidate(close_id: str, link: Link | None) -> dict[str, Any]:
    if link is None:
        return {"close_id": close_id, "label": close_id, "why_not": gettext("not known here any more")}
    why_not = gettext("linked to Hull record {hull_id}").format(hull_id=link.hull_id) if link.hull_id else ""
    if link.deleted_at or link.merged_into:
        why_not = gettext("deleted or merged in Close")
    return {
        "close_id": close_id,
        "label": link.label or close_id,
        "deep_link": cells.close_link(
            link.object_type, close_id, link.parent_close_id, gettext("open in Close"), of=link.connector
        ),
        "details": _details(link.close),
        "why_not": why_not,
    }


def _details(close: dict[str, Any]) -> str:
    shown = [
        close.get("url"),
        close.get("title"),
        *(entry.get("email") for entry in close.get("emails") or []),
    ]
    return ", ".join(str(value) for value in shown if value)
