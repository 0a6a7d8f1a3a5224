"""Setting up a connector, step by step: one question a page, each with its example, and real answers from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.scoped import tenants_where
from accounts.models import HOST, Agency, Organization
from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, story
from sync.admin.base import author_of, change_page, first_free_slug, free_slug, redirect
from sync.admin.connector_actions import dispatch_all
from sync.admin.fields import SecretField
from sync.admin.run import report_table
from sync.admin.suggestions import Suggestions
from sync.admin.words import Text
from sync.mapping.inbound import standard_name
from sync.mapping.pairing import suggest
from sync.mapping.paths import parse_close_path
from sync.models import Connector, Mapping
from sync.records import Direction, MappingRow, Mode, ObjectType
from sync.services import cloning, first_sync, hull_pull, setup, versions
from sync.services.configuration import configuration_changed


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the guide. `fields` are the connector's that it asks for; `says` is its one sentence of help."""

    name: str
    title: Text
    says: Text
    fields: tuple[str, ...] = ()
    needs: Permission = Permission.EDIT_CONFIGURATION


STEPS = (
    Step("hull", _("Hull"), _("In Hull's dashboard, open the connector and copy what stands under its settings."), ("hull_connector_id", "hull_secret"), Permission.MANAGE_CREDENTIALS),
    Step("close", _("Close"), _("In Close, open Settings → Developer → API Keys and make a key for an administrator, for example “Hull sync”."), ("close_api_key",), Permission.MANAGE_CREDENTIALS),
    Step("test", _("Test"), _("One real request goes to each side. Nothing is written.")),
    Step("segments", _("Segments"), _("Only accounts and users of these segments are sent to Close. None named: nothing goes out, and Close still comes in."), ("account_segments", "user_segments")),
    Step("status", _("Lead status"), _("What a new lead begins as. Leads that are there already keep theirs."), ("lead_status",)),
    Step("identifiers", _("Identifiers"), _("How an account in Hull recognises the lead that is it. The domain against the lead's url suits almost everybody."), ("identity_hull", "identity_close")),
    Step("mapping", _("Mapping"), _("Pairs that are obvious from their names. Take out what you do not want; everything else can be mapped afterwards.")),
    Step("report", _("First look"), _("Both sides are read, and every record is decided about. Neither side is written to.")),
    Step("go", _("Go"), _("From now on both sides are kept in step.")),
)  # fmt: skip
_NAMES = [step.name for step in STEPS]


class StartForm(forms.Form):
    """Whose the connector is and what it is called."""

    organization = forms.ModelChoiceField(
        Organization.objects.none(), required=False, empty_label=_("A new one"), widget=UnfoldAdminSelectWidget(),
        label=_("Organization"), help_text=_("The customer whose Hull and Close are connected."),
    )  # fmt: skip
    agency = forms.ModelChoiceField(
        Agency.objects.none(), required=False, empty_label=None, widget=UnfoldAdminSelectWidget(),
        label=_("Agency"), help_text=_("Who looks after the new organization."),
    )  # fmt: skip
    organization_name = forms.CharField(
        required=False, max_length=200, label=_("Name of the new organization"), widget=UnfoldAdminTextInputWidget,
        help_text=_("For example Acme."),
    )  # fmt: skip
    hull_domain = forms.CharField(
        required=False, max_length=253, label=_("Its Hull domain"), validators=[HOST], widget=UnfoldAdminTextInputWidget,
        help_text=_("The host of its Hull organization, for example acme.hullapp.io."),
    )  # fmt: skip
    name = forms.CharField(
        max_length=200, label=_("Name of the connector"), widget=UnfoldAdminTextInputWidget,
        help_text=_("What your colleagues will look for, for example Acme to Close."),
    )  # fmt: skip

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(*args)
        may_edit = Permission.EDIT_CONFIGURATION
        organizations: Any = self.fields["organization"]
        organizations.queryset = (
            tenants_where(request, Organization, may_edit).select_related("agency").order_by("name")
        )
        agencies: Any = self.fields["agency"]
        agencies.queryset = tenants_where(request, Agency, may_edit).order_by("name")
        if not agencies.queryset.exists():
            for name in ("agency", "organization_name", "hull_domain"):
                del self.fields[name]
            organizations.required, organizations.empty_label = True, None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("organization"):
            for name in ("agency", "organization_name", "hull_domain"):
                if name in self.fields and name not in self.errors and not data.get(name):
                    self.add_error(
                        name, gettext("Needed for a new organization, or choose one that is there.")
                    )
        return data


