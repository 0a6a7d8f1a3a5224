"""Tables of the platform: what the embedded broker, the database cache and the leases are made of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class BrokerMessage(models.Model):
    """One message of the embedded broker. It is taken by a lease, so that a killed worker loses nothing."""

    queue = models.CharField(max_length=120)
    payload = models.TextField()
    fingerprint = models.CharField(
        max_length=64, null=True, help_text="Of what may be merged while it waits."
    )
    leased_by = models.CharField(max_length=64, default="")
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "id"], name="broker_message_next")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["queue", "fingerprint"],
                condition=Q(leased_until=None),
                name="one_waiting_nudge_of_a_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.queue} #{self.pk}"


class CacheEntry(models.Model):
    """A row of Django's database cache, declared so that a migration makes its table."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "cache"

    def __str__(self) -> str:
        return self.cache_key


class Lease(models.Model):
    """The right of one process to do a thing alone, until a time."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=120)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
