"""The button that makes a sandbox connector."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.access import sees_all
from accounts.admin.scoped import principal_of, tenants_where
from accounts.models import Organization
from accounts.permissions import Permission
from sync.admin.base import change_page, redirect
from sync.admin.connector_actions import dispatch_all
from sync.models import Connector
from sync.services import sandboxes


class SandboxForm(BaseDialogForm):
    """Whose the sandbox is. With one organization there is nothing to choose; with none, one is made along."""

    organization = forms.ModelChoiceField(
        queryset=Organization.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
        help_text=_("Its members will see the sandbox."),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        offered = _organizations(request)
        field = self.fields["organization"]
        field.queryset = offered
        field.initial = offered.first()
        field.required = field.initial is not None or not sees_all(principal_of(request))
        if offered.count() == 1 or not field.required:
            field.widget = forms.HiddenInput()
        elif field.initial is None:
            field.help_text = gettext("Add an organization first: a sandbox belongs to one.")


class SandboxActions:
    """Mixed into the connector's admin. Making a sandbox needs what adding a connector needs."""

    actions_list: Any = ("begin_setup", "create_sandbox")

    @action(
        description=_("Set up a connector"), permissions=["add"], icon="add_link", variant=ActionVariant.PRIMARY,
        url_path="begin",
    )  # fmt: skip
    def begin_setup(self, request: HttpRequest) -> HttpResponse:
        return redirect(request, reverse("admin:sync_connector_start"))

    @action(
        description=_("Create a sandbox connector"), permissions=["add"], icon="science", variant=ActionVariant.DEFAULT,
        dialog={
            "title": _("Create a sandbox connector?"), "form_class": SandboxForm, "form_submit_text": _("Create"),
            "description": _("A simulated Close and a simulated Hull with sample data (80 leads, 120 accounts, 300 users) are "
            "started on this machine, with a connector and an example mapping between them. It syncs at once. Nothing goes "
            "to a real Close or Hull. It takes a few seconds."),
        },
    )  # fmt: skip
    def create_sandbox(self, request: HttpRequest, form: SandboxForm) -> HttpResponse:
        organization = form.cleaned_data["organization"] or sandboxes.sample_organization()
        try:
            connector = sandboxes.create(organization, secret=get_random_string(32), clock=timezone.now)
        except sandboxes.SandboxError as error:
            messages.error(
                request, gettext("No sandbox connector was made. {message}").format(message=error.message)
            )
            return redirect(request, reverse("admin:sync_connector_changelist"))
        dispatch_all(connector)
        messages.success(
            request,
            gettext(
                "“{name}” was made: sample data in a simulated Close and a simulated Hull, and an example mapping. The first sync has begun. Delete the connector when you are done, and everything in it goes."
            ).format(name=connector.name),
        )
        return redirect(request, change_page(connector))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may make a sandbox may delete it: its credentials open nothing."""
        if isinstance(obj, Connector) and obj.is_sandbox:
            return self.allows(request, Permission.EDIT_CONFIGURATION, obj)  # type: ignore[attr-defined]
        return super().has_delete_permission(request, obj)  # type: ignore[misc]


def _organizations(request: HttpRequest) -> QuerySet[Organization]:
    found = tenants_where(request, Organization, Permission.EDIT_CONFIGURATION)
    return found.select_related("agency").order_by("name", "pk")
