"""Attributes that both sides changed: what Hull is not told while its own edit is still on its way to Close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync.engine import segments
from sync.engine.conflict import Choice, is_edited_in_close
from sync.engine.echo import value_at
from sync.engine.patch import choose, completed
from sync.engine.plan import InboundRecord, KnownRecord, OutboundRecord
from sync.mapping.outbound import DesiredValue, build_contact, build_lead
from sync.mapping.paths import GROUP, hull_name
from sync.records import Attributes, Direction, HullAccount, HullUser, ObjectType, SyncSettings


def contested(record: InboundRecord, settings: SyncSettings) -> dict[str, str]:
    """Return the attributes that Hull must not be told now, each with a sentence that says why.

    A field that is mapped both ways between the same attribute and the same field is contested when Hull's edit
    waits in the queue, Close's value changed too, and the field's policy does not let Close's value stay.
    """
    queued = record.queued
    pairs = both_ways(record.object_type, settings)
    if queued is None or not pairs or not _goes_out(queued, settings):
        return {}
    return {
        pairs[
            wanted.path.raw
        ]: f"{pairs[wanted.path.raw]}: changed on both sides; Hull keeps its value for now."
        for wanted in _desired(queued, settings)
        if wanted.path.raw in pairs and _is_contested(completed(wanted, record.link), record.link, queued)
    }


def both_ways(object_type: ObjectType, settings: SyncSettings) -> dict[str, str]:
    """Return the attributes that are mapped both ways with a Close field, by that field.

    What has the connector's own name (`closeio/…`) is never sent back, nor can a contact write into its account.
    """
    inbound = {
        (row.close, hull_name(row.hull))
        for row in settings.mapped(object_type, Direction.INBOUND)
        if row.hull and not hull_name(row.hull).startswith((f"{GROUP}/", "account."))
    }
    outbound = settings.mapped(object_type, Direction.OUTBOUND)
    return {row.close: hull_name(row.hull) for row in outbound if (row.close, hull_name(row.hull)) in inbound}


def attributes_of(paths: Iterable[str], object_type: ObjectType, settings: SyncSettings) -> frozenset[str]:
    """Return the attributes that some Close fields are mapped both ways with."""
    pairs = both_ways(object_type, settings)
    return frozenset(pairs[path] for path in paths if path in pairs)


def as_told_before(attributes: Attributes, names: Iterable[str], sent: Attributes) -> dict[str, Any]:
    """Return attributes in which some stand as Hull was last told them, so that nothing of them is sent or remembered."""
    left_out = set(names)
    kept: Mapping[str, Any] = {name: sent[name] for name in left_out if name in sent}
    return {name: value for name, value in attributes.items() if name not in left_out} | dict(kept)


def _desired(queued: OutboundRecord, settings: SyncSettings) -> tuple[DesiredValue, ...]:
    if isinstance(queued.hull, HullAccount):
        return build_lead(queued.hull, settings).values
    return build_contact(queued.hull, settings).values


def _is_contested(wanted: DesiredValue, known: KnownRecord, queued: OutboundRecord) -> bool:
    path = wanted.path.raw
    base, close = known.base.get(path), value_at(path, known.close)
    if base is None or not is_edited_in_close(close, base, kind=wanted.kind, merged=wanted.is_merged):
        return False
    choice = choose(wanted, known, queued.hull.indexed_at, queued.chosen.get(path))
    return choice in (Choice.WRITE, Choice.HOLD)


def _goes_out(queued: OutboundRecord, settings: SyncSettings) -> bool:
    """What is in no segment stays in Hull, and so takes nothing from Close's edit."""
    if queued.batch:
        return True
    if isinstance(queued.hull, HullUser) and settings.user_segments:
        return segments.matches(queued.hull.segment_ids, settings.user_segments)
    account = queued.hull.account if isinstance(queued.hull, HullUser) else queued.hull
    if account is None or account.segment_ids is None:
        return True
    return segments.matches(account.segment_ids, settings.account_segments)
