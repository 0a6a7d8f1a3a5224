"""What Hull may or may not hold, because nobody knows how telling it ended.

Before Hull is told a value, what it held before is replaced by a mark. If the process dies after Hull took the value,
the mark is still there: whatever Close holds by then differs from it and is told, even if it is what Hull held at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sync.mapping.inbound import IN_DOUBT, is_in_doubt
from sync.records import Attributes

# A telling that began longer ago than this was broken off. Well above the timeout of one batch to Hull.
BROKEN_OFF_AFTER = timedelta(seconds=60)

NOT_KNOWN = "(not known: the last message about it was broken off)"


def in_doubt(names: Iterable[str], sent: Attributes) -> dict[str, Any]:
    """Return what Hull holds from us while it is told some attributes."""
    return dict(sent) | dict.fromkeys(names, IN_DOUBT)


def knows_some(sent: Attributes) -> bool:
    """Tell whether Hull is known to hold anything of a record."""
    return any(not is_in_doubt(value) for value in sent.values())


def is_under_way(telling_since: datetime | None, now: datetime) -> bool:
    """Tell whether somebody may be telling Hull about a record just now."""
    return telling_since is not None and telling_since > now - BROKEN_OFF_AFTER


def readable(sent: Attributes) -> Mapping[str, Any]:
    """Return what Hull holds from us as people read it."""
    return {name: NOT_KNOWN if is_in_doubt(value) else value for name, value in sent.items()}
