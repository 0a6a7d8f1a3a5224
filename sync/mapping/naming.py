"""Which Hull attribute a custom field of Close comes in as."""

from __future__ import annotations

from collections.abc import Collection

from sync.mapping.transforms import snake_case

# Names that Close's own fields come in as; a custom field with such a label gets a number.
RESERVED = frozenset({
    "id", "lead_id", "name", "url", "description", "status", "title", "emails", "phones", "urls", "addresses",
    "created_at", "updated_at", "deleted_at", "display_name",
    "status_id", "created_by", "updated_by", "created_by_name", "created_by_email", "updated_by_name", "updated_by_email",
    "opportunities_count", "opportunities_open_count", "opportunities_open_value", "opportunities_won_count",
    "opportunities_won_value", "opportunities_currency", "opportunities_last_won_date", "opportunities_next_close_date",
})  # fmt: skip


def attribute_name(label: str, close_id: str, taken: Collection[str]) -> str:
    """Return a free attribute name for a custom field: `[a-z0-9_]`, from its label, else from its id.

    Equal labels keep both values: the second is `industry_2`.
    """
    stem = snake_case(label) or close_id.lower()
    name, number = stem, 1
    while name in taken or name in RESERVED:
        number += 1
        name = f"{stem}_{number}"
    return name
