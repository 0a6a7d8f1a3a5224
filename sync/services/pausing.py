"""Takes single records out of the sync, and lets them go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from sync.models import Change, Connector, RecordPause
from sync.records import Direction, ObjectType
from sync.services import replay


@dataclass(slots=True)
class Paused:
    """The paused records of a connector: `(object, id)` to who paused it and why."""

    by_hull_id: dict[tuple[str, str], str] = field(default_factory=dict)
    by_close_id: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, object_type: str, hull_id: str | None, close_id: str | None) -> str:
        """Return why a record is paused, empty when it is not."""
        return self.by_hull_id.get((object_type, hull_id or "")) or self.by_close_id.get(
            (object_type, close_id or ""), ""
        )


def load(connector: Connector) -> Paused:
    """Return what is paused. It is few: a person named each."""
    paused = Paused()
    for row in RecordPause.objects.filter(connector=connector):
        if row.hull_id:
            paused.by_hull_id[row.object_type, row.hull_id] = row.sentence
        if row.close_id:
            paused.by_close_id[row.object_type, row.close_id] = row.sentence
    return paused


def find(connector: Connector, object_type: str, hull_id: str, close_id: str) -> RecordPause | None:
    """Return the pause of a record."""
    return _named(connector, object_type, hull_id, close_id).first()


def pause(
    connector: Connector, object_type: ObjectType, hull_id: str, close_id: str, *, by: str, reason: str, now: datetime
) -> bool:  # fmt: skip
    """Pause a record. False when it is paused already."""
    with transaction.atomic():
        if _named(connector, object_type, hull_id, close_id).exists():
            return False
        RecordPause.objects.create(
            connector=connector, object_type=object_type, hull_id=hull_id, close_id=close_id, author_name=by[:200],
            reason=reason.strip()[:300], created_at=now,
        )  # fmt: skip
    return True


def resume(
    connector: Connector, object_type: ObjectType, hull_id: str, close_id: str, *, now: datetime
) -> bool:
    """Let a record go on with what arrived meanwhile. False when it was not paused."""
    with transaction.atomic():
        gone, _ = _named(connector, object_type, hull_id, close_id).delete()
        replay.replay(
            changes_of(connector, object_type, hull_id, close_id).filter(state=Change.State.PAUSED), now=now
        )
    return bool(gone)


def changes_of(connector: Connector, object_type: str, hull_id: str, close_id: str) -> QuerySet[Change]:
    """Return what is known of a record in the queue, both ways."""
    ways = Q(direction=Direction.OUTBOUND, key=hull_id) | Q(direction=Direction.INBOUND, key=close_id)
    return Change.objects.filter(ways, connector=connector, object_type=object_type).exclude(key="")


def _named(connector: Connector, object_type: str, hull_id: str, close_id: str) -> QuerySet[RecordPause]:
    ids: Iterable[Q] = [
        Q(**{name: value}) for name, value in (("hull_id", hull_id), ("close_id", close_id)) if value
    ]
    either = Q(pk__in=[])
    for one in ids:
        either |= one
    return RecordPause.objects.filter(either, connector=connector, object_type=object_type)
