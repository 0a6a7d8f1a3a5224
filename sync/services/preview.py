"""Decides about real records as the next sync would, with what is stored here: nothing is asked and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from sync.engine.inbound import UPSERT, plan_inbound
from sync.engine.outbound import plan_family
from sync.engine.plan import Decision
from sync.engine.preview import Line, inbound_line, outbound_line
from sync.engine.twins import without_twins
from sync.models import Change, Connector, Link
from sync.records import Direction, SyncSettings
from sync.services import links, setup
from sync.services.loading import Knowledge, load_inbound_inputs, load_outbound_inputs

# How many records of each direction a preview looks at while a person waits.
MOST = 400


def lines(connector: Connector) -> list[Line]:
    """Return what the next sync would do under the settings as they are stored now, for a sample that stays the same."""
    settings, _ = setup.load_settings(connector)
    changes = list(all_outbound(connector).order_by("family", "object_type", "key")[:MOST])
    known = list(all_inbound(connector).order_by("object_type", "close_id")[:MOST])
    return [*outbound(connector, changes, settings), *inbound(connector, known, settings)]


def total(connector: Connector) -> int:
    """Return how many records a preview of everything would look at."""
    return all_outbound(connector).count() + all_inbound(connector).count()


def all_outbound(connector: Connector) -> QuerySet[Change]:
    """Return what Hull ever told of its records."""
    return Change.objects.filter(connector=connector, direction=Direction.OUTBOUND)


def all_inbound(connector: Connector) -> QuerySet[Link]:
    """Return what is known of the records in Close."""
    return Link.objects.live().filter(connector=connector).select_related("connector")


def outbound(connector: Connector, changes: Sequence[Change], settings: SyncSettings) -> list[Line]:
    """Return what the next sync would do in Close about some of Hull's records, believing what we know of Close."""
    knowledge = Knowledge()
    decisions = _decide(connector, changes, settings, knowledge)
    unread = [(one.record.object_type.value, one.close_id or "") for one in decisions if one.read_first]
    if unread:
        found = links.find(connector, unread, lock=False)
        knowledge.current |= {name: link.as_known(current=True) for name, link in found.items()}
        decisions = _decide(connector, changes, settings, knowledge)
    wanted = {(change.object_type, change.key) for change in changes}
    return [
        outbound_line(one) for one in decisions if (one.record.object_type.value, one.record.key) in wanted
    ]


def _decide(
    connector: Connector, changes: Sequence[Change], settings: SyncSettings, knowledge: Knowledge
) -> list[Decision]:
    inputs = load_outbound_inputs(connector, changes, settings, knowledge=knowledge)
    plans = without_twins(plan_family(family, settings) for family in inputs.families)
    return [decision for plan in plans for decision in plan.decisions if not decision.is_further]


def inbound(connector: Connector, known: Sequence[Link], settings: SyncSettings) -> list[Line]:
    """Return what Hull would be told of some of Close's records."""
    heard = [as_heard(link) for link in known]
    labels = {(link.object_type, link.close_id): link.label for link in known}
    # Every one of them has a time of its own, so that the present one is not asked for.
    inputs = load_inbound_inputs(connector, heard, now=known[0].created_at) if known else None
    decisions = [plan_inbound(record, settings) for record in inputs.records] if inputs else []
    return [inbound_line(one, labels[one.record.object_type.value, one.record.key]) for one in decisions]


def as_heard(link: Link) -> Change:
    """Return a Close record as a change that was never stored, as if Close had just told of it as it is known."""
    return Change(
        connector=link.connector, direction=Direction.INBOUND, object_type=link.object_type, key=link.close_id,
        payload={"action": UPSERT, "ours": False}, record_at=link.close_updated_at or link.created_at,
    )  # fmt: skip
