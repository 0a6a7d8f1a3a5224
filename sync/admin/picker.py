"""Choosing a Hull attribute or a Close field from what is really there: by name, with type, a value, and where it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminSelect2Widget

from sync.admin import story
from sync.admin.suggestions import Suggestions
from sync.models import Connector
from sync.records import Direction, ObjectType
from sync.services import samples

MOST = 60
_LONGEST = 40


class PickerSelect(UnfoldAdminSelect2Widget):
    """A searchable select that asks the server what there is, and also takes what is typed in."""

    def __init__(self, address: str, called: Callable[[str], str], label: str) -> None:
        self.called = called
        super().__init__(
            {
                "data-ajax--url": address, "data-ajax--delay": "150", "data-tags": "true", "data-placeholder": gettext("Choose or type"),
                "data-allow-clear": "true", "aria-label": label, "style": "width: 100%; min-width: 11rem",
                "data-dropdown-auto-width": "true",
            }
        )  # fmt: skip

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Offer the present value only: the rest is asked for when somebody looks."""
        present = str(value or "")
        self.choices = [("", "")] + ([(present, self._shown(present))] if present else [])
        return super().render(name, value, attrs, renderer)

    def _shown(self, value: str) -> str:
        called = self.called(value)
        return f"{called} ({value})" if called and called.lower() != value.lower() else value


class PickerPages:
    """Mixed into the connector's admin."""

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view  # type: ignore[attr-defined]  # mixed into an admin
        return [
            path("<int:object_id>/choices/", guarded(self.choices_view), name="sync_connector_choices"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def choices_view(self, request: HttpRequest, object_id: int) -> JsonResponse:
        """Answer what fits a few typed letters, as the library's select takes it."""
        connector = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        object_type, _, direction = request.GET.get("place", "").upper().partition("_")
        if connector is None or object_type not in list(ObjectType) or direction not in list(Direction):
            raise Http404
        place = ObjectType(object_type), Direction(direction)
        offered = _offered(connector, request.GET.get("side", ""), *place)
        term = request.GET.get("term", "").strip().lower()
        found = [one for one in offered if term in f"{one['id']} {one['text']}".lower()]
        return JsonResponse({"results": found[:MOST], "pagination": {"more": False}})


def address(connector: Connector, side: str, object_type: ObjectType, direction: Direction) -> str:
    """Return where a picker asks."""
    place = f"{object_type}_{direction}".lower()
    return f"{reverse('admin:sync_connector_choices', args=[connector.pk])}?side={side}&place={place}"


def _offered(
    connector: Connector, side: str, object_type: ObjectType, direction: Direction
) -> list[dict[str, str]]:
    known = Suggestions(connector)
    rows = connector.mappings.filter(object_type=object_type, direction=direction)
    if side == "close":
        fields = known.close_fields(object_type, direction)
        values = samples.of_close(connector, object_type, fields)
        kinds = {path: field.type for path, field in known.schema.fields(object_type).items()}
        used = {row.close: row.hull or gettext("the standard name") for row in rows}
        return [
            {
                "id": name,
                "text": " · ".join(
                    _words(label, name, kinds.get(name, ""), values.get(name), used.get(name))
                ),
            }
            for name, label in fields.items()
        ]
    names = known.hull_attributes(object_type, direction)
    told = samples.of_hull(connector, object_type) if direction is Direction.OUTBOUND else {}
    used = {row.hull: row.close for row in rows if row.hull}
    return [
        {"id": name, "text": " · ".join(_words(name, name, kind, told.get(name), used.get(name)))}
        for name, kind in names.items()
    ]


def _words(label: str, name: str, kind: str, value: Any, used: str | None) -> Iterator[str]:
    """Yield what tells one from another."""
    yield (
        label
        if label.lower() == name.lower()
        else f"{label} ({name})"
        if name.startswith("custom.")
        else label
    )
    if kind:
        yield kind
    if value is not None:
        yield f"e.g. {story.shorten(story.flat(value), _LONGEST)}"
    if used:
        yield gettext("mapped with {used}").format(used=used)
