"""Alerts: what connectors came into, who is told of it, and whether that arrived."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from accounts.access import agencies_visible_to, sees_all
from accounts.admin.scoped import AgencyScopedAdmin, principal_of
from accounts.permissions import Permission
from sync.admin import cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin, change_page, redirect, visible_connectors
from sync.admin.fields import SecretField
from sync.admin.words import ALERTS
from sync.models import Alert, AlertChannel, AlertDelivery, Connector, EncryptedField, Secret
from sync.services import alerting

_MUTES = {"1": _("One hour"), "8": _("Eight hours"), "24": _("A day"), "168": _("A week")}
_VARIANTS = {"SENT": "success", "FAILED": "danger", "PENDING": "info"}


class EmailsField(forms.CharField):
    """E-mail addresses, one a line; stored as a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget({"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        addresses = str(value or "").replace(",", " ").split()
        for address in addresses:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(
                    gettext("{address} is not an e-mail address.").format(address=address)
                ) from None
        return list(dict.fromkeys(addresses))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != str(data or "").split()


class ChannelForm(forms.ModelForm):
    """Who is told, of what, and how."""

    class Meta:
        model = AlertChannel
        fields = ()  # the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if shown := self.fields.get("emails"):
            self.fields["emails"] = EmailsField(label=shown.label, help_text=shown.help_text)
        if shown := self.fields.get("kinds"):
            self.fields["kinds"] = forms.MultipleChoiceField(
                choices=[(kind, words.label) for kind, words in ALERTS.items()], required=False,
                label=shown.label, help_text=shown.help_text, widget=UnfoldAdminCheckboxSelectMultipleWidget,
            )  # fmt: skip
        if isinstance(field := self.fields.get("url"), SecretField):
            field.tell(self.instance.url, {})

    def clean_url(self) -> Secret:
        given: Secret | None = self.cleaned_data.get("url")
        return given or (self.instance.url if given is None and self.instance.url else Secret())


class MuteForm(BaseDialogForm):
    """For how long nothing is told."""

    hours = forms.ChoiceField(choices=list(_MUTES.items()), label=_("For"), widget=UnfoldAdminSelectWidget)


@admin.register(AlertChannel)
class AlertChannelAdmin(AgencyScopedAdmin):
    """Who is told. A webhook's address is a credential: it is never shown again."""

    form = ChannelForm
    permission_to_add = permission_to_change = permission_to_delete = Permission.MANAGE_CREDENTIALS
    list_display = ("name", "kind", "of_what", "about", "state_shown", "last_told")
    list_select_related = ("agency", "connector")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name",)
    actions_detail = ("send_test", "mute", "unmute")
    readonly_fields = ("signing_shown", "last_told")
    conditional_fields = {
        "emails": "kind == 'EMAIL'", "url": "kind != 'EMAIL'", "signing_shown": "kind == 'WEBHOOK'",
    }  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "description": _("Who is told when a connector fails, falls silent, waits for Close's limit or for approval, and "
                "when that is over."),
                "fields": ("name", "agency", "connector", "kind", "emails", "url", "signing_shown", "kinds", "enabled", "last_told"),
            },
        ),
    )  # fmt: skip

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, EncryptedField):
            return SecretField(label=gettext("Webhook URL"), required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_("Told of"))
    def of_what(self, channel: AlertChannel) -> str:
        return (
            ", ".join(words.label for kind, words in ALERTS.items() if kind in channel.kinds) or "everything"
        )

    @display(description=_("About"))
    def about(self, channel: AlertChannel) -> str:
        return (
            channel.connector.name
            if channel.connector
            else gettext("all of {name}").format(name=channel.agency.name)
        )

    @display(description=_("State"))
    def state_shown(self, channel: AlertChannel) -> SafeString:
        if not channel.enabled:
            return cells.badge(gettext("Switched off"))
        if channel.is_muted(timezone.now()):
            return cells.stacked(
                cells.badge(gettext("Muted"), "warning"),
                gettext("ends {value}").format(value=cells.due(channel.muted_until)),
            )
        if channel.last_problem:
            return cells.wide(
                cells.stacked(cells.badge(gettext("Not delivered"), "danger"), channel.last_problem)
            )
        return cells.badge(gettext("On"), "success")

    @display(description=_("Last told"))
    def last_told(self, channel: AlertChannel) -> SafeString:
        return cells.ago(channel.last_sent_at)

    @display(description=_("Signing key"))
    def signing_shown(self, channel: AlertChannel) -> str:
        if not channel.signing_key:
            return gettext("made when it is saved, and shown once")
        return f"{channel.signing_key.hint}; a message is signed as the Standard Webhooks specification says"

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        key = (
            ""
            if obj.signing_key or obj.kind != AlertChannel.Kind.WEBHOOK
            else f"whsec_{secrets.token_urlsafe(32)}"
        )
        if key:
            obj.signing_key = key
        super().save_model(request, obj, form, change)
        if key:
            messages.warning(request, gettext("The signing key, shown only now: {key}").format(key=key))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        channel = self.get_object(request, str(object_id))
        if channel is None:
            return []
        hidden = {"mute"} if channel.is_muted(timezone.now()) else {"unmute"}
        offered = super().get_actions_detail(request, object_id)
        return [found for found in offered if found.method.original_function_name not in hidden]

    @action(
        description=_("Send a test"), permissions=["manage_credentials"], icon="send",
        dialog={
            "title": _("Send a test message?"), "form_class": None, "form_submit_text": _("Send"),
            "description": _("One message goes to this channel now."),
        },
    )  # fmt: skip
    def send_test(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        channel = self.get_permitted(request, object_id, Permission.MANAGE_CREDENTIALS)
        problem = alerting.try_out(channel, now=timezone.now())
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, gettext("Sent."))
        return redirect(request, change_page(channel))

    @action(
        description=_("Mute"), permissions=["manage_credentials"], icon="notifications_off",
        dialog={
            "title": _("Mute this channel?"), "form_class": MuteForm, "form_submit_text": _("Mute"),
            "description": _("Nothing is told until then; what happens meanwhile stays in the list of alerts."),
        },
    )  # fmt: skip
    def mute(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        channel = self.get_permitted(request, object_id, Permission.MANAGE_CREDENTIALS)
        channel.muted_until = timezone.now() + timedelta(hours=int(form.cleaned_data["hours"]))
        channel.save(update_fields=["muted_until"])
        messages.success(
            request, gettext("Muted until {value}.").format(value=cells.exact(channel.muted_until))
        )
        return redirect(request, change_page(channel))

    @action(
        description=_("Unmute"), permissions=["manage_credentials"], icon="notifications_active",
        dialog={
            "title": _("Tell again from now on?"), "form_class": None, "form_submit_text": _("Unmute"),
            "description": _("What is open now is not told again; what comes next is."),
        },
    )  # fmt: skip
    def unmute(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        channel = self.get_permitted(request, object_id, Permission.MANAGE_CREDENTIALS)
        channel.muted_until = None
        channel.save(update_fields=["muted_until"])
        messages.success(request, gettext("It is told again."))
        return redirect(request, change_page(channel))

    def choosable(self, request: HttpRequest, db_field: Any) -> QuerySet[Any]:
        if db_field.name == "connector":
            return visible_connectors(request)
        return super().choosable(request, db_field)

    def scope(self, request: HttpRequest, queryset: QuerySet[Any], permission: Permission) -> QuerySet[Any]:
        """Who sees a connector sees who is told about it, and who is told about all of its agency."""
        if sees_all(principal_of(request)) or permission is not Permission.VIEW:
            return super().scope(request, queryset, permission)
        mine = Q(connector__in=visible_connectors(request).values("pk")) | Q(connector=None)
        return queryset.filter(mine, agency__in=agencies_visible_to(principal_of(request)).values("pk"))


@admin.register(Alert)
class AlertAdmin(HistoryAdmin):
    """The newest first; what is open now stands out."""

    export_fields = ("opened_at", "closed_at", "connector", "kind", "message")
    list_display = ("state_shown", "what", "message", "opened", "lasted", "told", "connector_shown")
    list_filter = (("connector", ConnectorFilter), ("kind", ChoicesDropdownFilter))
    change_form_outer_after_template = "sync/admin/run.html"
    fieldsets = (
        (
            None,
            {
                "description": _("A state that the connector came into, and when it came out of it again."),
                "fields": ("state_shown", "what", "message", "opened", "lasted", "connector"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).prefetch_related("deliveries__channel")

    @display(description=_("State"), ordering="closed_at")
    def state_shown(self, alert: Alert) -> SafeString:
        return (
            cells.badge(gettext("Over"), "success")
            if alert.closed_at
            else cells.badge(gettext("Open"), "danger")
        )

    @display(description=_("What"), ordering="kind")
    def what(self, alert: Alert) -> SafeString:
        return cells.link(cells.changelist("alert", kind__exact=alert.kind), ALERTS[alert.kind].label)

    @display(description=_("Began"), ordering="pk")
    def opened(self, alert: Alert) -> SafeString:
        return cells.ago(alert.opened_at)

    @display(description=_("Lasted"))
    def lasted(self, alert: Alert) -> str:
        return cells.span((alert.closed_at or timezone.now()) - alert.opened_at)

    @display(description=_("Told"))
    def told(self, alert: Alert) -> SafeString:
        names = [one.channel.name for one in alert.deliveries.all() if one.state == AlertDelivery.State.SENT]
        return cells.stacked_plainly(list(dict.fromkeys(names))) or SafeString("nobody")

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, alert: Alert) -> SafeString:
        return cells.link(change_page(alert.connector), alert.connector.name)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        alert, context = self.get_object(request, object_id), extra_context or {}
        if alert is not None:
            table = story.Table(
                gettext("Who was told"),
                [
                    gettext("Channel"),
                    gettext("Of what"),
                    gettext("State"),
                    gettext("When"),
                    gettext("Trouble"),
                ],
            )
            table.rows = [
                [
                    one.channel.name, one.get_event_display(), cells.badge(one.get_state_display(), _VARIANTS.get(one.state, "")),
                    cells.ago(one.sent_at), one.problem or cells.NOTHING,
                ]
                for one in alert.deliveries.all()
            ]  # fmt: skip
            context["tables"] = [table] if table.rows else []
        return super().change_view(request, object_id, form_url, context)


def open_alerts(connectors: QuerySet[Connector]) -> int:
    """Count what is open now."""
    return Alert.objects.filter(connector__in=connectors.values("pk"), closed_at=None).count()
