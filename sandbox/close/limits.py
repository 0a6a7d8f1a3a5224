"""Rate limits per endpoint group, as observed: windows of eight seconds, and both spellings of the header."""

from __future__ import annotations

import math
from collections.abc import Callable

from sandbox.http import Response

WINDOW = 8.0
LIMITS = {"records": 240, "search": 16, "other": 160}


class RateLimits:
    """Counts requests per group. The documented header has commas, the wild one semicolons."""

    def __init__(self, now: Callable[[], float], enabled: bool) -> None:
        self.now, self.enabled = now, enabled
        self.limits = dict(LIMITS)
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, path: str) -> tuple[Response | None, dict[str, str]]:
        """Return a 429 when the group's window is spent, and the header for the answer."""
        if not self.enabled:
            return None, {}
        group = (
            "search"
            if path.startswith("/data/search")
            else "records"
            if path.startswith(_RECORDS)
            else "other"
        )
        start, used = self._windows.get(group, (self.now(), 0))
        if self.now() - start >= WINDOW:
            start, used = self.now(), 0
        self._windows[group] = (start, used + 1)
        reset = max(WINDOW - (self.now() - start), 0.01)
        left = self.limits[group] - used - 1
        separator = "; " if group == "other" else ", "
        header = {
            "RateLimit": separator.join(
                [f"limit={self.limits[group]}", f"remaining={max(left, 0)}", f"reset={reset:.2f}"]
            )
        }
        if left >= 0:
            return None, header
        body = {
            "error": {
                "message": "API call count exceeded for this period",
                "rate_reset": reset,
                "rate_limit_type": "key",
            }
        }
        return Response.of(429, body, header | {"retry-after": str(math.ceil(reset))}), header


_RECORDS = ("/lead/", "/contact/", "/custom_field")
