"""How a record finds its counterpart, and by which claims Hull is to find it."""

from __future__ import annotations

from sync.engine.plan import KnownRecord
from sync.mapping import transforms
from sync.mapping.lists import values_of
from sync.mapping.outbound import comparable_identifier
from sync.mapping.transforms import UnusableValueError
from sync.records import Claims, ObjectType, SyncSettings

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
    raw = lead.close.get(settings.identity_close)
    value = comparable_identifier(raw, settings)
    if settings.identity_hull == "external_id":
        return Claims(external_id=value, anonymous_id=anonymous_id(lead.close_id))
    return Claims(domain=value, anonymous_id=anonymous_id(lead.close_id))


def user_claims(contact: KnownRecord, shared_emails: frozenset[str] = frozenset()) -> Claims:
    """Return the claims of a contact's user.

    An address that several contacts share identifies nobody: it would make one person of them in Hull.
    """
    paired = claims_of_key(contact.hull_id)
    if paired:
        return _with_anonymous(paired, contact.close_id)
    first = next(iter(contact_emails(contact)), None)
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


def match_values(
    record: KnownRecord, object_type: ObjectType, settings: SyncSettings
) -> set[tuple[str, str]]:
    """Return `(kind, value)` pairs by which a Close record can be found in the local match index."""
    if object_type is ObjectType.CONTACT:
        return {("email", value) for value in contact_emails(record)}
    value = comparable_identifier(record.close.get(settings.identity_close), settings)
    return {("identifier", value)} if value else set()


def _with_anonymous(claims: Claims, close_id: str) -> Claims:
    return Claims(
        hull_id=claims.hull_id,
        external_id=claims.external_id,
        email=claims.email,
        domain=claims.domain,
        anonymous_id=anonymous_id(close_id),
    )
