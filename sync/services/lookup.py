"""Asks Close for records that our index may not hold: by search, compared exactly on our side, then read whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync.close import search
from sync.close.client import CloseClient
from sync.engine import identity
from sync.engine.identity import MatchKey
from sync.engine.plan import KnownRecord, OutboundRecord
from sync.records import Contact, Lead, ObjectType, SyncSettings
from sync.services.links import Seen, seen_contact, seen_lead


def find(record: OutboundRecord, close: CloseClient, settings: SyncSettings) -> list[Seen]:
    """Return the Close records that a Hull record may be, by its strongest key that finds any.

    Raises SyncError when Close cannot be asked.
    """
    keys = identity.wanted_keys(record.hull, settings)
    return find_by_keys(record.object_type, keys, close, settings)


def find_by_keys(
    object_type: ObjectType, keys: Iterable[MatchKey], close: CloseClient, settings: SyncSettings
) -> list[Seen]:
    """Return the Close records that hold the first of some match keys that any of them holds."""
    for key in keys:
        ids = _hits(object_type, key, close, settings)
        if ids:
            return [seen for close_id in ids for seen in read_whole(object_type, close_id, close)]
    return []


def read_whole(object_type: ObjectType, close_id: str, close: CloseClient) -> list[Seen]:
    """Return a record as it is now, a lead with its contacts."""
    if object_type is ObjectType.CONTACT:
        return [seen_contact(close.get_contact(close_id))]
    lead = close.get_lead(close_id)
    return [seen_lead(lead), *(seen_contact(contact, lead.close_id) for contact in lead.contacts or ())]


def _hits(object_type: ObjectType, key: MatchKey, close: CloseClient, settings: SyncSettings) -> list[str]:
    """Search for one key. The index finds words, so each hit is compared as the match index would."""
    kind, value = key
    path = _path(object_type, kind, settings)
    if object_type is ObjectType.CONTACT and kind == identity.EMAIL:
        query = search.contacts_by_email(value)
    else:
        query = search.by_field(object_type.value.lower(), path, value)
    name = object_type.value.lower()
    page = close.search_page(query, fields={name: ["id", path]})
    found: Sequence[Lead | Contact] = page.leads if object_type is ObjectType.LEAD else page.contacts
    return [one.close_id for one in found if key in _keys_of(one, object_type, settings)]


def _keys_of(found: Lead | Contact, object_type: ObjectType, settings: SyncSettings) -> set[MatchKey]:
    return identity.match_values(KnownRecord(found.close_id, found.fields), object_type, settings)


def _path(object_type: ObjectType, kind: str, settings: SyncSettings) -> str:
    """Return the field of Close that holds a kind of match key."""
    return {
        identity.HULL_ID: identity.hull_id_path(object_type, settings),
        identity.EXTERNAL_ID: identity.external_id_path(object_type, settings),
        identity.IDENTIFIER: settings.identity_close,
        identity.HOST: "url",
        identity.EMAIL: "emails",
    }[kind]
