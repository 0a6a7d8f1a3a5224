"""What a simulated Close holds, its clock, its ids, and who acts."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Clock = Callable[[], datetime]

_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a person in the app, or somebody's API key."""

    user_id: str
    api_key_id: str | None = None
    method: str = "PUT"
    path: str = "/"


@dataclass(slots=True)
class Store:
    """All records of one organization. Leads and contacts are kept as the API returns them, without nesting."""

    clock: Clock
    seed: int = 0
    organization_id: str = "orga_sandbox0000000000000000000000000000000000000001"
    organization_name: str = "Acme Sandbox"
    user_id: str = "user_integration0000000000000000000000000000000001"
    rep_id: str = "user_rep000000000000000000000000000000000000000001"
    leads: dict[str, Record] = field(default_factory=dict)
    contacts: dict[str, Record] = field(default_factory=dict)
    statuses: list[Record] = field(default_factory=list)
    custom_fields: dict[str, Record] = field(default_factory=dict)
    webhooks: dict[str, Record] = field(default_factory=dict)
    opportunities: dict[str, Record] = field(default_factory=dict)
    events: list[Record] = field(default_factory=list)
    refused_emails: set[str] = field(default_factory=set)
    randomness: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.randomness.seed(self.seed)

    def new_id(self, prefix: str) -> str:
        """Return an id as Close makes them: a prefix and 43 letters and digits."""
        return f"{prefix}_" + "".join(self.randomness.choices(_LETTERS, k=43))

    def stamp(self) -> str:
        """Return the present time as leads and contacts have it: with microseconds and an offset."""
        return self.clock().astimezone(UTC).isoformat(timespec="microseconds")

    def bare_stamp(self) -> str:
        """Return the present time as events have it: UTC without an offset."""
        return self.clock().astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")

    @property
    def users(self) -> dict[str, Record]:
        """Return the organization's users by id."""
        people = {self.user_id: ("Integration", "User"), self.rep_id: ("Riley", "Rep")}
        return {
            user_id: {
                "id": user_id,
                "first_name": first,
                "last_name": last,
                "email": f"{first.lower()}@sandbox.example",
                "image": "",
                "organizations": [self.organization_id],
                "date_created": "2024-01-01T00:00:00.000000+00:00",
                "date_updated": "2024-01-01T00:00:00.000000+00:00",
            }
            for user_id, (first, last) in people.items()
        }
