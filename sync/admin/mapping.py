"""The four mapping tables of a connector: one per object and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin.scoped import ScopedTabularInline
from sync.admin import picker
from sync.admin.fields import SuggestingInput
from sync.admin.suggestions import Suggestions
from sync.mapping.named import TRANSFORMS
from sync.mapping.paths import parse_close_path
from sync.mapping.validation import Problem, check_row, check_shape
from sync.models import Connector, Mapping
from sync.records import Conflict, Direction, MappingRow, Mode, ObjectType, OnNull, SyncSettings

_MODES = {Mode.ALWAYS: _("always"), Mode.IF_EMPTY: _("only if empty"), Mode.ON_CREATE: _("only when created")}

_NULLS = {OnNull.CLEAR: _("empties it"), OnNull.LEAVE: _("leaves it")}
_CONFLICTS = {
    Conflict.NEWEST: _("newer"), Conflict.HULL: _("Hull's"), Conflict.CLOSE: _("Close's"), Conflict.HOLD: _("ask us"),
}  # fmt: skip
_TRANSFORMS = {"": "automatic"} | {one.name: f"{one.name}: {one.words}" for one in TRANSFORMS.values()}
_WORDS: dict[str, tuple[Any, Any]] = {
    "mode": (_("written"), _MODES), "on_null": (_("null in Hull"), _NULLS), "conflict": (_("both changed"), _CONFLICTS),
    "transform": (_("converted"), _TRANSFORMS),
}  # fmt: skip
_OUTBOUND = ("hull", "close", "mode", "on_null", "conflict", "transform", "position")


def rule_words(row: MappingRow) -> str:
    """Say a row's rule as one reads it."""
    if row.direction is Direction.INBOUND:
        return "always"
    said = [
        gettext("written {value}").format(value=_MODES[row.mode]), gettext("null in Hull {value}").format(value=_NULLS[row.on_null]),
        gettext("both changed: {value}").format(value=_CONFLICTS[row.conflict]), f"converted: {row.transform}" if row.transform else "",
    ]  # fmt: skip
    return "; ".join(filter(None, said))


class _KeptChoice(forms.ChoiceField):
    """A choice that stays as it is when it is not sent at all."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data is not None and super().has_changed(initial, data)

    def clean(self, value: Any) -> Any:
        return super().clean(self.initial if value is None else value)


class MappingForm(forms.ModelForm):
    """One row. What is wrong with it is told at the field, with the remedy."""

    suggestions = Suggestions(None)
    object_type: ObjectType
    direction: Direction

    class Meta:
        model = Mapping
        fields = _OUTBOUND

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.object_type, self.instance.direction = self.object_type.value, self.direction.value
        if "close" in self.fields:
            place = self.object_type, self.direction
            called = self.suggestions.called(*place)
            connector = self.suggestions.connector
            if connector is None:
                self.fields["close"].widget = SuggestingInput(list_id("close", *place), called)
                self.fields["hull"].widget = SuggestingInput(list_id("hull", *place))
            else:
                self._pick("close", connector, called)
                self._pick("hull", connector, lambda name: "")
        for name, (label, offered) in _WORDS.items():
            if name in self.fields:
                self._offer(name, label, offered)

    def _pick(self, name: str, connector: Connector, called: Callable[[str], str]) -> None:
        field, where = self.fields[name], picker.address(connector, name, self.object_type, self.direction)
        field.widget = picker.PickerSelect(where, called, str(field.label))

    def _offer(self, name: str, label: str, offered: dict[str, str]) -> None:
        """Offer choices in words. An unknown stored one stays visible; one that is not sent keeps its value."""
        stored = getattr(self.instance, name)
        unknown = {stored: f"{stored} (unknown)"} if stored not in offered else {}
        choices = [(str(value), words) for value, words in {**offered, **unknown}.items()]
        self.fields[name] = _KeptChoice(
            choices=choices, required=False, initial=stored, label=label, help_text=self.fields[name].help_text,
            widget=UnfoldAdminSelectWidget(attrs={"style": "min-width: 7.5rem; max-width: 9rem", "aria-label": str(label)}),
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Check the row by itself, and against what Close offers when that was read."""
        data = super().clean() or self.cleaned_data
        if "close" in self.changed_data:
            self.instance.close_type = ""
        if data.get("close") and not data.get("DELETE"):
            problem = self._problem(self.row())
            if problem:
                self.add_error(_field_of(problem), str(problem))
        return data

    def row(self) -> MappingRow:
        data = self.cleaned_data
        return MappingRow(
            self.object_type, self.direction, data.get("hull") or "", data.get("close") or "",
            Mode(data.get("mode") or Mode.ALWAYS), OnNull(data.get("on_null") or OnNull.CLEAR),
            Conflict(data.get("conflict") or Conflict.NEWEST), data.get("transform") or "",
        )  # fmt: skip

    def _problem(self, row: MappingRow) -> Problem | None:
        if not self.suggestions.is_schema_known or not self.has_changed():
            return check_shape(row)  # a field that Close lost meanwhile must not stop other edits
        return check_row(row, SyncSettings(schema=self.suggestions.schema))


def _field_of(problem: Problem) -> str:
    """Return the column in which a problem is told."""
    if "names no Hull attribute" in problem.message:
        return "hull"
    return "transform" if "not a transform" in problem.message else "close"


