"""Who is told when a connector needs somebody, what was told, and whether it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency
from sync.engine.alerts import AlertKind
from sync.models.choices import choices
from sync.models.connector import Connector
from sync.models.encryption import EncryptedField


class AlertChannel(models.Model):
    """A place that is told: people by e-mail, a room by a webhook that takes Slack's form, a program by a signed webhook."""

    class Kind(models.TextChoices):
        EMAIL = "EMAIL", _("E-mail")
        SLACK = "SLACK", _("Slack, or what takes its webhooks")
        WEBHOOK = "WEBHOOK", _("Signed webhook")

    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="alert_channels")
    connector = models.ForeignKey(
        Connector, on_delete=models.CASCADE, null=True, blank=True, related_name="alert_channels",
        help_text=_("None chosen: every connector of the agency."),
    )  # fmt: skip
    name = models.CharField(max_length=120, help_text=_("For example On call, or #sync-alerts."))
    kind = models.CharField(max_length=7, choices=Kind.choices, default=Kind.EMAIL)
    emails = models.JSONField(
        _("e-mail addresses"), default=list, blank=True, help_text=_("Who gets the e-mail. One a line.")
    )
    url = EncryptedField(_("webhook URL"), blank=True, default="")
    signing_key = EncryptedField(blank=True, default="", editable=False)
    kinds = models.JSONField(_("told of"), default=list, blank=True, help_text=_("None chosen: everything."))
    enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Nothing is told until then. Empty: not muted.")
    )
    last_sent_at = models.DateTimeField(null=True, editable=False)
    last_problem = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"

    def clean(self) -> None:
        """Raise ValidationError when it says nobody to tell."""
        if self.connector and self.connector.organization.agency_id != self.agency_id:
            raise ValidationError({"connector": "This connector belongs to another agency."})
        if self.kind == self.Kind.EMAIL and not self.emails:
            raise ValidationError({"emails": "Name at least one e-mail address."})
        if self.kind != self.Kind.EMAIL and not self.url:
            raise ValidationError({"url": "Enter the address that takes the message, https://…"})
        for address in self.emails:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError({"emails": f"{address} is not an e-mail address."}) from None

    def is_muted(self, now: datetime) -> bool:
        return self.muted_until is not None and self.muted_until > now


class Alert(models.Model):
    """A state that a connector came into, and when it came out of it again."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=7, choices=choices(AlertKind))
    message = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "kind"],
                condition=models.Q(closed_at=None),
                name="one_open_alert_of_a_kind",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["connector", "-opened_at"], name="alert_recent")]

    def __str__(self) -> str:
        return f"{self.connector.name}: {self.message}"


class AlertDelivery(models.Model):
    """One message to one channel: that an alert was raised, or that it is over."""

    class Event(models.TextChoices):
        RAISED = "RAISED", _("Raised")
        RECOVERED = "RECOVERED", _("Recovered")

    class State(models.TextChoices):
        PENDING = "PENDING", _("On its way")
        SENT = "SENT", _("Sent")
        FAILED = "FAILED", _("Not delivered")
        MUTED = "MUTED", _("Muted")

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=9, choices=Event.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    problem = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = _("alert deliveries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alert", "channel", "event"], name="alert_told_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "not_before"], name="alert_delivery_due")]

    def __str__(self) -> str:
        return f"{self.get_event_display()}: {self.alert} to {self.channel}"
