"""The table of roles, spelled out once more so that a slip in it shows."""

import pytest

from accounts.permissions import PERMISSIONS, Permission, roles_with
from accounts.roles import Role

TABLE = {
    #                              viewer  operator  editor  owner
    Permission.VIEW:               (True,  True,     True,   True),
    Permission.RUN:                (False, True,     True,   True),
    Permission.EDIT_CONFIGURATION: (False, False,    True,   True),
    Permission.MANAGE_CREDENTIALS: (False, False,    False,  True),
    Permission.MANAGE_MEMBERS:     (False, False,    False,  True),
}  # fmt: skip


@pytest.mark.parametrize("permission", Permission)
def test_each_role_grants_what_the_table_says(permission: Permission) -> None:
    assert tuple(permission in PERMISSIONS[role] for role in Role) == TABLE[permission]


def test_each_role_includes_the_one_before() -> None:
    for lesser, greater in zip(list(Role), list(Role)[1:], strict=False):
        assert PERMISSIONS[lesser] < PERMISSIONS[greater]
        assert greater.includes(lesser)
        assert not lesser.includes(greater)


def test_roles_with_names_who_may() -> None:
    assert roles_with(Permission.MANAGE_CREDENTIALS) == [Role.OWNER]
