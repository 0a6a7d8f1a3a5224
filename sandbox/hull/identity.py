"""How Hull resolves claims: an id, then the strongest identifier that is known, merging what turns out to be one."""

from __future__ import annotations

from typing import Any

from sandbox.hull.store import ACCOUNT, USER, Entity, Record, Store, domain_of

# Strongest first. Lower claims are added to the entity that a higher one found.
PRIORITY = {
    ACCOUNT: ("id", "external_id", "domain", "anonymous_id"),
    USER: ("id", "external_id", "email", "anonymous_id"),
}


class Dropped(Exception):  # noqa: N818 - it is what Hull does with a message
    """A message that Hull takes and then drops, with a line in its log."""


def resolve(store: Store, kind: str, claims: Record, create: bool = True) -> Entity:
    """Return the entity that some claims mean, made new if none is known and it may be.

    Raises Dropped without a usable claim.
    """
    usable = {name: _identifier(claims[name]) for name in PRIORITY[kind] if claims.get(name)}
    if not usable:
        raise Dropped("no usable claim")
    found = [entity for name, value in usable.items() if (entity := store.find(kind, name, value))]
    if "id" in usable and (not found or found[0].hull_id != usable["id"]):
        raise Dropped(f"unknown id {usable['id']}")
    if not found and not create:
        raise Dropped("nobody is known by these claims, and none may be made")
    entity = found[0] if found else _made(store, kind)
    for other in found[1:]:
        if other is not entity and other.hull_id in store.entities:
            entity = merge(store, entity, other)
    _add_claims(store, entity, usable)
    return entity


def _identifier(value: Any) -> str:
    """Return a claim's value as text. Raises Dropped for what is neither text nor number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Dropped("a claim is a text")
    return str(value)


def _made(store: Store, kind: str) -> Entity:
    entity = Entity(store.new_id(), kind, {"created_at": store.stamp()})
    store.add(entity)
    return entity


def _add_claims(store: Store, entity: Entity, claims: Record) -> None:
    """Give an entity the claims that it lacks. What another one holds stays there."""
    for name, value in claims.items():
        if name == "id" or store.find(entity.kind, name, value) not in (None, entity):
            continue
        if name == "anonymous_id":
            store.put_anonymous_id(entity, value)
        elif not entity.attributes.get(name):
            store.put(entity, name, value)


def merge(store: Store, entity: Entity, other: Entity) -> Entity:
    """Make one of two and return it. Those with different external ids stay two: that much is safe to say."""
    ids = [one.attributes.get("external_id") for one in (entity, other)]
    if all(ids):
        return entity
    survivor, lost = (other, entity) if ids[1] else (entity, other)
    people, account_id = store.people_of(lost.hull_id), survivor.account_id or lost.account_id
    store.move_events(lost, survivor)
    store.remove(lost)
    for name, value in lost.attributes.items():
        if survivor.attributes.get(name) is None:
            store.put(survivor, name, value)
    for one in lost.anonymous_ids:
        store.put_anonymous_id(survivor, one)
    for user in people:
        store.link(user, survivor.hull_id)
    store.note(f"{survivor.kind} merged", survivor=survivor.hull_id, merged=lost.hull_id)
    if survivor.kind == USER:
        store.put_event(survivor, _merged_event(store, survivor, lost))
        store.link(survivor, account_id)
    return survivor


def _merged_event(store: Store, survivor: Entity, lost: Entity) -> Record:
    return event(
        store, survivor, "User Merged", source="hull", properties={"merged_id": lost.hull_id, "user_id": survivor.hull_id}
    )  # fmt: skip


def event(store: Store, user: Entity, name: str, source: str = "", **given: Any) -> Record:
    """Return an event of a user as notifications have it."""
    known: Record = {
        "event": name, "event_id": store.new_id(), "event_source": source, "event_type": "track", "user_id": user.hull_id,
        "track_id": None, "session_id": None, "app_id": None, "app_name": None, "anonymous_id": None,
        "created_at": store.stamp(), "context": {}, "properties": {},
    }  # fmt: skip
    return known | {key: value for key, value in given.items() if value is not None}


# ── E-mail addresses and companies ───────────────────────────────────────────────────────────────


def associate(store: Store, entity: Entity) -> list[Entity]:
    """Link people without an account to the one of their e-mail's domain. Returns those who were linked."""
    if entity.kind == USER:
        account = store.find(ACCOUNT, "domain", domain_of(entity.attributes.get("email")) or "-")
        pairs = [(entity, account)]
    else:
        domain = entity.attributes.get("domain")
        pairs = [(user, entity) for user in (store.people_at(domain) if domain else ())]
    linked = []
    for user, account in pairs:
        if account and not user.account_id:
            store.link(user, account.hull_id)
            linked.append(user)
    return linked
