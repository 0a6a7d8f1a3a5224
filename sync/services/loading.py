"""ORM → frozen inputs, in bulk: everything that a slice's decisions need, in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sync.engine.departures import follows_merges, is_over, named_close_ids
from sync.engine.identity import MatchKey as MatchKeyValue
from sync.engine.identity import (
    best_matches,
    contact_emails,
    creation_identifier,
    may_be_elsewhere,
    wanted_keys,
)
from sync.engine.inbound import DELETED, MERGED, UPSERT
from sync.engine.plan import Chosen, Family, InboundDecision, InboundRecord, KnownRecord, OutboundRecord
from sync.models import Change, Connector, Cursor, Intent, Link, MatchKey
from sync.models.choices import EITHER
from sync.records import (
    Conflict,
    Direction,
    HullAccount,
    HullUser,
    ObjectType,
    SyncSettings,
    parse_time,
)
from sync.services import links, opportunities, pausing
from sync.services.intake import GONE, stored_account, stored_user

# Our clock and Close's differ a little.
CLOCK_SKEW = timedelta(minutes=2)
# For so long before the event log was last read, what another connector made may be missing in it.
SIBLING_OVERLAP = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# ── Outbound ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class OutboundInputs:
    """Families to plan, and the changes behind their records by `(object type, key)`."""

    families: list[Family] = field(default_factory=list)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)


def load_outbound_inputs(
    connector: Connector,
    changes: Sequence[Change],
    settings: SyncSettings,
    *,
    knowledge: Knowledge | None = None,
) -> OutboundInputs:
    """Return the families of some changes, with everything that their decisions need."""
    inputs = OutboundInputs(changes={(change.object_type, change.key): change for change in changes})
    heard = _heard_families(connector, changes)
    finder = _Finder(connector, settings, heard, knowledge or Knowledge())
    finder.none_of_them = {name for name, change in inputs.changes.items() if change.makes_new}
    for account, users, batch, gone in heard:
        lead = None
        if account and account.key:
            is_due = (ObjectType.LEAD.value, account.key) in inputs.changes
            lead = finder.record(ObjectType.LEAD, account.key, account, batch)
            lead = replace(
                lead, due=is_due, gone=gone, chosen=_chosen(inputs.changes.get((ObjectType.LEAD.value, account.key)))
            )  # fmt: skip
        contacts = tuple(
            replace(
                finder.record(ObjectType.CONTACT, change.key, user, change.batch),
                gone=bool(change.payload.get(GONE)),
                chosen=_chosen(change),
            )
            for change, user in users
        )
        inputs.families.append(Family(lead, contacts))
    return inputs


def _chosen(change: Change | None) -> dict[str, Chosen]:
    """Return what a person chose about fields that both sides changed, with the values that were shown."""
    if change is None:
        return {}
    return {
        path: Chosen(Conflict(side), *change.conflicts[path])
        for path, side in change.chosen.items()
        if path in change.conflicts
    }


@dataclass(slots=True)
class Knowledge:
    """What was learned from Close just now, beyond what is stored.

    `current` holds the records that were read. `is_index_current` is not set when the event log could not be
    read; `looked_up` names the records that were searched for instead, `paused` the records that a person paused.
    """

    current: dict[tuple[str, str], KnownRecord] = field(default_factory=dict)
    is_index_current: bool = True
    looked_up: set[tuple[ObjectType, str]] = field(default_factory=set)
    paused: pausing.Paused | None = None


# An account, its users, whether a person pushed them, and whether Hull told that the account is gone.
_Heard = tuple[HullAccount | None, list[tuple[Change, HullUser]], bool, bool]


def _heard_families(connector: Connector, changes: Sequence[Change]) -> list[_Heard]:
    grouped: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        grouped[change.family].append(change)
    stored = _stored_accounts(connector, grouped)
    return [_heard_family(members, stored.get(family)) for family, members in grouped.items()]


def _stored_accounts(connector: Connector, families: Iterable[str]) -> dict[str, Change]:
    """Return what was last heard of the accounts themselves, due or not."""
    rows = Change.objects.filter(
        connector=connector,
        direction=Direction.OUTBOUND,
        object_type=ObjectType.LEAD,
        key__in=list(families),
    )
    return {row.key: row for row in rows}


def _heard_family(members: list[Change], stored: Change | None) -> _Heard:
    users = [change for change in members if change.object_type == ObjectType.CONTACT]
    told = [account for change in users if (account := stored_account(change.payload.get("account")))]
    if stored and (account := stored_account(stored.payload.get("account"))):
        told.append(account)
    newest = _newest_account(told)
    pairs = [
        (
            change,
            stored_user(change.payload, newest if change.payload.get("account") else None),
        )
        for change in users
    ]
    is_gone = stored is not None and bool(stored.payload.get(GONE))
    return newest, pairs, any(change.batch for change in members), is_gone


def _newest_account(told: list[HullAccount]) -> HullAccount | None:
    """Return one account from everything that was told of it: newer attributes over older ones.

    What a newer message leaves out stays as it was told before, its segments too; what is told last wins a tie.
    """
    attributes: dict[str, object] = {}
    segment_ids: tuple[str, ...] | None = None
    for account in sorted(told, key=lambda account: account.indexed_at or _EPOCH):
        attributes |= account.attributes
        segment_ids = segment_ids if account.segment_ids is None else account.segment_ids
    return HullAccount(attributes, segment_ids) if told else None


class _Finder:
    """Finds the link or the candidates of each record of a slice, from a few bulk queries."""

    def __init__(
        self, connector: Connector, settings: SyncSettings, heard: Sequence[_Heard], knowledge: Knowledge
    ) -> None:
        self.connector, self.settings, self.knowledge = connector, settings, knowledge
        accounts = [account for account, *_ in heard if account]
        users = [user for _, pairs, *_ in heard for _, user in pairs]
        records: list[HullAccount | HullUser] = [*accounts, *users]
        self._by_hull_id = _links_by_hull_id(connector, [one.key for one in records if one.key])
        self._by_close_id = links.find(
            connector,
            [(_type_of(one).value, close_id) for one in records for close_id in _carried_ids(one)],
            lock=False,
        )
        values = {value for one in records for _, value in wanted_keys(one, settings)}
        self._by_value = _links_by_value(connector, values)
        self._intents = _open_intents(connector)
        self._siblings = _made_by_siblings(connector, records, settings)
        knowledge.paused = knowledge.paused or pausing.load(connector)
        self._paused = knowledge.paused
        self.none_of_them: set[tuple[str, str]] = set()

    def record(
        self,
        object_type: ObjectType,
        key: str | None,
        hull: HullAccount | HullUser,
        batch: bool,
    ) -> OutboundRecord:
        """Return one record with its link, or with the candidates that it may be."""
        assert key is not None
        link = self._by_hull_id.get((object_type.value, key))
        known = self._known(self._survivor(link)) if link else self._carried(object_type, hull)
        candidates = self._in_new_lead(known, hull) if known else self._candidates(object_type, key, hull)
        blocked = (object_type.value, key) in self._intents
        is_current = self.knowledge.is_index_current or (object_type, key) in self.knowledge.looked_up
        return OutboundRecord(
            key, object_type, hull, link=known, candidates=candidates, batch=batch,
            create_blocked=blocked and not candidates, is_index_current=is_current,
            further=self._further(key, known or _only(candidates), hull), named=self._named(object_type, hull),
            paused=self._paused.find(object_type, key, known.close_id if known else None),
        )  # fmt: skip

    def _known(self, link: Link) -> KnownRecord:
        return self.knowledge.current.get((link.object_type, link.close_id)) or link.as_known()

    def _carried(self, object_type: ObjectType, hull: HullAccount | HullUser) -> KnownRecord | None:
        """Return the Close record that Hull itself names, seen or not, unless another Hull record has it."""
        close_id = hull.close_id
        if not close_id:
            return None
        link = self._by_close_id.get((object_type.value, close_id))
        if link is None:
            read = self.knowledge.current.get((object_type.value, close_id))
            return read or KnownRecord(close_id, seen=False)
        link = self._survivor(link)
        if is_over(link.as_known()):
            return None
        return self._known(link) if link.hull_id in (None, hull.key) or link.merged_into else None

    def _named(self, object_type: ObjectType, hull: HullAccount | HullUser) -> tuple[KnownRecord, ...]:
        """Return the Close records whose anonymous ids Hull holds on a record."""
        found = (self._by_close_id.get((object_type.value, close_id)) for close_id in named_close_ids(hull))
        return tuple(self._known(link) for link in found if link)

    def _survivor(self, link: Link) -> Link:
        return links.follow(self.connector, link) if follows_merges(self.settings) else link

    def _candidates(
        self, object_type: ObjectType, key: str, hull: HullAccount | HullUser
    ) -> tuple[KnownRecord, ...]:
        intent = self._intents.get((object_type.value, key))
        made = [self._known(link) for link in made_by(intent, self.connector)] if intent else []
        if (object_type.value, key) in self.none_of_them:
            return tuple(made)  # a person looked at those that fit, and said so
        found = best_matches(hull, self._found(object_type), self.settings)
        if isinstance(hull, HullUser):
            own = self._in_own_lead(found, hull)
            found = own or (found if may_be_elsewhere(hull, self.settings) else ())
        return found or tuple(made) or self._siblings.get((object_type, key), ())

    def _found(self, object_type: ObjectType) -> Callable[[MatchKeyValue], list[KnownRecord]]:
        def found(key: MatchKeyValue) -> list[KnownRecord]:
            return [
                self._known(link) for link in self._by_value.get(key, ()) if link.object_type == object_type
            ]

        return found

    def _own_lead(self, user: HullUser) -> str | None:
        """Return the lead that the user's account is linked to."""
        account_key = user.account.key if user.account else None
        lead = self._by_hull_id.get((ObjectType.LEAD.value, account_key or ""))
        return self._survivor(lead).close_id if lead else None

    def _in_own_lead(self, found: Sequence[KnownRecord], user: HullUser) -> tuple[KnownRecord, ...]:
        """Prefer the contacts of the user's own lead among several that match."""
        lead_id = self._own_lead(user)
        return tuple(one for one in found if lead_id and one.parent_close_id == lead_id)

    def _in_new_lead(self, known: KnownRecord, hull: HullAccount | HullUser) -> tuple[KnownRecord, ...]:
        """Return the contacts that a user who changed account may be in the other lead already."""
        if not isinstance(hull, HullUser) or self._own_lead(hull) in (None, known.parent_close_id):
            return ()
        found = best_matches(hull, self._found(ObjectType.CONTACT), self.settings)
        there = self._in_own_lead(found, hull)
        return tuple(
            one for one in there if one.close_id != known.close_id and one.hull_id in (None, hull.key)
        )

    def _further(
        self, key: str, known: KnownRecord | None, hull: HullAccount | HullUser
    ) -> tuple[KnownRecord, ...]:
        """Return the user's contacts in other leads that no other Hull user has."""
        if not self.settings.keeps_every_contact or not isinstance(hull, HullUser) or known is None:
            return ()
        found = best_matches(hull, self._found(ObjectType.CONTACT), self.settings)
        return tuple(
            one
            for one in found
            if one.close_id != known.close_id
            and one.parent_close_id != known.parent_close_id
            and one.hull_id in (None, key)
        )


