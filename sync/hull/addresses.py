"""Which addresses that a sender chose may be asked: https on known hosts, or this machine where that is allowed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_on(hosts: re.Pattern[str], url: str, allow_loopback: bool) -> bool:
    """Return whether a URL is https on one of the hosts, or on this machine if that is allowed. Never raises."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    if parts.username or parts.password:
        return False
    if allow_loopback and host in _LOOPBACK:
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and bool(hosts.fullmatch(host))
