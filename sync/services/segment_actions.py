"""Makes tasks and custom activities in Close when Hull's accounts or users enter a segment: once an entry.

Each is written down before it is asked for. Where the answer is lost, Close is looked at before it is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from sync.engine.plan import OutboundRecord
from sync.engine.segment_actions import Move, Recipe, activity_body, is_same, move, task_body
from sync.errors import (
    ConfigurationError,
    ForbiddenError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
)
from sync.mapping.transforms import UnusableValueError
from sync.models import Change, Connector, Link, SegmentAction, SegmentEntry
from sync.models.choices import EITHER
from sync.records import Direction, HullAccount, HullUser, ObjectType, parse_time
from sync.services.drain import Work
from sync.services.intake import stored_account, stored_user

AT_ONCE, BATCH = 200, 500
SETTLE_AFTER = timedelta(seconds=60)
CLOCK_SKEW = timedelta(minutes=2)
MOST_ATTEMPTS = 10

State = SegmentEntry.State


def know_members(connector: Connector, *, now: datetime) -> None:
    """Note for new actions who is in their segment already: those did not enter it."""
    for action in connector.segment_actions.filter(known_to=None):
        heard = Change.objects.filter(
            connector=connector, direction=Direction.OUTBOUND, object_type=action.object_type
        )
        rows = heard.order_by("pk").iterator(chunk_size=BATCH)
        members = [change.key for change in rows if action.segment in (_of(change).segment_ids or ())]
        with transaction.atomic():
            SegmentEntry.objects.bulk_create(
                [_entry(action, key, State.BEFORE, now) for key in members],
                ignore_conflicts=True, batch_size=BATCH,
            )  # fmt: skip
            SegmentAction.objects.filter(pk=action.pk).update(known_to=now)


def note(connector: Connector, records: Iterable[OutboundRecord], *, now: datetime) -> None:
    """Note which of some records entered or left the segments of the connector's actions."""
    actions = list(connector.segment_actions.filter(enabled=True).exclude(known_to=None))
    heard = [record for record in records if record.due and not record.gone]
    if not actions or not heard:
        return
    open_ones = SegmentEntry.objects.filter(
        action__in=actions, key__in=[record.key for record in heard], left_at=None
    )
    inside = {(entry.action_id, entry.key): entry for entry in open_ones}
    linked = _linked(connector, heard)
    entered, left = [], []
    for action in actions:
        for record in heard:
            if record.object_type != action.object_type:
                continue
            held = inside.get((action.pk, record.key))
            change = move(action.segment, record.hull.segment_ids, was_in=held is not None)
            if change is Move.ENTERS and (record.object_type.value, record.key) in linked:
                entered.append(_entry(action, record.key, State.PENDING, now))
            elif change is Move.LEAVES and held:
                left.append(held.pk)
    with transaction.atomic():
        SegmentEntry.objects.bulk_create(entered, ignore_conflicts=True)
        SegmentEntry.objects.filter(pk__in=left).update(left_at=now)


def _entry(action: SegmentAction, key: str, state: str, now: datetime) -> SegmentEntry:
    return SegmentEntry(action=action, key=key, state=state, not_before=now, entered_at=now)


def _linked(connector: Connector, records: Iterable[OutboundRecord]) -> set[tuple[str, str | None]]:
    rows = Link.objects.live().filter(
        connector=connector,
        object_type__in=EITHER,
        hull_id__in=[record.key for record in records],
        is_further=False,
    )
    return set(rows.values_list("object_type", "hull_id"))


# ── Carrying out ─────────────────────────────────────────────────────────────────────────────────


def carry_out(work: Work) -> int:
    """Make what is due, and find out about what was asked for without an answer. Returns how many were made."""
    if work.run.dry_run:
        return 0
    now, made = work.clock(), 0
    mine = SegmentEntry.objects.filter(action__connector=work.connector, action__enabled=True, left_at=None)
    lost = mine.filter(state=State.OPEN, not_before__lte=now - SETTLE_AFTER)
    due = mine.filter(state=State.PENDING, not_before__lte=now)
    for entry in [*lost.select_related("action")[:AT_ONCE], *due.select_related("action")[:AT_ONCE]]:
        made += _carry_out(work, entry)
    return made


