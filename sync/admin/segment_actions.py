"""What is made in Close when a Hull account or user enters a segment: a table on the connector's page."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.scoped import ScopedStackedInline
from sync.admin import cells
from sync.admin.fields import chosen, segment_choices
from sync.models import HullSegment, SegmentAction, SegmentEntry
from sync.records import ObjectType


class SegmentActionForm(forms.ModelForm):
    """One action. What it needs beside its kind is told at the field."""

    class Meta:
        model = SegmentAction
        fields = (
            "object_type", "segment", "makes", "text", "due_in_days", "assigned_to", "activity_type", "fields", "enabled",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connector = self.instance.connector if self.instance.connector_id else None
        if connector is not None and "segment" in self.fields:
            known = [pair for kind in HullSegment.Kind.values for pair in segment_choices(connector, kind)]
            self.fields["segment"] = chosen(
                known, self.instance.segment, unknown=gettext("not heard of in Hull"), label=gettext("Segment"),
                help_text=gettext("A segment of accounts for leads, one of users for contacts."),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        makes_task = data.get("makes") == SegmentAction.Makes.TASK
        if makes_task and not data.get("text"):
            self.add_error("text", gettext("Say what is to be done: a task has a text."))
        if not makes_task and not str(data.get("activity_type") or "").startswith("actitype_"):
            self.add_error("activity_type", gettext("Name the custom activity's type by its id, actitype_…"))
        if not isinstance(data.get("fields") or {}, dict):
            self.add_error("fields", gettext('Write {"custom.cf_…": "hull attribute"}.'))
        if {"segment", "object_type"} & set(self.changed_data):
            self.instance.known_to = None  # its members did not enter it just now
        return data


class SegmentActions(ScopedStackedInline):
    """The actions of a connector, each with what became of the entries so far."""

    model = SegmentAction
    form = SegmentActionForm
    tab = True
    template_before = "sync/admin/mapping_before.html"
    datalists: ClassVar[dict[str, Any]] = {}
    explanation = _(
        "What is made in Close when a Hull account or user enters a segment: a task or a custom activity, once an entry. "
        "Who is in the segment already did not enter it."
    )
    verbose_name = _("action")
    verbose_name_plural = _("When a segment is entered")
    readonly_fields = ("so_far",)
    fields = (
        ("object_type", "segment", "enabled"), ("makes", "text"), ("due_in_days", "assigned_to"), ("activity_type", "fields"), "so_far",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SegmentAction]:
        states = {
            state.lower(): Count("entries", filter=Q(entries__state=state)) for state in SegmentEntry.State
        }
        return super().get_queryset(request).annotate(**states)

    @display(description=_("So far"))
    def so_far(self, action: Any) -> SafeString | str:
        if action.pk is None:
            return gettext("Who is in the segment now did not enter it: it begins with those who come.")
        counts = {
            "made": action.done, "on their way": action.pending + action.open, "failed": action.failed,
            "were in it before": action.before,
        }  # fmt: skip
        said = [f"{count:,} {words}" for words, count in counts.items() if count]
        last = action.entries.filter(state=SegmentEntry.State.FAILED).order_by("-pk").first()
        failed = [gettext("Last failure: {message}").format(message=last.message)] if last else []
        kind = "accounts" if action.object_type == ObjectType.LEAD else "users"
        return cells.stacked_plainly([", ".join(said) or gettext("no {kind} yet").format(kind=kind), *failed])
