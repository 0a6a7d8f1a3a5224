"""Which lead a contact belongs in: decided like any other field that both sides may change."""

from __future__ import annotations

from datetime import datetime

from sync.engine.conflict import Choice, resolve
from sync.engine.plan import BaseValue, KnownRecord
from sync.records import Mode

# The base value that remembers the lead Hull wanted a contact in, beside the one it was in.
PLACE = "lead_id"


def wants_another_lead(contact: KnownRecord, lead_id: str, hull_at: datetime | None) -> bool:
    """Tell whether Hull's user changed account since both sides last agreed on the contact's lead.

    A contact that was found in Close stays where it was found, and one that a rep moved stays moved.
    """
    base = contact.base.get(PLACE)
    if base is None or contact.parent_close_id is None:
        return False
    choice = resolve(
        Mode.ALWAYS, lead_id, contact.parent_close_id, base, hull_at=hull_at, close_at=contact.updated_at
    )
    return choice is Choice.WRITE


def agreed_place(wanted: str | None, held: str) -> dict[str, BaseValue]:
    """Return what is agreed about a contact's lead once a decision was carried out."""
    return {PLACE: BaseValue(wanted or held, held)}
