"""What Hull would drop is left out here, and said."""

from __future__ import annotations

from typing import Any

import pytest

from sync.mapping.limits import within_limits


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("x" * 2046, True),
        ("x" * 2047, False),  # with its quotation marks
        ("é" * 1023, True),
        ("é" * 1024, False),
        (["x" * 500] * 4, True),
        (["x" * 510] * 4, False),
        ({"a": "x" * 2040}, True),
        ({"a": "x" * 2042}, False),
        (None, True),
        (10**300, True),
        (False, True),
        ("", True),
    ],
)
def test_two_kilobytes_a_value(value: Any, fits: bool) -> None:
    kept, left_out = within_limits({"closeio/a": value, "closeio/b": 1})

    assert kept == ({"closeio/a": value, "closeio/b": 1} if fits else {"closeio/b": 1})
    assert bool(left_out) is not fits


def test_it_says_which_and_why() -> None:
    assert within_limits({"closeio/description": "x" * 5000})[1] == (
        "closeio/description is left out: 5,002 bytes, and Hull takes 2,048 a value.",
    )


def test_two_thousand_attributes_a_record() -> None:
    kept, left_out = within_limits({f"closeio/{number}": number for number in range(2003)})

    assert len(kept) == 2000
    assert left_out[0] == "closeio/2000 is left out: Hull takes 2,000 attributes a record."
    assert len(left_out) == 3
