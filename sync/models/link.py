"""What we know of each Close record, and the Hull record it is paired with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.engine.plan import BaseValue, KnownRecord
from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import ObjectType


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> LinkQuerySet:
        """Those whose Close record still exists."""
        return self.filter(deleted_at=None, merged_into="")

    def paired(self) -> LinkQuerySet:
        return self.exclude(hull_id=None)


class Link(models.Model):
    """A Close record as far as we know it. It is paired once `hull_id` is set.

    `close` holds the fields as Close last told them, `base` the last reconciled value of each mapped field as
    `{field: [sent, stored]}`, `sent` the attributes that Hull last got from us.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="links")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    close_id = models.CharField(_("Close id"), max_length=120)
    hull_id = models.CharField(_("Hull id"), max_length=250, null=True, blank=True)
    parent_close_id = models.CharField(_("lead id"), max_length=120, blank=True)
    label = models.CharField(max_length=250, blank=True)
    close = models.JSONField(default=dict)
    close_updated_at = models.DateTimeField(null=True)
    # When a reading of everything last found it; what such a reading does not find any more was deleted.
    seen_at = models.DateTimeField(null=True)
    base = models.JSONField(default=dict)
    sent = models.JSONField(default=dict)
    sent_at = models.DateTimeField(null=True)
    # Since when Hull is being told; what is told has a mark in `sent` meanwhile. See `sync.engine.doubt`.
    telling_since = models.DateTimeField(null=True)
    paired_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    merged_into = models.CharField(max_length=120, blank=True)
    # A further contact of a user whose own contact is another one; see `Connector.keeps_every_contact`.
    is_further = models.BooleanField(default=False)
    # Which departure was acted upon, so that it is acted upon once.
    departed = models.CharField(max_length=16, blank=True)
    # Per field the moments and digests of what we wrote lately, and the fields that are paused because they flip.
    flips = models.JSONField(default=dict)
    paused_fields = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = LinkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "object_type", "close_id"],
                name="link_close_id_once",
            ),
            models.UniqueConstraint(
                fields=["connector", "object_type", "hull_id"],
                condition=models.Q(is_further=False),
                name="link_hull_id_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connector", "parent_close_id"], name="link_by_lead"),
            models.Index(fields=["connector"], condition=~models.Q(paused_fields={}), name="link_paused"),
            models.Index(
                fields=["connector", "telling_since"],
                condition=models.Q(telling_since__isnull=False),
                name="link_being_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.close_id} ({self.close_id})"

    @property
    def is_gone(self) -> bool:
        """Whether the record is not in Close any more, deleted or merged."""
        return self.deleted_at is not None or bool(self.merged_into)

    def as_known(self, *, current: bool = False) -> KnownRecord:
        """Return the value that decisions use."""
        return KnownRecord(
            close_id=self.close_id,
            close=self.close,
            hull_id=self.hull_id,
            parent_close_id=self.parent_close_id or None,
            base={name: BaseValue(*pair) for name, pair in self.base.items()},
            sent=self.sent,
            sent_at=self.sent_at,
            updated_at=self.close_updated_at,
            deleted=self.deleted_at is not None,
            merged_into=self.merged_into or None,
            current=current,
            is_further=self.is_further,
            departed=self.departed,
            flips=self.flips,
            paused=self.paused_fields,
        )


class MatchKey(models.Model):
    """The local match index: one value by which a Close record may be recognised without asking Close.

    Kinds: `hull_id` (where Hull's id is kept in Close), `identifier` (the configured one of a lead, normalised),
    `external_id`, `host` (of a lead's url), `email` (of a contact, folded).
    """

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="match_keys")
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE)
    kind = models.CharField(max_length=12)
    value = models.CharField(max_length=320)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["link", "kind", "value"], name="match_key_once")
        ]
        indexes: ClassVar = [models.Index(fields=["connector", "kind", "value"], name="match_key_lookup")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
