"""Small families for the tests of decisions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sync.engine.plan import BaseValue, Family, KnownRecord, OutboundRecord
from sync.records import Direction, HullAccount, HullUser, MappingRow, ObjectType, SyncSettings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD, CONTACT, OUT = ObjectType.LEAD, ObjectType.CONTACT, Direction.OUTBOUND

SETTINGS = SyncSettings(
    account_segments=("s1",),
    rows=(MappingRow(LEAD, OUT, "description", "description"), MappingRow(CONTACT, OUT, "title", "title")),
)


def account(key: str = "a1", **attributes: Any) -> OutboundRecord:
    """Return an account in the segment that Close does not have."""
    values = {"id": key, "name": key.upper(), "domain": f"{key}.com", "indexed_at": NOW.isoformat()}
    return OutboundRecord(key, LEAD, HullAccount(values | attributes, ("s1",)))


def user(key: str = "u1", of: OutboundRecord | None = None, **attributes: Any) -> OutboundRecord:
    """Return a user of an account that Close does not have."""
    values = {"id": key, "name": key.upper(), "email": f"{key}@acme.com", "indexed_at": NOW.isoformat()}
    hull_account = of.hull if of and isinstance(of.hull, HullAccount) else None
    return OutboundRecord(key, CONTACT, HullUser(values | attributes, (), hull_account))


def lead(close_id: str = "lead_1", hull_id: str | None = "a1", **fields: Any) -> KnownRecord:
    """Return a lead as Close has it, paired with an account."""
    held = {"name": "A1", "url": "https://a1.com"} | fields
    return KnownRecord(close_id, held, hull_id=hull_id, updated_at=NOW)


def contact(
    close_id: str = "cont_1",
    lead_id: str = "lead_1",
    *,
    hull_id: str | None = "u1",
    place: tuple[str, str] | None = None,
    **fields: Any,
) -> KnownRecord:
    """Return a contact as Close has it; `place` is what both sides agreed on about its lead."""
    held = {"name": "U1", "emails": [{"email": "u1@acme.com", "type": "office"}]} | fields
    base = {"emails.office": BaseValue(["u1@acme.com"], ["u1@acme.com"])}
    if place:
        base["lead_id"] = BaseValue(*place)
    return KnownRecord(
        close_id, held, hull_id=hull_id, parent_close_id=lead_id, base=base, updated_at=NOW, current=True
    )


def family(of: OutboundRecord | None, *users: OutboundRecord) -> Family:
    return Family(of, users)
