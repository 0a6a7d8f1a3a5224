"""Which Hull attribute goes with which Close field."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import Conflict, Direction, MappingRow, Mode, ObjectType, OnNull


class Mapping(models.Model):
    """One row of a connector's mapping."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="mappings")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    direction = models.CharField(max_length=8, choices=choices(Direction))
    position = models.PositiveIntegerField(default=0)
    hull = models.CharField(
        _("Hull attribute"), max_length=250, blank=True,
        help_text=_("For example industry. Empty on an inbound row: the standard name, such as closeio/description."),
    )  # fmt: skip
    close = models.CharField(
        _("Close field"),
        max_length=250,
        help_text=_("For example description, emails.office or custom.cf_…"),
    )
    mode = models.CharField(
        max_length=9, choices=[(mode.value, mode.value) for mode in Mode], default=Mode.ALWAYS,
        help_text=_("When Hull's value replaces what Close holds."),
    )  # fmt: skip

    on_null = models.CharField(
        _("null"), max_length=5, choices=[(one.value, one.value) for one in OnNull], default=OnNull.CLEAR,
        help_text=_("What an attribute that is null in Hull does to the field in Close."),
    )  # fmt: skip
    conflict = models.CharField(
        max_length=6, choices=[(one.value, one.value) for one in Conflict], default=Conflict.NEWEST,
        help_text=_("Whose value stays when both sides changed it."),
    )  # fmt: skip
    transform = models.CharField(
        max_length=20, blank=True, help_text=_("How the value is converted. Empty: as the field's type asks.")
    )

    # The type that the custom field had when the row was made; a field of another type parks the row.
    close_type = models.CharField(max_length=40, blank=True, editable=False)

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

    @property
    def place(self) -> tuple[ObjectType, Direction]:
        return ObjectType(self.object_type), Direction(self.direction)

    def as_row(self) -> MappingRow:
        """Return the value that decisions use."""
        return MappingRow(
            ObjectType(self.object_type),
            Direction(self.direction),
            self.hull,
            self.close,
            Mode(self.mode),
            OnNull(self.on_null),
            Conflict(self.conflict),
            self.transform,
            self.close_type,
        )