class MappingFormSet(PaginationInlineFormSet):
    """The rows of one table. Two rows for one target would overwrite each other, so the second is refused."""

    place = ""

    @classmethod
    def get_default_prefix(cls) -> str:
        return cls.place

    def clean(self) -> None:
        super().clean()
        seen: dict[str, MappingRow] = {}
        for form in self._live_forms():
            row = form.row()
            target = _target(row)
            if target in seen:
                form.add_error(*_twice(row, seen[target]))
            seen.setdefault(target, row)

    def save(self, commit: bool = True) -> Any:
        """Save the rows, the new ones at the end, so that rows may exchange what they pair."""
        last = len(self.initial_forms)
        for number, form in enumerate(self.extra_forms):
            if form.has_changed() and "position" not in form.changed_data:
                form.instance.position = last + number
        touched = [form.instance.pk for form in self.initial_forms if form.has_changed()]
        place = Concat(Value(gettext("being saved ")), Cast("pk", CharField()))
        Mapping.objects.filter(pk__in=touched).update(hull=place)
        return super().save(commit)

    def _live_forms(self) -> Iterator[MappingForm]:
        for form in self.forms:
            data = getattr(form, "cleaned_data", None)
            if data and data.get("close") and not data.get("DELETE"):
                yield form


def _target(row: MappingRow) -> str:
    """Return what only one row may write. Entries of a list may come from several attributes."""
    if row.direction is Direction.OUTBOUND:
        return (
            gettext("{hull} to {close}").format(hull=row.hull, close=row.close)
            if parse_close_path(row.close).is_list
            else row.close
        )
    return row.hull or gettext("the standard name of {close}").format(close=row.close)


def _twice(row: MappingRow, first: MappingRow) -> tuple[str, str]:
    if row.direction is Direction.OUTBOUND:
        return "close", gettext("{close} is mapped from {hull} already. Remove one of the two rows.").format(
            close=row.close, hull=first.hull
        )
    if row.hull:
        return (
            "hull",
            gettext(
                "{hull} is filled from {close} already. Name another attribute, or remove the row."
            ).format(hull=row.hull, close=first.close),
        )
    return "close", gettext("{close} is mapped already. Remove one of the two rows.").format(close=row.close)


class MappingInline(ScopedTabularInline):
    """Base of the four tables."""

    model = Mapping
    form = MappingForm
    tab = True
    ordering = ("position", "pk")
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    verbose_name = _("row")
    show_count = True
    object_type: ObjectType
    direction: Direction
    template_before = "sync/admin/mapping_before.html"

    @property
    def place(self) -> str:
        return f"{self.object_type}_{self.direction}".lower()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mapping]:
        return super().get_queryset(request).filter(object_type=self.object_type, direction=self.direction)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the table's formset, which knows its place and what Close and Hull offer."""
        known = request.__dict__.setdefault("_suggestions", {})
        suggestions = known.setdefault(obj and obj.pk, Suggestions(obj))
        place = self.object_type, self.direction
        known_there = {"object_type": place[0], "direction": place[1], "suggestions": suggestions}
        form = type("PlacedForm", (self.form,), known_there)
        formset = type("PlacedFormSet", (MappingFormSet,), {"place": self.place})
        self.datalists = (
            {}
            if obj
            else {
                list_id("close", *place): suggestions.close_fields(*place),
                list_id("hull", *place): suggestions.hull_attributes(*place),
            }
        )
        return super().get_formset(request, obj, form=form, formset=formset, **kwargs)

    def get_count(self, request: HttpRequest, obj: Any) -> int:
        return self.get_queryset(request).filter(connector=obj).count() if obj and obj.pk else 0


def list_id(side: str, object_type: ObjectType, direction: Direction) -> str:
    return f"{side}-of-{object_type}-{direction}".lower()


class LeadsOut(MappingInline):
    object_type, direction = ObjectType.LEAD, Direction.OUTBOUND
    verbose_name_plural = _("Leads: Hull → Close")
    fields = _OUTBOUND
    explanation = _(
        "Which attributes of a Hull account are written to which fields of its lead. The name and the identifier go out without a row."
    )


class LeadsIn(MappingInline):
    object_type, direction = ObjectType.LEAD, Direction.INBOUND
    verbose_name_plural = _("Leads: Close → Hull")
    fields = ("close", "hull", "position")
    explanation = _(
        "Which fields of a lead come into its Hull account. Without an attribute the standard name is used, such as closeio/description."
    )


class ContactsOut(MappingInline):
    object_type, direction = ObjectType.CONTACT, Direction.OUTBOUND
    verbose_name_plural = _("Contacts: Hull → Close")
    fields = _OUTBOUND
    explanation = _(
        "Which attributes of a Hull user are written to which fields of its contact. The name goes out without a row; account.… reads the user's account."
    )


class ContactsIn(MappingInline):
    object_type, direction = ObjectType.CONTACT, Direction.INBOUND
    verbose_name_plural = _("Contacts: Close → Hull")
    fields = ("close", "hull", "position")
    explanation = _(
        "Which fields of a contact come into its Hull user. Without an attribute the standard name is used, such as closeio/title."
    )


INLINES = (LeadsOut, LeadsIn, ContactsOut, ContactsIn)
