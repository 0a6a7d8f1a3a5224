"""The connector's form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from sync.admin.departures import DeparturesField, marks_leads
from sync.admin.fields import IdentitiesField, ListField, SecretField, chosen, segment_choices
from sync.models import CloseField, Connector, HullSegment, Secret
from sync.records import ObjectType

HULL_EVENTS = (
    ("status_change", _("Lead status changes")), ("opportunity", _("Opportunities: made, moved, won, lost")), ("note", _("Notes")),
    ("call", _("Calls")), ("email", _("E-mails, their subjects only")), ("custom_activity", _("Custom activities")),
)  # fmt: skip
VERSION_NOTE = "version_note"
SECRETS = ("hull_secret", "close_api_key")


class ConnectorForm(forms.ModelForm):
    """Choices by name where Close and Hull were read; what is stored stays visible even when they do not know it."""

    version_note = forms.CharField(
        required=False, max_length=500, label=_("Note on this change"), widget=UnfoldAdminTextInputWidget,
        help_text=_("What you changed and why, for your colleagues. It stands beside the version."),
    )  # fmt: skip

    class Meta:
        model = Connector
        fields = ()  # the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            if isinstance(field := self.fields.get(name), SecretField):
                field.tell(getattr(self.instance, name), getattr(self.instance, f"{name}_ref"))
        self._offer_segments("account_segments", HullSegment.Kind.ACCOUNT)
        self._offer_segments("user_segments", HullSegment.Kind.USER)
        for name in ("never_identities", "always_identities"):
            if shown := self.fields.get(name):
                self.fields[name] = IdentitiesField(
                    label=shown.label,
                    help_text=gettext("{help_text} One a line.").format(help_text=shown.help_text),
                )
        if shown := self.fields.get("hull_events"):
            self.fields["hull_events"] = forms.MultipleChoiceField(
                choices=HULL_EVENTS, required=False, label=shown.label, widget=UnfoldAdminCheckboxSelectMultipleWidget,
                help_text=gettext("Told from now on. Hull keeps events of users only: what is about a lead is told of its first contact."),
            )  # fmt: skip
        if "departures" in self.fields:
            self.fields["departures"] = DeparturesField(stored=self.instance.departures)
        if self.instance.pk:
            self._offer_statuses()
            self._offer_identifiers()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if (
            "mark_status" in self.fields
            and not data.get("mark_status")
            and marks_leads(data.get("departures"))
        ):
            self.add_error(
                "mark_status", gettext("Choose the status that marks a lead, or let nothing mark one above.")
            )
        return data

    def clean_hull_secret(self) -> Secret:
        return self._secret("hull_secret")

    def clean_close_api_key(self) -> Secret:
        return self._secret("close_api_key")

    def _secret(self, name: str) -> Secret:
        """Return the new secret, or the stored one when nothing was typed."""
        given: Secret | None = self.cleaned_data.get(name)
        stored = getattr(self.instance, name)
        return given or (stored if given is None and stored else Secret())

    def _offer_segments(self, name: str, kind: str) -> None:
        if name in self.fields:
            self.fields[name] = ListField(
                known=segment_choices(self.instance, kind),
                stored=getattr(self.instance, name),
                unknown=gettext("not heard of in Hull"),
                label=self.fields[name].label,
                help_text=gettext("{help_text} Another id can be typed in.").format(
                    help_text=self.fields[name].help_text
                ),
            )

    def _offer_statuses(self) -> None:
        self._offer_status(
            "lead_status", gettext("Close's own default"), gettext("Lead status"),
            gettext("The status that a new lead gets. Leads that were there already keep theirs."),
        )  # fmt: skip
        self._offer_status(
            "mark_status", "none", gettext("Status that marks a lead"),
            gettext("The status of a lead whose account has left, where that is chosen above. A lead whose account comes back "
            "keeps it, unless a mapping sets the status."),
        )  # fmt: skip

    def _offer_status(self, name: str, default: str, label: str, help_text: str) -> None:
        statuses = list(self.instance.close_statuses.all())
        if name not in self.fields or not statuses:
            return
        stored = getattr(self.instance, name)
        known = [
            (status.close_id if stored == status.close_id else status.label, status.label)
            for status in statuses
        ]
        self.fields[name] = chosen(
            known,
            stored,
            unknown=gettext("not a status in Close"),
            default=default,
            label=label,
            help_text=help_text,
        )

    def _offer_identifiers(self) -> None:
        if "identity_close" in self.fields:
            fields = CloseField.objects.filter(
                connector=self.instance, object_type=ObjectType.LEAD, missing_since=None
            )
            known = [("url", "Url"), *((f"custom.{field.close_id}", field.label) for field in fields)]
            self.fields["identity_close"] = chosen(
                known, self.instance.identity_close, unknown=gettext("not a lead field in Close"), label=gettext("Identifier in Close"),
                help_text=gettext("The lead's field that holds the identifier."),
            )  # fmt: skip
