"""A connector's clients, its settings as decisions need them, and what Close and Hull offer to map."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.db import transaction

from sync.close.client import CloseClient
from sync.close.limits import Limiter
from sync.engine.departures import policies
from sync.engine.drift import compare, new_options
from sync.errors import ConfigurationError, CredentialsError, SyncError
from sync.hull.client import HullClient
from sync.hull.firehose import Firehose
from sync.mapping.naming import attribute_name
from sync.mapping.paths import USER_FIELDS
from sync.mapping.validation import Problem, check_settings, sound_rows
from sync.models import CloseField, CloseStatus, CloseUser, Connector
from sync.records import (
    CloseIdentity,
    CloseSchema,
    CustomField,
    LeadStatus,
    ObjectType,
    SyncSettings,
)
from sync.records import CloseUser as User
from sync.services import hull_ids, links, missing_options, replay, retelling, retyped, webhooks
from sync.services.allowance import Allowance

SCHEMA_AGE = timedelta(days=1)
CLOSE_API_URL = "https://api.close.com/api/v1"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Calls:
    """Counts requests by route, from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, method: str, route: str, status: int | None) -> None:
        with self._lock:
            self._counts[f"{method} {route}"] += 1

    def as_dict(self) -> dict[str, int]:
        """Return the counts so far, by `GET /lead/` and the like."""
        with self._lock:
            return dict(sorted(self._counts.items()))


@dataclass(frozen=True, slots=True)
class Remotes:
    """Both sides of a connector, and what was asked of them so far."""

    close: CloseClient
    hull: HullClient
    firehose: Firehose
    close_calls: Calls
    hull_calls: Calls
    allowance: Allowance


def connect(connector: Connector, *, clock: Callable[[], datetime], dry_run: bool = False) -> Remotes:
    """Return clients with the connector's credentials.

    Raises ConfigurationError when a credential is missing or cannot be read, or a URL is not allowed.
    """
    close_calls, hull_calls, allowance = Calls(), Calls(), Allowance(connector, clock)
    organization, connector_id = (
        connector.hull_organization,
        connector.hull_connector_id,
    )
    secret = connector.hull_secret.reveal()
    for url in (
        connector.close_api_url,
        connector.hull_api_url,
        connector.hull_firehose_url,
    ):
        _check_url(connector, url)
    return Remotes(
        close_client(connector, observer=close_calls, dry_run=dry_run, limits=allowance),
        HullClient(
            organization, connector_id, secret, api_url=connector.hull_api_url or None, dry_run=dry_run, observer=hull_calls
        ),
        Firehose(
            organization, connector_id, secret, firehose_url=connector.hull_firehose_url or None, dry_run=dry_run,
            observer=hull_calls, clock=clock,
        ),
        close_calls,
        hull_calls,
        allowance,
    )  # fmt: skip


def close_client(
    connector: Connector,
    *,
    observer: Calls | None = None,
    dry_run: bool = False,
    api_key: str | None = None,
    limits: Limiter | None = None,
) -> CloseClient:
    """Return a Close client, for the stored key or for one that is being tried out.

    Without `limits` it goes by what it hears itself: for a few requests while somebody waits.
    """
    _check_url(connector, connector.close_api_url)
    key = api_key or connector.close_api_key.reveal()
    if not key:
        raise CredentialsError("No Close API key is configured. Enter one on the connector.")
    return CloseClient(
        key,
        api_url=connector.close_api_url or CLOSE_API_URL,
        dry_run=dry_run,
        observer=observer,
        limits=limits,
    )


def _check_url(connector: Connector, url: str) -> None:
    if not url or django_settings.ALLOW_INSECURE_REMOTES or connector.is_in_own_sandbox(url):
        return
    parts = urlsplit(url)
    if parts.scheme != "https" or (parts.hostname or "") in _LOOPBACK:
        raise ConfigurationError(
            f"{url} is refused: remotes must be https:// and not this machine. "
            "ALLOW_INSECURE_REMOTES permits it for the sandbox and tests."
        )


# ── What Close offers ────────────────────────────────────────────────────────────────────────────


def prepare(connector: Connector, remotes: Remotes, *, now: datetime, dry_run: bool = False) -> SyncSettings:
    """Return the settings that decisions use, with the schema read again when it is a day old or in doubt.

    Raises ConfigurationError when the key belongs to another Close organization than before.
    """
    is_stale = _is_schema_stale(connector, now)
    if is_stale:
        refresh_schema(connector, remotes.close, now=now)
        if connector.keeps_hull_id and not dry_run:
            _keep_hull_ids(connector, remotes.close)
    if not dry_run:
        webhooks.look_after(connector, remotes.close, now=now)
    settings, problems = load_settings(connector)
    _store_problems(connector, problems)
    return replace(settings, close_api_key_id=remotes.close.api_key_id)


