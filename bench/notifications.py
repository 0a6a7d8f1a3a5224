"""How long Hull waits for its answer: one notification of 100 messages, stored durably in SQLite before the answer.

Run it with `make bench-notifications`. New records, the same ones changed, and a repeated delivery, each as the median of
some rounds, against the floor: one transaction that writes as many bare rows.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MESSAGES, ROUNDS, ATTRIBUTES = 100, 15, 40


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3", "LOG_LEVEL": "ERROR"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeconnector.settings")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        settings.ALLOWED_HOSTS = ["testserver"]
        call_command("migrate", verbosity=0)
        measure()


def measure() -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    connector = make_connector()
    browser, number = Client(), iter(range(10**9))

    def notify(version: str, start: int, notification_id: str = "") -> None:
        body = notification(connector, version, start, notification_id or f"n-{next(number)}")
        answer = browser.post("/smart-notifier", body, content_type="application/json")
        assert answer.status_code == 200, answer.content

    batch = iter(range(0, 10**9, MESSAGES))
    with CaptureQueriesContext(connection) as queries:
        notify("a", next(batch))
    rows: list[tuple[str, Callable[[int], None]]] = [
        ("floor: as many bare rows", lambda index: bare_rows(connector, index)),
        ("new records", lambda index: notify("a", next(batch))),
        ("the same records, changed", lambda index: notify(f"v{index}", 0)),
        ("a delivery that comes again", lambda index: notify("a", 0, "again")),
    ]
    print(
        f"{MESSAGES} messages of {ATTRIBUTES} attributes; {len(queries)} queries for {MESSAGES} new records"
    )
    floor = 0.0
    for name, act in rows:
        took = []
        for index in range(ROUNDS):
            started = time.perf_counter()
            act(index)
            took.append(time.perf_counter() - started)
        floor = floor or median(took)
        print(
            f"{name:30} {median(took) * 1000:7.1f} ms, worst {max(took) * 1000:7.1f} ms, {median(took) / floor:5.1f} × the floor"
        )


def make_connector() -> Any:
    from accounts.models import Agency, Organization
    from sync.models import Connector

    agency = Agency.objects.create(slug="bench", name="Bench")
    organization = Organization.objects.create(
        agency=agency, slug="bench", name="Bench", hull_domain="bench.hullapp.io"
    )
    return Connector.objects.create(
        organization=organization, slug="bench", name="Bench", hull_connector_id="5a43ce781f6d9f471d005d44",
        hull_secret="secret", account_segments=["s1"],
    )  # fmt: skip


def notification(connector: Any, version: str, start: int, notification_id: str) -> str:
    messages = [
        {
            "message_id": f"{notification_id}-{index}",
            "account": {
                "id": f"account-{index}", "name": f"Company {index} {version}", "domain": f"company{index}.example.com",
                "indexed_at": "2026-03-02T09:30:00Z",
            } | {f"group/attribute_{one}": f"{version} {one}" for one in range(ATTRIBUTES)},
            "account_segments": [{"id": "s1", "name": "Prospects"}], "changes": {"is_new": False, "account": {}},
        }
        for index in range(start, start + MESSAGES)
    ]  # fmt: skip
    configuration = {
        "id": connector.hull_connector_id,
        "organization": connector.hull_organization,
        "secret": "secret",
    }
    return json.dumps({
        "notification_id": notification_id, "channel": "account:update", "configuration": configuration, "segments": [],
        "accounts_segments": [{"id": "s1", "name": "Prospects"}], "connector": {"private_settings": {}}, "messages": messages,
    })  # fmt: skip


def bare_rows(connector: Any, index: int) -> None:
    from django.db import transaction

    from sync.models import HullSegment

    with transaction.atomic():
        HullSegment.objects.bulk_create(
            HullSegment(connector=connector, kind="USER", hull_id=f"{index}-{one}", name="x" * 2000)
            for one in range(MESSAGES)
        )


if __name__ == "__main__":
    main()
