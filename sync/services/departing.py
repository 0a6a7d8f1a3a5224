"""Writes down what a departure asks for: pairs that are dissolved, records that are gone, contacts to look at again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sync.engine.departures import ALLOWED, Policies, has_left_segment, policies, policy_of, stored_form
from sync.engine.echo import agreed
from sync.engine.plan import Decision, DoneReason, KnownRecord, SkipReason
from sync.models import Change, Connector, Link, MatchKey
from sync.records import Departure, DeparturePolicy, Direction, ObjectType, SyncSettings
from sync.services import links
from sync.services.intake import GONE

_CHANGED = ["departed", "base", "hull_id", "is_further", "deleted_at", "updated_at"]


def leave(leaving: Sequence[tuple[Link, Decision]], *, now: datetime) -> None:
    """Write down the departures that were acted upon. Must run inside a transaction."""
    for link, decision in leaving:
        link.departed = str(decision.departure)
        link.base = link.base | links.as_dicts(agreed(decision.base, link.close))
        if decision.reason is DoneReason.UNLINKED:
            link.hull_id, link.is_further = None, False
        elif decision.reason is DoneReason.DELETED:
            link.deleted_at = link.deleted_at or now
    links.save([link for link, _ in leaving], _CHANGED)
    MatchKey.objects.filter(link__in=[link for link, _ in leaving if link.deleted_at]).delete()


def dissolve(pairs: Iterable[tuple[Link, Departure]]) -> None:
    """Give up the pairs of Close records that are gone, whatever the other lane made of them meanwhile."""
    for link, departure in pairs:
        Link.objects.filter(pk=link.pk).update(hull_id=None, is_further=False, departed=departure)


def give_up_losers(connector: Connector, settled: Iterable[tuple[Link, Decision]]) -> None:
    """Leave the records whose Hull record was merged into another one, and count that Hull record as gone."""
    for link, decision in settled:
        for loser in decision.losers:
            _give_up(connector, link.object_type, loser)


def _give_up(connector: Connector, object_type: str, loser: KnownRecord) -> None:
    mine = Link.objects.filter(connector=connector, object_type=object_type, hull_id=loser.hull_id)
    mine.filter(close_id=loser.close_id).update(hull_id=None, departed=Departure.MERGED_IN_HULL)
    heard = Change.objects.filter(
        connector=connector, direction=Direction.OUTBOUND, object_type=object_type, key=loser.hull_id or ""
    )
    for change in heard.select_for_update():
        change.payload = {**change.payload, GONE: True}
        change.save(update_fields=["payload"])


def wake_contacts(
    connector: Connector, decisions: Iterable[Decision], settings: SyncSettings, *, now: datetime
) -> None:
    """Have the contacts of accounts that left their segments looked at, where contacts follow their account."""
    policy = policy_of(settings, ObjectType.CONTACT, Departure.LEFT_SEGMENT)
    if settings.user_segments or policy is DeparturePolicy.IGNORE:
        return
    keys = [decision.record.key for decision in decisions if _leaves_contacts(decision)]
    done = Change.objects.filter(
        connector=connector, direction=Direction.OUTBOUND, object_type=ObjectType.CONTACT, family__in=keys,
        state=Change.State.DONE,
    )  # fmt: skip
    done.update(state=Change.State.PENDING, not_before=now)


def _leaves_contacts(lead: Decision) -> bool:
    """Contacts of a lead that is deleted go with it."""
    known = lead.record.link
    is_there = known is not None and not known.deleted and lead.reason is not DoneReason.DELETED
    has_left = has_left_segment(lead) and lead.reason is not SkipReason.NO_SEGMENTS
    return lead.record.object_type is ObjectType.LEAD and lead.record.due and is_there and has_left


# ── What may be chosen ───────────────────────────────────────────────────────────────────────────


def offered() -> Mapping[tuple[ObjectType, Departure], tuple[DeparturePolicy, ...]]:
    """Return what may be chosen for each object and departure; the first is the default."""
    return ALLOWED


def chosen(stored: Mapping[str, Any]) -> Policies:
    """Return the whole matrix from its stored form, defaults filled in."""
    return policies(stored)


def to_store(chosen: Policies) -> dict[str, dict[str, str]]:
    """Return a matrix as a connector stores it: only what differs from the defaults."""
    return stored_form(chosen)
