"""What is about to be created in Close, written down first; and what became of it when no answer came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from sync.close.client import CloseClient
from sync.engine import identity
from sync.engine.plan import FamilyPlan
from sync.engine.retry import is_settled
from sync.engine.twins import CREATING, Name, hold, name_of
from sync.errors import NotFoundError, SyncError
from sync.models import Connector, Intent
from sync.records import ObjectType, SyncSettings
from sync.services import links, lookup
from sync.services.drain import Work
from sync.services.links import Seen
from sync.services.loading import made_by


def intend(connector: Connector, plans: Sequence[FamilyPlan], *, now: datetime) -> list[FamilyPlan]:
    """Write down every POST of some plans before the first of them is sent.

    What somebody else is creating at the same moment, under the same Hull id or the same identifier, is not in the
    plans that are returned: the database takes only one open intent of each.
    """
    wanted = [decision for plan in plans for decision in plan.decisions if decision.verb in CREATING]
    Intent.objects.bulk_create(
        [
            Intent(
                connector=connector, object_type=decision.record.object_type, key=decision.record.key,
                body=dict(decision.body), created_at=now, identifier=decision.identifier,
                close_organization_id=connector.close_organization_id,
            )
            for decision in wanted
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    mine = _stored(connector, now) if wanted else set()
    refused = {name_of(decision) for decision in wanted} - mine
    return [hold(plan, refused) for plan in plans] if refused else list(plans)


def _stored(connector: Connector, now: datetime) -> set[Name]:
    rows = Intent.objects.filter(connector=connector, state=Intent.State.OPEN, created_at=now)
    return {(ObjectType(kind), key) for kind, key in rows.values_list("object_type", "key")}


def settle(
    connector: Connector, settled: Mapping[tuple[str, str], tuple[Intent.State, str]], *, now: datetime
) -> None:
    """Close intents: `(object type, key)` to the state and the Close id."""
    keys = {key for _, key in settled}
    found = Intent.objects.filter(connector=connector, state=Intent.State.OPEN, key__in=keys)
    intents = [intent for intent in found if (intent.object_type, intent.key) in settled]
    for intent in intents:
        intent.state, intent.close_id = settled[intent.object_type, intent.key]
        intent.settled_at = now
    Intent.objects.bulk_update(intents, ["state", "close_id", "settled_at"])


def are_open(connector: Connector) -> bool:
    """Tell whether the result of any POST is unknown."""
    return Intent.objects.filter(connector=connector, state=Intent.State.OPEN).exists()


def resolve_old(work: Work) -> None:
    """Find out what became of POSTs that got no answer and are not in the event log either.

    Close is searched once its index had time to catch up; the lead of a contact is read. What is found goes into
    our index, where the next plan finds it. What is not found was not made, and may be sent again.
    """
    now = work.clock()
    for intent in Intent.objects.filter(connector=work.connector, state=Intent.State.OPEN):
        if not is_settled(intent.created_at, now):
            continue
        try:
            seen = _witnesses(intent, work.remotes.close, work.settings)
        except SyncError:
            continue  # asked again next time; until then nothing is posted for this record
        with transaction.atomic():
            links.remember(work.connector, seen, work.settings)
        if not _is_found(intent, seen, work):
            settle(work.connector, {(intent.object_type, intent.key): (Intent.State.REFUSED, "")}, now=now)


def _witnesses(intent: Intent, close: CloseClient, settings: SyncSettings) -> list[Seen]:
    object_type, lead_id = ObjectType(intent.object_type), intent.body.get("lead_id")
    if lead_id:
        try:
            return lookup.read_whole(ObjectType.LEAD, lead_id, close)
        except NotFoundError:
            return []
    value = intent.identifier.partition(":")[2]
    kind = identity.IDENTIFIER if object_type is ObjectType.LEAD else identity.EMAIL
    return lookup.find_by_keys(object_type, [(kind, value)], close, settings) if value else []


def _is_found(intent: Intent, seen: Sequence[Seen], work: Work) -> bool:
    """A contact's lead was read whole: only the contact itself counts, by its address or name."""
    is_itself = any(item.object_type == intent.object_type for item in seen) and not intent.body.get(
        "lead_id"
    )
    return is_itself or _is_among(intent, seen) or bool(made_by(intent, work.connector))


def _is_among(intent: Intent, seen: Sequence[Seen]) -> bool:
    address = intent.identifier.removeprefix("email:") if intent.identifier.startswith("email:") else ""
    return bool(address) and any(address in identity.contact_emails(item.as_known()) for item in seen)
