"""What one Close organization and one Hull organization offer to map, as last read."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import CloseUser as User
from sync.records import CustomField, LeadStatus, ObjectType


class CloseField(models.Model):
    """One custom field of Close. `attribute` is the Hull attribute it comes in as, kept when it is renamed."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="close_fields")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    close_id = models.CharField(_("Close id"), max_length=120)
    label = models.CharField(max_length=250)
    attribute = models.CharField(max_length=250)
    type = models.CharField(max_length=40, default="text")
    choices = models.JSONField(default=list, blank=True)
    multiple = models.BooleanField(default=False)
    # Options that Hull's values asked for and Close does not have, with how many records asked.
    missing_options = models.JSONField(default=dict, blank=True)
    # Options that turned up in Close since a person last looked.
    new_options = models.JSONField(default=list, blank=True)
    position = models.PositiveIntegerField(default=0)
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "object_type", "close_id"], name="close_field_once"),
            models.UniqueConstraint(
                fields=["connector", "object_type", "attribute"],
                name="close_attribute_once",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def as_field(self) -> CustomField:
        """Return the value that decisions use."""
        return CustomField(self.close_id, self.label, self.type, tuple(self.choices), self.multiple)


class CloseStatus(models.Model):
    """One lead status of Close, in the organization's order."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="close_statuses")
    close_id = models.CharField(_("Close id"), max_length=120)
    label = models.CharField(max_length=250)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        verbose_name_plural = _("close statuses")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "close_id"], name="close_status_once"),
        ]

    def __str__(self) -> str:
        return self.label

    def as_status(self) -> LeadStatus:
        return LeadStatus(self.close_id, self.label)


class CloseUser(models.Model):
    """One sales rep of Close, by whom a field that holds a user is set."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="close_users")
    close_id = models.CharField(_("Close id"), max_length=120)
    email = models.CharField(max_length=320, blank=True)
    name = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "close_id"], name="close_user_once"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.close_id

    def as_user(self) -> User:
        """Return the value that decisions use."""
        return User(self.close_id, self.email, self.name)


class HullSegment(models.Model):
    """One segment of Hull, as last heard from a notification or read over REST."""

    class Kind(models.TextChoices):
        ACCOUNT = "ACCOUNT", _("Account segment")
        USER = "USER", _("User segment")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="hull_segments")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    hull_id = models.CharField(_("Hull id"), max_length=120)
    name = models.CharField(max_length=250, blank=True)
    seen_at = models.DateTimeField(null=True, help_text=_("When Hull last told of it."))

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "kind", "hull_id"], name="hull_segment_once"),
        ]

    def __str__(self) -> str:
        return self.name or self.hull_id


class HullAttribute(models.Model):
    """One attribute that Hull's accounts or users have, with its type, as last read over REST."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="hull_attributes")
    kind = models.CharField(max_length=7, choices=HullSegment.Kind.choices)
    name = models.CharField(max_length=250)
    type = models.CharField(max_length=40, default="string")
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "kind", "name"], name="hull_attribute_once"),
        ]

    def __str__(self) -> str:
        return self.name
