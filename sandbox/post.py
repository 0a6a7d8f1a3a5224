"""Posts a body to somebody's address, as both remotes do to those who subscribed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TIME_OUT_SECONDS = 25


def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """Post a body and return status and parsed answer; status 0 when nobody answers."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIME_OUT_SECONDS) as answer:
            return answer.status, _parsed(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _parsed(error.read())
    except (OSError, ValueError):
        return 0, {}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