def _carry_out(work: Work, entry: SegmentEntry) -> bool:
    """Ask for one. A limit or a configuration error ends the run; trouble with one never stops another."""
    now = work.clock()
    try:
        body = _body(work, entry)
        if body is None:
            return _settle(entry, State.FAILED, message="Its record in Close is gone.")
        if entry.state == State.OPEN:
            found = _find(work, entry, body)
            if found:
                return _settle(entry, State.DONE, close_id=found)
        _settle(entry, State.OPEN, at=now)  # committed before anything is asked for
        return _settle(entry, State.DONE, close_id=_make(work, entry.action, body))
    except RateLimitedError:
        _settle(entry, State.PENDING, at=now)
        raise
    except (UnusableValueError, RejectedError, ForbiddenError) as error:
        return _settle(entry, State.FAILED, message=str(error))
    except ConfigurationError:
        _settle(entry, State.PENDING, at=now)
        raise
    except TransientError as error:
        # what may have been made stays open, so that it is looked for; after many attempts a person is needed
        state = State.FAILED if entry.attempts >= MOST_ATTEMPTS else State.OPEN
        return _settle(entry, state, at=now, message=error.message)
    except SyncError as error:
        return _settle(entry, State.FAILED, message=error.message)


def _settle(
    entry: SegmentEntry, state: str, *, close_id: str = "", message: str = "", at: datetime | None = None
) -> bool:
    entry.attempts += state == State.OPEN
    entry.state, entry.message = state, message
    entry.close_id = close_id or entry.close_id
    entry.not_before = at or entry.not_before
    entry.save(update_fields=["state", "message", "close_id", "not_before", "attempts"])
    return state == State.DONE


def _body(work: Work, entry: SegmentEntry) -> dict[str, Any] | None:
    action = entry.action
    link = Link.objects.live().filter(
        connector=work.connector, object_type=action.object_type, hull_id=entry.key, is_further=False
    ).first()  # fmt: skip
    change = Change.objects.filter(
        connector=work.connector, direction=Direction.OUTBOUND, object_type=action.object_type, key=entry.key
    ).first()
    lead_id = link and (link.parent_close_id if action.object_type == ObjectType.CONTACT else link.close_id)
    if not lead_id or change is None:
        return None
    recipe = _recipe(action)
    if action.makes == SegmentAction.Makes.CUSTOM_ACTIVITY:
        return activity_body(recipe, _of(change), lead_id)
    return task_body(recipe, _of(change), lead_id, work.settings.schema.users, entry.entered_at.date())


def _recipe(action: SegmentAction) -> Recipe:
    return Recipe(
        action.text, action.due_in_days, action.assigned_to, action.activity_type, dict(action.fields)
    )


def _of(change: Change) -> HullAccount | HullUser:
    """Return the record that a change last told of."""
    account = stored_account(change.payload.get("account"))
    if change.object_type == ObjectType.CONTACT:
        return stored_user(change.payload, account)
    return account or HullAccount({})


def _make(work: Work, action: SegmentAction, body: dict[str, Any]) -> str:
    if action.makes == SegmentAction.Makes.CUSTOM_ACTIVITY:
        return work.remotes.close.create_custom_activity(body)
    return work.remotes.close.create_task(body)


def _find(work: Work, entry: SegmentEntry, body: dict[str, Any]) -> str:
    """Return what was made by the request whose answer was lost; empty when it made nothing."""
    is_activity = entry.action.makes == SegmentAction.Makes.CUSTOM_ACTIVITY
    close, since = work.remotes.close, entry.entered_at - CLOCK_SKEW
    rows = close.custom_activities(body["lead_id"]) if is_activity else close.tasks(body["lead_id"])
    taken = set(
        SegmentEntry.objects.filter(action__connector=work.connector).exclude(close_id="").values_list("close_id", flat=True)
    )  # fmt: skip
    fitting = (row for row in rows if is_same(row, body, since, parse_time(row.get("date_created"))))
    return next((str(row["id"]) for row in fitting if row["id"] not in taken), "")