def _only(candidates: tuple[KnownRecord, ...]) -> KnownRecord | None:
    return candidates[0] if len(candidates) == 1 else None


def _made_by_siblings(
    connector: Connector, records: Sequence[HullAccount | HullUser], settings: SyncSettings
) -> dict[tuple[ObjectType, str], tuple[KnownRecord, ...]]:
    """Return what other connectors of the same Close organization made lately and our index does not hold yet."""
    if not connector.close_organization_id:
        return {}
    cursor = Cursor.objects.filter(connector=connector, stream=Cursor.Stream.EVENTS).first()
    since = (cursor.read_at if cursor and cursor.read_at else _EPOCH) - SIBLING_OVERLAP
    wanted = {(_type_of(one), creation_identifier(one, settings)): one.key for one in records}
    rows = Intent.objects.filter(
        close_organization_id=connector.close_organization_id, state=Intent.State.DONE, settled_at__gte=since,
        identifier__in={identifier for _, identifier in wanted if identifier},
    ).exclude(connector=connector)  # fmt: skip
    made = {(ObjectType(row.object_type), row.identifier): row.close_id for row in rows}
    known = links.find(connector, [(kind.value, made_id) for (kind, _), made_id in made.items()], lock=False)
    return {
        (kind, wanted[kind, identifier] or ""): (KnownRecord(made_id, seen=False),)
        for (kind, identifier), made_id in made.items()
        if (kind.value, made_id) not in known and (kind, identifier) in wanted
    }


