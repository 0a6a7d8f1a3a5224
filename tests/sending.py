"""What a browser sends when a form of the admin is saved as it was shown, with some of it replaced."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm
from django.http import HttpResponse

from sync.admin.fields import SecretField


def sent_by(shown: HttpResponse, **given: Any) -> dict[str, Any]:
    """Return the fields of a change page. A value of None leaves a field out, as an unticked box is left out."""
    context = shown.context  # type: ignore[attr-defined]  # only answers of the test client have it
    sent = _values(context["adminform"].form)
    for inline in context["inline_admin_formsets"]:
        sent |= _values(inline.formset.management_form)
        for form in inline.formset.initial_forms:
            sent |= _values(form)
    sent |= {name.replace("__", "-"): value for name, value in given.items()}
    return {name: value for name, value in sent.items() if value is not None and value is not False}


def add_row(sent: dict[str, Any], place: str, hull: str, close: str, **more: Any) -> dict[str, Any]:
    """Add a row to a mapping table of a form, at its end."""
    number = int(sent[f"{place}-TOTAL_FORMS"])
    values = {"hull": hull, "close": close, "mode": "always", "position": number, "id": ""} | more
    row = {f"{place}-{number}-{name}": value for name, value in values.items()}
    return {**sent, f"{place}-TOTAL_FORMS": str(number + 1), **row}


def _values(form: BaseForm) -> dict[str, Any]:
    return {
        field.html_name: "" if isinstance(field.field, SecretField) else _plain(field.value())
        for field in form
        if field.name != "departures"  # many selects; what is not sent stays
    }


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return "on" if value is True else value
