"""Is the process alive, and can it do its work? For probes; answers name no host and no secret."""

from __future__ import annotations

from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from closeconnector.celery import app


def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything this process needs is there, else 503; both say what was looked at."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    healthy = all(outcome == "ok" for outcome in checks.values())
    body = {"status": "ok" if healthy else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if healthy else 503)


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is not ready
        return f"failed: {type(error).__name__}"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise UnappliedMigrationsError


def _cache() -> None:
    cache.get("health")


def _broker() -> None:
    with app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


class UnappliedMigrationsError(Exception):
    """The database is older than the code: run `python manage.py migrate`."""


CHECKS = {"database": _database, "migrations": _migrations, "cache": _cache, "broker": _broker}
