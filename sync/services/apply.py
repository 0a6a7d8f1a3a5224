"""Carries plans out: the only place where Close and Hull are written to. No rows are touched here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

from sync.close.client import CloseClient
from sync.engine.plan import Decision, FamilyPlan, HullWrite, Result, Verb, WaitReason
from sync.engine.refusal import without_foreign
from sync.engine.twins import travels_with_lead
from sync.errors import NotFoundError, RejectedError, SyncError, TransientError
from sync.hull.firehose import Firehose, FirehoseMessage
from sync.records import Contact, Lead, ObjectType
from sync.services.errands import Desk
from sync.services.links import Seen, seen_contact, seen_lead

# Requests under way at once in one drain. The remote's rate budget, not this, is what limits the speed.
THREADS = 8

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one decision: Close's record afterwards, or the error."""

    decision: Decision
    seen: Seen | None = None
    error: SyncError | None = None


def in_parallel(function: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """Run a function that only talks to a remote over some items; keeps their order.

    Meanwhile this thread, which has the database, fetches what the others may ask of Close.
    """
    workers = min(THREADS, len(items))
    if workers <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool, Desk() as desk:
        futures = [pool.submit(desk.work_for, function, item) for item in items]
        desk.serve(futures)
        return [future.result() for future in futures]


# ── Close ────────────────────────────────────────────────────────────────────────────────────────


def to_close(
    plans: Sequence[FamilyPlan], close: CloseClient, *, may_create: Callable[[], bool] = lambda: True
) -> list[Applied]:
    """Carry family plans out, families side by side, within one in order.

    `may_create` is asked right before each POST; once it says no, none is sent any more.
    """
    families = in_parallel(lambda plan: _family(plan, _Door(close, may_create)), plans)
    return [applied for family in families for applied in family]


class _Door:
    """Close, with new records let through only while they may be created."""

    def __init__(self, close: CloseClient, may_create: Callable[[], bool]) -> None:
        self.close, self._may_create = close, may_create

    def create_lead(self, body: Mapping[str, Any]) -> Lead:
        self._check()
        return self.close.create_lead(body)

    def create_contact(self, body: Mapping[str, Any]) -> Contact:
        self._check()
        return self.close.create_contact(body)

    def _check(self) -> None:
        if not self._may_create():
            raise TransientError("The request was not sent: its turn came too late.")


def _family(plan: FamilyPlan, door: _Door) -> list[Applied]:
    nested = [contact for contact in plan.contacts if travels_with_lead(contact, plan.lead)]
    others = [contact for contact in plan.contacts if not travels_with_lead(contact, plan.lead)]
    if plan.lead and plan.lead.verb is Verb.CREATE_LEAD:
        first = _create_lead(plan.lead, nested, door)
    else:
        first = [_one(plan.lead, door)] if plan.lead else []
    return [*first, *(_one(contact, door) for contact in others)]


def _one(decision: Decision, door: _Door) -> Applied:
    try:
        return Applied(decision, _write(decision, door))
    except RejectedError as error:
        rest = without_foreign(decision, error.fields)
        return _one(rest, door) if rest else Applied(decision, error=error)
    except SyncError as error:
        return Applied(decision, error=error)


def _write(decision: Decision, door: _Door) -> Seen | None:
    body, close_id = dict(decision.body), decision.close_id or ""
    if decision.verb is Verb.UPDATE_LEAD:
        return seen_lead(door.close.update_lead(close_id, body))
    if decision.verb is Verb.UPDATE_CONTACT:
        return seen_contact(door.close.update_contact(close_id, body))
    if decision.verb is Verb.CREATE_CONTACT:
        return seen_contact(door.create_contact(body), body["lead_id"])
    if decision.verb is Verb.DELETE_LEAD:
        door.close.delete_lead(close_id)
    if decision.verb is Verb.DELETE_CONTACT:
        door.close.delete_contact(close_id)
    return None


def _create_lead(lead: Decision, nested: list[Decision], door: _Door) -> list[Applied]:
    """Create a lead with its contacts in one request. If Close refuses contacts, the lead goes without those."""
    refused: list[Applied] = []
    while True:
        try:
            made = door.create_lead(dict(lead.body) | _nested_body(nested))
        except RejectedError as error:
            culprits = _refused_contacts(error, nested)
            if not culprits:
                return [
                    Applied(lead, error=error),
                    *refused,
                    *(_orphaned(contact) for contact in nested),
                ]
            refused += [
                Applied(contact, error=_own_words(error, place)) for place, contact in culprits.items()
            ]
            nested = [contact for place, contact in enumerate(nested) if place not in culprits]
        except SyncError as error:
            return [
                Applied(lead, error=error),
                *refused,
                *(Applied(contact, error=error) for contact in nested),
            ]
        else:
            return [
                Applied(lead, seen_lead(made)),
                *refused,
                *_created_contacts(made, nested),
            ]


def _nested_body(nested: Sequence[Decision]) -> dict[str, Any]:
    return {"contacts": [dict(contact.body) for contact in nested]} if nested else {}


def _refused_contacts(error: RejectedError, nested: Sequence[Decision]) -> dict[int, Decision]:
    """Return the contacts that a refusal names; all of them when it names contacts but not which."""
    paths = [path.split(".") for path in error.fields if path.split(".")[0] == "contacts"]
    places = {int(path[1]) for path in paths if len(path) > 1 and path[1].isdigit()}
    chosen = {place: nested[place] for place in sorted(places) if place < len(nested)}
    return chosen or (dict(enumerate(nested)) if paths else {})


def _own_words(error: RejectedError, place: int) -> RejectedError:
    prefix = f"contacts.{place}."
    fields = {
        path.removeprefix(prefix): words for path, words in error.fields.items() if path.startswith(prefix)
    }
    said = "; ".join(f"{path}: {words}" for path, words in fields.items())
    return RejectedError(f"Close refuses the contact: {said}" if said else error.message, fields=fields)


def _orphaned(contact: Decision) -> Applied:
    note = "Its account could not be created in Close."
    waiting = replace(
        contact,
        result=Result.PENDING,
        reason=WaitReason.PARENT_PENDING,
        verb=None,
        notes=(note,),
    )
    return Applied(waiting)


def _created_contacts(lead: Lead, nested: Sequence[Decision]) -> list[Applied]:
    """Give each contact of a new lead back to the user it came from, by e-mail or name, else by place."""
    made = list(lead.contacts or ())
    applied = []
    for contact in nested:
        found = next(
            (one for one in made if _is_same_person(one, contact.body)),
            made[0] if made else None,
        )
        if found is None:
            note = UnnamedContactError("Close made the lead but did not tell the contact's id.")
            applied.append(Applied(contact, error=note))
            continue
        made.remove(found)
        applied.append(Applied(contact, seen_contact(found, lead.close_id)))
    return applied


class UnnamedContactError(NotFoundError):
    """The answer to a new lead did not hold one of its contacts; the event log will tell it."""


def _is_same_person(contact: Contact, body: Mapping[str, Any]) -> bool:
    theirs = [entry.get("email", "").lower() for entry in contact.fields.get("emails") or ()]
    ours = [entry["email"].lower() for entry in body.get("emails", ())]
    if ours or theirs:
        return sorted(ours) == sorted(theirs)
    return bool(contact.fields.get("name") == body.get("name"))


def read(decisions: Sequence[Decision], close: CloseClient) -> list[Applied]:
    """Read the present state of the records that some decisions are about."""
    return in_parallel(lambda decision: _read(decision, close), decisions)


def _read(decision: Decision, close: CloseClient) -> Applied:
    close_id = decision.close_id or ""
    try:
        return Applied(decision, read_record(decision.record.object_type, close_id, close))
    except SyncError as error:
        return Applied(decision, error=error)


def read_record(object_type: ObjectType, close_id: str, close: CloseClient) -> Seen:
    """Read one record from Close. Raises NotFoundError when it is gone."""
    if object_type is ObjectType.LEAD:
        return seen_lead(close.get_lead(close_id))
    return seen_contact(close.get_contact(close_id))


# ── Hull ─────────────────────────────────────────────────────────────────────────────────────────


def to_hull(writes: Sequence[HullWrite], firehose: Firehose) -> tuple[int, SyncError | None]:
    """Send traits in batches. Returns how many were accepted, and what stopped the rest."""
    messages = [message for write in writes for message in _messages(write)]
    try:
        firehose.send(messages)
    except SyncError as error:
        return _whole(writes, int(getattr(error, "accepted", 0))), error
    return len(writes), None


def _messages(write: HullWrite) -> list[FirehoseMessage]:
    traits = FirehoseMessage(write.subject, write.user, write.account, write.attributes)
    if not write.alias:
        return [traits]
    named = {"anonymous_id": write.alias}
    return [FirehoseMessage(write.subject, write.user, write.account, named, kind="alias"), traits]


def _whole(writes: Sequence[HullWrite], accepted: int) -> int:
    """Return how many writes were accepted with all of their messages."""
    ends = accumulate(len(_messages(write)) for write in writes)
    return sum(end <= accepted for end in ends)