def _carried_ids(record: HullAccount | HullUser) -> set[str]:
    return {*named_close_ids(record), *([record.close_id] if record.close_id else [])}


def _type_of(record: HullAccount | HullUser) -> ObjectType:
    return ObjectType.LEAD if isinstance(record, HullAccount) else ObjectType.CONTACT


def _links_by_hull_id(connector: Connector, keys: Sequence[str]) -> dict[tuple[str, str], Link]:
    rows = Link.objects.filter(
        connector=connector, object_type__in=EITHER, hull_id__in=set(keys), is_further=False
    )
    return {(row.object_type, row.hull_id or ""): row for row in rows}


def _links_by_value(connector: Connector, values: set[str]) -> dict[tuple[str, str], list[Link]]:
    found: dict[tuple[str, str], list[Link]] = defaultdict(list)
    keys = MatchKey.objects.filter(
        connector=connector,
        value__in=values,
        link__deleted_at=None,
        link__merged_into="",
    )
    for key in keys.select_related("link").order_by("link__created_at", "link_id"):
        found[key.kind, key.value].append(key.link)
    return found


def _open_intents(connector: Connector) -> dict[tuple[str, str], Intent]:
    rows = Intent.objects.filter(connector=connector, state=Intent.State.OPEN)
    return {(row.object_type, row.key): row for row in rows}


