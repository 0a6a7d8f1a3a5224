"""Which pairs are obvious enough to be suggested."""

from __future__ import annotations

import pytest

from sync.mapping.pairing import suggest
from sync.records import CloseSchema, CustomField, Direction, MappingRow, ObjectType

LEAD, CONTACT = ObjectType.LEAD, ObjectType.CONTACT
OUT, IN = Direction.OUTBOUND, Direction.INBOUND


def field(close_id: str, label: str) -> CustomField:
    return CustomField(close_id, label, "text")


SCHEMA = CloseSchema(
    lead_fields=(field("cf_1", "Industry"), field("cf_2", "# of Employees (est.)"), field("cf_3", "Tier")),
    contact_fields=(field("cf_4", "Seniority"),),
)


@pytest.mark.parametrize(
    ("object_type", "attribute", "close"),
    [
        (LEAD, "industry", "custom.cf_1"),
        (LEAD, "clearbit/industry", "custom.cf_1"),
        (LEAD, "sector", "custom.cf_1"),
        (LEAD, "number_of_employees", "custom.cf_2"),
        (LEAD, "employees", "custom.cf_2"),
        (LEAD, "description", "description"),
        (LEAD, "city", "addresses.business.city"),
        (LEAD, "closeio/industry", None),
        (LEAD, "favourite_colour", None),
        (CONTACT, "job_title", "title"),
        (CONTACT, "name", None),
        (CONTACT, "mobile_phone", "phones.mobile"),
        (CONTACT, "seniority", "custom.cf_4"),
        (CONTACT, "account.industry", None),
    ],
)
def test_what_goes_out(object_type: ObjectType, attribute: str, close: str | None) -> None:
    found = suggest(object_type, OUT, [attribute], SCHEMA, ())

    assert [(row.hull, row.close) for row in found] == ([(attribute, close)] if close else [])


def test_each_field_is_suggested_once_and_the_shortest_name_wins() -> None:
    found = suggest(LEAD, OUT, ["clearbit/industry", "sector", "industry"], SCHEMA, ())

    assert [row.hull for row in found] == ["sector"]  # the shortest


def test_what_is_mapped_already_is_not_suggested() -> None:
    rows = (MappingRow(LEAD, OUT, "other", "custom.cf_1"), MappingRow(LEAD, IN, "", "url"))

    assert suggest(LEAD, OUT, ["industry"], SCHEMA, rows) == []
    assert "url" not in [row.close for row in suggest(LEAD, IN, [], SCHEMA, rows)]


def test_everything_comes_in_that_has_a_name() -> None:
    assert [row.close for row in suggest(CONTACT, IN, [], SCHEMA, ())] == [
        "title", "emails", "phones", "urls", "custom.cf_4",
    ]  # fmt: skip
