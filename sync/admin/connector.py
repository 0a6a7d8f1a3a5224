"""Connectors: the list with how each is doing, and the page with everything that can be set."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Field, QuerySet, URLField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.scoped import ScopedAdmin
from accounts.permissions import Permission
from sync import queries, tasks
from sync.admin import cells, connector_panel, health
from sync.admin.base import author_of
from sync.admin.connector_actions import ConnectorActions
from sync.admin.connector_filters import AgencyFilter, HealthFilter, OrganizationFilter
from sync.admin.connector_form import VERSION_NOTE, ConnectorForm
from sync.admin.connector_live import LiveActions
from sync.admin.fields import SecretField
from sync.admin.hull_settings import HullSettingsActions
from sync.admin.mapping import INLINES
from sync.admin.picker import PickerPages
from sync.admin.preview import PreviewActions
from sync.admin.sandbox import SandboxActions
from sync.admin.segment_actions import SegmentActions
from sync.admin.setup_guide import SetupGuide
from sync.models import Connector, Cursor, EncryptedField
from sync.services import affected, versions
from sync.services.configuration import PAUSED_BY_A_PERSON, configuration_changed

# Fieldsets in tabs leave no room around their description.
_sentence = '<p class="px-3 pt-3">{}</p>'.format

# What a connector is called does not change what it does.
_NAMES = frozenset({"name", "slug"})


@admin.register(Connector)
class ConnectorAdmin(
    SetupGuide,
    PickerPages,
    LiveActions,
    PreviewActions,
    SandboxActions,
    HullSettingsActions,
    ConnectorActions,
    ScopedAdmin,
):
    """The worst first. Credentials, and where they are sent to, are for those who may manage them."""

    form = ConnectorForm
    inlines = (*INLINES, SegmentActions)
    permission_to_delete = Permission.MANAGE_CREDENTIALS
    credential_fields = (
        "hull_connector_id", "hull_secret", "hull_api_url", "hull_firehose_url", "close_api_key", "close_api_url",
    )  # fmt: skip
    list_display = (
        "named",
        "state_shown",
        "organization_shown",
        "last_read",
        "waits",
        "needs_a_person",
        "in_close",
    )
    list_filter = (
        HealthFilter,
        ("organization__agency", AgencyFilter),
        ("organization", OrganizationFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("organization__agency",)
    search_fields = ("name", "slug", "organization__name", "close_organization_name")
    search_help_text = _("Name, slug or organization")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = (
        "home_shown",
        "close_organization",
        "fields_read",
        "backfilled",
        "event_log_shown",
        "webhook_shown",
        "public_id",
        "version",
    )
    change_form_outer_before_template = "sync/admin/connector_panel.html"
    change_form_after_template = "sync/admin/connector_save.html"
    change_form_outer_after_template = "sync/admin/connector_chart.html"
    warn_unsaved_form = True
    fieldsets = (
        (_("General"), {
            "classes": ("tab",),
            "description": _sentence(_("What this connector is called, whose it is, and whether it runs.")),
            "fields": ("name", "slug", "organization", "enabled", "home_shown", "version", "public_id"),
        }),
        (_("Hull"), {
            "classes": ("tab",),
            "description": _sentence(_("How to reach the connector in Hull's dashboard that this one stands for.")),
            "fields": ("hull_connector_id", "hull_secret", "hull_api_url", "hull_firehose_url"),
        }),
        (_("Close"), {
            "classes": ("tab",),
            "description": _sentence(_("Which Close organization the leads and contacts are in. A key of another one is refused later.")),
            "fields": ("close_api_key", "close_organization", "fields_read", "close_api_url", "webhook_shown"),
        }),
        (_("What goes out"), {
            "classes": ("tab",),
            "description": _sentence(_("Which accounts and users of Hull are written to Close, and what a new lead begins as.")),
            "fields": ("account_segments", "user_segments", "lead_status"),
        }),
        (_("Identifiers"), {
            "classes": ("tab",),
            "description": _sentence(_("How an account in Hull recognises the lead that is it, before the two are linked.")),
            "fields": ("identity_hull", "identity_close", "keeps_hull_id", "never_identities", "always_identities"),
        }),
        (_("Contacts"), {
            "classes": ("tab",),
            "description": _sentence(_("What becomes of a contact when its user changes company, and of people who are contacts of several leads.")),
            "fields": ("moves_contacts", "keeps_every_contact"),
        }),
        (_("When a record leaves"), {
            "classes": ("tab",),
            "description": _sentence(_("What follows when a record leaves a segment, is deleted or is merged. Each is acted upon once.")),
            "fields": ("departures", "mark_status"),
        }),
        (_("What comes in"), {
            "classes": ("tab",),
            "description": _sentence(_("How Close is read. Which fields come in is chosen in the mapping.")),
            "fields": ("follows_renames", "backfill_by", "backfilled", "event_log_shown"),
        }),
        (_("More from Close"), {
            "classes": ("tab",),
            "description": _sentence(_("What else of Close reaches Hull. Each is off until it is switched on here; what is made in Close when a segment is entered has a tab of its own.")),
            "fields": ("reads_opportunities", "hull_events"),
        }),
        (_("Brake"), {
            "classes": ("tab",),
            "description": _sentence(_("What is too much to happen unseen: a larger batch waits for approval, a field that two tools write in turns is paused.")),
            "fields": ("brake_creates", "brake_clears", "brake_deletes", "brake_share", "flip_limit", "flip_minutes"),
        }),
        (_("Schedule"), {
            "classes": ("tab",),
            "description": _sentence(_("How often Close's event log is read, and how much of Close's rate limit is left to others; a webhook of Close makes it sooner.")),
            "fields": ("pull_interval_seconds", "rate_share_left", "asks_hull"),
        }),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connector]:
        connectors = queries.with_health(Connector.objects.all(), now=timezone.now())
        return self.scope(request, connectors.order_by(*self.get_ordering(request)), self.permission_to_view)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("severity", "name")

    # ── List ─────────────────────────────────────────────────────────────────────────────────────

    @display(description=_("Connector"), ordering="name")
    def named(self, connector: Connector) -> SafeString:
        badge = cells.badge(gettext("Sandbox"), "info") if connector.is_sandbox else ""
        return cells.wide(cells.stacked(connector.name, connector.slug, badge), 9)

    @display(description=_("State"), ordering="severity")
    def state_shown(self, connector: Connector) -> SafeString:
        state = health.describe(connector, now=timezone.now())
        return cells.wide(cells.stacked(state.badge, state.detail, state.move))

    @display(description=_("Organization"), ordering="organization__name")
    def organization_shown(self, connector: Connector) -> SafeString:
        return cells.unbroken(cells.stacked(connector.organization.name, connector.organization.agency.name))

    @display(description=_("Close last read"), ordering="read_at")
    def last_read(self, connector: Any) -> SafeString:
        return cells.ago(connector.read_at)

    @display(description=_("Waiting"), ordering="waiting")
    def waits(self, connector: Any) -> SafeString | str:
        if not connector.waiting:
            return "0"
        address = cells.changelist("change", connector__id__exact=connector.pk, state__exact="PENDING")
        age = gettext("oldest for {value}").format(value=cells.age(connector.oldest))
        return cells.unbroken(cells.stacked(cells.link(address, f"{connector.waiting:,}"), age))

    @display(description=_("Failed and held"), ordering="failed")
    def needs_a_person(self, connector: Any) -> SafeString | str:
        if not connector.failed and not connector.held:
            return "0"
        address = cells.changelist("change", connector__id__exact=connector.pk, queue="attention")
        return cells.badge(f"{connector.failed + connector.held:,}", "danger", href=address)

    @display(description=_("Close organization"), ordering="close_organization_name")
    def in_close(self, connector: Connector) -> str:
        return connector.close_organization_name or cells.NOTHING

    # ── Page ─────────────────────────────────────────────────────────────────────────────────────

    @display(description=_("Settings are kept"))
    def home_shown(self, connector: Connector) -> SafeString:
        page = reverse("admin:sync_connector_compare_hull_settings", args=[connector.pk])
        return cells.stacked_plainly(
            [connector.get_home_display(), cells.link(page, gettext("Compare with Hull's dashboard"))]
        )

    @display(description=_("Close organization"))
    def close_organization(self, connector: Connector) -> str:
        if not connector.close_organization_id:
            return gettext("not asked yet: test the connection")
        return f"{connector.close_organization_name} ({connector.close_organization_id})"

    @display(description=_("Fields and statuses last read"))
    def fields_read(self, connector: Connector) -> SafeString:
        return cells.ago(connector.schema_read_at)

    @display(description=_("Everything read once"))
    def backfilled(self, connector: Connector) -> SafeString:
        return cells.ago(connector.backfilled_at, never=gettext("not yet"))

    @display(description=_("What changed is known from"))
    def event_log_shown(self, connector: Connector) -> str:
        cursor = connector.cursors.filter(stream=Cursor.Stream.EVENTS).first()
        if cursor is None or not cursor.method:
            return gettext("Close's event log")
        return gettext(
            "a search every time, since this key may not read Close's event log ({value}). What is deleted in Close is found once a day."
        ).format(value=cursor.detail.get("refused") or "Close gave no reason")

    @display(description=_("Webhook in Close"))
    def webhook_shown(self, connector: Connector) -> str:
        if connector.webhook_problem:
            return gettext("{webhook_problem} Close is read on schedule meanwhile.").format(
                webhook_problem=connector.webhook_problem
            )
        return connector.webhook_id or "none; Close is read on schedule"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out of an empty form what only an existing connector has."""
        sets = super().get_fieldsets(request, obj)
        if obj is not None:
            return sets
        hidden = set(self.readonly_fields)
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field not in hidden]})
            for name, options in sets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """A connector stays with its organization: the roles in it would not move along. A sandbox stays on its machine."""
        fixed = ("organization",) if obj else ()
        remotes = self.credential_fields if obj and obj.is_sandbox else ()
        return tuple(dict.fromkeys((*super().get_readonly_fields(request, obj), *fixed, *remotes)))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, EncryptedField):
            return SecretField(label=capfirst(db_field.verbose_name), required=False)
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        connector = self.get_object(request, object_id)
        context = extra_context or {}
        if connector is not None:
            context["panel"] = connector_panel.build(
                connector, now=timezone.now(), may_run=self.has_run_permission(request, connector)
            )
            context["connector_name"] = connector.name
        return super().change_view(request, object_id, form_url, context)

    # ── Saving ───────────────────────────────────────────────────────────────────────────────────

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Save what was changed and nothing else: a worker may be writing to the same row."""
        if not change:
            obj.paused_at = timezone.now()
            obj.pause_reason = f"{PAUSED_BY_A_PERSON} {request.user}: it was just added."
            super().save_model(request, obj, form, change)
            return
        self.note_before(request, obj)
        columns = [name for name in form.changed_data if name != VERSION_NOTE]
        if columns:
            obj.save(update_fields=[*columns, "updated_at"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the mapping, then carry out what follows from all changes together."""
        super().save_related(request, form, formsets, change)
        connector = form.instance
        now, by = timezone.now(), author_of(request)
        said = form.cleaned_data.get(VERSION_NOTE) or ""
        if not change:
            versions.note(connector, {"created"}, by=by, said=said, now=now)
            messages.info(
                request,
                gettext(
                    "Next: test the connection, map fields in the tabs above, then resume: a new connector is paused."
                ),
            )
            return
        changed = set(form.changed_data) - _NAMES - {VERSION_NOTE}
        if any(formset.has_changed() for formset in formsets):
            changed.add("mappings")
        found = self.try_out(request, connector)
        configuration_changed(connector, changed, by=by, note=said, now=now)
        if changed and found.differing:
            affected.begin(connector, now=now)
            transaction.on_commit(partial(tasks.dispatch, tasks.look_through, connector_id=connector.pk))
        for problem in connector_panel.find_problems(connector) if changed else []:
            messages.warning(request, problem)

    # ── Deleting ─────────────────────────────────────────────────────────────────────────────────

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Count what goes along instead of listing it: it may be a million lines of history."""
        connectors = list(objs)
        counted: dict[str, int] = {"connectors": len(connectors)}
        for relation in Connector._meta.related_objects:
            rows = relation.related_model._default_manager.filter(connector__in=connectors)
            counted[str(relation.related_model._meta.verbose_name_plural)] = rows.count()
        refused = {"connector" for one in connectors if not self.has_delete_permission(request, one)}
        return [str(one) for one in connectors], counted, refused, []
