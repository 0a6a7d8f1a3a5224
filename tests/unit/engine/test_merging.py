"""Two leads that were merged in Close: whose account stays in Hull, and what it takes over."""

from __future__ import annotations

import pytest

from sync.engine.merging import one_account
from sync.engine.plan import KnownRecord


@pytest.mark.parametrize(
    ("loser", "survivor", "stays", "alias"),
    [
        (None, None, "lead_b", "closeio:lead_a"), (None, "y", "lead_b", "closeio:lead_a"), ("x", None, "lead_a", "closeio:lead_b"),
        ("x", "y", None, None), ("x", "x", None, None),
    ],
)  # fmt: skip
def test_the_linked_account_stays(
    loser: str | None, survivor: str | None, stays: str | None, alias: str | None
) -> None:
    found = one_account(KnownRecord("lead_a", hull_id=loser), KnownRecord("lead_b", hull_id=survivor))

    assert (found[0].close_id if found else None, found[1] if found else None) == (stays, alias)


@pytest.mark.parametrize(
    "survivor",
    [None, KnownRecord("lead_b", deleted=True), KnownRecord("lead_b", merged_into="lead_c")],
)
def test_nothing_is_made_one_with_a_lead_that_is_gone(survivor: KnownRecord | None) -> None:
    assert one_account(KnownRecord("lead_a", hull_id="x"), survivor) is None
