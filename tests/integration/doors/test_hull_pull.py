"""A Hull that cannot reach us is asked: what changed in the whitelisted segments goes into the same queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.errors import CredentialsError, SyncError, TransientError
from sync.hull.client import SEARCH_PAGE
from sync.hull.parsing import HullAttribute, Message, parse_export_line
from sync.models import Connector
from sync.models import HullAttribute as AttributeRow
from sync.records import ObjectType, Segment
from sync.services import hull_pull, setup
from tests.journeys.world import SEGMENT, World

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class SearchedHull:
    """Hull's search over some rows, as its client sees it."""

    rows: dict[ObjectType, list[dict[str, Any]]] = field(
        default_factory=lambda: {ObjectType.LEAD: [], ObjectType.CONTACT: []}
    )
    asked: list[tuple[str, int]] = field(default_factory=list)
    trouble: SyncError | None = None

    def search(
        self, object_type: ObjectType, query: Mapping[str, Any], *, page: int = 1
    ) -> tuple[Message, ...]:
        self.asked.append((object_type.value, page))
        if self.trouble:
            raise self.trouble
        wanted, *rest = query["bool"]["filter"]
        ((name, ids),) = wanted["terms"].items()
        since = rest[0]["range"]["indexed_at"]["gte"] if rest else ""
        found = [
            row
            for row in self.rows[object_type]
            if set(ids) & set(_value(row, name) or ())
            and datetime.fromisoformat(row["indexed_at"])
            >= (datetime.fromisoformat(since) if since else START)
        ]
        found.sort(key=lambda row: row["indexed_at"])
        return tuple(
            parse_export_line(row, object_type)
            for row in found[(page - 1) * SEARCH_PAGE : page * SEARCH_PAGE]
        )

    def account_segments(self) -> tuple[Segment, ...]:
        return (Segment(SEGMENT, "Prospects"),)

    def user_segments(self) -> tuple[Segment, ...]:
        return ()

    def account_attributes(self) -> tuple[HullAttribute, ...]:
        return (HullAttribute("industry", "string"), HullAttribute("employees", "number"))

    def user_attributes(self) -> tuple[HullAttribute, ...]:
        return (HullAttribute("title", "string"),)


def _value(row: Mapping[str, Any], name: str) -> Any:
    for part in name.split("."):
        row = row.get(part) or {}
    return row


@pytest.fixture
def hull(world: World, monkeypatch: pytest.MonkeyPatch) -> SearchedHull:
    fake = SearchedHull()
    monkeypatch.setattr(setup, "connect_hull", lambda connector: fake)
    Connector.objects.filter(pk=world.connector.pk).update(asks_hull=True)
    world.connector.refresh_from_db()
    return fake


def company(number: int, minute: float = 0, **more: Any) -> dict[str, Any]:
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"id": f"a{number}", "name": f"Company {number}", "domain": f"company{number}.com", "segment_ids": [SEGMENT], "indexed_at": at} | more  # fmt: skip


def pull(world: World) -> int:
    return hull_pull.pull(world.connector, clock=world.clock)


def names(world: World) -> list[str]:
    return sorted(lead["name"] for lead in world.close.leads.values())


def test_what_is_in_the_segments_goes_to_close(world: World, hull: SearchedHull) -> None:
    hull.rows[ObjectType.LEAD] = [company(1), company(2), company(3, segment_ids=["other"])]
    hull.rows[ObjectType.CONTACT] = [
        {"id": "u1", "email": "ann@company1.com", "indexed_at": START.isoformat(), "account": company(1)}
    ]
    assert pull(world) == 3
    world.settle()

    assert names(world) == ["Company 1", "Company 2"]
    assert [one["emails"][0]["email"] for one in world.close.contacts.values()] == ["ann@company1.com"]


def test_every_page_is_read_and_each_record_once(world: World, hull: SearchedHull) -> None:
    hull.rows[ObjectType.LEAD] = [company(number, number / 10) for number in range(130)]
    assert pull(world) == 130
    hull.asked.clear()
    assert pull(world) == 0  # the overlap brings some again, and none of them is news
    assert all(page == 1 for _, page in hull.asked)


