"""What narrows the list of connectors. Nothing offered here names another tenant."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from accounts.access import agencies_visible_to, organizations_visible_to
from accounts.admin.scoped import principal_of
from sync.admin.words import HEALTH
from sync.models import Connector


class HealthFilter(DropdownFilter):
    """The states, in words."""

    title = "state"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words.label) for value, words in HEALTH.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        health = {"health": self.value()}  # annotated
        return queryset.filter(**health) if self.value() else queryset


class AgencyFilter(RelatedDropdownFilter):
    """The agencies that the user sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(row.pk, row.name) for row in agencies_visible_to(principal_of(request)).order_by("name")]


class OrganizationFilter(RelatedDropdownFilter):
    """The organizations that the user sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [
            (row.pk, row.name) for row in organizations_visible_to(principal_of(request)).order_by("name")
        ]
