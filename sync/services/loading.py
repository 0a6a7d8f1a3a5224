"""ORM → frozen inputs, in bulk: everything that a slice's decisions need, in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sync.engine.identity import contact_emails
from sync.engine.inbound import DELETED, MERGED, UPSERT
from sync.engine.plan import Family, InboundRecord, KnownRecord, OutboundRecord
from sync.mapping import transforms
from sync.mapping.outbound import identifier
from sync.mapping.transforms import UnusableValueError
from sync.models import Change, Connector, Intent, Link, MatchKey
from sync.records import (
    Direction,
    HullAccount,
    HullUser,
    ObjectType,
    SyncSettings,
    parse_time,
)
from sync.services import links
from sync.services.intake import stored_account, stored_user

# Our clock and Close's differ a little.
CLOCK_SKEW = timedelta(minutes=2)
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
    current: dict[tuple[str, str], KnownRecord] | None = None,
) -> OutboundInputs:
    """Return the families of some changes. `current` holds Close records that were just read."""
    inputs = OutboundInputs(changes={(change.object_type, change.key): change for change in changes})
    heard = _heard_families(connector, changes)
    finder = _Finder(connector, settings, heard, current or {})
    for account, users, batch in heard:
        lead = None
        if account and account.key:
            is_due = (ObjectType.LEAD.value, account.key) in inputs.changes
            lead = replace(finder.record(ObjectType.LEAD, account.key, account, batch), due=is_due)
        contacts = tuple(
            finder.record(ObjectType.CONTACT, change.key, user, change.batch) for change, user in users
        )
        inputs.families.append(Family(lead, contacts))
    return inputs


_Heard = tuple[HullAccount | None, list[tuple[Change, HullUser]], bool]


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
    return newest, pairs, any(change.batch for change in members)


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
        self,
        connector: Connector,
        settings: SyncSettings,
        heard: Sequence[_Heard],
        current: dict[tuple[str, str], KnownRecord],
    ) -> None:
        self.connector, self.settings, self.current = connector, settings, current
        accounts = [account for account, _, _ in heard if account]
        users = [user for _, pairs, _ in heard for _, user in pairs]
        self._by_hull_id = _links_by_hull_id(
            connector, [key for key in (*(one.key for one in accounts), *(one.key for one in users)) if key]
        )
        self._by_close_id = links.find(
            connector,
            [(ObjectType.LEAD.value, account.close_id) for account in accounts if account.close_id]
            + [(ObjectType.CONTACT.value, user.close_id) for user in users if user.close_id],
            lock=False,
        )
        values = {value for account in accounts if (value := identifier(account, settings))}
        values |= {value for user in users if (value := folded_email(user.email))}
        self._by_value = _links_by_value(connector, values)
        self._intents = _open_intents(connector)

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
        known = self._known(links.follow(self.connector, link)) if link else self._carried(object_type, hull)
        if known is not None:
            return OutboundRecord(key, object_type, hull, link=known, batch=batch)
        candidates = [self._known(found) for found in self._candidates(object_type, key, hull)]
        blocked = (object_type.value, key) in self._intents
        return OutboundRecord(
            key, object_type, hull, candidates=tuple(candidates), batch=batch, create_blocked=blocked and not candidates
        )  # fmt: skip

    def _known(self, link: Link) -> KnownRecord:
        return self.current.get((link.object_type, link.close_id)) or link.as_known()

    def _carried(self, object_type: ObjectType, hull: HullAccount | HullUser) -> KnownRecord | None:
        """Return the Close record that Hull itself names, seen or not, unless another Hull record has it."""
        close_id = hull.close_id
        if not close_id:
            return None
        link = self._by_close_id.get((object_type.value, close_id))
        if link is None:
            return self.current.get((object_type.value, close_id)) or KnownRecord(close_id, seen=False)
        link = links.follow(self.connector, link)
        return self._known(link) if link.hull_id in (None, hull.key) or link.merged_into else None

    def _candidates(self, object_type: ObjectType, key: str, hull: HullAccount | HullUser) -> list[Link]:
        if isinstance(hull, HullAccount):
            found = self._by_value.get(("identifier", identifier(hull, self.settings) or ""), [])
        else:
            found = self._by_value.get(("email", folded_email(hull.email) or ""), [])
            found = self._in_own_lead(found, hull) or found
        intent = self._intents.get((object_type.value, key))
        return found or (_made_by(intent, self.connector) if intent else [])

    def _in_own_lead(self, found: list[Link], user: HullUser) -> list[Link]:
        """Prefer the contacts of the user's own lead among several with the same e-mail address."""
        account_key = user.account.key if user.account else None
        lead = self._by_hull_id.get((ObjectType.LEAD.value, account_key or ""))
        return [link for link in found if lead and link.parent_close_id == lead.close_id]


def _links_by_hull_id(connector: Connector, keys: Sequence[str]) -> dict[tuple[str, str], Link]:
    rows = Link.objects.filter(connector=connector, hull_id__in=set(keys))
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


def _made_by(intent: Intent, connector: Connector) -> list[Link]:
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


def folded_email(value: str | None) -> str | None:
    """Return an e-mail address as the match index holds it, or None when it is none."""
    try:
        return transforms.email(value) if value else None
    except UnusableValueError:
        return None


# ── Inbound ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class InboundInputs:
    """Records to plan, leads before contacts, and the changes behind them by `(object type, key)`."""

    records: list[InboundRecord] = field(default_factory=list)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)


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
    for name, change in sorted(inputs.changes.items(), key=lambda item: item[0][0] != ObjectType.LEAD):
        link = inputs.links.get(name)
        if link is not None:
            inputs.records.append(_inbound_record(change, link, leads, shared, in_flight, now))
    return inputs


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
