"""System checks, numbered, each with a hint.

sync.W001   remotes without TLS are permitted in production
sync.W002   the key that signs sessions also encrypts secrets
sync.W003   PUBLIC_URL is not https in production
sync.W004   the development SECRET_KEY is used in production
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name


@register(Tags.security, deploy=True)
def check_remotes(**kwargs: Any) -> list[CheckMessage]:
    """Warn when credentials may go out over http or to this machine."""
    if settings.DEBUG or not settings.ALLOW_INSECURE_REMOTES:
        return []
    return [Warning(
        "ALLOW_INSECURE_REMOTES is on: credentials may be sent over http:// and to this machine.",
        hint="Take it out of the environment; only the sandbox and tests need it.", id="sync.W001",
    )]  # fmt: skip


@register(Tags.security)
def check_encryption_keys(**kwargs: Any) -> list[CheckMessage]:
    """Warn when whoever can forge a session can read every secret as well."""
    if settings.SECRET_KEY not in settings.FIELD_ENCRYPTION_KEYS:
        return []
    return [Warning(
        "FIELD_ENCRYPTION_KEYS holds SECRET_KEY.",
        hint="Make a key of its own, put it first in the ring, run rotate_encryption_keys and take the other one out.",
        id="sync.W002",
    )]  # fmt: skip


@register(Tags.security, deploy=True)
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    """Warn when the service is reached without TLS, or does not know where it is reached."""
    if settings.DEBUG or settings.PUBLIC_URL.startswith("https://"):
        return []
    return [Warning(
        "PUBLIC_URL is not set." if not settings.PUBLIC_URL else "PUBLIC_URL does not begin with https://.",
        hint="Set it to the https address of this service. Cookies are then sent over TLS only, and Close can call back.",
        id="sync.W003",
    )]  # fmt: skip


@register(Tags.security, deploy=True)
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    """Warn when sessions are signed with the key that everybody can read in the source."""
    if settings.DEBUG or settings.SECRET_KEY != settings.DEVELOPMENT_SECRET_KEY:
        return []
    return [Warning(
        "SECRET_KEY is the public development key.",
        hint="Set a long random one of your own; people will have to sign in again.", id="sync.W004",
    )]  # fmt: skip
