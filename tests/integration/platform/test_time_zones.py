"""Times are shown in the viewer's zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from closeconnector.timezones import ViewersTimeZoneMiddleware

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cookie", "shown"),
    [
        ("Europe/Berlin", "13:00"),
        ("America%2FNew_York", "07:00"),
        ("UTC", "12:00"),
        ("", "12:00"),
        ("Mars/Olympus", "12:00"),
        ("../../etc/passwd", "12:00"),
        ("/etc/localtime", "12:00"),
        ("x" * 5000, "12:00"),
    ],
)
def test_the_browser_tells_the_zone(cookie: str, shown: str) -> None:
    def view(request: object) -> HttpResponse:
        return HttpResponse(f"{timezone.localtime(NOON):%H:%M}")

    request = RequestFactory().get("/admin/")
    request.COOKIES["timezone"] = cookie

    assert ViewersTimeZoneMiddleware(view)(request).content.decode() == shown
    assert f"{timezone.localtime(NOON):%H:%M}" == "12:00"
