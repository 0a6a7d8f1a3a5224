"""`Authorization: Bearer <token>`."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.access import Principal
from accounts.models import ApiToken
from accounts.services import use_api_token


class BearerAuthentication(BaseAuthentication):
    """Puts the token in `request.auth`. No person is signed in then, so that none is blamed in the history."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiToken] | None:
        """Return nobody and the token, or None when the header is not ours. Raises AuthenticationFailed."""
        scheme, _, clear = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = use_api_token(clear.strip(), now=timezone.now())
        if token is None:
            raise AuthenticationFailed("The token is unknown, revoked or expired.")
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def principal_of(request: Request) -> Principal:
    """Return on whose behalf a request acts: its token, or who is signed in."""
    return request.auth if isinstance(request.auth, ApiToken) else request.user
