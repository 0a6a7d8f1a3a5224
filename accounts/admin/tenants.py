"""Agencies and their organizations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.access import agencies_where, sees_all
from accounts.admin.scoped import AgencyScopedAdmin, ScopedHistoryAdmin, ScopedTabularInline, principal_of
from accounts.models import Agency, Organization
from accounts.permissions import Permission


class OrganizationInline(ScopedTabularInline):
    model = Organization
    tenant = Agency
    organization_path = ""
    permission_to_delete = Permission.MANAGE_MEMBERS
    fields = ("name", "slug", "hull_domain")
    show_change_link = True
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Agency)
class AgencyAdmin(ScopedHistoryAdmin, AgencyScopedAdmin):
    """An agency is made and removed by superusers; its members look after the rest."""

    organization_path = ""
    permission_to_change = Permission.EDIT_CONFIGURATION
    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "public_id", "created_at")
    readonly_fields = ("public_id", "created_at")
    inlines = (OrganizationInline,)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return sees_all(principal_of(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return sees_all(principal_of(request))


@admin.register(Organization)
class OrganizationAdmin(ScopedHistoryAdmin):
    """An organization stays with its agency: the roles in it would not move along."""

    organization_path = ""
    permission_to_delete = Permission.MANAGE_MEMBERS
    credential_fields = ("hull_domain",)  # the Hull secret is sent to that host
    list_display = ("name", "slug", "agency", "hull_domain", "created_at")
    list_filter = ("agency",)
    list_select_related = ("agency",)
    search_fields = ("name", "slug", "hull_domain")
    ordering = ("name",)
    fields = ("agency", "name", "slug", "hull_domain", "public_id", "created_at")
    readonly_fields = ("public_id", "created_at")
    prepopulated_fields = {"slug": ("name",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return agencies_where(principal_of(request), Permission.EDIT_CONFIGURATION).exists()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return (*super().get_readonly_fields(request, obj), *(("agency",) if obj else ()))
