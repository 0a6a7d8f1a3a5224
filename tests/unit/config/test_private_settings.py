"""The original connector's settings, read and written."""

from __future__ import annotations

from typing import Any

import pytest

from sync.mapping.private_settings import Imported, from_private_settings, to_private_settings
from sync.records import Direction, MappingRow, Mode, ObjectType

LEAD, CONTACT = ObjectType.LEAD, ObjectType.CONTACT
OUT, IN = Direction.OUTBOUND, Direction.INBOUND

TYPICAL = {
    "api_key": "api_0.0",
    "synchronized_account_segments": ["59f09bc7f9c5a94af600076d"],
    "lead_status": "stat_v8T",
    "lead_identifier_hull": "external_id",
    "lead_identifier_service": "custom.lcf_d86",
    "lead_attributes_outbound": [
        {"hull_field_name": "name", "closeio_field_name": "name"},
        {"hull_field_name": "traits_employees", "closeio_field_name": "custom.lcf_Ztj"},
    ],
    "lead_attributes_inbound": ["name", "addresses", "custom.lcf_Ztj"],
    "contact_attributes_outbound": [{"hull_field_name": "traits_title", "closeio_field_name": "title"}],
    "contact_attributes_inbound": ["emails"],
}


def test_typical_settings_are_read() -> None:
    assert from_private_settings(TYPICAL) == Imported(
        account_segments=("59f09bc7f9c5a94af600076d",),
        lead_status="stat_v8T",
        identity_hull="external_id",
        identity_close="custom.lcf_d86",
        rows=(
            MappingRow(LEAD, OUT, "name", "name"),
            MappingRow(LEAD, OUT, "employees", "custom.lcf_Ztj"),
            MappingRow(LEAD, IN, "", "name"),
            MappingRow(LEAD, IN, "", "addresses"),
            MappingRow(LEAD, IN, "", "custom.lcf_Ztj"),
            MappingRow(CONTACT, OUT, "title", "title"),
            MappingRow(CONTACT, IN, "", "emails"),
        ),
        close_api_key="api_0.0",
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Imported()),
        ({"lead_status": "N/A"}, Imported(lead_status="")),
        ({"lead_status": "hull-default"}, Imported(lead_status="")),
        ({"lead_status": None}, Imported(lead_status="")),
        ({"lead_status": "Potential"}, Imported(lead_status="Potential")),
        ({"api_key": None}, Imported(close_api_key="")),
        ({"synchronized_user_segments": ["a", "a", None, "b"]}, Imported(user_segments=("a", "b"))),
        ({"lead_identifier_hull": "traits_external_id"}, Imported(identity_hull="external_id")),
        (
            {"lead_identifier_hull": "clearbit/domain"},
            Imported(
                problems=(
                    "lead_identifier_hull clearbit/domain is neither domain nor external_id; domain is used.",
                )
            ),
        ),
        (
            {"lead_identifier_service": "description"},
            Imported(
                problems=(
                    "lead_identifier_service description is neither url nor a custom field; url is used.",
                )
            ),
        ),
        (
            {"lead_attributes_inbound": "name"},
            Imported(problems=("lead_attributes_inbound is not a list and is left out.",)),
        ),
        ({"lead_attributes_inbound": None}, Imported()),
        (
            {"lead_attributes_inbound": ["x" * 251]},
            Imported(problems=("Row 1 of lead_attributes_inbound has too long a name and is left out.",)),
        ),
        (
            {"lead_status": "x" * 121},
            Imported(problems=("lead_status is longer than 120 characters and is left out.",)),
        ),
    ],
)
def test_single_settings(settings: dict[str, Any], expected: Imported) -> None:
    assert from_private_settings(settings) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"hull_field_name": "a", "closeio_field_name": "title"}, ("a", "title", Mode.ALWAYS)),
        ({"hull": "traits_a", "service": "title", "overwrite": True}, ("a", "title", Mode.ALWAYS)),
        ({"hull": "a", "service": "title", "overwrite": False}, ("a", "title", Mode.IF_EMPTY)),
        (
            {"hull": "account.traits_size", "service": "custom.lcf_x"},
            ("account.size", "custom.lcf_x", Mode.ALWAYS),
        ),
        ({"hull": "traits_closeio/x", "service": "name"}, ("closeio/x", "name", Mode.ALWAYS)),
    ],
)
def test_row_shapes(row: dict[str, Any], expected: tuple[str, str, Mode]) -> None:
    (found,) = from_private_settings({"contact_attributes_outbound": [row]}).rows
    assert (found.hull, found.close, found.mode) == expected


@pytest.mark.parametrize(
    "row", [{}, {"hull_field_name": "name"}, {"closeio_field_name": "name"}, None, 7, "name"]
)
def test_an_incomplete_row_is_left_out_and_told(row: Any) -> None:
    complete = {"hull_field_name": "name", "closeio_field_name": "description"}
    imported = from_private_settings({"lead_attributes_outbound": [row, complete]})
    assert imported.rows == (MappingRow(LEAD, OUT, "name", "description"),)
    assert imported.problems == ("Row 1 of lead_attributes_outbound is incomplete and is left out.",)


def test_a_pairing_is_taken_once() -> None:
    assert len(from_private_settings({"lead_attributes_inbound": ["url", "url"]}).rows) == 1


def test_settings_survive_the_way_there_and_back() -> None:
    rows = [
        {"hull": "closeio/about", "service": "description"},
        {"hull": "x", "service": "url", "overwrite": False},
        "name",
    ]
    imported = from_private_settings(TYPICAL | {"lead_attributes_inbound": rows, "lead_status": "N/A"})
    written = to_private_settings(imported)
    assert from_private_settings(written | {"api_key": "api_0.0"}) == imported
    assert "api_key" not in written
    assert written["lead_attributes_inbound"] == rows


def test_a_key_is_not_in_the_representation() -> None:
    assert "api_0" not in repr(from_private_settings(TYPICAL))
