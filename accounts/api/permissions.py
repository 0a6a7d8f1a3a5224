"""Who may call the REST interface at all. What they find there is filtered by `accounts.access`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.api.authentication import principal_of
from accounts.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView  # reads this very class when it is imported


class HasPrincipal(BasePermission):
    """A valid token, or somebody who is signed in."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        principal = principal_of(request)
        return isinstance(principal, ApiToken) or principal.is_authenticated
