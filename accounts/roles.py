"""What a member is, from least to most."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each role may do everything the one before it may."""

    VIEWER = "VIEWER"
    OPERATOR = "OPERATOR"
    EDITOR = "EDITOR"
    OWNER = "OWNER"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        return self.rank >= other.rank