def _keep_hull_ids(connector: Connector, close: CloseClient) -> None:
    if hull_ids.ensure_fields(connector, close):
        links.reindex(connector, load_settings(connector)[0])


def _is_schema_stale(connector: Connector, now: datetime) -> bool:
    read_at = connector.schema_read_at
    if read_at is None or now - read_at > SCHEMA_AGE:
        return True
    _, problems = load_settings(connector)
    return bool(problems) and now - read_at > timedelta(minutes=5)


def _store_problems(connector: Connector, problems: tuple[Problem, ...]) -> None:
    texts = [str(problem) for problem in problems]
    if texts != connector.problems:
        connector.problems = texts
        connector.save(update_fields=["problems", "updated_at"])


def load_settings(connector: Connector) -> tuple[SyncSettings, tuple[Problem, ...]]:
    """Return the configuration with the rows that can run, and what is wrong with the others."""
    settings = SyncSettings(
        account_segments=tuple(connector.account_segments),
        user_segments=tuple(connector.user_segments),
        lead_status=connector.lead_status,
        identity_hull=connector.identity_hull,
        identity_close=connector.identity_close,
        rows=tuple(row.as_row() for row in connector.mappings.all()),
        schema=load_schema(connector),
        lead_hull_id_field=connector.lead_hull_id_field if connector.keeps_hull_id else "",
        contact_hull_id_field=connector.contact_hull_id_field if connector.keeps_hull_id else "",
        moves_contacts=connector.moves_contacts,
        keeps_every_contact=connector.keeps_every_contact,
        departures=policies(connector.departures),
        mark_status=connector.mark_status,
        flip_limit=connector.flip_limit,
        flip_window=timedelta(minutes=connector.flip_minutes),
        never_identities=tuple(connector.never_identities),
        always_identities=tuple(connector.always_identities),
    )
    rows, problems = sound_rows(settings)
    parked = tuple(problem.row for problem in problems if problem.row)
    return replace(settings, rows=rows, parked=parked), (
        *problems,
        *check_settings(settings),
        *hull_ids.problems(connector, settings.schema),
        *missing_options.problems(connector),
    )


def load_schema(connector: Connector) -> CloseSchema:
    """Return what Close offers, as last read."""
    rows = list(connector.close_fields.all())
    leads = [row for row in rows if row.object_type == ObjectType.LEAD]
    contacts = [row for row in rows if row.object_type == ObjectType.CONTACT]
    return CloseSchema(
        statuses=tuple(status.as_status() for status in connector.close_statuses.all()),
        lead_fields=tuple(row.as_field() for row in leads if not row.missing_since),
        contact_fields=tuple(row.as_field() for row in contacts if not row.missing_since),
        lead_names={f"custom.{row.close_id}": row.attribute for row in leads},
        contact_names={f"custom.{row.close_id}": row.attribute for row in contacts},
        users=tuple(user.as_user() for user in connector.close_users.all()),
    )


def refresh_schema(connector: Connector, close: CloseClient, *, now: datetime) -> CloseIdentity:
    """Read statuses and custom fields from Close, and check that the key still belongs to the same organization.

    Users are read where a field that is there or is mapped holds one. What had stayed out because Close did not offer it is looked at again
    when Close offers something else now.
    """
    identity = close.me()
    _check_pin(connector, identity)
    statuses = close.lead_statuses()
    fields = {object_type: close.custom_fields(object_type) for object_type in ObjectType}
    users = close.users() if _needs_users(connector, fields.values()) else ()
    before = load_schema(connector)
    with transaction.atomic():
        _store_statuses(connector, statuses)
        for object_type, found in fields.items():
            _store_fields(connector, object_type, found, now)
        _store_users(connector, users)
        connector.close_organization_id = identity.organization_id
        connector.close_organization_name = identity.organization_name
        connector.schema_read_at = now
        connector.save(
            update_fields=[
                "close_organization_id",
                "close_organization_name",
                "schema_read_at",
                "updated_at",
            ]
        )
        schema = load_schema(connector)
        retyped.note_types(connector, schema)
        retelling.begin(connector, compare(before, schema))
        if _offered(schema) != _offered(before):
            replay.replay_configuration_failures(connector, now=now)
    return identity


def _needs_users(connector: Connector, fields: Iterable[tuple[CustomField, ...]]) -> bool:
    held = any(field.type == "user" for found in fields for field in found)
    named = connector.mappings.filter(close__in=USER_FIELDS).exists()
    return held or named or connector.segment_actions.exclude(assigned_to="").exists()


