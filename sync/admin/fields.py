"""Form fields of the connector page: secrets that are never shown, segments by name, choices that keep the unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from sync.mapping.shared import as_identity
from sync.models import Connector, Secret

CLEAR = object()
_WITH_CHECKBOX = """{}
<label class="flex items-center gap-2 mt-2 text-sm" for="id_{}-clear">
<input type="checkbox" name="{}-clear" id="id_{}-clear"> {}</label>"""
Choice = tuple[str, str]


class SecretInput(UnfoldAdminPasswordWidget):
    """A password input that is never filled in, and a checkbox to clear what is stored."""

    is_stored = False

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "new-password", **(attrs or {})})

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        shown = super().render(name, None, attrs, renderer)
        return (
            format_html(_WITH_CHECKBOX, shown, name, name, name, gettext("Delete what is stored"))
            if self.is_stored
            else shown
        )

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        typed = (data.get(name) or "").strip()
        return CLEAR if not typed and data.get(f"{name}-clear") else typed


class SecretField(forms.Field):
    """Cleans to a `Secret`, or to None when nothing was typed and the stored one stays."""

    widget = SecretInput

    def clean(self, value: Any) -> Secret | None:
        if value is CLEAR:
            return Secret()
        return Secret.of(value) if value else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data) and not (data is CLEAR and not initial)

    def tell(self, stored: Secret, reference: Mapping[str, str]) -> None:
        """Say in the help text what is stored, by its last four characters only."""
        self.widget.is_stored = bool(stored)
        if not stored:
            self.help_text = gettext("None is stored.")
            return
        if stored.hint == "unreadable":
            self.help_text = gettext(
                "One is stored that cannot be decrypted with the present keys. Enter it again."
            )
            return
        source = "".join(
            gettext(" (from {kind} {name})").format(kind=kind, name=name) for kind, name in reference.items()
        )
        self.help_text = f"Stored: {stored.hint}{source}; leave empty to keep it."


class ListField(forms.MultipleChoiceField):
    """Several of the known choices, and others typed in; stored as a list."""

    widget = UnfoldAdminSelect2MultipleWidget

    def __init__(
        self, *, known: Sequence[Choice], stored: Iterable[str], unknown: str, **kwargs: Any
    ) -> None:
        names = dict(known)
        others = [(value, f"{value} ({unknown})") for value in stored if value not in names]
        widget = UnfoldAdminSelect2MultipleWidget({"data-tags": "true", "style": "width: 100%"})
        super().__init__(choices=[*known, *others], widget=widget, required=False, **kwargs)

    def clean(self, value: Any) -> list[str]:
        cleaned = super().clean([entry.strip() for entry in value or []])
        return list(dict.fromkeys(entry for entry in cleaned if entry))

    def valid_value(self, value: str) -> bool:
        return True

    def has_changed(self, initial: Any, data: Any) -> bool:
        return set(initial or []) != set(data or [])


class IdentitiesField(forms.CharField):
    """Domains and e-mail addresses, one a line; stored as a list, in the form in which they are compared."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget({"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        read = {line: as_identity(line) for line in str(value or "").split()}
        strange = [line for line, identity in read.items() if identity is None]
        if strange:
            raise forms.ValidationError(
                gettext(
                    "{value} is neither a domain nor an e-mail address. Write one a line, such as acme.com."
                ).format(value=", ".join(strange))
            )
        return list(dict.fromkeys(identity for identity in read.values() if identity))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != str(data or "").split()


def chosen(
    known: Sequence[Choice], stored: str, *, unknown: str, default: str = "", **kwargs: Any
) -> forms.ChoiceField:
    """Return a select of the known choices that keeps an unknown stored value visible."""
    choices = [("", default)] if default else []
    choices += known
    if stored and stored not in dict(choices):
        choices.append((stored, f"{stored} ({unknown})"))
    return forms.ChoiceField(
        choices=choices, required=not default, widget=UnfoldAdminSelectWidget(), **kwargs
    )


class SuggestingInput(UnfoldAdminTextInputWidget):
    """A text input that offers a list of values, and tells below what the present one is called."""

    def __init__(self, list_id: str, called: Callable[[str], str] | None = None) -> None:
        super().__init__({"list": list_id, "autocomplete": "off"})
        self.called = called

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        shown = super().render(name, value, attrs, renderer)
        called = self.called(str(value or "")) if self.called else ""
        return format_html('{}<div class="mt-1 text-xs">{}</div>', shown, called) if called else shown


def segment_choices(connector: Connector, kind: str) -> list[Choice]:
    """Return the segments that Hull told of, by name."""
    if connector._state.adding:
        return []
    rows = connector.hull_segments.filter(kind=kind).order_by("name")
    return [(row.hull_id, row.name or row.hull_id) for row in rows]
