"""How Hull resolves claims: an id, then the strongest identifier that is known, merging what turns out to be one."""

from __future__ import annotations

from sandbox.hull.store import ACCOUNT, Entity, Record, Store

# Strongest first. Lower claims are added to the entity that a higher one found.
PRIORITY = {
    "account": ("id", "external_id", "domain", "anonymous_id"),
    "user": ("id", "external_id", "email", "anonymous_id"),
}


class Dropped(Exception):  # noqa: N818 - it is what Hull does with a message
    """A message that Hull takes and then drops, with a line in its log."""


def resolve(store: Store, kind: str, claims: Record, create: bool = True) -> Entity:
    """Return the entity that some claims mean, made new if none is known and it may be.

    Raises Dropped without a usable claim.
    """
    usable = {name: claims[name] for name in PRIORITY[kind] if claims.get(name)}
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
            _merge(store, entity, other)
    _add_claims(entity, usable)
    return entity


def _made(store: Store, kind: str) -> Entity:
    entity = Entity(store.new_id(), kind, {"created_at": store.stamp()})
    store.entities[entity.hull_id] = entity
    return entity


def _add_claims(entity: Entity, claims: Record) -> None:
    for name, value in claims.items():
        if name == "anonymous_id":
            if value not in entity.anonymous_ids:
                entity.anonymous_ids.append(value)
        elif name != "id" and not entity.attributes.get(name):
            entity.attributes[name] = value


def _merge(store: Store, survivor: Entity, other: Entity) -> None:
    """Two entities turn out to be one. Those with different external ids stay two: that much is safe to say."""
    ids = {survivor.attributes.get("external_id"), other.attributes.get("external_id")} - {None}
    if len(ids) > 1:
        return
    survivor.attributes = other.attributes | survivor.attributes
    survivor.anonymous_ids += [one for one in other.anonymous_ids if one not in survivor.anonymous_ids]
    survivor.account_id = survivor.account_id or other.account_id
    for entity in store.entities.values():
        if other.kind == ACCOUNT and entity.account_id == other.hull_id:
            entity.account_id = survivor.hull_id
    del store.entities[other.hull_id]
    store.note(f"{survivor.kind} merged", survivor=survivor.hull_id, merged=other.hull_id)
