"""Lists as files: what is on the screen and nothing else, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from sync.models import Outcome
from tests.integration.admin.rows import outcome

SignIn = Callable[[Role, SimpleNamespace], Client]
LISTS = ("outcome", "run", "change", "link", "delivery", "configurationversion", "alert")


def read(client: Client, model: str, **filters: Any) -> list[dict[str, str]]:
    response = client.get(f"/admin/sync/{model}/export.csv", filters)
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("model", LISTS)
def test_each_list_has_a_file_of_what_one_may_see(
    ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn, admin_client: Client, model: str
) -> None:
    everything = read(admin_client, model)
    mine = read(sign_in(Role.VIEWER, ours), model)

    assert 0 < len(mine) < len(everything)
    assert not any("outhwind" in value for row in mine for value in row.values())


def test_filters_and_search_hold_in_the_file_too(
    admin_client: Client, ours: SimpleNamespace, now: datetime
) -> None:
    outcome(ours.connector, ours.run, 7, now, reason="ECHO", result="SKIPPED")

    assert [row["reason"] for row in read(admin_client, "outcome", reason__exact="ECHO")] == ["ECHO"]
    assert read(admin_client, "outcome", q="no such record") == []


def test_a_value_is_never_a_formula(admin_client: Client, ours: SimpleNamespace) -> None:
    Outcome.objects.update(label="=HYPERLINK(1)", message="+1 ring me")

    (row,) = read(admin_client, "outcome")

    assert (row["label"], row["message"]) == ("'=HYPERLINK(1)", "'+1 ring me")


def test_a_long_list_takes_no_more_queries(
    admin_client: Client, ours: SimpleNamespace, now: datetime
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(admin_client, "outcome")
        return len(queries)

    asked()
    few = asked()
    for number in range(20, 60):
        outcome(ours.connector, ours.run, number, now)

    assert asked() == few