def test_many_changed_in_the_same_moment(world: World, hull: SearchedHull) -> None:
    hull.rows[ObjectType.LEAD] = [company(number) for number in range(130)]
    assert pull(world) == 130


def test_a_change_is_found_by_the_next_look(world: World, hull: SearchedHull) -> None:
    hull.rows[ObjectType.LEAD] = [company(1)]
    pull(world)
    world.settle()
    hull.rows[ObjectType.LEAD] = [company(1, 20, name="Renamed"), company(2, -10)]
    assert pull(world) == 1  # what is older than the overlap was seen before, or was never in a segment
    world.settle()

    assert names(world) == ["Renamed"]


def test_trouble_keeps_what_was_read_and_goes_on_later(world: World, hull: SearchedHull) -> None:
    hull.rows[ObjectType.LEAD] = [company(1)]
    hull.trouble = TransientError("no answer in time")
    assert pull(world) == 0
    world.connector.refresh_from_db()
    assert world.connector.is_active

    hull.trouble = None
    assert pull(world) == 1


def test_refused_credentials_pause_with_their_reason(world: World, hull: SearchedHull) -> None:
    hull.trouble = CredentialsError("Hull refuses the secret.")
    pull(world)
    world.connector.refresh_from_db()
    assert (world.connector.is_active, world.connector.pause_reason) == (False, "Hull refuses the secret.")


@pytest.mark.parametrize("change", [{"asks_hull": False}, {"account_segments": []}, {"enabled": False}])
def test_when_nobody_is_to_be_asked(world: World, hull: SearchedHull, change: dict[str, Any]) -> None:
    Connector.objects.filter(pk=world.connector.pk).update(**change)
    world.connector.refresh_from_db()
    hull.rows[ObjectType.LEAD] = [company(1)]

    assert pull(world) == 0 and hull.asked == []


def test_segments_and_attributes_are_read_once_a_day(world: World, hull: SearchedHull) -> None:
    assert hull_pull.refresh_old_schema(world.connector, clock=world.clock) == ""
    rows = {(row.kind, row.name): row.type for row in AttributeRow.objects.filter(connector=world.connector)}
    assert rows == {
        ("ACCOUNT", "industry"): "string",
        ("ACCOUNT", "employees"): "number",
        ("USER", "title"): "string",
    }
    (segment,) = world.connector.hull_segments.all()
    assert segment.name == "Prospects" and segment.seen_at is not None

    world.connector.refresh_from_db()
    AttributeRow.objects.all().delete()
    hull_pull.refresh_old_schema(world.connector, clock=world.clock)
    assert not AttributeRow.objects.exists()
    world.clock.advance(hours=25)
    hull_pull.refresh_old_schema(world.connector, clock=world.clock)
    assert AttributeRow.objects.count() == 3


def test_hulls_own_search_brings_accounts_and_their_people(world: World) -> None:
    world.hull.add_segment("account", SEGMENT, "Prospects", {"attribute": "is_prospect", "equals": True})
    for number in range(60):
        world.hull.add_account(
            {
                "id": f"{number:024x}",
                "name": f"Company {number}",
                "domain": f"c{number}.com",
                "is_prospect": number < 55,
            }
        )
    world.hull.add_user({"id": f"{99:024x}", "email": "ann@c1.com", "name": "Ann"}, f"{1:024x}")
    Connector.objects.filter(pk=world.connector.pk).update(asks_hull=True)
    world.pull()
    world.connector.refresh_from_db()

    assert pull(world) == 56  # nothing was told: Hull's notifications never came
    world.drain()
    assert len(world.close.leads) == 55
    (ann,) = world.close.contacts.values()
    assert world.close.leads[ann["lead_id"]]["name"] == "Company 1"
    world.hull.set_account(f"{2:024x}", {"name": "Renamed"})
    pull(world)
    world.drain()
    assert sum(lead["name"] == "Renamed" for lead in world.close.leads.values()) == 1
