"""The rate budget: what Close lets an organization ask, what is left of it, who asked for it and who got it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.access import sees_all
from accounts.admin.scoped import ReadOnlyMixin, ScopedAdmin, principal_of, tenants_where
from accounts.permissions import Permission
from sync import queries
from sync.admin import cells, story
from sync.admin.base import visible_connectors
from sync.admin.charts import Chart, requests_chart
from sync.models import Budget, BudgetUse, Connector

OTHERS = "Other connectors"
_GROUPS = {"records": _("Leads and contacts"), "search": _("Search"), "event": _("Event log")}
_LANES = {"FRESH": _("Fresh changes"), "RETRY": _("Retries"), "BACKFILL": _("Backfill and resync")}


@admin.register(Budget)
class BudgetAdmin(ReadOnlyMixin, ScopedAdmin):  # type: ignore[misc]  # None where a permission may be None
    """One row per Close organization and limit. Who has a connector of the organization sees it."""

    list_display = ("what", "organization_shown", "limit_shown", "left", "ends")
    ordering = ("close_organization_id", "group")
    list_disable_select_all = True
    actions_detail_hide_default = True
    change_form_outer_after_template = "sync/admin/budget.html"
    fieldsets = (
        (
            None,
            {
                "description": _(
                    "Close counts requests within windows of a few seconds, for all connectors of an "
                    "organization together."
                ),
                "fields": ("what", "organization_shown", "limit_shown", "left", "ends"),
            },
        ),
    )

    def allows(self, request: HttpRequest, permission: Permission | None, obj: Any = None) -> bool:
        if permission is None or obj is None or not super().allows(request, permission):
            return super().allows(request, permission)
        pk = getattr(obj, "pk", obj)
        return self.scope(request, Budget.objects.filter(pk=pk), permission).exists()

    def scope(self, request: HttpRequest, queryset: QuerySet[Any], permission: Permission) -> QuerySet[Any]:
        if sees_all(principal_of(request)):
            return queryset
        owners = tenants_where(request, self.tenant, permission).values("pk")
        mine = Connector.objects.filter(organization__in=owners).exclude(close_organization_id="")
        return queryset.filter(close_organization_id__in=mine.values("close_organization_id"))

    @display(description=_("Requests for"))
    def what(self, budget: Budget) -> str:
        return str(_GROUPS.get(budget.group, budget.group.replace("_", " ").capitalize()))

    @display(description=_("Close organization"))
    def organization_shown(self, budget: Budget) -> SafeString:
        names = Connector.objects.filter(close_organization_id=budget.close_organization_id)
        name = (
            names.exclude(close_organization_name="")
            .values_list("close_organization_name", flat=True)
            .first()
        )
        return cells.stacked(
            name or budget.close_organization_id, budget.close_organization_id if name else ""
        )

    @display(description=_("Limit"))
    def limit_shown(self, budget: Budget) -> str:
        return (
            gettext("{limit:,} in {length:g} s").format(limit=budget.limit, length=budget.length)
            if budget.limit and budget.length
            else gettext("not told yet")
        )

    @display(description=_("Left"))
    def left(self, budget: Budget) -> str:
        if budget.limit is None:
            return cells.NOTHING
        return f"{budget.remaining if _is_open(budget) else budget.limit:,}"

    @display(description=_("Window ends"))
    def ends(self, budget: Budget) -> SafeString | str:
        return (
            cells.due(budget.ends_at)
            if _is_open(budget)
            else gettext("with the next request a new one begins")
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        budget, context = self.get_object(request, object_id), extra_context or {}
        if budget is not None:
            names = {one.pk: one.name for one in visible_connectors(request)}
            uses = queries.ledger(budget.close_organization_id, budget.group, now=timezone.now())
            context |= {"chart": _chart(uses, names), "tables": _tables(budget, uses, names)}
        return super().change_view(request, object_id, form_url, context)


def _is_open(budget: Budget) -> bool:
    return budget.ends_at is not None and budget.ends_at > timezone.now()


def _chart(uses: Sequence[BudgetUse], names: dict[int, str]) -> Chart:
    counts: Counter[tuple[str, datetime]] = Counter()
    for use in uses:
        counts[names.get(use.connector_id, OTHERS), use.hour] += use.calls
    return requests_chart(counts, now=timezone.now())


def _tables(budget: Budget, uses: Sequence[BudgetUse], names: dict[int, str]) -> list[story.Table]:
    """Who asks in this window, and who got how much in a day. Other tenants' connectors are one line without names."""
    asked = story.Table(
        gettext("This window"),
        [gettext("Who"), gettext("What for"), gettext("Got"), gettext("Still wants"), gettext("Last asked")],
    )
    for one in budget.demands.order_by("connector", "lane") if _is_open(budget) else ():
        if one.connector_id in names:
            row = [names[one.connector_id], _LANES[one.lane], f"{one.used:,}", f"{one.wanted:,}"]
            asked.rows.append([*row, cells.ago(one.asked_at)])
    made, refused = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for use in uses:
        who = (names.get(use.connector_id, OTHERS), use.lane)
        made[who] += use.calls
        refused[who] += use.refused
    day = story.Table(
        gettext("The last 24 hours"),
        [gettext("Who"), gettext("What for"), gettext("Requests"), gettext("Refused by Close")],
    )
    day.rows = [
        [name, _LANES[lane], f"{made[name, lane]:,}", f"{refused[name, lane]:,}"]
        for name, lane in sorted(made)
    ]
    return [table for table in (asked, day) if table.rows]