def made_by(intent: Intent, connector: Connector) -> list[Link]:
    """Return the records that an unanswered POST may have made: same name and lead, new since, and unpaired."""
    since = intent.created_at - CLOCK_SKEW
    rows = Link.objects.live().filter(
        connector=connector, object_type=intent.object_type, hull_id=None, created_at__gte=since,
        label=str(intent.body.get("name") or "")[:250],
    )  # fmt: skip
    parent = intent.body.get("lead_id")
    rows = rows.filter(parent_close_id=parent) if parent else rows
    made = [row for row in rows if (parse_time(row.close.get("date_created")) or since) >= since]
    return made if intent.body.get("name") else []


# ── Inbound ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class InboundInputs:
    """Records to plan, leads before contacts, and the changes behind them by `(object type, key)`."""

    records: list[InboundRecord] = field(default_factory=list)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)

    def link_of(self, decision: InboundDecision) -> Link:
        """Return what we know of the Close record that a decision is about."""
        return self.links[decision.record.object_type.value, decision.record.key]


def load_inbound_inputs(connector: Connector, changes: Sequence[Change], *, now: datetime) -> InboundInputs:
    """Return the Close records of some changes with what we know of them and of their leads."""
    inputs = InboundInputs(changes={(change.object_type, change.key): change for change in changes})
    inputs.links = links.find(connector, inputs.changes, lock=False)
    parents = {
        (ObjectType.LEAD.value, link.parent_close_id)
        for link in inputs.links.values()
        if link.parent_close_id
    }
    leads = links.find(connector, parents, lock=False)
    shared = _shared_emails(connector, inputs.links.values())
    in_flight = {object_type for object_type, _ in _open_intents(connector)}
    queued = _queued(connector, inputs.links.values())
    lead_ids = [close_id for kind, close_id in inputs.changes if kind == ObjectType.LEAD]
    paused = pausing.load(connector)
    added_up = opportunities.totals(connector, lead_ids) if connector.reads_opportunities else {}
    for name, change in sorted(inputs.changes.items(), key=lambda item: item[0][0] != ObjectType.LEAD):
        link = inputs.links.get(name)
        if link is not None:
            record = _inbound_record(change, link, leads, shared, in_flight, now)
            survivor = links.follow(connector, link).as_known() if link.merged_into else None
            queue = queued.get((link.object_type, link.hull_id))
            why = paused.find(link.object_type, link.hull_id, link.close_id)
            record = replace(record, queued=queue, survivor=survivor, paused=why)
            inputs.records.append(_with_totals(record, added_up))
    return inputs


