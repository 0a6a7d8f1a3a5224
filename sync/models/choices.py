"""Choices of a stored enum, in words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

# Naming both objects lets an index that has the object before the key be used for many keys of either.
EITHER = ("LEAD", "CONTACT")


def choices(members: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """Return `(value, words)` pairs: `NOT_IN_SEGMENT` reads "Not in segment"."""
    return [(member.value, member.value.replace("_", " ").capitalize()) for member in members]
