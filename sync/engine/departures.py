"""What follows when a record has left one side: a policy per object and per way of leaving.

Nothing is deleted unless somebody chose it, each departure is acted upon once, and what was never linked never leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sync.engine.identity import anonymous_id
from sync.engine.plan import (
    Decision,
    DoneReason,
    FailureMode,
    KnownRecord,
    OutboundRecord,
    Result,
    SkipReason,
    Verb,
)
from sync.mapping.outbound import find_status
from sync.records import Departure, DeparturePolicy, HullAccount, HullUser, ObjectType, SyncSettings

Policies = Mapping[tuple[ObjectType, Departure], DeparturePolicy]

_IGNORE, _MARK, _UNLINK = DeparturePolicy.IGNORE, DeparturePolicy.MARK, DeparturePolicy.UNLINK
_FORWARD, _DELETE = DeparturePolicy.FORWARD, DeparturePolicy.DELETE

# What may be chosen; the first is the default. Nothing is deleted in Close unless somebody chose it, and nothing in Hull.
ALLOWED: Mapping[tuple[ObjectType, Departure], tuple[DeparturePolicy, ...]] = {
    (ObjectType.LEAD, Departure.LEFT_SEGMENT): (_IGNORE, _MARK, _UNLINK, _DELETE),
    (ObjectType.LEAD, Departure.DELETED_IN_CLOSE): (_MARK, _IGNORE, _UNLINK),
    (ObjectType.LEAD, Departure.MERGED_IN_CLOSE): (_FORWARD, _IGNORE, _UNLINK),
    (ObjectType.LEAD, Departure.DELETED_IN_HULL): (_IGNORE, _MARK, _UNLINK, _DELETE),
    (ObjectType.LEAD, Departure.MERGED_IN_HULL): (_FORWARD, _IGNORE, _UNLINK),
    (ObjectType.CONTACT, Departure.LEFT_SEGMENT): (_IGNORE, _UNLINK, _DELETE),
    (ObjectType.CONTACT, Departure.DELETED_IN_CLOSE): (_MARK, _IGNORE, _UNLINK),
    (ObjectType.CONTACT, Departure.DELETED_IN_HULL): (_IGNORE, _UNLINK, _DELETE),
    (ObjectType.CONTACT, Departure.MERGED_IN_HULL): (_FORWARD, _IGNORE, _UNLINK),
}

# Why Hull hears nothing more of a record whose pair was dissolved.
_SILENT = {
    Departure.LEFT_SEGMENT: SkipReason.NOT_IN_SEGMENT,
    Departure.DELETED_IN_CLOSE: SkipReason.DELETED_REMOTELY,
    Departure.MERGED_IN_CLOSE: SkipReason.MERGED_INTO_OTHER,
    Departure.DELETED_IN_HULL: SkipReason.DELETED_IN_HULL,
    Departure.MERGED_IN_HULL: SkipReason.MERGED_INTO_OTHER,
}
# After these a Close id that Hull still carries leads nowhere: what it named is gone or was given up.
_ENDED = (Departure.DELETED_IN_CLOSE, Departure.MERGED_IN_CLOSE, Departure.MERGED_IN_HULL)


def policies(stored: Mapping[str, Any]) -> dict[tuple[ObjectType, Departure], DeparturePolicy]:
    """Return the whole matrix from its stored form, `{"LEAD": {"left_segment": "mark"}}`, defaults filled in.

    What is not allowed counts as not said.
    """
    return {
        (object_type, departure): _chosen(stored, object_type, departure, allowed)
        for (object_type, departure), allowed in ALLOWED.items()
    }


def stored_form(chosen: Policies) -> dict[str, dict[str, str]]:
    """Return only what differs from the defaults, in the form that `policies` reads."""
    stored: dict[str, dict[str, str]] = {}
    for (object_type, departure), policy in chosen.items():
        if policy != ALLOWED[object_type, departure][0]:
            stored.setdefault(object_type.value, {})[departure.value] = policy.value
    return stored


def _chosen(
    stored: Mapping[str, Any],
    object_type: ObjectType,
    departure: Departure,
    allowed: tuple[DeparturePolicy, ...],
) -> DeparturePolicy:
    of_type = stored.get(object_type.value)
    said = of_type.get(departure.value) if isinstance(of_type, Mapping) else None
    return next((policy for policy in allowed if policy == said), allowed[0])


def policy_of(settings: SyncSettings, object_type: ObjectType, departure: Departure) -> DeparturePolicy:
    """Return what was chosen for an object and a departure, else the default."""
    cell = (object_type, departure)
    return settings.departures.get(cell, ALLOWED[cell][0])


# ── Hull's record leaves ─────────────────────────────────────────────────────────────────────────


def left_segment(record: OutboundRecord, settings: SyncSettings, *, is_told: bool) -> Decision:
    """Decide about a record outside the named segments; it has left them if it is linked.

    `is_told` says that Hull told which segments it is in: to be told nothing is not to have left.
    """
    if not is_told or not record.due:
        return Decision(record, Result.SKIPPED, SkipReason.NOT_IN_SEGMENT)
    return _depart(record, Departure.LEFT_SEGMENT, SkipReason.NOT_IN_SEGMENT, settings)


def deleted_in_hull(record: OutboundRecord, settings: SyncSettings) -> Decision:
    """Decide about a record that Hull told the deletion of. Nothing is ever made for it."""
    return _depart(record, Departure.DELETED_IN_HULL, SkipReason.DELETED_IN_HULL, settings)


def _depart(
    record: OutboundRecord, departure: Departure, reason: SkipReason, settings: SyncSettings
) -> Decision:
    known, chosen = _own(record), policy_of(settings, record.object_type, departure)
    if known is None or known.departed == departure or chosen is _IGNORE:
        return Decision(record, Result.SKIPPED, reason)
    if chosen is _MARK:
        return _marked(record, known, departure, settings)
    if chosen is _DELETE:
        verb = Verb.DELETE_LEAD if record.object_type is ObjectType.LEAD else Verb.DELETE_CONTACT
        return Decision(record, Result.UPDATED, DoneReason.DELETED, verb, known.close_id, departure=departure)
    return Decision(
        record, Result.UNCHANGED, DoneReason.UNLINKED, close_id=known.close_id, departure=departure
    )


def unlink_further(contact: Decision, further: KnownRecord) -> Decision:
    """Return what becomes of another contact of a user that leaves: it stays in its lead, by itself."""
    record = replace(contact.record, link=further)
    return Decision(
        record, Result.UNCHANGED, DoneReason.UNLINKED, close_id=further.close_id, departure=contact.departure,
        is_further=True,
    )  # fmt: skip


def _own(record: OutboundRecord) -> KnownRecord | None:
    """Return the Close record that is paired with this very Hull record and still there."""
    known = record.link
    if known is None or known.hull_id != record.key or not known.seen or known.deleted or known.merged_into:
        return None
    return known


def _marked(
    record: OutboundRecord, known: KnownRecord, departure: Departure, settings: SyncSettings
) -> Decision:
    status_id = find_status(settings.mark_status, settings) if settings.mark_status else None
    if status_id is None:
        said = (
            f"“{settings.mark_status}” is not a lead status in Close"
            if settings.mark_status
            else "None is chosen"
        )
        note = (
            f"The lead status that marks a lead whose account has left: {said}. Choose one on the connector."
        )
        return Decision(record, Result.FAILED, FailureMode.CONFIGURATION, notes=(note,))
    wanted = {"status_id": status_id}
    patch = {} if known.close.get("status_id") == status_id else wanted
    # The status is ours as agreed upon, so that a mapped one may replace it when the account is back.
    return Decision(
        record, Result.UPDATED if patch else Result.UNCHANGED, DoneReason.MARKED, Verb.UPDATE_LEAD if patch else None,
        known.close_id, patch, wanted, departure=departure,
    )  # fmt: skip


def takes_contacts(lead: Decision) -> bool:
    """Tell whether new contacts may go to a lead that was decided about: not to one that is being left."""
    known = lead.record.link
    is_over = lead.departure is Departure.DELETED_IN_HULL or lead.reason in (
        DoneReason.UNLINKED, DoneReason.DELETED, SkipReason.DELETED_IN_HULL, SkipReason.MERGED_INTO_OTHER,
    )  # fmt: skip
    return not is_over and not (known and known.hull_id is None and known.departed)


def has_left_segment(lead: Decision) -> bool:
    """Tell whether an account is outside its segments, whatever was decided about its lead."""
    outside = (SkipReason.NOT_IN_SEGMENT, SkipReason.NO_SEGMENTS)
    return lead.reason in outside or lead.departure is Departure.LEFT_SEGMENT


# ── Two of Hull's records become one ─────────────────────────────────────────────────────────────


def after_merge(record: OutboundRecord, settings: SyncSettings) -> OutboundRecord:
    """Return a record as it is to be decided about after Hull merged others into it.

    The evidence is the list of anonymous ids, since Hull gives each to one record only. What the losers were linked
    to becomes the survivor's own if it has none and that is chosen; never is anything merged or deleted.
    """
    lost, chosen = losers(record), policy_of(settings, record.object_type, Departure.MERGED_IN_HULL)
    if not lost or chosen is _IGNORE:
        return record
    if chosen is _FORWARD and record.link is None:
        return replace(record, link=replace(_heir(record, lost), hull_id=None), candidates=())
    given_up = {known.close_id for known in lost}
    free = (replace(one, hull_id=None) if one.close_id in given_up else one for one in record.candidates)
    return replace(record, candidates=tuple(free))


def named_close_ids(hull: HullAccount | HullUser) -> tuple[str, ...]:
    """Return the Close ids among the anonymous ids that Hull holds on a record, in Hull's order."""
    listed = hull.attributes.get("anonymous_ids")
    prefix = anonymous_id("lead_" if isinstance(hull, HullAccount) else "cont_")
    texts = [one for one in listed if isinstance(one, str)] if isinstance(listed, list | tuple) else []
    return tuple(one.removeprefix(anonymous_id("")) for one in texts if one.startswith(prefix))