def _with_totals(record: InboundRecord, added_up: dict[str, dict[str, Any]]) -> InboundRecord:
    totals = added_up.get(record.key) if record.object_type is ObjectType.LEAD else None
    return record if totals is None else replace(record, link=replace(record.link, extra=totals))


_NOT_CARRIED_OUT = (Change.State.PENDING, Change.State.HELD, Change.State.WAITING, Change.State.PAUSED)


def _queued(connector: Connector, rows: Iterable[Link]) -> dict[tuple[str, str | None], OutboundRecord]:
    """Return what Hull told of the paired records and was not carried out yet, by object type and Hull id."""
    waiting = Change.objects.filter(
        connector=connector, direction=Direction.OUTBOUND, state__in=_NOT_CARRIED_OUT,
        object_type__in=EITHER, key__in={row.hull_id for row in rows if row.hull_id},
    )  # fmt: skip
    return {(one.object_type, one.key): record for one in waiting if (record := _queued_record(one))}


def _queued_record(change: Change) -> OutboundRecord | None:
    object_type = ObjectType(change.object_type)
    account = stored_account(change.payload.get("account"))
    hull = account if object_type is ObjectType.LEAD else stored_user(change.payload, account)
    if hull is None or change.payload.get("gone"):
        return None
    return OutboundRecord(change.key, object_type, hull, batch=change.batch, chosen=_chosen(change))


def _inbound_record(
    change: Change,
    link: Link,
    leads: dict[tuple[str, str], Link],
    shared: dict[int, frozenset[str]],
    in_flight: set[str],
    now: datetime,
) -> InboundRecord:
    parent = leads.get((ObjectType.LEAD.value, link.parent_close_id))
    return InboundRecord(
        key=change.key,
        object_type=ObjectType(change.object_type),
        action=_action(change, link),
        link=link.as_known(),
        at=change.record_at or now,
        account=parent.as_known() if parent else None,
        ours=bool(change.payload.get("ours")),
        shared_emails=shared.get(link.pk, frozenset()),
        create_in_flight=change.object_type in in_flight,
    )


def _action(change: Change, link: Link) -> str:
    if link.merged_into:
        return MERGED
    return DELETED if link.deleted_at else str(change.payload.get("action") or UPSERT)


def _shared_emails(connector: Connector, rows: Iterable[Link]) -> dict[int, frozenset[str]]:
    """Return, per contact, those of its addresses that an earlier contact has too."""
    contacts = [row for row in rows if row.object_type == ObjectType.CONTACT]
    addresses = {row.pk: contact_emails(row.as_known()) for row in contacts}
    wanted = {address for listed in addresses.values() for address in listed}
    owners: dict[str, int] = {}
    keys = MatchKey.objects.filter(connector=connector, kind="email", value__in=wanted, link__deleted_at=None)
    for key in keys.order_by("-link_id"):
        owners[key.value] = key.link_id
    return {
        pk: frozenset(address for address in listed if owners.get(address, pk) != pk)
        for pk, listed in addresses.items()
    }