def _offered(schema: CloseSchema) -> tuple[frozenset[object], ...]:
    """Return what decides whether a value fits, in any order."""
    return tuple(map(frozenset, (schema.statuses, schema.lead_fields, schema.contact_fields, schema.users)))


def _check_pin(connector: Connector, identity: CloseIdentity) -> None:
    pinned = connector.close_organization_id
    if pinned and identity.organization_id and pinned != identity.organization_id:
        raise ConfigurationError(
            f"The Close key belongs to “{identity.organization_name}”, but this connector's records are in "
            f"“{connector.close_organization_name}”. Enter a key of that organization."
        )


def _store_statuses(connector: Connector, statuses: tuple[LeadStatus, ...]) -> None:
    connector.close_statuses.exclude(close_id__in=[status.close_id for status in statuses]).delete()
    CloseStatus.objects.bulk_create(
        [
            CloseStatus(
                connector=connector,
                close_id=status.close_id,
                label=status.label,
                position=position,
            )
            for position, status in enumerate(statuses)
        ],
        update_conflicts=True,
        unique_fields=["connector", "close_id"],
        update_fields=["label", "position"],
    )


def _store_users(connector: Connector, users: tuple[User, ...]) -> None:
    connector.close_users.exclude(close_id__in=[user.close_id for user in users]).delete()
    rows = [
        CloseUser(connector=connector, close_id=user.close_id, email=user.email[:320], name=user.name[:250])
        for user in users
    ]
    CloseUser.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["connector", "close_id"],
        update_fields=["email", "name"],
    )


def _store_fields(
    connector: Connector,
    object_type: ObjectType,
    fields: tuple[CustomField, ...],
    now: datetime,
) -> None:
    """Store definitions. A field keeps the attribute name it was first given; a removed one keeps its row."""
    known = {row.close_id: row for row in connector.close_fields.filter(object_type=object_type)}
    taken = {row.attribute for row in known.values()}
    _follow_renames(connector, known, fields, taken)
    for position, found in enumerate(fields):
        row = known.get(found.close_id)
        if row is None:
            name = attribute_name(found.label, found.close_id, taken)
            row = CloseField(
                connector=connector,
                object_type=object_type,
                close_id=found.close_id,
                attribute=name,
            )
            taken.add(name)
        else:
            row.new_options = new_options(row.choices, found.choices, row.new_options)
        row.label, row.type, row.choices = found.label, found.type, list(found.choices)
        row.multiple, row.position, row.missing_since = found.multiple, position, None
        row.save()
    gone = connector.close_fields.filter(object_type=object_type, missing_since=None)
    gone.exclude(close_id__in=[found.close_id for found in fields]).update(missing_since=now)


def _follow_renames(
    connector: Connector, known: dict[str, CloseField], fields: tuple[CustomField, ...], taken: set[str]
) -> None:
    """Give renamed fields the attribute of their new label, where the connector asks for that."""
    for found in fields if connector.follows_renames else ():
        row = known.get(found.close_id)
        if row and row.label != found.label:
            taken.discard(row.attribute)
            row.attribute = attribute_name(found.label, found.close_id, taken)
            taken.add(row.attribute)


# ── Trying a connector out ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Tried:
    """What a connection test found: one sentence per side, and whether it is good."""

    is_good: bool
    sentences: tuple[str, ...]


def test_connection(connector: Connector, *, clock: Callable[[], datetime]) -> Tried:
    """Make one real call to each side and say in words what it answered. Never raises for a remote's answer."""
    sentences, is_good = [], True
    try:
        identity = refresh_schema(connector, close_client(connector), now=clock())
        sentences.append(f"Close: the key belongs to {identity.email} in “{identity.organization_name}”.")
    except SyncError as error:
        is_good = False
        sentences.append(f"Close: {error.message}")
    try:
        found = connect_hull(connector).get_connector()
        sentences.append(
            f"Hull: connected to connector “{found.get('name') or connector.hull_connector_id}”."
        )
    except SyncError as error:
        is_good = False
        sentences.append(f"Hull: {error.message}")
    return Tried(is_good, tuple(sentences))


def connect_hull(connector: Connector) -> HullClient:
    """Return a Hull REST client alone, for a connector that may have no Close key yet."""
    _check_url(connector, connector.hull_api_url)
    return HullClient(
        connector.hull_organization,
        connector.hull_connector_id,
        connector.hull_secret.reveal(),
        api_url=connector.hull_api_url or None,
    )
