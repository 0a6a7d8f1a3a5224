"""What follows when a record leaves, as one form field: a select for each way of leaving, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from sync.admin.words import Text
from sync.records import Departure, DeparturePolicy, ObjectType
from sync.services import departing

Cell = tuple[ObjectType, Departure]

_TITLES = {ObjectType.LEAD: _("Accounts and their leads"), ObjectType.CONTACT: _("Users and their contacts")}
_HAPPENED = {
    (ObjectType.LEAD, Departure.LEFT_SEGMENT): _("The account leaves its segments"),
    (ObjectType.LEAD, Departure.DELETED_IN_CLOSE): _("The lead is deleted in Close"),
    (ObjectType.LEAD, Departure.MERGED_IN_CLOSE): _("The lead is merged into another one in Close"),
    (ObjectType.LEAD, Departure.DELETED_IN_HULL): _("The account is deleted in Hull"),
    (ObjectType.LEAD, Departure.MERGED_IN_HULL): _("The account is merged into another one in Hull"),
    (ObjectType.CONTACT, Departure.LEFT_SEGMENT): _("The user, or its account, leaves the segments"),
    (ObjectType.CONTACT, Departure.DELETED_IN_CLOSE): _("The contact is deleted in Close"),
    (ObjectType.CONTACT, Departure.DELETED_IN_HULL): _("The user is deleted in Hull"),
    (ObjectType.CONTACT, Departure.MERGED_IN_HULL): _("The user is merged into another one in Hull"),
}
_KEEPS = {
    DeparturePolicy.IGNORE: _("Leave the {close} as it is"),
    DeparturePolicy.MARK: _("Set the lead status chosen below"),
    DeparturePolicy.UNLINK: _("Stop keeping them in step"),
    DeparturePolicy.DELETE: _("Delete the {close} in Close"),
}
_FOLLOWS: Mapping[Departure, Mapping[DeparturePolicy, Text]] = {
    Departure.LEFT_SEGMENT: _KEEPS,
    Departure.DELETED_IN_HULL: _KEEPS,
    Departure.DELETED_IN_CLOSE: {
        DeparturePolicy.MARK: "Write the time of it into Hull; it is not made again",
        DeparturePolicy.IGNORE: "Tell Hull nothing; it is not made again",
        DeparturePolicy.UNLINK: "Remove the Close id in Hull; it may be made again",
    },
    Departure.MERGED_IN_CLOSE: {
        DeparturePolicy.FORWARD: "Go on with the lead that is left",
        DeparturePolicy.IGNORE: "Tell Hull nothing, and write to neither",
        DeparturePolicy.UNLINK: "Remove the Close id in Hull; a lead is looked for anew, or made",
    },
    Departure.MERGED_IN_HULL: {
        DeparturePolicy.FORWARD: "Go on with the {hull} that is left, unless it has a {close} already",
        DeparturePolicy.IGNORE: "Leave it to a person",
        DeparturePolicy.UNLINK: "Stop keeping the {close} in step",
    },
}
_NOUNS = {
    ObjectType.LEAD: {"hull": "account", "close": "lead"},
    ObjectType.CONTACT: {"hull": "user", "close": "contact"},
}
_HELP = (
    "Deleting is for good: a lead goes with its contacts, notes, calls and tasks, and nothing here brings them back. It is "
    "done only where you choose it in so many words, once per record, and more at a time than the brake allows wait for "
    "approval. Nothing is ever deleted in Hull."
)
_GROUP = '<div class="font-semibold mt-4 mb-2">{}</div>{}'
_ROW = (
    '<div class="flex flex-col mb-3 max-w-2xl"><label class="block mb-1 text-sm" for="{}">{}</label>{}</div>'
)


class DepartureMatrix(forms.Widget):
    """A select for each cell. Its value is the stored form, or None when nothing was sent."""

    use_fieldset = True

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = departing.chosen(value if isinstance(value, Mapping) else {})
        groups = ((_TITLES[kind], self._rows(name, kind, chosen)) for kind in ObjectType)
        return format_html_join("", _GROUP, groups)

    def _rows(self, name: str, kind: ObjectType, chosen: Mapping[Cell, DeparturePolicy]) -> SafeString:
        cells = [cell for cell in departing.offered() if cell[0] is kind]
        return format_html_join("", _ROW, (self._row(name, cell, chosen[cell]) for cell in cells))

    def _row(self, name: str, cell: Cell, policy: DeparturePolicy) -> tuple[str, Text, SafeString]:
        field = field_name(name, cell)
        choices = [(one.value, words_for(cell, one)) for one in departing.offered()[cell]]
        select = UnfoldAdminSelectWidget(choices=choices).render(field, policy.value, {"id": f"id_{field}"})
        return f"id_{field}", _HAPPENED[cell], select

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, dict[str, str]] | None:
        sent: dict[str, dict[str, str]] = {}
        for cell in departing.offered():
            if field_name(name, cell) in data:
                sent.setdefault(cell[0].value, {})[cell[1].value] = data[field_name(name, cell)]
        return sent or None

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return self.value_from_datadict(data, files, name) is None

    def id_for_label(self, id_: str | None, index: str | None = None) -> str:
        return ""


class DeparturesField(forms.Field):
    """Cleans to the stored form. What was not sent stays as it is stored."""

    widget = DepartureMatrix

    def __init__(self, *, stored: Mapping[str, Any]) -> None:
        super().__init__(required=False, label=gettext("What follows"), help_text=_HELP)
        self.stored = departing.to_store(departing.chosen(stored))

    def clean(self, value: Any) -> dict[str, dict[str, str]]:
        if value is None:
            return self.stored
        chosen = dict(departing.chosen(self.stored))
        for cell, allowed in departing.offered().items():
            said = value.get(cell[0].value, {}).get(cell[1].value)
            if said is not None:
                chosen[cell] = self._policy(cell, said, allowed)
        return departing.to_store(chosen)

    def _policy(self, cell: Cell, said: str, allowed: tuple[DeparturePolicy, ...]) -> DeparturePolicy:
        found = next((policy for policy in allowed if policy == said), None)
        if found is None:
            raise forms.ValidationError(
                gettext("“{value}” does not know {said!r}. Choose one of the list.").format(
                    value=_HAPPENED[cell], said=said
                )
            )
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != self.stored
        except forms.ValidationError:
            return True


def field_name(name: str, cell: Cell) -> str:
    """Return the name under which a cell is sent."""
    return f"{name}-{cell[0].value}-{cell[1].value}".lower()


def words_for(cell: Cell, policy: DeparturePolicy) -> str:
    """Return what a policy does, for a person to choose."""
    return _FOLLOWS[cell[1]][policy].format(**_NOUNS[cell[0]])


def marks_leads(stored: Mapping[str, Any] | None) -> bool:
    """Tell whether a matrix sets a lead status anywhere."""
    chosen = departing.chosen(stored or {})
    cells = ((ObjectType.LEAD, one) for one in (Departure.LEFT_SEGMENT, Departure.DELETED_IN_HULL))
    return any(chosen[cell] is DeparturePolicy.MARK for cell in cells)
