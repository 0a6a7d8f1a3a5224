"""What changes people, tenants and tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Agency, ApiToken, User
from accounts.roles import Role

USE_IS_NOTED_EVERY = timedelta(minutes=1)


def issue_api_token(
    *,
    agency: Agency,
    role: Role,
    now: datetime,
    name: str = "",
    days: int | None = None,
    created_by: User | None = None,
) -> str:
    """Make a token and return its clear text, which cannot be shown again."""
    expires_at = now + timedelta(days=days) if days else None
    _, clear = ApiToken.objects.issue(
        agency=agency, role=role, name=name, expires_at=expires_at, created_by=created_by
    )
    return clear


def use_api_token(clear: str, *, now: datetime) -> ApiToken | None:
    """Return the valid token with this clear text, noting its use at most once a minute."""
    token = ApiToken.objects.find_valid(clear, now)
    if token and (token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


@transaction.atomic
def find_or_invite(email: str) -> User:
    """Return the person with this e-mail address, who may open the admin from now on.

    A new person has no password until they choose one.
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        user = User(username=email, email=email)
        user.set_unusable_password()
    user.is_staff = True
    user.save()
    return user
