"""The moves on connectors: test, sync, backfill, pause, resume; on one page and for many in the list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.scoped import tenants_where
from accounts.models import Organization
from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells
from sync.admin.base import author_of, change_page, free_slug, redirect
from sync.errors import SyncError
from sync.models import Connector, Run
from sync.records import ObjectType
from sync.services import cloning, options, retyped, setup
from sync.services.configuration import PAUSED_BY_A_PERSON

_LATER = "No worker can be reached now. The scheduler does it as soon as it and a worker run."


class PauseForm(BaseDialogForm):
    """Why a connector is paused, for the colleagues."""

    reason = forms.CharField(
        required=False, max_length=300, label=_("Reason"), widget=UnfoldAdminTextInputWidget,
        help_text=_("Shown to your colleagues. It may stay empty."),
    )  # fmt: skip


class CloneForm(BaseDialogForm):
    """What the clone is called and whose it is."""

    name = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("For example Globex to Close.")
    )
    organization = forms.ModelChoiceField(
        queryset=Organization.objects.none(), widget=UnfoldAdminSelectWidget(), empty_label=None,
        help_text=_("The customer that it is for."),
    )  # fmt: skip

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        field: Any = self.fields["organization"]
        found = tenants_where(request, Organization, Permission.EDIT_CONFIGURATION)
        field.queryset = found.select_related("agency").order_by("name", "pk")


class FieldForm(BaseDialogForm):
    """A custom field that Close does not have yet."""

    object_type = forms.ChoiceField(
        choices=[("LEAD", "Leads"), ("CONTACT", "Contacts")], label=_("Of"), widget=UnfoldAdminSelectWidget
    )
    label = forms.CharField(
        max_length=100,
        label=_("Name"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For example Industry."),
    )
    type = forms.ChoiceField(
        choices=[("text", "Text"), ("textarea", "Long text"), ("number", "Number"), ("date", "Date"), ("datetime", "Date and time")],
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip


class ConnectorActions:
    """Mixed into the connector's admin. Every action begins with the permission on the very connector."""

    actions = ("test_selected", "sync_selected", "backfill_selected", "pause_selected", "resume_selected")
    actions_detail: Any = (
        "sync_now",
        "test_connection",
        "pause",
        "resume",
        {
            "title": _("More"),
            "icon": "more_horiz",
            "items": [
                "backfill",
                "run_retyped",
                "create_field",
                "clone",
                "set_up",
                "all_versions",
                "compare_hull_settings",
            ],
        },
    )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer what makes sense in the connector's state."""
        offered = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        connector = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if connector is None:
            return []
        hidden = {"resume"} if connector.paused_at is None else {"pause", "sync_now", "backfill"}
        if not connector.enabled:
            hidden |= {"sync_now", "backfill"}
        if not retyped.resting(connector, setup.load_schema(connector)):
            hidden |= {"run_retyped"}
        return [found for found in offered if found.method.original_function_name not in hidden]

    @action(
        description=_("Run with the new type"), permissions=["change"], icon="published_with_changes",
        dialog={
            "title": _("Let rows run with their field's new type?"), "form_class": None, "form_submit_text": _("Run them"),
            "description": _("Fields of some mapping rows have another type in Close than when they were mapped. The rows run "
            "again, and every record that they concern is looked at once more."),
        },
    )  # fmt: skip
    def run_retyped(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        schema = setup.load_schema(connector)
        count = retyped.accept(connector, schema, retyped.resting(connector, schema), now=timezone.now())
        audit.note(request, connector, f"Let {count} rows run with their new type.")
        messages.success(
            request,
            gettext("{count} row{value} run again.").format(count=count, value="s" * (count != 1))
            if count
            else gettext("No row rests."),
        )
        return redirect(request, change_page(connector))

    @action(
        description=_("Create a field in Close"), permissions=["change"], icon="add_box",
        dialog={
            "title": _("Create a custom field in Close?"), "form_class": FieldForm, "form_submit_text": _("Create"),
            "description": _("Everybody who uses Close sees it. It can be mapped here at once."),
        },
    )  # fmt: skip
    def create_field(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        asked = form.cleaned_data
        try:
            made = options.create_field(
                connector,
                ObjectType(asked["object_type"]),
                asked["label"].strip(),
                asked["type"],
                clock=timezone.now,
            )
        except SyncError as error:
            messages.error(request, error.message)
        else:
            audit.note(request, connector, f"Created the field {made.label} in Close.")
            messages.success(
                request,
                gettext("“{label}” is in Close now. Map it as custom.{close_id}, or by its name.").format(
                    label=made.label, close_id=made.close_id
                ),
            )
        return redirect(request, change_page(connector))

    @action(
        description=_("Clone"), permissions=["change"], icon="content_copy",
        dialog={
            "title": _("Clone this connector?"), "form_class": CloneForm, "form_submit_text": _("Clone"),
            "description": _("The clone gets the settings and the mapping, no credentials, and starts paused. Rows about custom "
            "fields rest until they name fields of its own Close."),
        },
    )  # fmt: skip
    def clone(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        source = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        name, now = form.cleaned_data["name"], timezone.now()
        made = cloning.clone(
            source,
            form.cleaned_data["organization"],
            name=name,
            slug=free_slug(name),
            by=author_of(request),
            now=now,
        )
        audit.note(request, made, f"Cloned from {source.name}.")
        messages.success(
            request, gettext("{name} is made, paused. Next: what it connects.").format(name=made.name)
        )
        return redirect(request, reverse("admin:sync_connector_setup", args=[made.pk, "hull"]))

    @action(description=_("Guided setup"), permissions=["change"], icon="checklist", url_path="guide")
    def set_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        return redirect(request, reverse("admin:sync_connector_setup", args=[connector.pk, "hull"]))

    @action(description=_("Versions"), permissions=["view"], icon="history_edu", url_path="versions")
    def all_versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self.get_permitted(request, object_id, Permission.VIEW)  # type: ignore[attr-defined]
        return redirect(request, cells.changelist("configurationversion", connector__id__exact=connector.pk))

    # ── One ──────────────────────────────────────────────────────────────────────────────────────

    @action(
        description=_("Test connection"), permissions=["run"], icon="network_check",
        dialog={
            "title": _("Test the connection?"), "form_class": None, "form_submit_text": _("Test"),
            "description": _("One real request goes to Close and one to Hull. Nothing is written there."),
        },
    )  # fmt: skip
    def test_connection(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self._permitted(request, object_id)
        audit.note(request, connector, "Tested the connection.")
        tried = setup.test_connection(connector, clock=timezone.now)
        level = messages.SUCCESS if tried.is_good else messages.ERROR
        for sentence in tried.sentences:
            messages.add_message(request, level, sentence)
        return redirect(request, change_page(connector))

    @action(
        description=_("Sync now"), permissions=["run"], icon="sync", variant=ActionVariant.PRIMARY,
        dialog={
            "title": _("Sync now?"), "form_class": None, "form_submit_text": _("Sync now"),
            "description": _("What changed in Close is read and told to Hull, and what waits is written to Close."),
        },
    )  # fmt: skip
    def sync_now(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self._permitted(request, object_id)
        if not connector.is_active:
            messages.warning(
                request, gettext("Nothing was started: the connector is paused or switched off.")
            )
        elif dispatch_all(connector):
            audit.note(request, connector, "Started a sync.")
            messages.success(
                request,
                _started(
                    connector, gettext("Handed to a worker: Close is read, and both queues are worked off.")
                ),
            )
        else:
            messages.warning(request, _LATER)
        return redirect(request, change_page(connector))

    @action(
        description=_("Backfill"), permissions=["run"], icon="history",
        dialog={
            "title": _("Read everything in Close again?"), "form_class": None, "form_submit_text": _("Backfill"),
            "description": _("Every lead and contact is read, page by page, and Hull is told what it does not know "
            "yet. Nothing is written to Close. A hundred leads take one request."),
        },
    )  # fmt: skip
    def backfill(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self._permitted(request, object_id)
        if not connector.is_active:
            messages.warning(
                request, gettext("Nothing was started: the connector is paused or switched off.")
            )
        elif tasks.dispatch(tasks.pull, connector_id=connector.pk, trigger=Run.Trigger.PERSON, full=True):
            audit.note(request, connector, "Started a backfill.")
            messages.success(
                request,
                _started(connector, gettext("Handed to a worker: everything in Close is read again.")),
            )
        else:
            messages.warning(request, gettext("No worker can be reached now. Try again when one runs."))
        return redirect(request, change_page(connector))

    @action(
        description=_("Pause"), permissions=["run"], icon="pause",
        dialog={
            "title": _("Pause this connector?"), "form_class": PauseForm, "form_submit_text": _("Pause"),
            "description": _("Nothing is read or written until it is resumed. What Hull tells meanwhile waits."),
        },
    )  # fmt: skip
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self._permitted(request, object_id)
        if connector.paused_at is None:
            connector.pause(_pause_reason(request, form.cleaned_data["reason"]), now=timezone.now())
        audit.note(request, connector, connector.pause_reason or "Paused.")
        messages.success(request, gettext("Paused. What arrives meanwhile is kept."))
        return redirect(request, change_page(connector))

    @action(
        description=_("Resume"), permissions=["run"], icon="play_arrow", variant=ActionVariant.PRIMARY,
        dialog={
            "title": _("Resume this connector?"), "form_class": None, "form_submit_text": _("Resume"),
            "description": _("It goes on with everything that waited."),
        },
    )  # fmt: skip
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connector = self._permitted(request, object_id)
        connector.resume()
        audit.note(request, connector, "Resumed.")
        told = connector.is_active and dispatch_all(connector)
        messages.success(request, _started(connector, "Resumed.") if told else f"Resumed. {_LATER}")
        return redirect(request, change_page(connector))

    def _permitted(self, request: HttpRequest, object_id: Any) -> Connector:
        found: Connector = self.get_permitted(request, object_id, Permission.RUN)  # type: ignore[attr-defined]
        return found

    # ── Many ─────────────────────────────────────────────────────────────────────────────────────

    @action(description=_("Test connection: one real request to each side"), permissions=["run"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        for connector in self._all_permitted(request, queryset):
            tried = setup.test_connection(connector, clock=timezone.now)
            level = messages.SUCCESS if tried.is_good else messages.ERROR
            messages.add_message(request, level, f"{connector.name}: {' '.join(tried.sentences)}")

    @action(description=_("Sync now: read Close, work off both queues"), permissions=["run"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        chosen = self._all_permitted(request, queryset)
        active = [connector for connector in chosen if connector.is_active]
        told = [dispatch_all(connector) for connector in active]
        audit.note_all(request, {one.pk for one in active}, "Started a sync.")
        rest = (
            gettext(" {value} are paused or switched off.").format(value=len(chosen) - len(active))
            if len(active) < len(chosen)
            else ""
        )
        later = "" if all(told) else f" {_LATER}"
        messages.success(request, f"{sum(told)} started.{rest}{later}")

    @action(description=_("Backfill: read everything in Close again"), permissions=["run"])
    def backfill_selected(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        chosen = self._all_permitted(request, queryset)
        active = [connector for connector in chosen if connector.is_active]
        told = [
            tasks.dispatch(tasks.pull, connector_id=one.pk, trigger=Run.Trigger.PERSON, full=True)
            for one in active
        ]
        audit.note_all(request, {one.pk for one in active}, "Started a backfill.")
        rest = (
            gettext(" {value} are paused or switched off.").format(value=len(chosen) - len(active))
            if len(active) < len(chosen)
            else ""
        )
        messages.success(request, f"{sum(told)} started.{rest}{'' if all(told) else f' {_LATER}'}")

    @action(description=_("Pause: nothing is read or written meanwhile"), permissions=["run"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        running = [found for found in self._all_permitted(request, queryset) if found.paused_at is None]
        for connector in running:
            connector.pause(_pause_reason(request, ""), now=timezone.now())
        audit.note_all(request, {one.pk for one in running}, "Paused.")
        messages.success(request, gettext("{count} paused.").format(count=len(running)))

    @action(description=_("Resume: go on with what waited"), permissions=["run"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        paused = [found for found in self._all_permitted(request, queryset) if found.paused_at is not None]
        for connector in paused:
            connector.resume()
        audit.note_all(request, {one.pk for one in paused}, "Resumed.")
        messages.success(request, gettext("{count} resumed.").format(count=len(paused)))

    def _all_permitted(self, request: HttpRequest, queryset: QuerySet[Connector]) -> list[Connector]:
        return list(self.scope(request, queryset, Permission.RUN).select_related("organization"))  # type: ignore[attr-defined]


def dispatch_all(connector: Connector) -> bool:
    """Have Close read and both queues worked off. The pull dispatches the drain of what it finds."""
    todo = (tasks.pull, tasks.drain_outbound, tasks.drain_inbound)
    return all(tasks.dispatch(task, connector_id=connector.pk, trigger=Run.Trigger.PERSON) for task in todo)


def _started(connector: Connector, sentence: str) -> str:
    runs = cells.changelist("run", connector__id__exact=connector.pk)
    return format_html('{} <a href="{}" class="underline">See the runs</a>', sentence, runs)


def _pause_reason(request: HttpRequest, reason: str) -> str:
    # It is stored, and read by the program too: never in the viewer's language.
    return f"{PAUSED_BY_A_PERSON} {request.user}{f': {reason.strip()}' if reason.strip() else ''}"
