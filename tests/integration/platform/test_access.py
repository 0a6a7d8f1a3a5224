"""Nobody sees or does anything outside their own tenants."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.access import (
    agencies_visible_to,
    agencies_where,
    may,
    may_anywhere,
    may_throughout,
    organizations_visible_to,
    organizations_where,
)
from accounts.models import ApiToken, Membership, User
from accounts.permissions import PERMISSIONS, Permission
from accounts.roles import Role

Member = Callable[..., User]


def slugs(rows: Any) -> list[str]:
    return sorted(rows.values_list("slug", flat=True))


def test_a_role_in_an_agency_holds_for_its_organizations_only(
    tenants: SimpleNamespace, member: Member
) -> None:
    user = member(Role.OWNER, tenants.northwind)

    assert slugs(organizations_visible_to(user)) == ["acme", "globex"]
    assert slugs(agencies_visible_to(user)) == ["northwind"]
    assert not may(user, Permission.VIEW, tenants.initech)
    assert not may_throughout(user, Permission.VIEW, tenants.southwind)


def test_a_role_in_one_organization_holds_there_only(tenants: SimpleNamespace, member: Member) -> None:
    user = member(Role.OWNER, tenants.acme)

    assert slugs(organizations_visible_to(user)) == ["acme"]
    assert slugs(agencies_visible_to(user)) == ["northwind"]
    assert slugs(agencies_where(user, Permission.VIEW)) == []
    assert not may(user, Permission.VIEW, tenants.globex)


def test_the_stronger_of_two_roles_counts(tenants: SimpleNamespace, member: Member) -> None:
    user = member(Role.VIEWER, tenants.northwind, "jo")
    member(Role.EDITOR, tenants.acme, "jo")

    assert slugs(organizations_visible_to(user)) == ["acme", "globex"]
    assert slugs(organizations_where(user, Permission.EDIT_CONFIGURATION)) == ["acme"]


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_roles_and_tokens_grant_what_the_table_says(
    tenants: SimpleNamespace, member: Member, role: Role, permission: Permission
) -> None:
    granted = permission in PERMISSIONS[role]
    user = member(role, tenants.northwind)
    token, _ = ApiToken.objects.issue(agency=tenants.northwind, role=role.value)

    for principal in (user, token):
        assert may(principal, permission, tenants.acme) is granted
        assert may_throughout(principal, permission, tenants.northwind) is granted
        assert may_anywhere(principal, permission) is granted
        assert not may(principal, permission, tenants.initech)
        assert not may_throughout(principal, permission, tenants.southwind)


def test_a_superuser_sees_all(tenants: SimpleNamespace, admin_user: User) -> None:
    assert slugs(organizations_visible_to(admin_user)) == ["acme", "globex", "initech"]
    assert slugs(agencies_visible_to(admin_user)) == ["northwind", "southwind"]
    assert may(admin_user, Permission.MANAGE_CREDENTIALS, tenants.initech)


@pytest.mark.parametrize("superuser", [False, True])
def test_who_is_inactive_sees_nothing(tenants: SimpleNamespace, member: Member, superuser: bool) -> None:
    user = member(Role.OWNER, tenants.northwind)
    user.is_active, user.is_superuser = False, superuser

    assert slugs(organizations_visible_to(user)) == []
    assert slugs(agencies_visible_to(user)) == []
    assert not may_anywhere(user, Permission.VIEW)


def test_nobody_sees_nothing(tenants: SimpleNamespace) -> None:
    assert slugs(organizations_visible_to(AnonymousUser())) == []
    assert not may_anywhere(AnonymousUser(), Permission.VIEW)


class TestMemberships:
    def test_an_organization_of_another_agency_is_refused(
        self, tenants: SimpleNamespace, admin_user: User
    ) -> None:
        membership = Membership(user=admin_user, agency=tenants.southwind, organization=tenants.acme)

        with pytest.raises(ValidationError, match="another agency"):
            membership.full_clean()

    @pytest.mark.parametrize("whole_agency", [True, False])
    def test_one_role_a_place(self, tenants: SimpleNamespace, member: Member, whole_agency: bool) -> None:
        place = tenants.northwind if whole_agency else tenants.acme
        member(Role.VIEWER, place, "jo")

        with pytest.raises(IntegrityError):
            member(Role.OWNER, place, "jo")

    def test_e_mail_addresses_are_unique_whatever_their_case(self, db: None) -> None:
        User.objects.create(username="jo", email="Jo@example.com")

        with pytest.raises(IntegrityError):
            User.objects.create(username="joanna", email="jo@EXAMPLE.com")
