"""Rate limits as observed: windows of eight seconds per endpoint group and key, three times as much per organization."""

from __future__ import annotations

import math
from collections.abc import Callable

from sandbox.http import Response

WINDOW = 8.0
LIMITS = {"records": 240, "lead_delete": 80, "search": 16, "other": 160}
ORGANIZATION_FACTOR = 3
_RECORDS = ("/lead/", "/contact/", "/custom_field")


class RateLimits:
    """Counts requests. The documented header has commas, the wild one semicolons; the old ones are sent too."""

    def __init__(self, now: Callable[[], float], enabled: bool) -> None:
        self.now, self.enabled = now, enabled
        self.limits = dict(LIMITS)
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def admit(self, method: str, path: str, key_id: str) -> tuple[Response | None, dict[str, str]]:
        """Return a 429 when a window is spent, and the headers for the answer."""
        if not self.enabled:
            return None, {}
        group = _group(method, path)
        limit = self.limits[group]
        mine, reset = self._count(group, key_id)
        all_keys, reset_of_all = self._count(group, "")
        left, all_left = limit - mine, limit * ORGANIZATION_FACTOR - all_keys
        kind = "key"
        if all_left < left and all_left < 0:
            kind, limit, left, reset = "organization", limit * ORGANIZATION_FACTOR, all_left, reset_of_all
        headers = _headers(limit, max(left, 0), reset, "; " if group == "other" else ", ")
        return (_refusal(limit, reset, kind, headers) if left < 0 else None), headers

    def _count(self, group: str, key_id: str) -> tuple[int, float]:
        """Count one request in a window; return how many it has now, and the seconds until it ends."""
        now = self.now()
        start, used = self._windows.get((group, key_id), (now, 0))
        if now - start >= WINDOW or now < start:
            start, used = now, 0
        self._windows[(group, key_id)] = (start, used + 1)
        return used + 1, max(WINDOW - (now - start), 0.01)


def _group(method: str, path: str) -> str:
    if path.startswith("/data/search"):
        return "search"
    if method == "DELETE" and path.startswith("/lead/"):
        return "lead_delete"
    return "records" if path.startswith(_RECORDS) else "other"


def _headers(limit: int, left: int, reset: float, separator: str) -> dict[str, str]:
    new = separator.join([f"limit={limit}", f"remaining={left}", f"reset={math.ceil(reset)}"])
    return {
        "RateLimit": new,
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(left),
        "x-rate-limit-reset": f"{reset:.2f}",
    }


def _refusal(limit: int, reset: float, kind: str, headers: dict[str, str]) -> Response:
    told = {"rate_reset": reset, "rate_limit": limit, "rate_window": int(WINDOW), "rate_limit_type": kind}
    body = {"error": {"message": "API call count exceeded for this period"} | told, "rate_reset": reset}
    return Response.of(429, body, headers | {"retry-after": str(math.ceil(reset))})
