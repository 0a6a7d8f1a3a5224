"""What each role may do: one table, read by everything that asks."""

from __future__ import annotations

from enum import StrEnum

from accounts.roles import Role


class Permission(StrEnum):
    VIEW = "VIEW"
    RUN = "RUN"
    EDIT_CONFIGURATION = "EDIT_CONFIGURATION"
    MANAGE_CREDENTIALS = "MANAGE_CREDENTIALS"
    MANAGE_MEMBERS = "MANAGE_MEMBERS"


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.RUN}
_EDITOR = _OPERATOR | {Permission.EDIT_CONFIGURATION}
_OWNER = _EDITOR | {Permission.MANAGE_CREDENTIALS, Permission.MANAGE_MEMBERS}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.EDITOR: _EDITOR,
    Role.OWNER: _OWNER,
}


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that grant a permission."""
    return [role for role in Role if permission in PERMISSIONS[role]]