class SetupGuide:
    """Mixed into the connector's admin."""

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view  # type: ignore[attr-defined]  # mixed into an admin
        return [
            path("start/", guarded(self.start_view), name="sync_connector_start"),
            path("<int:object_id>/setup/<slug:name>/", guarded(self.step_view), name="sync_connector_setup"),
            path(
                "<int:object_id>/first-look/",
                guarded(require_POST(self.look_view)),
                name="sync_connector_first_look",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    # ── Beginning ────────────────────────────────────────────────────────────────────────────────

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Make a connector that does nothing yet."""
        if not self.has_add_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        form = StartForm(request, request.POST or None)
        if request.method == "POST" and form.is_valid():
            return redirect(request, address(_made(request, form.cleaned_data), "hull"))
        context = self._context(request, gettext("Set up a connector")) | {
            "form": form, "says": gettext("A connector pairs one Hull connector with one Close organization. It starts paused: nothing happens before the last step."),
            "steps": _steps(None, ""), "go_on": gettext("Go on"),
        }  # fmt: skip
        return TemplateResponse(request, "sync/admin/setup.html", context)

    # ── The steps ────────────────────────────────────────────────────────────────────────────────

    def step_view(self, request: HttpRequest, object_id: int, name: str) -> HttpResponse:
        """Show one step, or save it and go on."""
        if name not in _NAMES:
            raise Http404
        step = STEPS[_NAMES.index(name)]
        connector = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        context = self._context(request, gettext("Set up {name}").format(name=connector.name)) | {
            "connector": connector, "step": step, "says": step.says, "steps": _steps(connector, name),
            "back": address(connector, _NAMES[_NAMES.index(name) - 1]) if name != _NAMES[0] else "",
            "go_on": gettext("Save and go on") if step.fields else gettext("Go on"),
        }  # fmt: skip
        pages: dict[str, Callable[..., HttpResponse | None]] = {
            "test": self._test, "mapping": self._mapping, "report": self._report, "go": self._go,
        }  # fmt: skip
        answer = pages.get(name, self._fields)(request, connector, step, context)
        return answer or TemplateResponse(request, "sync/admin/setup.html", context)

    def _fields(
        self, request: HttpRequest, connector: Connector, step: Step, context: dict[str, Any]
    ) -> HttpResponse | None:
        """Ask for some of the connector's fields."""
        if step.name == "segments":
            context["notice"] = hull_pull.refresh_old_schema(connector, clock=timezone.now)
        may_change = self.allows(request, step.needs, connector)  # type: ignore[attr-defined]
        form_class = self.get_form(request, connector, change=True, fields=step.fields)  # type: ignore[attr-defined]
        form = form_class(request.POST or None, instance=connector)
        if connector.hull_connector_id.startswith(cloning.DRAFT):
            form.initial["hull_connector_id"] = ""
        form.fields.pop("version_note", None)
        for field in form.fields.values():
            if isinstance(field, SecretField):
                field.required = False
        context |= {"form": form if may_change else None}
        if not may_change:
            context["notice"] = "Only an owner enters credentials. What is stored stays; you can go on."
        if request.method != "POST":
            return None
        if may_change and not form.is_valid():
            return None
        if may_change and form.changed_data:
            with transaction.atomic():
                form.instance.save(update_fields=[*form.changed_data, "updated_at"])
                audit.note(request, connector, f"Set up: {step.name}.")
                configuration_changed(
                    connector, form.changed_data, by=author_of(request), note=gettext("Set up: {title}.").format(title=step.title), now=timezone.now()
                )  # fmt: skip
        return self._next(request, connector, step)

    def _test(
        self, request: HttpRequest, connector: Connector, step: Step, context: dict[str, Any]
    ) -> HttpResponse | None:
        if request.method == "POST" and "again" not in request.POST:
            return self._next(request, connector, step)
        tried = setup.test_connection(connector, clock=timezone.now)
        problem = "" if not tried.is_good else hull_pull.refresh_old_schema(connector, clock=timezone.now)
        context |= {
            "tried": tried,
            "again": True,
            "go_on": gettext("Go on") if tried.is_good else gettext("Go on all the same"),
        }
        context["notice"] = (
            gettext("Hull's segments could not be read: {problem}").format(problem=problem) if problem else ""
        )
        return None

    def _mapping(
        self, request: HttpRequest, connector: Connector, step: Step, context: dict[str, Any]
    ) -> HttpResponse | None:
        suggested, known = suggestions(connector), Suggestions(connector)
        if request.method == "POST":
            chosen = [
                suggested[int(n)]
                for n in request.POST.getlist("row")
                if n.isdecimal() and int(n) < len(suggested)
            ]
            if chosen:
                _add_rows(request, connector, chosen)
            return self._next(request, connector, step)
        context["places"] = [
            (title, [(number, _in_words(row, known)) for number, row in enumerate(suggested) if (row.object_type, row.direction) == place])
            for place, title in _PLACES.items()
        ]  # fmt: skip
        context["mapped"] = connector.mappings.count()
        context["go_on"] = gettext("Map these and go on")
        return None

    def _report(
        self, request: HttpRequest, connector: Connector, step: Step, context: dict[str, Any]
    ) -> HttpResponse | None:
        if request.method == "POST":
            return self._next(request, connector, step)
        context |= _report_context(connector)
        return None

    def look_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Begin to read both sides."""
        connector = self.get_permitted(request, object_id, Permission.RUN)  # type: ignore[attr-defined]
        if not tasks.dispatch(tasks.look_before_first_sync, connector_id=connector.pk):
            messages.warning(request, gettext("No worker can be reached now. Try again when one runs."))
        return redirect(request, f"{address(connector, 'report')}?begun=1")

    def _go(
        self, request: HttpRequest, connector: Connector, step: Step, context: dict[str, Any]
    ) -> HttpResponse | None:
        if request.method == "POST" and self.allows(request, Permission.RUN, connector):  # type: ignore[attr-defined]
            audit.note(request, connector, "Set it up and started it.")
            connector.resume()
            dispatch_all(connector)
            messages.success(
                request, f"{connector.name} runs. Its first sync has begun; this page shows how far it is."
            )
            return redirect(request, change_page(connector))
        context |= {"facts": _summary(connector), "go_on": gettext("Start syncing")}
        return None

    def _next(self, request: HttpRequest, connector: Connector, step: Step) -> HttpResponse:
        return redirect(request, address(connector, _NAMES[_NAMES.index(step.name) + 1]))

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {"title": title}  # type: ignore[attr-defined]


def address(connector: Connector, name: str) -> str:
    """Return where a step of a connector is."""
    return reverse("admin:sync_connector_setup", args=[connector.pk, name])


_PLACES = {
    (ObjectType.LEAD, Direction.OUTBOUND): _("Leads: Hull → Close"),
    (ObjectType.LEAD, Direction.INBOUND): _("Leads: Close → Hull"),
    (ObjectType.CONTACT, Direction.OUTBOUND): _("Contacts: Hull → Close"),
    (ObjectType.CONTACT, Direction.INBOUND): _("Contacts: Close → Hull"),
}


def _in_words(row: MappingRow, known: Suggestions) -> str:
    label = known.close_fields(row.object_type, row.direction).get(row.close) or row.close
    if row.direction is Direction.OUTBOUND:
        return f"{row.hull} → {label}{' (only if empty)' if row.mode is Mode.IF_EMPTY else ''}"
    return f"{label} → {standard_name(parse_close_path(row.close), row.object_type, known.schema)}"


def suggestions(connector: Connector) -> list[MappingRow]:
    """Return the obvious rows that a connector does not have yet."""
    known, rows = Suggestions(connector), [row.as_row() for row in connector.mappings.all()]
    return [
        row for place in _PLACES for row in suggest(*place, known.hull_attributes(*place), known.schema, rows)
    ]


@transaction.atomic
def _made(request: HttpRequest, data: dict[str, Any]) -> Connector:
    now, by = timezone.now(), author_of(request)
    organization = data.get("organization") or Organization.objects.create(
        agency=data["agency"], name=data["organization_name"], hull_domain=data["hull_domain"],
        slug=first_free_slug(data["organization_name"], lambda slug: Organization.objects.filter(agency=data["agency"], slug=slug).exists()),
    )  # fmt: skip
    connector = cloning.draft(organization, name=data["name"], slug=free_slug(data["name"]), by=by, now=now)
    versions.note(connector, {"created"}, by=by, now=now)
    return connector


@transaction.atomic
def _add_rows(request: HttpRequest, connector: Connector, rows: list[MappingRow]) -> None:
    last = connector.mappings.count()
    for number, row in enumerate(rows):
        Mapping.objects.get_or_create(
            connector=connector, object_type=row.object_type, direction=row.direction, hull=row.hull, close=row.close,
            defaults={"mode": row.mode, "position": last + number},
        )  # fmt: skip
    configuration_changed(
        connector,
        {"mappings"},
        by=author_of(request),
        note=gettext("{count} suggested rows.").format(count=len(rows)),
        now=timezone.now(),
    )


def _steps(connector: Connector | None, name: str) -> list[dict[str, Any]]:
    here = _NAMES.index(name) if name else -1
    return [
        {"title": step.title, "href": address(connector, step.name) if connector else "", "is_here": place == here, "is_done": place < here}
        for place, step in enumerate(STEPS)
    ]  # fmt: skip


def _report_context(connector: Connector) -> dict[str, Any]:
    found = first_sync.report(connector, now=timezone.now())
    tables = [report_table(found.run)] if found.run else []
    return {
        "report": found,
        "tables": [table for table in tables if table.rows],
        "outcomes": cells.changelist("outcome", run__id__exact=found.run.pk) if found.run else "",
        "look": reverse("admin:sync_connector_first_look", args=[connector.pk]),
    }


def _summary(connector: Connector) -> list[tuple[str, Any]]:
    """Say what will happen, before it does."""
    names = {row.hull_id: row.name for row in connector.hull_segments.all()}
    segments = [names.get(one) or one for one in (*connector.account_segments, *connector.user_segments)]
    rows = connector.mappings
    return [
        (gettext("Goes out"), story.flat(", ".join(segments)) if segments else gettext("nothing: no segment is named")),
        (gettext("New leads begin as"), connector.lead_status or gettext("Close's own default")),
        (gettext("Fields that go out"), gettext("{value}, beside name and identifier").format(value=rows.filter(direction=Direction.OUTBOUND).count())),
        (gettext("Fields that come in"), gettext("{value}, beside name and id").format(value=rows.filter(direction=Direction.INBOUND).count())),
        (gettext("The brake"), gettext("more than {brake_creates:,} new records within an hour wait for approval").format(brake_creates=connector.brake_creates) if connector.brake_creates is not None else gettext("no limit on new records")),
    ]  # fmt: skip