def losers(record: OutboundRecord) -> tuple[KnownRecord, ...]:
    """Return the Close records that this Hull record names as its own and that are paired with others."""
    return tuple(one for one in record.named if one.hull_id not in (None, record.key) and not one.is_further)


def _heir(record: OutboundRecord, lost: tuple[KnownRecord, ...]) -> KnownRecord:
    """Choose among several: what is still there first, then what Hull itself names first."""
    return min(
        lost, key=lambda one: (one.deleted or bool(one.merged_into), one.close_id != record.hull.close_id)
    )


def with_losers(decision: Decision, record: OutboundRecord, settings: SyncSettings) -> Decision:
    """Add to a decision that is carried out what becomes of the records that were merged into its own."""
    lost, chosen = losers(record), policy_of(settings, record.object_type, Departure.MERGED_IN_HULL)
    is_settled = decision.result in (Result.CREATED, Result.UPDATED, Result.UNCHANGED)
    if not lost or chosen is _IGNORE or not is_settled:
        return decision
    notes = tuple(_note(one, decision.close_id) for one in lost)
    return replace(decision, losers=lost, notes=(*decision.notes, *notes))


def _note(loser: KnownRecord, close_id: str | None) -> str:
    merged = f"Hull merged {loser.hull_id} into this record."
    if loser.close_id == close_id:
        return f"{merged} {close_id} goes on with it."
    left = f"{merged} {loser.close_id} is not kept in step any more"
    return f"{left}; if it is the same as {close_id}, merge the two in Close." if close_id else f"{left}."


# ── Close's record leaves ────────────────────────────────────────────────────────────────────────


def follows_merges(settings: SyncSettings) -> bool:
    """Tell whether a lead that was merged in Close stands for its survivor."""
    return policy_of(settings, ObjectType.LEAD, Departure.MERGED_IN_CLOSE) is _FORWARD


def is_over(known: KnownRecord) -> bool:
    """Tell whether a Close id that Hull still carries means nothing any more, since its pair was dissolved for good."""
    return known.hull_id is None and known.departed in _ENDED


def silence(known: KnownRecord) -> SkipReason | None:
    """Return why Hull is not told of a Close record: its pair was dissolved, or its Hull record is gone."""
    if not known.departed or (known.hull_id and known.departed != Departure.DELETED_IN_HULL):
        return None
    return _SILENT[Departure(known.departed)]


def after_deletion(known: KnownRecord, object_type: ObjectType, settings: SyncSettings) -> DeparturePolicy:
    """Return what follows when a record was deleted in Close.

    One that was deleted on purpose, because its account left, is not unlinked: it would be made again.
    """
    chosen = policy_of(settings, object_type, Departure.DELETED_IN_CLOSE)
    return _MARK if chosen is _UNLINK and known.departed == Departure.LEFT_SEGMENT else chosen
