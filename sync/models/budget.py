"""How much of Close's rate limits is left, shared by every worker of every machine, and who used it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class Budget(models.Model):
    """One window of one limit of one Close organization, as Close's headers told it."""

    close_organization_id = models.CharField(max_length=80)
    group = models.CharField(max_length=20)
    limit = models.PositiveIntegerField(null=True)
    length = models.FloatField(null=True, help_text=_("Seconds from the start of a window to its end."))
    remaining = models.IntegerField(default=0)
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["close_organization_id", "group"], name="budget_once")
        ]

    def __str__(self) -> str:
        return f"{self.close_organization_id} {self.group}"


class BudgetDemand(models.Model):
    """What one connector's lane asked of a window and got."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="demands")
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="+")
    lane = models.CharField(max_length=8)
    window_ends_at = models.DateTimeField(null=True)
    used = models.PositiveIntegerField(default=0)
    wanted = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["budget", "connector", "lane"], name="budget_demand_once")
        ]

    def __str__(self) -> str:
        return f"{self.budget} {self.lane.lower()}"


class BudgetUse(models.Model):
    """The ledger: how many requests a connector's lane made within an hour, and how many Close refused."""

    close_organization_id = models.CharField(max_length=80)
    group = models.CharField(max_length=20)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="budget_uses")
    lane = models.CharField(max_length=8)
    hour = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "connector", "lane", "hour"], name="budget_use_once")
        ]
        indexes: ClassVar = [models.Index(fields=["hour"], name="budget_use_hour")]

    def __str__(self) -> str:
        return f"{self.connector.slug} {self.group} {self.hour:%Y-%m-%d %H}:00"
