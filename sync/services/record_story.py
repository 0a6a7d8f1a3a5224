"""One record as a person asks about it: both sides, each field with its rule, who wrote it last, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync import queries
from sync.engine.explaining import FieldStory, inbound_fields, of_skipped, outbound_fields
from sync.engine.inbound import plan_inbound
from sync.engine.plan import Result
from sync.engine.preview import Effect, Line
from sync.models import Change, Connector, Link, Outcome, RecordPause
from sync.records import Direction, ObjectType, SyncSettings
from sync.services import explain, pausing, preview, setup
from sync.services.explain import Story
from sync.services.loading import load_inbound_inputs, load_outbound_inputs

_WRITTEN = (Result.CREATED, Result.UPDATED)


@dataclass(slots=True)
class RecordStory:
    """Everything about one record. `told` is what Hull last told of it, `next_steps` what the next sync would do."""

    object_type: ObjectType
    label: str
    hull_id: str = ""
    close_id: str = ""
    link: Link | None = None
    outbound: Change | None = None
    inbound: Change | None = None
    pause: RecordPause | None = None
    told: dict[str, Any] = field(default_factory=dict)
    fields: list[FieldStory] = field(default_factory=list)
    next_steps: list[Line] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def last_written(self, story: FieldStory) -> Outcome | None:
        """Return when a field was last written by us, newest first."""
        return next(
            (
                one
                for one in self.outcomes
                if one.direction == story.direction
                and one.result in _WRITTEN
                and (story.target in one.values or story.target in one.fields)
            ),
            None,
        )


def find(connector: Connector, name: str) -> list[RecordStory]:
    """Return the records that an id, e-mail address, domain or name may mean, leads first. Asks neither Close nor Hull."""
    return _records(explain.find(connector, name))


def tell(connector: Connector, record: RecordStory) -> RecordStory:
    """Fill in what takes deciding: the fields, the history, and what the next sync would do."""
    settings, _ = setup.load_settings(connector)
    record.pause = pausing.find(connector, record.object_type, record.hull_id, record.close_id)
    record.outcomes = queries.latest_outcomes(connector, [record.hull_id, record.close_id], limit=50)
    if record.outbound:
        record.told = explain.hull_side(record.outbound)
        steps = preview.outbound(connector, [record.outbound], settings)
        fields = _outbound_fields(connector, record.outbound, settings)
        is_stopped = any(step.effect in (Effect.SKIPPED, Effect.HELD) for step in steps)
        record.fields += of_skipped(fields) if is_stopped else fields
        record.next_steps += steps
    if record.link and not record.link.is_gone:
        record.fields += _inbound_fields(record.link, settings)
        record.next_steps += preview.inbound(connector, [record.link], settings)
    return record


def _records(story: Story) -> list[RecordStory]:
    """Put the two sides of each pair together."""
    found: dict[tuple[str, str], RecordStory] = {}
    for link in story.links:
        record = RecordStory(
            ObjectType(link.object_type), link.label, link.hull_id or "", link.close_id, link
        )
        found[link.object_type, link.close_id] = record
    for change in story.changes:
        record = _of(change, found.values())
        if change.direction == Direction.OUTBOUND:
            record.outbound, record.hull_id = change, change.key
            record.label = record.label or change.label
        else:
            record.inbound, record.close_id = change, change.key
        found.setdefault((change.object_type, f"{change.direction}:{change.key}"), record)
    unique = {id(record): record for record in found.values()}
    return sorted(unique.values(), key=lambda one: (one.object_type != ObjectType.LEAD, one.label.lower()))


def _of(change: Change, records: Iterable[RecordStory]) -> RecordStory:
    is_out = change.direction == Direction.OUTBOUND
    for record in records:
        if record.object_type == change.object_type and change.key == (
            record.hull_id if is_out else record.close_id
        ):
            return record
    return RecordStory(ObjectType(change.object_type), change.label)


def _outbound_fields(connector: Connector, change: Change, settings: SyncSettings) -> list[FieldStory]:
    inputs = load_outbound_inputs(connector, [change], settings)
    records = [
        one
        for family in inputs.families
        for one in [*([family.lead] if family.lead else []), *family.contacts]
        if (one.object_type, one.key) == (change.object_type, change.key)
    ]
    return [told for record in records if not record.gone for told in outbound_fields(record, settings)]


def _inbound_fields(link: Link, settings: SyncSettings) -> list[FieldStory]:
    heard: Sequence[Change] = [preview.as_heard(link)]
    inputs = load_inbound_inputs(link.connector, heard, now=link.created_at)
    return [
        told for record in inputs.records for told in inbound_fields(plan_inbound(record, settings), settings)
    ]
