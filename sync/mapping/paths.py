"""Names of attributes and fields, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.records import HullAccount, HullUser, ObjectType

# Per list: the key of an entry's value, the type Close gives an entry that names none.
LISTS: Mapping[str, tuple[str, str]] = {
    "emails": ("email", "office"),
    "phones": ("phone", "office"),
    "urls": ("url", "url"),
}
ADDRESS_PARTS = ("address_1", "address_2", "city", "state", "zipcode", "country")
# What an address without a label counts as: the original calls it so, and customers' Hull holds that name.
DEFAULT_LABEL = "office"
SCALARS: Mapping[ObjectType, tuple[str, ...]] = {
    ObjectType.LEAD: ("name", "url", "description", "status_id"),
    ObjectType.CONTACT: ("name", "title"),
}
GROUP = "closeio"
# Standard fields that hold the id of a user of Close.
USER_FIELDS = ("created_by", "updated_by")


@dataclass(frozen=True, slots=True)
class ClosePath:
    """A Close field as mapped: `name`, `custom.cf_x`, `emails.office`, `addresses.business.city`."""

    raw: str
    root: str
    type: str = ""
    part: str = ""

    @property
    def is_custom(self) -> bool:
        return self.root == "custom"

    @property
    def is_list(self) -> bool:
        return self.root in LISTS

    @property
    def is_address_part(self) -> bool:
        """Whether this is one part of one address, such as `addresses.business.city`."""
        return self.root == "addresses" and bool(self.type) and self.part in ADDRESS_PARTS


def parse_close_path(raw: str) -> ClosePath:
    """Split a mapped Close name. `emails` alone means entries of any type."""
    root, _, rest = raw.partition(".")
    if root == "custom" or not rest:
        return ClosePath(raw, root)
    if root == "addresses":
        label, _, part = rest.partition(".")
        return ClosePath(raw, root, label, part)
    return ClosePath(raw, root, rest)


def hull_name(raw: str) -> str:
    """Return a Hull attribute's name without the `traits_` that Hull's own payloads and old settings carry."""
    return raw.removeprefix("traits_")


def hull_value(record: HullAccount | HullUser, raw: str) -> tuple[bool, Any]:
    """Look an attribute up: whether the message told it, and its value.

    `account.name` reads the account of a user. `name` of a user falls back to first and last name.
    """
    if isinstance(record, HullUser) and raw.startswith("account."):
        return hull_value(record.account, raw.removeprefix("account.")) if record.account else (False, None)
    name = hull_name(raw)
    if isinstance(record, HullUser) and name == "name" and record.name:
        return True, record.name
    return name in record.attributes, record.attributes.get(name)
