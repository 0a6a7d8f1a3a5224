"""What is looked up by many keys at once is found by an index, so that a million records cost no more than a thousand."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet

from sync.models import Change, Connector, Link
from sync.records import Direction
from sync.services import intake, links, loading

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is read as SQLite tells it")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the plans of all queries that are made meanwhile."""
    plans: list[str] = []
    fetch = QuerySet._fetch_all

    def explaining(self: QuerySet[object]) -> None:
        if self._result_cache is None and self.model in (Link, Change):
            plans.append(self.order_by().explain())
        fetch(self)

    monkeypatch.setattr(QuerySet, "_fetch_all", explaining)
    return plans


@pytest.mark.django_db
def test_records_are_found_by_their_whole_key(asked: list[str]) -> None:
    connector = Connector(pk=1)
    names = [("LEAD", f"lead_{number}") for number in range(100)]

    links.find(connector, names, lock=False)
    intake._known(connector, Direction.INBOUND, dict.fromkeys(names))  # type: ignore[arg-type]  # only keys are looked at
    loading._links_by_hull_id(connector, [f"hull{number}" for number in range(100)])

    assert len(asked) == 3
    for plan, key in zip(asked, ("close_id=?", "key=?", "hull_id=?"), strict=True):
        assert key in plan, plan
