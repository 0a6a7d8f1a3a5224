"""What every installation answers: probes, metrics, the way to the admin, and the headers on all of it."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from closeconnector import health

pytestmark = pytest.mark.django_db


def test_the_root_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_it_is_alive_without_asking_anything(client: Client, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert client.get("/health/live").json() == {"status": "ok"}


def test_it_is_ready_when_everything_is_there(client: Client) -> None:
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    everything = {"database": "ok", "migrations": "ok", "cache": "ok", "broker": "ok"}
    assert answer.json() == {"status": "ok", "checks": everything}


def test_it_names_what_is_missing_and_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OperationalError("could not connect to db.internal as s3cret")

    monkeypatch.setitem(health.CHECKS, "database", broken)

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed: OperationalError"
    assert b"s3cret" not in answer.content


def test_a_database_older_than_the_code_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["0002"])

    assert client.get("/health/ready").json()["checks"]["migrations"] == "failed: UnappliedMigrationsError"


def test_metrics_are_in_prometheus_format(client: Client) -> None:
    answer = client.get("/metrics")

    assert answer["Content-Type"].startswith("text/plain; version=")
    assert b"process_cpu_seconds_total" in answer.content


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/nowhere"])
def test_pages_may_run_our_own_scripts_only(client: Client, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


def test_only_the_admin_may_evaluate(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in policy


def test_the_usual_headers(client: Client) -> None:
    answer = client.get("/admin/login/")

    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_guessing_passwords_ends_soon(client: Client, settings: object) -> None:
    answers = [client.post("/admin/login/", {"username": "root", "password": str(n)}) for n in range(11)]

    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
