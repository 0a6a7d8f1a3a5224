"""API tokens: issued here, shown once, revoked for good."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.admin.scoped import AgencyScopedAdmin, ScopedHistoryAdmin
from accounts.models import ApiToken
from accounts.permissions import Permission


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedHistoryAdmin, AgencyScopedAdmin):
    """What a token may do is fixed when it is issued; afterwards it can only be revoked."""

    organization_path = "agency"
    permission_to_view = permission_to_add = Permission.MANAGE_CREDENTIALS
    permission_to_change = permission_to_delete = None
    list_display = ("prefix", "name", "agency", "role", "state", "expires_at", "last_used_at", "created_by")
    list_filter = ("role", "agency")
    list_select_related = ("agency", "created_by")
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("agency", "name", "role", "expires_at")
        return (*asked, "prefix", "last_used_at", "revoked_at", "created_at", "created_by") if obj else asked

    @display(description=_("state"), label={"Valid": "success", "Revoked": "danger", "Expired": "warning"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "Revoked"
        return "Valid" if token.is_valid(timezone.now()) else "Expired"

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Issue the token and show its text, this once."""
        clear = obj.issue(created_by=request.user)  # type: ignore[arg-type]  # an admin request has a user
        super().save_model(request, obj, form, change)
        self.message_user(
            request,
            gettext("Copy the token now, it is not shown again: {clear}").format(clear=clear),
            messages.WARNING,
        )

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.MANAGE_CREDENTIALS, obj)

    @action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        tokens = self.scope(request, queryset, Permission.MANAGE_CREDENTIALS).filter(revoked_at=None)
        count = len([token.revoke(now=timezone.now()) for token in tokens])
        self.message_user(request, gettext("{count} revoked.").format(count=count))
