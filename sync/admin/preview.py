"""What an edit of a connector would do to real records: shown before it is saved, and asked about when it is much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from sync.admin import cells, story
from sync.admin.words import DIRECTIONS, EDITS, OBJECTS, reason_words
from sync.engine.preview import WRITES, Effect, Line, Preview, compare
from sync.models import CloseField, Connector, Link
from sync.records import Direction
from sync.services import preview

PREVIEW, TYPED_NAME = "_preview", "_typed_name"
_SHOWN = 40


class NotSavedError(Exception):
    """An edit was tried out and is undone: a person wanted to see what it does, or has to be asked."""

    def __init__(self, found: Preview) -> None:
        super().__init__(gettext("tried out only"))
        self.found = found


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows above the form."""

    summary: str
    sample: str
    digest: str
    tables: list[story.Table]
    asks_for_name: bool
    was_refused: bool


class _TriedForm:
    """A form that is shown again as it was sent, with nothing saved."""

    def is_valid(self) -> bool:
        super().is_valid()  # type: ignore[misc]  # mixed into a form
        return False


class PreviewActions:
    """Mixed into the connector's admin. An edit is saved, looked at and taken back in one transaction that nobody sees."""

    actions_submit_line = ("preview",)

    @action(
        description=_("Preview"), icon="visibility", attrs={"name": PREVIEW},
    )  # fmt: skip
    def preview(self, request: HttpRequest, obj: Connector) -> None:
        """The button only says that the form is not to be saved; see `try_out`."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        try:
            return self._changeform(request, object_id, form_url, extra_context)
        except NotSavedError as undone:
            request.__dict__["_was_tried"] = True
            was_refused = PREVIEW not in request.POST
            connector = Connector.objects.get(pk=str(object_id))
            context = {**(extra_context or {}), "preview": page(connector, undone.found, was_refused)}
            return self._changeform(request, object_id, form_url, context)

    def _changeform(self, *arguments: Any) -> HttpResponse:
        return super().changeform_view(*arguments)  # type: ignore[misc]  # mixed into an admin

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: type[ModelForm[Any]] = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]
        return type("TriedForm", (_TriedForm, form), {}) if "_was_tried" in request.__dict__ else form

    def note_before(self, request: HttpRequest, connector: Connector) -> None:
        """Remember what the next sync would do before anything is saved."""
        stored = Connector.objects.get(pk=connector.pk)
        request.__dict__["_before"] = stored.name, preview.lines(stored)

    def try_out(self, request: HttpRequest, connector: Connector) -> Preview:
        """Compare with what was saved just now. Raises NotSavedError where it is not to stay."""
        name, before = request.__dict__["_before"]
        stored = Connector.objects.get(pk=connector.pk)
        found = compare(before, preview.lines(stored), preview.total(stored))
        is_refused = found.asks_for_name and request.POST.get(TYPED_NAME, "").strip() != name
        if PREVIEW in request.POST or is_refused:
            raise NotSavedError(found)
        return found


# ── What is shown ────────────────────────────────────────────────────────────────────────────────


def page(connector: Connector, found: Preview, was_refused: bool) -> Page:
    """Say what an edit does."""
    tables = [_counts(found), _fields(connector, found)]
    return Page(
        summary=_summary(found), sample=_sample(found), digest=found.digest,
        tables=[table for table in tables if table.rows], asks_for_name=found.asks_for_name, was_refused=was_refused,
    )  # fmt: skip


def _summary(found: Preview) -> str:
    told = [
        f"{found.expected(effect):,} {words.lower()}"
        for effect, words in EDITS.items()
        if effect in WRITES and found.expected(effect)
    ]
    if not told:
        return (
            gettext("This edit changes nothing in the records that are known.")
            if found.looked_at
            else gettext("No record is known yet.")
        )
    about = "" if found.looked_at == found.total else "about "
    return gettext(
        "With this edit the next sync would do something else to {about}{value:,} records: {value2}."
    ).format(about=about, value=found.expected(*Effect), value2=", ".join(told))


def _sample(found: Preview) -> str:
    if found.looked_at == found.total:
        return gettext("All {total:,} known records were looked at.").format(total=found.total)
    return (
        f"{found.looked_at:,} of {found.total:,} known records were looked at, the same ones each time; the numbers for all "
        "are estimated from them."
    )


def _counts(found: Preview) -> story.Table:
    """Count what the next sync would do with the edit, whether it does that because of the edit or not."""
    table = story.Table(
        gettext("With this edit the next sync would find"), [gettext("Records"), *EDITS.values()]
    )
    places = sorted({(direction, kind) for direction, kind, _ in found.counts}, reverse=True)
    for direction, kind in places:
        counts = [found.counts.get((direction, kind, effect), 0) for effect in EDITS]
        table.rows.append(
            [
                gettext("{value}s, {value2}").format(value=OBJECTS[kind], value2=DIRECTIONS[direction]),
                *(f"{count:,}" if count else "–" for count in counts),
            ]
        )
    return table


def _fields(connector: Connector, found: Preview) -> story.Table:
    """Show old and new for each field of a few records, those with the gravest effect first."""
    order = list(EDITS)
    pairs = sorted(found.differing, key=lambda one: (order.index(one.after.effect), one.after.name))
    hint = (
        ""
        if len(pairs) <= _SHOWN
        else gettext("The first {_SHOWN} of {count:,}, the gravest first.").format(
            _SHOWN=_SHOWN, count=len(pairs)
        )
    )
    headers = [
        "Record",
        gettext("What the edit does"),
        "Field",
        gettext("There now"),
        gettext("Without the edit"),
        gettext("With the edit"),
    ]
    table = story.Table(gettext("What this edit does otherwise"), headers, hint=hint)
    labels = _labels(connector)
    names = _names(connector, [one.after for one in pairs[:_SHOWN]])
    for one in pairs[:_SHOWN]:
        name = cells.stacked(
            names.get(one.after.key) or one.after.label,
            f"{OBJECTS[one.after.object_type]}, {DIRECTIONS[one.after.direction]}",
        )
        does = cells.stacked(
            f"{EDITS[one.before.effect]} → {EDITS[one.after.effect]}"
            if one.before.effect != one.after.effect
            else EDITS[one.after.effect],
            reason_words(one.after.reason).label,
        )
        rows = [
            [labels.get(field, field), *map(story.readable, values)] for field, values in one.fields.items()
        ]
        for place, row in enumerate(rows or [[cells.NOTHING] * 4]):
            table.rows.append([*((name, does) if place == 0 else ("", "")), *row])
    return table


def _labels(connector: Connector) -> Mapping[str, str]:
    return {
        f"custom.{field.close_id}": field.label for field in CloseField.objects.filter(connector=connector)
    }


def _names(connector: Connector, lines: list[Line]) -> Mapping[str, str]:
    keys = [line.key for line in lines if line.direction is Direction.INBOUND]
    return dict(Link.objects.filter(connector=connector, close_id__in=keys).values_list("close_id", "label"))
