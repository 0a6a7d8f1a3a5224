"""What a simulated Hull holds: accounts, users, segments and events, found by their identifiers without searching."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Clock = Callable[[], datetime]

ACCOUNT = "account"
USER = "user"

# What Hull keeps at the top level of a user; every other attribute is a trait and reads as `traits_<name>`.
TOP_LEVEL = frozenset({
    "id", "email", "name", "first_name", "last_name", "external_id", "domain", "created_at", "phone", "address",
    "picture", "image", "description", "anonymous_ids", "segment_ids", "indexed_at",
})  # fmt: skip
# The attributes by which somebody is found.
CLAIMS = {ACCOUNT: frozenset({"external_id", "domain"}), USER: frozenset({"external_id", "email"})}
# How many lines of the log are remembered; the older half is forgotten beyond.
MOST_REMEMBERED = 100_000


@dataclass(slots=True)
class Entity:
    """One person or company. `attributes` has names without `traits_`.

    `touched` holds what was there before of everything that changed since Hull last looked, `new_events` the ids of
    what was done since.
    """

    hull_id: str
    kind: str
    attributes: Record = field(default_factory=dict)
    anonymous_ids: list[str] = field(default_factory=list)
    account_id: str | None = None
    segment_ids: list[str] = field(default_factory=list)
    indexed_at: str = ""
    touched: Record = field(default_factory=dict)
    new_events: list[str] = field(default_factory=list)


class Index:
    """Finds who holds a value: of several, the one who held it first."""

    def __init__(self) -> None:
        self._held: dict[str, str | tuple[str, ...]] = {}

    def find(self, value: Any) -> str | None:
        held = self._held.get(folded(value))
        return held[0] if isinstance(held, tuple) else held

    def add(self, value: Any, hull_id: str) -> None:
        if value in (None, ""):
            return
        key = folded(value)
        held = self._held.get(key)
        if held is None:
            self._held[key] = hull_id
        elif hull_id not in (held if isinstance(held, tuple) else (held,)):
            self._held[key] = (*held, hull_id) if isinstance(held, tuple) else (held, hull_id)

    def remove(self, value: Any, hull_id: str) -> None:
        key = folded(value)
        held = self._held.get(key)
        if held == hull_id:
            del self._held[key]
        elif isinstance(held, tuple):
            rest = tuple(one for one in held if one != hull_id)
            self._held[key] = rest if len(rest) > 1 else rest[0]


@dataclass(slots=True)
class Store:
    """All entities of one organization. Whatever changes them goes through here, so that all can be found.

    `dirty` names who changed since Hull last looked, `version` is another number after every change.
    """

    clock: Clock
    seed: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    segments: list[Record] = field(default_factory=list)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)
    events: dict[str, Record] = field(default_factory=dict)
    events_of: dict[str, list[str]] = field(default_factory=dict)
    randomness: random.Random = field(default_factory=random.Random)
    version: int = 0
    dirty: dict[str, None] = field(default_factory=dict)
    _kinds: dict[str, dict[str, Entity]] = field(default_factory=lambda: {ACCOUNT: {}, USER: {}})
    _people: dict[str, dict[str, None]] = field(default_factory=dict)
    _of_domain: dict[str, dict[str, None]] = field(default_factory=dict)
    _indexes: dict[tuple[str, str], Index] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.randomness.seed(self.seed)
        for kind, names in CLAIMS.items():
            for name in (*names, "anonymous_id"):
                self._indexes[kind, name] = Index()

    def state(self) -> Record:
        """Return everything but the clock."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "clock"}

    def restore(self, state: Record) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def new_id(self) -> str:
        """Return an id as Hull makes them: 24 hexadecimal characters."""
        return f"{self.randomness.getrandbits(96):024x}"

    def stamp(self) -> str:
        return stamped(self.clock())

    def note(self, message: str, **data: Any) -> None:
        """Write a line of Hull's own log: what a platform tells nobody but its operator."""
        self.log.append({"at": self.stamp(), "message": message} | data)
        if len(self.log) > MOST_REMEMBERED:
            del self.log[: MOST_REMEMBERED // 2]

    # ── Finding ──────────────────────────────────────────────────────────────────────────────────

    def of_kind(self, kind: str) -> Iterable[Entity]:
        return self._kinds[kind].values()

    def count(self, kind: str) -> int:
        return len(self._kinds[kind])

    def get(self, kind: str, hull_id: Any) -> Entity | None:
        return self._kinds[kind].get(hull_id) if isinstance(hull_id, str) else None

    def find(self, kind: str, name: str, value: Any) -> Entity | None:
        """Return the entity of a claim, or None."""
        if name == "id":
            return self.get(kind, value)
        return self.get(kind, self._indexes[kind, name].find(value))

    def people_of(self, account_id: str) -> list[Entity]:
        """Return the users of an account."""
        return [self.entities[user_id] for user_id in self._people.get(account_id, ())]

    def people_at(self, domain: str) -> list[Entity]:
        """Return the users whose e-mail address is at a domain."""
        return [self.entities[user_id] for user_id in self._of_domain.get(folded(domain), ())]

    # ── Changing ─────────────────────────────────────────────────────────────────────────────────

    def add(self, entity: Entity) -> None:
        """Take an entity in, with all that it has already."""
        self.entities[entity.hull_id] = self._kinds[entity.kind][entity.hull_id] = entity
        for name in CLAIMS[entity.kind]:
            self._index(entity, name, None, entity.attributes.get(name))
        for one in entity.anonymous_ids:
            self._indexes[entity.kind, "anonymous_id"].add(one, entity.hull_id)
        if entity.account_id:
            self._people.setdefault(entity.account_id, {})[entity.hull_id] = None
        self._note_change(entity)

    def remove(self, entity: Entity) -> None:
        """Forget an entity. People of an account that goes have none."""
        for name in CLAIMS[entity.kind]:
            self._index(entity, name, entity.attributes.get(name), None)
        for one in entity.anonymous_ids:
            self._indexes[entity.kind, "anonymous_id"].remove(one, entity.hull_id)
        self.link(entity, None)
        for user in self.people_of(entity.hull_id):
            self.link(user, None)
        for event_id in self.events_of.pop(entity.hull_id, ()):
            self.events.pop(event_id, None)
        del self.entities[entity.hull_id], self._kinds[entity.kind][entity.hull_id]
        self.dirty.pop(entity.hull_id, None)

    def put(self, entity: Entity, name: str, value: Any) -> None:
        """Set an attribute, remembering what was there before."""
        held = entity.attributes.get(name)
        if held == value and name in entity.attributes and type(held) is type(value):
            return
        entity.touched.setdefault(name, held)
        entity.attributes[name] = value
        self._note_change(entity)
        if name in CLAIMS[entity.kind]:
            self._index(entity, name, held, value)

    def put_anonymous_id(self, entity: Entity, value: str) -> None:
        if value not in entity.anonymous_ids:
            self._touch_list(entity, "anonymous_ids", [*entity.anonymous_ids, value])
            self._indexes[entity.kind, "anonymous_id"].add(value, entity.hull_id)

    def drop_anonymous_id(self, entity: Entity, value: str) -> None:
        if value in entity.anonymous_ids:
            rest = [one for one in entity.anonymous_ids if one != value]
            self._touch_list(entity, "anonymous_ids", rest)
            self._indexes[entity.kind, "anonymous_id"].remove(value, entity.hull_id)

    def put_segments(self, entity: Entity, ids: list[str]) -> None:
        if ids != entity.segment_ids:
            self._touch_list(entity, "segment_ids", ids)

    def link(self, user: Entity, account_id: str | None) -> None:
        """Make a user one of an account's people, and of no other's."""
        if user.account_id == account_id:
            return
        user.touched.setdefault("account_id", user.account_id)
        if user.account_id:
            self._people.get(user.account_id, {}).pop(user.hull_id, None)
        if account_id:
            self._people.setdefault(account_id, {})[user.hull_id] = None
        user.account_id = account_id
        self._note_change(user)

    def put_event(self, user: Entity, event: Record) -> None:
        """Keep an event; one of the same id is overwritten."""
        before = self.events.get(event["event_id"])
        if before and before["user_id"] != user.hull_id:
            self.events_of[before["user_id"]].remove(event["event_id"])
            before = None
        if before is None:
            self.events_of.setdefault(user.hull_id, []).append(event["event_id"])
        self.events[event["event_id"]] = event
        user.new_events.append(event["event_id"])
        self._note_change(user)

    def move_events(self, source: Entity, target: Entity) -> None:
        """Give the events of one user to another."""
        for event_id in self.events_of.pop(source.hull_id, ()):
            self.put_event(target, self.events.pop(event_id) | {"user_id": target.hull_id})

    def _touch_list(self, entity: Entity, name: str, value: list[str]) -> None:
        entity.touched.setdefault(name, getattr(entity, name))
        setattr(entity, name, value)
        self._note_change(entity)

    def _note_change(self, entity: Entity) -> None:
        self.dirty[entity.hull_id] = None
        self.version += 1

    def _index(self, entity: Entity, name: str, before: Any, after: Any) -> None:
        index = self._indexes[entity.kind, name]
        if before:
            index.remove(before, entity.hull_id)
        if after:
            index.add(after, entity.hull_id)
        if name == "email":
            self._of_domain.get(domain_of(before), {}).pop(entity.hull_id, None)
            if domain_of(after):
                self._of_domain.setdefault(domain_of(after), {})[entity.hull_id] = None


def shown(entity: Entity) -> Record:
    """Return an entity as Hull's payloads have it: a user's traits under `traits_`, an account's plain."""
    attributes = entity.attributes
    if entity.kind == USER:
        attributes = {shown_name(USER, name): value for name, value in attributes.items()}
    return {
        "id": entity.hull_id, "anonymous_ids": list(entity.anonymous_ids), "segment_ids": list(entity.segment_ids),
        "indexed_at": entity.indexed_at,
    } | attributes  # fmt: skip


def shown_name(kind: str, name: str) -> str:
    """Return how Hull's payloads spell an attribute."""
    return name if kind == ACCOUNT or name in TOP_LEVEL else f"traits_{name}"


def stored_name(name: str) -> str:
    """Return how an attribute is kept, from how Hull's payloads spell it."""
    plain = name.removeprefix("traits_")
    return plain if plain not in TOP_LEVEL or name == plain else name


def folded(value: Any) -> str:
    return str(value).strip().lower()


def domain_of(email: Any) -> str:
    """Return the domain of an e-mail address, or an empty text."""
    return folded(email).rpartition("@")[2] if isinstance(email, str) and "@" in email else ""


def stamped(moment: datetime) -> str:
    """Return a moment as Hull writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
