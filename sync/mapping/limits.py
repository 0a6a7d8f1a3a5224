"""What Hull takes at most: 2,000 attributes a record, 2 kB a value. It drops the rest and tells only its own log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sync.records import Attributes

MOST_ATTRIBUTES = 2000
MOST_BYTES = 2048


def within_limits(attributes: Attributes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the attributes that Hull takes, and a sentence for each that it would not."""
    fitting: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in attributes.items():
        size = _size(value)
        if size > MOST_BYTES:
            left_out.append(f"{name} is left out: {size:,} bytes, and Hull takes {MOST_BYTES:,} a value.")
        elif len(fitting) == MOST_ATTRIBUTES:
            left_out.append(f"{name} is left out: Hull takes {MOST_ATTRIBUTES:,} attributes a record.")
        else:
            fitting[name] = value
    return fitting, tuple(left_out)


def _size(value: Any) -> int:
    """Return how many bytes a value has as JSON, as Hull counts it. Most values are short texts."""
    if isinstance(value, str) and len(value) * 6 <= MOST_BYTES:
        return len(value)
    if isinstance(value, Mapping | list | str):
        return len(
            json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode(errors="replace")
        )
    return 8
