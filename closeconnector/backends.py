"""What a URL in the environment means as a Django or Celery setting. Values in, values out."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url

DATABASE_SCHEMES = ("postgres", "postgresql", "sqlite")
CACHE_SCHEMES = ("database", "locmem", "redis", "rediss", "unix")
EMAIL_SCHEMES = ("smtp", "smtps")
BROKER_SCHEMES = ("database", "redis", "rediss", "amqp", "amqps")

# Four writers on one file: without these, writes fail with "database is locked" as soon as two processes meet.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def database(url: str, *, sqlite_file: Path) -> dict[str, Any]:
    """Return the `default` database for a URL, the SQLite file when it is empty.

    Raises ValueError when the URL names no database.
    """
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": sqlite_file, "OPTIONS": SQLITE_OPTIONS}
    if urlsplit(url).scheme not in DATABASE_SCHEMES:
        raise ValueError("no database we know")
    settings: dict[str, Any] = {**dj_database_url.parse(url)}
    if settings.get("NAME") in (None, "", ":memory:"):
        raise ValueError("no database that several processes could share")
    if url.startswith("sqlite"):
        return {**settings, "OPTIONS": SQLITE_OPTIONS}
    return {**settings, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def cache(url: str) -> dict[str, Any]:
    """Return the `default` cache for a URL."""
    match urlsplit(url).scheme:
        case "locmem":
            return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        case "redis" | "rediss" | "unix":
            backend = "django.core.cache.backends.redis.RedisCache"
            return {"BACKEND": backend, "LOCATION": url, "KEY_PREFIX": "closeconnector"}
        case _:
            options = {"MAX_ENTRIES": 10_000}
            return {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "cache",
                "OPTIONS": options,
            }


def email(url: str, *, is_development: bool) -> dict[str, Any]:
    """Return Django's e-mail settings for a URL: `smtp://` upgrades to TLS on port 587, `smtps://` begins with it.

    Without one, mail is shown on the terminal in development, and refused with a clear reason otherwise.
    """
    if not url:
        shown = "django.core.mail.backends.console.EmailBackend"
        return {"EMAIL_BACKEND": shown if is_development else "closeconnector.mail.NoMailBackend"}
    parts = urlsplit(url)
    is_tls = parts.scheme == "smtps"
    port = parts.port or (465 if is_tls else 587)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_tls,
        "EMAIL_USE_TLS": not is_tls and port == 587,
    }


def broker_options(url: str) -> dict[str, Any]:
    """Return kombu's transport options for a broker URL."""
    match urlsplit(url).scheme:
        case "redis" | "rediss":
            # Unacknowledged messages of a killed worker come back after the time-out. A second delivery
            # of a long task is harmless: it finds the work leased.
            return {
                "visibility_timeout": 120,
                "unacked_restore_interval": 10,
                "global_keyprefix": "closeconnector:",
                "socket_connect_timeout": 5,
            }
        case "database":
            return {"polling_interval": 0.25}
        case _:
            return {}
