"""Approvals: batches that are larger than the brake allows, and the two answers to them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin, change_page, redirect
from sync.admin.words import EFFECTS, OBJECTS
from sync.models import Approval, Run
from sync.records import Direction
from sync.services import brake

_VARIANTS = {
    Approval.State.WAITING: "warning",
    Approval.State.APPROVED: "success",
    Approval.State.REJECTED: "danger",
}


@admin.register(Approval)
class ApprovalAdmin(HistoryAdmin):
    """What waits comes with its numbers, its limits and a sample; a person says yes or no to the whole batch."""

    list_display = ("state_shown", "why", "records", "asked", "decided", "connector")
    list_filter = (("connector", ConnectorFilter), ("state", ChoicesDropdownFilter))
    change_form_outer_after_template = "sync/admin/run.html"
    actions_detail = ("approve", "reject")
    fieldsets = (
        (
            None,
            {
                "description": _(
                    "A run that would have written more than the connector's brake allows. Nothing of it was "
                    "written. Look at the sample, then approve or reject the whole batch."
                ),
                "fields": ("state_shown", "why", "records", "linked", "asked", "decided", "connector"),
            },
        ),
    )

    @display(description=_("State"), ordering="state")
    def state_shown(self, approval: Approval) -> SafeString:
        return cells.badge(approval.get_state_display(), _VARIANTS[Approval.State(approval.state)])

    @display(description=_("What is unusual"))
    def why(self, approval: Approval) -> SafeString:
        lines = [
            f"{count:,} {EFFECTS[effect]}; the brake allows {approval.limits.get(effect, 0):,} within an hour"
            for effect, count in approval.counts.items()
        ]
        return cells.wide(cells.stacked_plainly(lines))

    @display(description=_("Records that wait"))
    def records(self, approval: Approval) -> SafeString:
        address = cells.changelist("change", approval__id__exact=approval.pk)
        return cells.link(
            address, f"{approval.changes.filter(state='HELD').count():,}", gettext("All of this batch")
        )

    @display(description=_("Asked"), ordering="pk")
    def asked(self, approval: Approval) -> SafeString:
        return cells.ago(approval.created_at)

    @display(description=_("Decided"))
    def decided(self, approval: Approval) -> SafeString:
        if approval.decided_at is None:
            return SafeString(cells.NOTHING)
        return cells.stacked(cells.ago(approval.decided_at), str(approval.decided_by or ""))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the two answers while the question is open."""
        approval = self.get_object(request, str(object_id))
        is_open = approval is not None and approval.state == Approval.State.WAITING
        return super().get_actions_detail(request, object_id) if is_open else []

    @action(
        description=_("Approve"), permissions=["run"], icon="check", variant=ActionVariant.PRIMARY,
        dialog={
            "title": _("Approve the whole batch?"), "form_class": None, "form_submit_text": _("Approve"),
            "description": _("All of its records go out as they are now, newer values included."),
        },
    )  # fmt: skip
    def approve(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        approval = self.get_permitted(request, object_id, Permission.RUN)
        count = brake.approve(approval, by=request.user, now=timezone.now())
        if count:
            audit.note(request, approval.connector, f"Approved {count} records.")
            tasks.nudge(approval.connector_id, Direction.OUTBOUND, trigger=Run.Trigger.PERSON)
        return self._answer(
            request, approval, count, gettext("{count:,} records are in the queue again.").format(count=count)
        )

    @action(
        description=_("Reject"), permissions=["run"], icon="close", variant=ActionVariant.DANGER,
        dialog={
            "title": _("Reject the whole batch?"), "form_class": None, "form_submit_text": _("Reject"),
            "description": _("Its records are ignored. Hull's next message about one of them brings it back."),
        },
    )  # fmt: skip
    def reject(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        approval = self.get_permitted(request, object_id, Permission.RUN)
        count = brake.reject(approval, by=request.user, now=timezone.now())
        if count:
            audit.note(request, approval.connector, f"Rejected {count} records.")
        return self._answer(
            request, approval, count, gettext("{count:,} records are ignored.").format(count=count)
        )

    def _answer(self, request: HttpRequest, approval: Approval, count: int, said: str) -> HttpResponse:
        if count:
            self.message_user(request, said)
        else:
            self.message_user(
                request, gettext("Nothing waited any more: it was decided already."), messages.WARNING
            )
        return redirect(request, change_page(approval))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        approval = self.get_object(request, object_id)
        context = extra_context or {}
        if approval is not None and approval.sample:
            context["tables"] = [sample_table(approval)]
        return super().change_view(request, object_id, form_url, context)


def sample_table(approval: Approval) -> story.Table:
    """Show a few records of the batch, each with what would be written."""
    table = story.Table(
        gettext("A sample"),
        [gettext("Record"), gettext("What"), gettext("Values")],
        hint=gettext("What was there before, and what would be written."),
    )
    for row in approval.sample:
        written = [
            f"{name}: {_short(before)} → {_short(after)}" for name, (before, after) in row["values"].items()
        ]
        address = cells.changelist("change", connector__id__exact=approval.connector_id, key=row["key"])
        name = cells.link(address, row["label"])
        table.rows.append(
            [name, f"{OBJECTS[row['object']]}: {EFFECTS[row['effect']]}", cells.stacked_plainly(written)]
        )
    return table


def _short(value: Any) -> str:
    return story.shorten(story.flat(value), 60) if value not in (None, "", []) else "empty"
