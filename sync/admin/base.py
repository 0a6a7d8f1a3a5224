"""What the admin pages of the sync app share: scoping by the connector, and lists of history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.access import organizations_visible_to
from accounts.admin.scoped import ReadOnlyMixin, ScopedAdmin, principal_of
from accounts.models import User
from sync.admin import cells
from sync.admin.export import CsvExport
from sync.admin.words import DIRECTIONS, OBJECTS
from sync.models import Connector


class ConnectorFilter(RelatedDropdownFilter):
    """Offers the connectors that the user may see, and no other tenant's names."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(row.pk, str(row)) for row in visible_connectors(request).order_by("name")]


class ConnectorScopedAdmin(ScopedAdmin):
    """Records of a connector."""

    organization_path = "connector__organization"
    list_select_related: tuple[str, ...] = ("connector",)
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False

    @display(description=_("What"))
    def what(self, obj: Any) -> SafeString:
        """Say what a record is and which way it goes; each leads to more of its kind."""
        model = obj._meta.model_name
        kind = cells.link(
            cells.changelist(model, object_type__exact=obj.object_type), OBJECTS[obj.object_type]
        )
        way = cells.link(cells.changelist(model, direction__exact=obj.direction), DIRECTIONS[obj.direction])
        return cells.unbroken(cells.stacked(kind, way))


class HistoryAdmin(CsvExport, ReadOnlyMixin, ConnectorScopedAdmin):  # type: ignore[misc]  # None where a permission may be None
    """What happened: looked at and never edited, in lists too long to count."""

    paginator = InfinitePaginator
    list_disable_select_all = True
    actions_detail_hide_default = True  # what nobody edits has no history of edits
    ordering: Any = ("-pk",)


def visible_connectors(request: HttpRequest) -> QuerySet[Connector]:
    """Return the connectors of the organizations that the user may look at."""
    return Connector.objects.filter(
        organization__in=organizations_visible_to(principal_of(request)).values("pk")
    )


def author_of(request: HttpRequest) -> User:
    """Return who makes a change."""
    user = request.user
    assert isinstance(user, User)
    return user


def free_slug(name: str) -> str:
    """Return a slug that no connector has."""
    return first_free_slug(name, lambda slug: Connector.objects.filter(slug=slug).exists())


def first_free_slug(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return a slug for a name, with a number where others have it."""
    slug = first = slugify(name)[:70] or "connector"
    number = 1
    while is_taken(slug):
        number += 1
        slug = f"{first}-{number}"
    return slug


def redirect(request: HttpRequest, address: str) -> HttpResponse:
    """Go to an address after an action, from a dialog of the page or from a plain form."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def change_page(obj: Model) -> str:
    """Return the address of a record's own page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
