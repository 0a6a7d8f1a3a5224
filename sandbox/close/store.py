"""What a simulated Close holds, its clock, its ids, and who acts.

Records are kept as the API returns them, without nesting. A value inside a record is replaced, never changed in place, so
that a snapshot of a record is a shallow copy.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Clock = Callable[[], datetime]

API_KEY = "api_sandbox0000000000000000000.00000000000000000000000"
_LETTERS = string.ascii_letters + string.digits
_SINCE = "2024-01-01T00:00:00.000000+00:00"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a person in the app, or somebody's API key."""

    user_id: str
    api_key_id: str | None = None
    method: str = "PUT"
    path: str = "/"
    role_id: str = "admin"

    @property
    def is_admin(self) -> bool:
        return self.role_id == "admin"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key: of one organization and one user."""

    text: str
    user_id: str

    @property
    def key_id(self) -> str:
        return self.text.partition(".")[0]


class Children:
    """Which records belong to which parent, each in the order of its coming."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}

    def add(self, parent_id: str, child_id: str) -> None:
        self._of.setdefault(parent_id, {})[child_id] = None

    def remove(self, parent_id: str, child_id: str) -> None:
        held = self._of.get(parent_id, {})
        held.pop(child_id, None)
        if not held:
            self._of.pop(parent_id, None)

    def of(self, parent_id: str) -> list[str]:
        return list(self._of.get(parent_id, ()))


class Table(dict[str, Record]):
    """Records by id, with an index by the lead they belong to. Add, replace and discard them through these methods."""

    def __init__(self) -> None:
        super().__init__()
        self._of_lead = Children()

    def add(self, record: Record) -> Record:
        self[record["id"]] = record
        if record.get("lead_id"):
            self._of_lead.add(record["lead_id"], record["id"])
        return record

    def replace(self, close_id: str, record: Record) -> None:
        """Replace a record by a later version, which may belong to another lead."""
        before, after = self[close_id].get("lead_id"), record.get("lead_id")
        self[close_id] = record
        if before != after:
            self._of_lead.remove(str(before), close_id)
            self._of_lead.add(str(after), close_id)

    def discard(self, close_id: str) -> Record:
        record = self.pop(close_id)
        self._of_lead.remove(str(record.get("lead_id")), close_id)
        return record

    def of_lead(self, lead_id: str) -> Iterator[Record]:
        """Return the records of one lead, oldest first."""
        return (self[close_id] for close_id in self._of_lead.of(lead_id))


@dataclass(slots=True)
class Store:
    """All records of one organization."""

    clock: Clock
    seed: int = 0
    organization_id: str = "orga_sandbox0000000000000000000000000000000000000001"
    organization_name: str = "Acme Sandbox"
    user_id: str = "user_integration0000000000000000000000000000000001"
    rep_id: str = "user_rep000000000000000000000000000000000000000001"
    leads: dict[str, Record] = field(default_factory=dict)
    contacts: Table = field(default_factory=Table)
    opportunities: Table = field(default_factory=Table)
    tasks: Table = field(default_factory=Table)
    activities: Table = field(default_factory=Table)
    statuses: list[Record] = field(default_factory=list)
    pipelines: list[Record] = field(default_factory=list)
    activity_types: dict[str, Record] = field(default_factory=dict)
    custom_fields: dict[str, Record] = field(default_factory=dict)
    integration_links: dict[str, Record] = field(default_factory=dict)
    webhooks: dict[str, Record] = field(default_factory=dict)
    exports: dict[str, Record] = field(default_factory=dict)
    bulk_actions: dict[str, Record] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    people: dict[str, Record] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    events: dict[str, Record] = field(default_factory=dict)
    # The log is a list of event ids with their times; an event that moves is written at the end once more.
    log: list[str] = field(default_factory=list)
    log_times: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    last_events: dict[str, str] = field(default_factory=dict)
    refused_emails: set[str] = field(default_factory=set)
    randomness: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.randomness.seed(self.seed)
        self.add_person("Integration", "User", "admin", self.user_id)
        self.add_person("Riley", "Rep", "admin", self.rep_id)

    def new_id(self, prefix: str) -> str:
        """Return an id as Close makes them: a prefix and 43 letters and digits."""
        return f"{prefix}_" + "".join(self.randomness.choices(_LETTERS, k=43))

    def stamp(self) -> str:
        """Return the present time as leads and contacts have it: with microseconds and an offset."""
        return self.clock().astimezone(UTC).isoformat(timespec="microseconds")

    def bare_stamp(self) -> str:
        """Return the present time as events have it: UTC without an offset."""
        return self.clock().astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")

    # ── Events ───────────────────────────────────────────────────────────────────────────────────

    def add_event(self, event: Record) -> None:
        self.events[event["id"]] = event
        self.last_events[event["object_id"]] = event["id"]
        self.move_event(event["id"])

    def move_event(self, event_id: str) -> None:
        """Put an event at the end of the log."""
        self.places[event_id] = len(self.log)
        self.log.append(event_id)
        moved = self.events[event_id]["date_updated"]
        self.log_times.append(max(moved, self.log_times[-1]) if self.log_times else moved)

    def event_at(self, place: int) -> Record | None:
        """Return the event at a place of the log, or None if it has moved on since."""
        event_id = self.log[place]
        return self.events[event_id] if self.places[event_id] == place else None

    def forget_events(self) -> None:
        """Empty the log."""
        for held in (self.events, self.log, self.log_times, self.places, self.last_events):
            held.clear()

    # ── People and keys ──────────────────────────────────────────────────────────────────────────

    @property
    def users(self) -> dict[str, Record]:
        """Return the organization's users by id."""
        return self.people

    def add_person(self, first: str, last: str, role_id: str = "admin", user_id: str = "") -> Record:
        """Add a user with a role: `admin` or the id of another one."""
        user_id = user_id or self.new_id("user")
        self.roles[user_id] = role_id
        self.people[user_id] = {
            "id": user_id,
            "first_name": first,
            "last_name": last,
            "email": f"{first.lower()}@sandbox.example",
            "image": "",
            "organizations": [self.organization_id],
            "last_used_timezone": None,
            "date_created": _SINCE,
            "date_updated": _SINCE,
        }
        return self.people[user_id]

    def add_key(self, text: str, user_id: str) -> Key:
        """Make an API key of a user."""
        self.keys[text] = Key(text, user_id)
        return self.keys[text]

    def full_name(self, user_id: str | None) -> str | None:
        person = self.people.get(user_id or "")
        return f"{person['first_name']} {person['last_name']}" if person else None
