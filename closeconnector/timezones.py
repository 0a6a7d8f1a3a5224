"""Shows times in the viewer's zone, which the browser tells by a cookie; in UTC until it has."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "timezone"


class ViewersTimeZoneMiddleware:
    """A zone that nobody knows is passed over."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = unquote(request.COOKIES.get(COOKIE, ""))
        try:
            chosen = zoneinfo.ZoneInfo(zone) if zone else None
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            chosen = None
        with timezone.override(chosen):  # without one, the installation's own
            return self.get_response(request)
