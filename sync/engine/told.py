"""What Hull was told of a field stands for an agreement, until both sides have agreed on it by themselves.

A lead that came in from Close is in Hull with Close's values. When Hull's message about it arrives, its values are
Close's own, and may be older than what a rep has typed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sync.engine.plan import BaseValue, KnownRecord
from sync.mapping import transforms
from sync.mapping.outbound import TOLD_ANYWAY, DesiredValue


def told_base(wanted: DesiredValue, known: KnownRecord) -> BaseValue | None:
    """Return the agreement that follows from what Hull was told of a field; None when it was told nothing of it.

    Of a list it is that part of what Hull wants that Hull had from us.
    """
    told = known.sent.get(wanted.told_as) if wanted.told_as else None
    if transforms.is_empty(told) or isinstance(told, Mapping):
        return None
    if not wanted.is_merged:
        return BaseValue(told, told)
    listed = told if isinstance(told, list | tuple) else [told]
    folded = {repr(transforms.comparable(value, wanted.kind)) for value in listed}
    ours = [value for value in wanted.value if repr(transforms.comparable(value, wanted.kind)) in folded]
    return BaseValue(ours, ours) if ours else None


def is_outdated(wanted: DesiredValue, hull_at: datetime | None, known: KnownRecord) -> bool:
    """Tell whether a message may hold what Hull had before it was last told of the record; a newer one follows then.

    A name, domain or e-mail address that Hull has of its own is not replaced by what it is told, and so is not outdated.
    """
    is_before = known.sent_at is not None and (hull_at is None or hull_at <= known.sent_at)
    return is_before and wanted.told_as not in TOLD_ANYWAY
