"""Which Hull attribute goes with which Close field."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import Direction, MappingRow, Mode, ObjectType


class Mapping(models.Model):
    """One row of a connector's mapping."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="mappings")
    object_type = models.CharField("object", max_length=7, choices=choices(ObjectType))
    direction = models.CharField(max_length=8, choices=choices(Direction))
    position = models.PositiveIntegerField(default=0)
    hull = models.CharField(
        "Hull attribute", max_length=250, blank=True,
        help_text="For example industry. Empty on an inbound row: the standard name, such as closeio/description.",
    )  # fmt: skip
    close = models.CharField(
        "Close field",
        max_length=250,
        help_text="For example description, emails.office or custom.cf_…",
    )
    mode = models.CharField(
        max_length=9, choices=[(mode.value, mode.value) for mode in Mode], default=Mode.ALWAYS,
        help_text="When Hull's value replaces what Close holds.",
    )  # fmt: skip

    class Meta:
        ordering: ClassVar = ["connector", "object_type", "direction", "position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "object_type", "direction", "hull", "close"],
                name="mapping_row_once",
            ),
        ]

    def __str__(self) -> str:
        arrow = "→" if self.direction == Direction.OUTBOUND else "←"
        return f"{self.hull or '(standard name)'} {arrow} {self.close}"

    def as_row(self) -> MappingRow:
        """Return the value that decisions use."""
        return MappingRow(
            ObjectType(self.object_type),
            Direction(self.direction),
            self.hull,
            self.close,
            Mode(self.mode),
        )
