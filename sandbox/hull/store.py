"""What a simulated Hull holds: accounts, users, segments, and which changes it has still to tell."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Entity:
    """One person or company. `attributes` has names without `traits_`; `told` says that Hull has told its state."""

    hull_id: str
    kind: str
    attributes: Record = field(default_factory=dict)
    anonymous_ids: list[str] = field(default_factory=list)
    account_id: str | None = None
    segment_ids: list[str] = field(default_factory=list)
    indexed_at: str = ""


@dataclass(slots=True)
class Store:
    """All entities of one organization."""

    clock: Clock
    seed: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    segments: list[Record] = field(default_factory=list)
    types: dict[tuple[str, str], type] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)
    randomness: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.randomness.seed(self.seed)

    def new_id(self) -> str:
        """Return an id as Hull makes them: 24 hexadecimal characters."""
        return f"{self.randomness.getrandbits(96):024x}"

    def stamp(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def note(self, message: str, **data: Any) -> None:
        """Write a line of Hull's own log: what a platform tells nobody but its operator."""
        self.log.append({"at": self.stamp(), "message": message} | data)

    def of_kind(self, kind: str) -> list[Entity]:
        return [entity for entity in self.entities.values() if entity.kind == kind]

    def find(self, kind: str, name: str, value: Any) -> Entity | None:
        """Return the entity of a claim, or None."""
        if name == "id":
            found = self.entities.get(str(value))
            return found if found and found.kind == kind else None
        for entity in self.of_kind(kind):
            held = entity.anonymous_ids if name == "anonymous_id" else [entity.attributes.get(name)]
            if _folded(value) in [_folded(one) for one in held if one]:
                return entity
        return None


def shown(entity: Entity) -> Record:
    """Return an entity as Hull's payloads have it: a user's traits under `traits_`, an account's plain."""
    attributes = entity.attributes
    if entity.kind == USER:
        attributes = {
            name if name in TOP_LEVEL else f"traits_{name}": value for name, value in attributes.items()
        }
    return {
        "id": entity.hull_id, "anonymous_ids": list(entity.anonymous_ids), "segment_ids": list(entity.segment_ids),
        "indexed_at": entity.indexed_at,
    } | attributes  # fmt: skip


def _folded(value: Any) -> str:
    return str(value).strip().lower()
