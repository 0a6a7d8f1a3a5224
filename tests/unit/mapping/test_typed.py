"""Values of Close as Hull gets them: by the type of their field."""

from __future__ import annotations

from typing import Any

import pytest

from sync.mapping.inbound import build_attributes
from sync.mapping.typed import typed
from sync.records import (
    CloseSchema,
    CloseUser,
    CustomField,
    Direction,
    LeadStatus,
    MappingRow,
    ObjectType,
    SyncSettings,
)

USERS = (CloseUser("user_1", "ann@acme.com", "Ann Ott"), CloseUser("user_2", "bo@acme.com", ""))
LEAD, IN = ObjectType.LEAD, Direction.INBOUND


@pytest.mark.parametrize(
    ("kind", "multiple", "value", "held"),
    [
        ("text", False, "x", "x"), ("text", False, "", None), ("text", False, None, None), ("textarea", False, "a\nb", "a\nb"),
        ("number", False, 5, 5), ("number", False, 5.5, 5.5), ("number", False, 0, 0), ("number", False, "7", 7), ("number", False, "seven", "seven"),
        ("date", False, "2014-06-12", "2014-06-12"), ("date", False, "2014-06-12T23:30:00-05:00", "2014-06-13"), ("date", False, "soon", "soon"),
        ("datetime", False, "2014-06-12T10:00:00Z", "2014-06-12T10:00:00+00:00"),
        ("datetime", False, "2014-06-12T10:00:00.123000+02:00", "2014-06-12T08:00:00.123000+00:00"),
        ("choices", False, "Hot", "Hot"), ("choices", True, ["Hot", "Cold"], ["Hot", "Cold"]), ("choices", True, "Hot", ["Hot"]),
        ("choices", True, [], None), ("choices", True, None, None), ("number", True, ["1", 2], [1, 2]), ("user", False, "user_1", "user_1"),
        ("text", False, ["a"], ["a"]), ("number", False, {"a": 1}, {"a": 1}), ("hidden", False, "x", "x"),
    ],
)  # fmt: skip
def test_a_value_comes_in_as_its_type_says(kind: str, multiple: bool, value: Any, held: Any) -> None:
    found = typed(value, CustomField("cf_1", "Field", kind, multiple=multiple))

    assert found == held
    assert type(found) is type(held)


def built(fields: dict[str, Any], *rows: tuple[str, str]) -> dict[str, Any]:
    schema = CloseSchema(
        statuses=(LeadStatus("stat_1", "Hot"),),
        lead_fields=(
            CustomField("cf_o", "Owner", "user"),
            CustomField("cf_t", "Team", "user", multiple=True),
        ),
        lead_names={"custom.cf_o": "owner", "custom.cf_t": "team"},
        users=USERS,
    )
    settings = SyncSettings(
        rows=tuple(MappingRow(LEAD, IN, hull, close) for hull, close in rows), schema=schema
    )
    standard = {"closeio/id", "closeio/name", "name", "closeio/created_at", "closeio/updated_at"}
    told = build_attributes(LEAD, "lead_1", fields, settings)
    return {name: value for name, value in told.items() if name not in standard}


@pytest.mark.parametrize(
    ("fields", "row", "held"),
    [
        ({"custom.cf_o": "user_1"}, ("", "custom.cf_o"), {"": "user_1", "_name": "Ann Ott", "_email": "ann@acme.com"}),
        ({"custom.cf_o": "user_2"}, ("", "custom.cf_o"), {"": "user_2", "_name": None, "_email": "bo@acme.com"}),
        ({"custom.cf_o": "user_9"}, ("", "custom.cf_o"), {"": "user_9", "_name": None, "_email": None}),
        ({}, ("", "custom.cf_o"), {"": None, "_name": None, "_email": None}),
    ],
)  # fmt: skip
def test_a_user_comes_in_by_name_and_email_beside_the_id(
    fields: dict[str, Any], row: tuple[str, str], held: dict[str, Any]
) -> None:
    assert built(fields, row) == {f"closeio/owner{name}": value for name, value in held.items()}


def test_several_users_come_in_as_lists() -> None:
    assert built({"custom.cf_t": ["user_1", "user_2"]}, ("", "custom.cf_t")) == {
        "closeio/team": ["user_1", "user_2"],
        "closeio/team_name": ["Ann Ott"],
        "closeio/team_email": ["ann@acme.com", "bo@acme.com"],
    }


def test_who_made_a_lead_keeps_the_name_that_the_lead_tells() -> None:
    fields = {"created_by": "user_9", "created_by_name": "Cy"}

    assert built(fields, ("", "created_by")) == {
        "closeio/created_by": "user_9", "closeio/created_by_name": "Cy", "closeio/created_by_email": None,
    }  # fmt: skip


def test_an_attribute_that_is_mapped_comes_before_what_explains_another() -> None:
    told = built(
        {"custom.cf_o": "user_1", "description": "d"},
        ("", "custom.cf_o"),
        ("closeio/owner_name", "description"),
    )

    assert told["closeio/owner_name"] == "d"


def test_a_status_that_goes_by_another_name_takes_its_id_along() -> None:
    assert built({"status_id": "stat_1"}, ("stage", "status_id")) == {"stage": "Hot", "stage_id": "stat_1"}
