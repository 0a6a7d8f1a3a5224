"""How a record finds its counterpart, and by which claims Hull is to find it.

The order: its link, the Close id that Hull carries, then the match keys, strongest first (`KINDS`). What Close
holds is indexed under the same keys as it is read, so that no request is needed to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sync.engine.plan import KnownRecord
from sync.mapping import transforms
from sync.mapping.lists import values_of
from sync.mapping.outbound import comparable_identifier, identifier
from sync.mapping.paths import hull_name
from sync.mapping.shared import names_company, names_person
from sync.mapping.transforms import UnusableValueError
from sync.records import Claims, Direction, HullAccount, HullUser, ObjectType, SyncSettings

MatchKey = tuple[str, str]
HULL_ID, IDENTIFIER, EXTERNAL_ID, HOST, EMAIL = "hull_id", "identifier", "external_id", "host", "email"

_PREFIXES = ("external_id", "domain", "email")


def claims_of_key(key: str | None) -> Claims:
    """Return the claims that a stored Hull key stands for: Hull's id, or `domain:acme.com` where it had none."""
    if not key:
        return Claims()
    for name in _PREFIXES:
        if key.startswith(f"{name}:"):
            return Claims(**{name: key.removeprefix(f"{name}:")})
    return Claims(hull_id=key)


def anonymous_id(close_id: str) -> str:
    """Return the claim that names a Close record in Hull: `closeio:lead_…`."""
    return f"closeio:{close_id}"


def account_claims(lead: KnownRecord, settings: SyncSettings) -> Claims:
    """Return the claims of a lead's account: the Hull record it is paired with, else its identifier.

    A paired account is never claimed by its domain, so that a changed web address cannot move the lead to
    another account or merge two.
    """
    paired = claims_of_key(lead.hull_id)
    if paired:
        return _with_anonymous(paired, lead.close_id)
    value = lead_identifier(lead, settings)
    value = value if value and _is_identity(value, settings) else None
    if settings.identity_hull == "external_id":
        return Claims(external_id=value, anonymous_id=anonymous_id(lead.close_id))
    return Claims(domain=value, anonymous_id=anonymous_id(lead.close_id))


def lead_identifier(lead: KnownRecord, settings: SyncSettings) -> str | None:
    """Return what a lead holds as its identifier, in the form in which it is compared."""
    return comparable_identifier(lead.close.get(settings.identity_close), settings)


def _is_identity(value: str, settings: SyncSettings) -> bool:
    by_host = settings.identity_hull == "domain" or settings.identity_close == "url"
    return not by_host or names_company(value, settings)


def shared_identifiers(record: KnownRecord, object_type: ObjectType, settings: SyncSettings) -> list[str]:
    """Return the domain or the addresses of a record that are no identity, because many share them."""
    if object_type is ObjectType.LEAD:
        held = lead_identifier(record, settings)
        return [held] if held and not _is_identity(held, settings) else []
    return [address for address in contact_emails(record) if not names_person(address, settings)]


def user_claims(
    contact: KnownRecord, settings: SyncSettings, shared_emails: frozenset[str] = frozenset()
) -> Claims:
    """Return the claims of a contact's user: its first address that names a person.

    An address that several contacts share identifies nobody: it would make one person of them in Hull.
    """
    paired = claims_of_key(contact.hull_id)
    if paired:
        return _with_anonymous(paired, contact.close_id)
    first = next((one for one in contact_emails(contact) if names_person(one, settings)), None)
    return Claims(
        email=None if first in shared_emails else first,
        anonymous_id=anonymous_id(contact.close_id),
    )


def contact_emails(contact: KnownRecord) -> list[str]:
    """Return a contact's valid e-mail addresses, folded, in Close's order."""
    found = []
    for value in values_of(contact.close.get("emails"), "emails"):
        try:
            found.append(transforms.email(value))
        except UnusableValueError:
            continue
    return found


def match_values(record: KnownRecord, object_type: ObjectType, settings: SyncSettings) -> set[MatchKey]:
    """Return the `(kind, value)` pairs under which a Close record is found in the local match index."""
    held = [(HULL_ID, _text(record.close.get(hull_id_path(object_type, settings))))]
    held += [(EXTERNAL_ID, _text(record.close.get(external_id_path(object_type, settings))))]
    if object_type is ObjectType.CONTACT:
        held += [(EMAIL, value) for value in contact_emails(record)]
    else:
        held += [(IDENTIFIER, lead_identifier(record, settings))]
        held += [(HOST, transforms.host(record.close.get("url")))] if settings.identity_close != "url" else []
    return {(kind, value) for kind, value in held if value and _names_one(kind, value, settings)}


