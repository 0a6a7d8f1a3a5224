"""The transforms that a row may name."""

from __future__ import annotations

from typing import Any

import pytest

from sync.mapping.named import TRANSFORMS, transformed
from sync.mapping.transforms import UnusableValueError
from sync.mapping.validation import check_row, check_shape, sound_rows
from sync.records import Direction, MappingRow, ObjectType, SyncSettings

LEAD, OUT, IN = ObjectType.LEAD, Direction.OUTBOUND, Direction.INBOUND


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("", [1, None], [1, None]),
        ("text", 1.5, "1.5"), ("text", True, "true"), ("text", ["a", None, 1], ["a", "1"]),
        ("number", " 1,234.50 ", 1234.5), ("number", "-1,000", -1000), ("number", "12", 12), ("number", 0, 0), ("number", False, 0),
        ("date", "2026-03-02T23:30:00-02:00", "2026-03-03"), ("date", "2026-03-02", "2026-03-02"), ("date", 0, "1970-01-01"),
        ("datetime", "2026-03-02", "2026-03-02T00:00:00+00:00"),
        ("yes_no", True, "Yes"), ("yes_no", False, "No"), ("yes_no", 0, "No"), ("yes_no", "TRUE", "Yes"), ("yes_no", " no ", "No"),
        ("lower", "ÄB", "äb"), ("upper", "äb", "ÄB"), ("upper", ["a", "b"], ["A", "B"]),
        ("title", "o'neil & SONS gmbh", "O'neil & Sons Gmbh"), ("title", "new-york", "New-York"),
        ("trim", "  a   b\n", "a b"), ("trim", "  ", ""),
        ("host", "https://www.Acme.com/x?y", "acme.com"), ("email", " Ada@ACME.com ", "ada@acme.com"),
        ("phone", "(415) 555-0100", "+14155550100"), ("url", "acme.com", "https://acme.com"),
        ("first", ["", None, "a", "b"], "a"), ("first", "a", "a"), ("first", [None], None),
        ("join", ["a", "", 1], "a, 1"), ("join", "a", "a"),
        ("split", "a; b,c ,", ["a", "b", "c"]), ("split", ["a"], ["a"]),
        ("cents_to_units", 12345, 123.45), ("cents_to_units", "1,200", 12), ("cents_to_units", 0, 0), ("cents_to_units", [100, 250], [1, 2.5]),
    ],
)  # fmt: skip
def test_a_value_is_converted(name: str, value: Any, result: Any) -> None:
    found = transformed(value, name)

    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "many"), ("number", float("nan")), ("number", float("inf")), ("date", "soon"), ("datetime", {}), ("yes_no", "maybe"),
        ("yes_no", 2), ("host", "n/a"), ("email", "nobody"), ("phone", "12"), ("url", "no url"), ("cents_to_units", "x"),
        ("cents_to_units", 10**400), ("text", {"a": 1}), ("lower", {"a": 1}), ("number", [1, "x"]), ("lowr", "a"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_said_so(name: str, value: Any) -> None:
    with pytest.raises(UnusableValueError) as said:
        transformed(value, name)

    assert str(said.value).endswith((".", "sign."))


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=list(TRANSFORMS))
def test_each_transform_explains_itself_and_can_be_stored(transform: Any) -> None:
    assert transform.words
    assert len(transform.name) <= 20
    assert transform.convert.__doc__


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (MappingRow(LEAD, OUT, "a", "description", transform="lower"), None),
        (
            MappingRow(LEAD, OUT, "a", "description", transform="lowr"),
            "“lowr” is not a transform. Choose one of: text, number,",
        ),
        (
            MappingRow(LEAD, IN, "a", "description", transform="lower"),
            "comes from Close as it is. Name no transform.",
        ),
        (MappingRow(LEAD, OUT, "a", "addresses.business.city"), None),
        (MappingRow(LEAD, OUT, "a", "addresses.business.town"), "Name an address's label and part"),
        (MappingRow(LEAD, OUT, "a", "addresses.business"), "Name an address's label and part"),
        (MappingRow(LEAD, OUT, "a", "addresses"), "Name an address's label and part"),
        (MappingRow(ObjectType.CONTACT, OUT, "a", "addresses.business.city"), "not a field of a contact"),
    ],
)
def test_a_row_is_checked_by_itself(row: MappingRow, said: str | None) -> None:
    problem = check_shape(row)

    assert (problem is None) is (said is None)
    assert said is None or said in str(problem)
    assert check_row(row, SyncSettings()) == problem


def test_an_unsound_row_stops_no_other() -> None:
    good = MappingRow(LEAD, OUT, "a", "description")
    rows, problems = sound_rows(SyncSettings(rows=(MappingRow(LEAD, OUT, "a", "url", transform="x"), good)))

    assert rows == (good,)
    assert len(problems) == 1
