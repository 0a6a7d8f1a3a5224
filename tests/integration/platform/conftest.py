"""Two agencies that must never see each other, and people in every role."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from accounts.models import Agency, Membership, Organization, User
from accounts.roles import Role


@pytest.fixture
def tenants(db: None) -> SimpleNamespace:
    """Northwind looks after Acme and Globex, Southwind after Initech."""
    northwind = Agency.objects.create(slug="northwind", name="Northwind")
    southwind = Agency.objects.create(slug="southwind", name="Southwind")
    return SimpleNamespace(
        northwind=northwind,
        southwind=southwind,
        acme=_organization(northwind, "acme"),
        globex=_organization(northwind, "globex"),
        initech=_organization(southwind, "initech"),
    )


def _organization(agency: Agency, slug: str) -> Organization:
    return Organization.objects.create(
        agency=agency, slug=slug, name=slug.capitalize(), hull_domain=f"{slug}.hullapp.io"
    )


@pytest.fixture
def member(db: None) -> Callable[..., User]:
    """Make a member of staff with a role in an agency, or in one organization."""

    def make(role: Role, where: Agency | Organization, name: str = "") -> User:
        name = name or f"{role.lower()}-{where.slug}"
        user, _ = User.objects.get_or_create(username=name, email=f"{name}@example.com", is_staff=True)
        place = (
            {"agency": where}
            if isinstance(where, Agency)
            else {"agency": where.agency, "organization": where}
        )
        Membership.objects.create(user=user, role=role.value, **place)
        return user

    return make