def _names_one(kind: str, value: str, settings: SyncSettings) -> bool:
    """Two companies on one free mail or social network host are not the same company."""
    if kind == IDENTIFIER:
        return _is_identity(value, settings)
    return kind != HOST or names_company(value, settings)


def may_be_elsewhere(hull: HullUser, settings: SyncSettings) -> bool:
    """Tell whether a user's address is worth looking for in other leads than the one of its account.

    A mailbox that several people read names a contact only within a company.
    """
    address = folded_email(hull.email)
    return not address or names_person(address, settings)


def wanted_keys(hull: HullAccount | HullUser, settings: SyncSettings) -> list[MatchKey]:
    """Return the match keys of a Hull record, strongest first.

    An external id counts where a mapping writes it into Close; a lead's web address also where something else is
    the identifier.
    """
    is_account = isinstance(hull, HullAccount)
    object_type = ObjectType.LEAD if is_account else ObjectType.CONTACT
    keys = [(HULL_ID, hull.hull_id if hull_id_path(object_type, settings) else None)]
    keys += [(IDENTIFIER, identifier(hull, settings))] if isinstance(hull, HullAccount) else []
    external_id = _text(hull.attributes.get("external_id"))
    keys += [(EXTERNAL_ID, external_id if external_id_path(object_type, settings) else None)]
    if isinstance(hull, HullUser):
        keys += [(EMAIL, folded_email(hull.email))]
    elif settings.identity_close != "url":
        keys += [(HOST, transforms.host(hull.domain))]
    return [(kind, value) for kind, value in keys if value and _names_one(kind, value, settings)]


def best_matches(
    hull: HullAccount | HullUser, found: Callable[[MatchKey], Sequence[KnownRecord]], settings: SyncSettings
) -> tuple[KnownRecord, ...]:
    """Return the Close records that a Hull record may be: those of the strongest key that finds any.

    A lead found by its web address alone is none of them when it holds another identifier.
    """
    for key in wanted_keys(hull, settings):
        fitting = tuple(record for record in found(key) if not _contradicts(record, hull, key[0], settings))
        if fitting:
            return fitting
    return ()


def _contradicts(
    record: KnownRecord, hull: HullAccount | HullUser, kind: str, settings: SyncSettings
) -> bool:
    if kind != HOST or not isinstance(hull, HullAccount):
        return False
    held = lead_identifier(record, settings)
    return bool(held) and held != identifier(hull, settings)


def creation_identifier(hull: HullAccount | HullUser, settings: SyncSettings) -> str:
    """Return what a new record is known by to everybody who writes to the same Close organization; may be empty.

    While one of a name is being created, nobody creates another.
    """
    if isinstance(hull, HullUser):
        address = folded_email(hull.email)
        return f"email:{address}" if address else ""
    value = identifier(hull, settings)
    by_host = settings.identity_hull == "domain" or settings.identity_close == "url"
    if not value or not _is_identity(value, settings):
        return ""
    return f"{'host' if by_host else settings.identity_close}:{value}"[:400]


def folded_email(value: str | None) -> str | None:
    """Return an e-mail address as the match index holds it, or None when it is none."""
    try:
        return transforms.email(value) if value else None
    except UnusableValueError:
        return None


def hull_id_path(object_type: ObjectType, settings: SyncSettings) -> str:
    """Return the custom field that keeps the Hull id, as `custom.cf_…`; empty when none does."""
    is_lead = object_type is ObjectType.LEAD
    field = settings.lead_hull_id_field if is_lead else settings.contact_hull_id_field
    return f"custom.{field}" if field else ""


def external_id_path(object_type: ObjectType, settings: SyncSettings) -> str:
    """Return the custom field that a mapping writes Hull's external id into; empty when none does."""
    rows = settings.mapped(object_type, Direction.OUTBOUND)
    written = [row.close for row in rows if hull_name(row.hull) == "external_id" and not row.transform]
    return next((path for path in written if path.startswith("custom.")), "")


def _text(value: Any) -> str | None:
    """Return an id as it is compared. A list or an object is none."""
    return (
        str(value).strip() or None if isinstance(value, str | int) and not isinstance(value, bool) else None
    )


def _with_anonymous(claims: Claims, close_id: str) -> Claims:
    return Claims(
        hull_id=claims.hull_id,
        external_id=claims.external_id,
        email=claims.email,
        domain=claims.domain,
        anonymous_id=anonymous_id(close_id),
    )
