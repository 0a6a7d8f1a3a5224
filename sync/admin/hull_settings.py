"""The page about where a connector's settings live, and what Hull's dashboard says otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.permissions import Permission
from sync.admin import audit
from sync.admin.base import author_of, change_page, redirect
from sync.errors import SyncError
from sync.models import Connector
from sync.services import hull_settings
from sync.services.configuration import preview_import

TAKE_OVER, TO_HULL, TO_HERE = "take_over", "to_hull", "to_here"


class HullSettingsActions:
    """Mixed into the connector's admin. The page only looks; its buttons post."""

    @action(
        description=_("Hull's settings"),
        permissions=["change"],
        icon="compare_arrows",
        url_path="hull-settings",
    )
    def compare_hull_settings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)  # type: ignore[attr-defined]
        settings, problem = _ask(connector)
        move = request.POST.get("move", "")
        if request.method == "POST" and not problem:
            self._carry_out(request, connector, settings, move)
            return redirect(request, change_page(connector))
        if problem and request.method == "POST":
            messages.error(request, gettext("Nothing was changed: {problem}").format(problem=problem))
        preview = preview_import(connector, settings)
        context = self.admin_site.each_context(request) | {  # type: ignore[attr-defined]
            "title": gettext("Settings of {name} in Hull").format(name=connector.name),
            "opts": Connector._meta,
            "original": connector,
            "is_set_up": hull_settings.is_set_up(settings),
            "preview": preview,
            "problem": problem,
            "is_home_hull": connector.home == Connector.Home.HULL,
        }
        return TemplateResponse(request, "sync/admin/hull_settings.html", context)

    def _carry_out(
        self, request: HttpRequest, connector: Connector, settings: dict[str, Any], move: str
    ) -> None:
        now = timezone.now()
        try:
            if move == TAKE_OVER:
                problems = hull_settings.take_over(connector, settings, by=author_of(request), now=now)
                audit.note(request, connector, "Took Hull's settings over.")
                messages.success(request, gettext("Hull's settings are in force now."))
            elif move in (TO_HULL, TO_HERE):
                home = Connector.Home.HULL if move == TO_HULL else Connector.Home.HERE
                problems = hull_settings.move_home(connector, home, by=author_of(request), now=now)
                audit.note(request, connector, f"Moved the home of the settings: {home}.")
                place = gettext("in Hull's dashboard") if move == TO_HULL else "here"
                messages.success(
                    request, gettext("The settings are kept {place} from now on.").format(place=place)
                )
            else:
                return
        except SyncError as error:
            messages.error(request, gettext("Nothing was changed: {message}").format(message=error.message))
            return
        for sentence in problems:
            messages.warning(request, sentence)


def _ask(connector: Connector) -> tuple[dict[str, Any], str]:
    """Return what Hull holds now, and why it could not be asked; then what was last heard stands in."""
    try:
        return hull_settings.ask_hull(connector), ""
    except SyncError as error:
        return dict(connector.hull_settings), error.message
