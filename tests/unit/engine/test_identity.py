"""How a Hull record finds its counterpart: keys, their order, and what they contradict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync.engine.identity import best_matches, creation_identifier, match_values, wanted_keys
from sync.engine.plan import KnownRecord
from sync.records import (
    CloseSchema,
    CustomField,
    Direction,
    HullAccount,
    HullUser,
    MappingRow,
    ObjectType,
    SyncSettings,
)

LEAD, CONTACT, OUT = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND
BY_DOMAIN = SyncSettings()
BY_FIELD = SyncSettings(
    identity_hull="external_id",
    identity_close="custom.cf_id",
    schema=CloseSchema(lead_fields=(CustomField("cf_id", "Customer number"),)),
)
KEEPING = replace(BY_DOMAIN, lead_hull_id_field="cf_h", contact_hull_id_field="cf_hc")
WRITING = replace(
    BY_DOMAIN,
    rows=(
        MappingRow(LEAD, OUT, "external_id", "custom.cf_x"),
        MappingRow(CONTACT, OUT, "traits_external_id", "custom.cf_y"),
    ),
)


@pytest.mark.parametrize(
    ("settings", "object_type", "fields", "expected"),
    [
        (BY_DOMAIN, LEAD, {"url": "http://WWW.Acme.com/a?b"}, {("identifier", "acme.com")}),
        (BY_DOMAIN, LEAD, {"url": "not a host"}, set()),
        (BY_DOMAIN, LEAD, {}, set()),
        (BY_FIELD, LEAD, {"url": "acme.com"}, {("host", "acme.com")}),
        (BY_FIELD, LEAD, {"custom.cf_id": " 7 "}, {("identifier", "7")}),
        (BY_FIELD, LEAD, {"custom.cf_id": 7, "url": "acme.com"}, {("identifier", "7"), ("host", "acme.com")}),
        (KEEPING, LEAD, {"custom.cf_h": "a1"}, {("hull_id", "a1")}),
        (BY_DOMAIN, LEAD, {"custom.cf_h": "a1"}, set()),
        (WRITING, LEAD, {"custom.cf_x": "x9"}, {("external_id", "x9")}),
        (WRITING, CONTACT, {"custom.cf_y": 9}, {("external_id", "9")}),
        (WRITING, CONTACT, {"custom.cf_y": ["9"]}, set()),
        (KEEPING, CONTACT, {"custom.cf_hc": "u1"}, {("hull_id", "u1")}),
        (
            BY_DOMAIN,
            CONTACT,
            {"emails": [{"email": "Ada@Acme.com"}, {"email": "no address"}, {"email": "b@acme.com"}]},
            {("email", "ada@acme.com"), ("email", "b@acme.com")},
        ),
    ],
)
def test_what_a_close_record_is_found_by(
    settings: SyncSettings, object_type: ObjectType, fields: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert match_values(KnownRecord("x_1", fields), object_type, settings) == expected


ACME = HullAccount({"id": "a1", "domain": "https://www.Acme.com/", "external_id": 7})
ADA = HullUser({"id": "u1", "email": " Ada@Acme.com ", "external_id": "9"})


@pytest.mark.parametrize(
    ("settings", "hull", "expected"),
    [
        (BY_DOMAIN, ACME, [("identifier", "acme.com")]),
        (BY_FIELD, ACME, [("identifier", "7"), ("host", "acme.com")]),
        (KEEPING, ACME, [("hull_id", "a1"), ("identifier", "acme.com")]),
        (WRITING, ACME, [("identifier", "acme.com"), ("external_id", "7")]),
        (BY_DOMAIN, HullAccount({"id": "a1"}), []),
        (KEEPING, HullAccount({"domain": "acme.com"}), [("identifier", "acme.com")]),
        (BY_DOMAIN, ADA, [("email", "ada@acme.com")]),
        (WRITING, ADA, [("external_id", "9"), ("email", "ada@acme.com")]),
        (KEEPING, ADA, [("hull_id", "u1"), ("email", "ada@acme.com")]),
        (BY_DOMAIN, HullUser({"id": "u1", "email": "nobody"}), []),
    ],
)
def test_what_a_hull_record_looks_for_strongest_first(
    settings: SyncSettings, hull: HullAccount | HullUser, expected: list[tuple[str, str]]
) -> None:
    assert wanted_keys(hull, settings) == expected


def named(close_id: str, **fields: Any) -> KnownRecord:
    return KnownRecord(
        close_id, {name.replace("custom_", "custom."): value for name, value in fields.items()}
    )


@pytest.mark.parametrize(
    ("settings", "index", "expected"),
    [
        (BY_DOMAIN, {}, ()),
        (BY_DOMAIN, {("identifier", "acme.com"): ["lead_1"]}, ("lead_1",)),
        (BY_DOMAIN, {("identifier", "acme.com"): ["lead_1", "lead_2"]}, ("lead_1", "lead_2")),
        # a stronger key decides alone
        (KEEPING, {("hull_id", "a1"): ["lead_9"], ("identifier", "acme.com"): ["lead_1"]}, ("lead_9",)),
        (WRITING, {("external_id", "7"): ["lead_8"]}, ("lead_8",)),
        (BY_FIELD, {("identifier", "7"): ["lead_1"], ("host", "acme.com"): ["lead_2"]}, ("lead_1",)),
        # the same web address, no number yet: it may be it
        (BY_FIELD, {("host", "acme.com"): ["lead_2"]}, ("lead_2",)),
        # the same web address, but another customer's number
        (BY_FIELD, {("host", "acme.com"): ["lead_other"]}, ()),
        (BY_FIELD, {("host", "acme.com"): ["lead_other", "lead_2"]}, ("lead_2",)),
    ],
)
def test_the_strongest_key_that_finds_anything_decides(
    settings: SyncSettings, index: dict[tuple[str, str], list[str]], expected: tuple[str, ...]
) -> None:
    records = {"lead_other": named("lead_other", custom_cf_id="8")}

    found = best_matches(
        ACME, lambda key: [records.get(one, named(one)) for one in index.get(key, ())], settings
    )

    assert tuple(record.close_id for record in found) == expected


@pytest.mark.parametrize(
    ("settings", "hull", "expected"),
    [
        (BY_DOMAIN, ACME, "host:acme.com"),
        (BY_FIELD, ACME, "custom.cf_id:7"),
        (BY_DOMAIN, HullAccount({"id": "a1"}), ""),
        (BY_DOMAIN, ADA, "email:ada@acme.com"),
        (BY_DOMAIN, HullUser({"id": "u1"}), ""),
    ],
)
def test_what_everybody_knows_a_new_record_by(
    settings: SyncSettings, hull: HullAccount | HullUser, expected: str
) -> None:
    assert creation_identifier(hull, settings) == expected
