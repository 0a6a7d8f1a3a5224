"""Who sees and does what: the only place where tenancy is filtered.

A principal is a signed-in user or an API token. A superuser sees all, an inactive user nothing. A membership
without an organization holds for the whole agency; a token always does.
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from accounts.models import Agency, ApiToken, Membership, Organization, User
from accounts.permissions import PERMISSIONS, Permission, roles_with
from accounts.roles import Role

Principal = User | ApiToken | AnonymousUser


def organizations_visible_to(principal: Principal) -> QuerySet[Organization]:
    """Return the organizations whose records the principal may look at."""
    return organizations_where(principal, Permission.VIEW)


def organizations_where(principal: Principal, permission: Permission) -> QuerySet[Organization]:
    """Return the organizations in which the principal has a permission."""
    if sees_all(principal):
        return Organization.objects.all()
    if isinstance(principal, ApiToken):
        return Organization.objects.filter(agency__in=_agencies_of_token(principal, permission))
    granting = _memberships(principal).filter(role__in=roles_with(permission))
    whole_agencies = granting.filter(organization=None).values("agency")
    return Organization.objects.filter(
        Q(agency__in=whole_agencies) | Q(pk__in=granting.values("organization"))
    )


def agencies_visible_to(principal: Principal) -> QuerySet[Agency]:
    """Return the agencies in which the principal has a role, be it in one organization only."""
    if sees_all(principal):
        return Agency.objects.all()
    if isinstance(principal, ApiToken):
        return _agencies_of_token(principal, Permission.VIEW)
    return Agency.objects.filter(pk__in=_memberships(principal).values("agency"))


def agencies_where(principal: Principal, permission: Permission) -> QuerySet[Agency]:
    """Return the agencies in which the principal has a permission throughout."""
    if sees_all(principal):
        return Agency.objects.all()
    if isinstance(principal, ApiToken):
        return _agencies_of_token(principal, permission)
    whole = _memberships(principal).filter(organization=None, role__in=roles_with(permission))
    return Agency.objects.filter(pk__in=whole.values("agency"))


def may(principal: Principal, permission: Permission, organization: Organization) -> bool:
    """Whether the principal has a permission in an organization."""
    return organizations_where(principal, permission).filter(pk=organization.pk).exists()


def may_throughout(principal: Principal, permission: Permission, agency: Agency) -> bool:
    """Whether the principal has a permission in the whole of an agency."""
    return agencies_where(principal, permission).filter(pk=agency.pk).exists()


def may_anywhere(principal: Principal, permission: Permission) -> bool:
    """Whether there is any organization or agency in which the principal has a permission."""
    if sees_all(principal):
        return True
    if isinstance(principal, ApiToken):
        return permission in PERMISSIONS[Role(principal.role)]
    return _memberships(principal).filter(role__in=roles_with(permission)).exists()


def sees_all(principal: Principal) -> bool:
    """Whether the principal is an active superuser."""
    return isinstance(principal, User) and principal.is_active and principal.is_superuser


def _memberships(user: User | AnonymousUser) -> QuerySet[Membership]:
    return (
        Membership.objects.filter(user=user)
        if isinstance(user, User) and user.is_active
        else Membership.objects.none()
    )


def _agencies_of_token(token: ApiToken, permission: Permission) -> QuerySet[Agency]:
    granted = permission in PERMISSIONS[Role(token.role)]
    return Agency.objects.filter(pk=token.agency_id) if granted else Agency.objects.none()
