"""Remembers that Hull is being told something, so that neither a killed process nor two lanes at once leave it wrong.

A telling begins in a transaction of its own, before the first byte goes out, and ends in the one that writes down what
Hull took. One that never ended is repeated: by its own change, or by the next pull.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from sync.engine import doubt
from sync.models import Change, Connector, Link
from sync.records import Attributes, Direction

# How many broken off tellings one pull takes up.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """When it began, and the links about which nobody else told Hull meanwhile."""

    since: datetime
    alone: frozenset[int]


def begin(told: Iterable[tuple[Link, Iterable[str]]], *, now: datetime) -> Telling:
    """Mark attributes as being told. Must run inside a transaction; Hull may only be asked once that is committed."""
    names = {link.pk: (link, tuple(attributes)) for link, attributes in told}
    rows = _locked(names)
    alone = {row.pk for row in rows if _is_alone(row, names[row.pk][0], now)}
    for row in rows:
        row.sent, row.telling_since = doubt.in_doubt(names[row.pk][1], row.sent), now
    Link.objects.bulk_update(rows, ["sent", "telling_since"])
    return Telling(now, frozenset(alone))


def end(
    telling: Telling, taken: Sequence[tuple[Link, Attributes]], refused: Sequence[Link], *, now: datetime
) -> None:
    """Write down what Hull holds now. Must run inside a transaction.

    Where two told it at once nobody knows which message came last: such a record is told again later.
    """
    sent: Mapping[int, Attributes | None] = {link.pk: None for link in refused} | {
        link.pk: attributes for link, attributes in taken
    }
    rows = [row for row in _locked(sent) if row.telling_since == telling.since and row.pk in telling.alone]
    for row in rows:
        row.telling_since, attributes = None, sent[row.pk]
        if attributes is not None:
            row.sent, row.sent_at = dict(attributes), now
    Link.objects.bulk_update(rows, ["sent", "sent_at", "telling_since"])


def broken_off(connector: Connector, *, now: datetime) -> list[Link]:
    """Return records whose telling never ended and that no queued change is about."""
    waiting = Change.objects.filter(
        connector=connector, direction=Direction.INBOUND, state=Change.State.PENDING,
        object_type=models.OuterRef("object_type"), key=models.OuterRef("close_id"),
    )  # fmt: skip
    overdue = Link.objects.filter(connector=connector, telling_since__lte=now - doubt.BROKEN_OFF_AFTER)
    return list(overdue.exclude(models.Exists(waiting)).order_by("telling_since")[:_AT_ONCE])


def told(link: Link) -> Attributes:
    """Return what Hull holds from us of a record, as people read it."""
    return doubt.readable(link.sent)


def _locked(pks: Iterable[int]) -> list[Link]:
    wanted = list(pks)
    return list(Link.objects.select_for_update().filter(pk__in=wanted).order_by("pk")) if wanted else []


def _is_alone(row: Link, loaded: Link, now: datetime) -> bool:
    """Whether nobody is telling Hull about it, and nobody did since it was loaded."""
    return not doubt.is_under_way(row.telling_since, now) and row.sent_at == loaded.sent_at
