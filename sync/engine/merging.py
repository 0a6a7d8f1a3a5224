"""What becomes in Hull of two leads that were merged in Close: one account, unless both are linked already."""

from __future__ import annotations

from sync.engine.identity import anonymous_id
from sync.engine.plan import KnownRecord


def one_account(loser: KnownRecord, survivor: KnownRecord | None) -> tuple[KnownRecord, str] | None:
    """Return the lead whose account stays, and the anonymous id that it takes over, by which Hull makes one of the two.

    The account that is linked stays. None when both are linked, to two accounts: that is for a person to say. Neither
    is anything made one with a lead that is gone.
    """
    if survivor is None or survivor.deleted or survivor.merged_into:
        return None
    if loser.hull_id and survivor.hull_id:
        return None
    if loser.hull_id:
        return loser, anonymous_id(survivor.close_id)
    return survivor, anonymous_id(loser.close_id)
