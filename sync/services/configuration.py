"""Changes of a connector's configuration: what follows from one, and settings taken over from Hull."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from sync.mapping.private_settings import Imported, from_private_settings
from sync.models import ConfigurationVersion, Connector
from sync.records import Direction, MappingRow, ObjectType
from sync.services import links, replay, retyped, setup, versions
from sync.services.config_steps import (
    SECRETS,
    Place,
    Step,
    differing,
    field_steps,
    holds_secret,
    row_steps,
    with_own_options,
    write_rows,
)
from sync.services.versions import Author

# A pause by a person has no reason, or one that begins like this; only configuration errors are lifted by a change.
PAUSED_BY_A_PERSON = "Paused by"

# Who made a version that nobody here made.
HULL = "Hull's dashboard"

_ASKS_CLOSE_ANEW = frozenset({"close_api_key", "close_api_url", "keeps_hull_id"})
_READS_MORE = frozenset({"reads_opportunities", "hull_events"})
_IDENTITY = frozenset({"identity_hull", "identity_close", "never_identities", "always_identities"})
_MAY_HEAL = (
    _ASKS_CLOSE_ANEW
    | _IDENTITY
    | {"lead_status", "hull_secret", "hull_connector_id", "hull_api_url", "hull_firehose_url", "hull_domain"}
)


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What taking settings over would change, a sentence each, and what in them cannot be used."""

    changes: tuple[str, ...]
    problems: tuple[str, ...]


@transaction.atomic
def configuration_changed(
    connector: Connector, changed: Collection[str], *, now: datetime, by: Author = "", note: str = "",
    keep_references: bool = False,
) -> None:  # fmt: skip
    """Carry out what follows from a change that was saved already. Call it once per change; without one it does nothing.

    `changed` holds names of Connector's fields, `mappings` for its rows and `hull_domain` for its organization's.
    The version goes up by one and is written down, with who made it and why; what Close offers is read again; the match index follows the identifier; what had
    failed for configuration reasons is tried again; and a pause that a configuration error caused is lifted. A
    secret that was entered by hand is not the one of a reference any more, so that reference is forgotten unless
    `keep_references`.
    """
    names = frozenset(changed)
    if not names:
        return
    Connector.objects.filter(pk=connector.pk).update(version=F("version") + 1)
    connector.refresh_from_db(fields=["version"])
    versions.note(connector, names, by=by, said=note, now=now)
    if not keep_references:
        _forget_references(connector, names)
    if names & _ASKS_CLOSE_ANEW:
        connector.schema_read_at, connector.webhook_checked_at = None, None
        connector.save(update_fields=["schema_read_at", "webhook_checked_at", "updated_at"])
    if names & _READS_MORE:
        connector.opportunities_read_at, connector.webhook_checked_at = None, None
        connector.save(update_fields=["opportunities_read_at", "webhook_checked_at", "updated_at"])
    if names & _IDENTITY and connector.links.exists():
        links.reindex(connector, setup.load_settings(connector)[0])
    if "mappings" in names:
        retyped.note_types(connector, setup.load_schema(connector))
    replay.replay_configuration_failures(connector, now=now)
    if names & _MAY_HEAL and is_paused_by_an_error(connector):
        connector.resume()


@transaction.atomic
def restore(version: ConfigurationVersion, *, by: Author, now: datetime) -> bool:
    """Put an earlier version back in force, as a new one. False when nothing differs from it."""
    connector = version.connector
    changed = versions.put_back(version)
    configuration_changed(connector, changed, by=by, note=f"Version {version.number} put back.", now=now)
    return bool(changed)


def is_paused_by_an_error(connector: Connector) -> bool:
    """Say whether a configuration error stopped the connector, rather than a person."""
    reason = connector.pause_reason
    return connector.paused_at is not None and bool(reason) and not reason.startswith(PAUSED_BY_A_PERSON)


def _forget_references(connector: Connector, names: frozenset[str]) -> None:
    fields = [f"{name}_ref" for name in SECRETS if name in names and getattr(connector, f"{name}_ref")]
    for field in fields:
        setattr(connector, field, {})
    if fields:
        connector.save(update_fields=[*fields, "updated_at"])


# ── Settings kept in Hull ────────────────────────────────────────────────────────────────────────


@transaction.atomic
def import_private_settings(
    connector: Connector, settings: Mapping[str, Any], *, now: datetime, by: Author = HULL
) -> Imported:
    """Take a connector's settings over from Hull's `private_settings`; all rows are replaced by those in there.

    Settings that are here already change nothing. The Close key stays when the settings do not speak of it. Where
    the connector's settings are kept from now on (`home`) stays as it is.
    """
    imported = from_private_settings(settings)
    changed = _take_fields(connector, imported)
    if _take_rows(connector, imported):
        changed.add("mappings")
    configuration_changed(connector, changed, by=by, now=now)
    return imported


def preview_import(connector: Connector, settings: Mapping[str, Any]) -> ImportPreview:
    """Return what taking settings over would change, in words; nothing is written."""
    imported = from_private_settings(settings)
    fields = field_steps("connector", connector.slug, connector, _wanted_fields(imported))
    rows = (
        step
        for place in _places()
        for step in row_steps(connector, connector.slug, place, _rows_of(connector, imported, place))
    )
    changes = [*map(_field_sentence, fields), *(str(step).partition(": ")[2] for step in rows)]
    key = imported.close_api_key
    if key is not None and not holds_secret(connector, "close_api_key", key):
        changes.append("Close API key changes")
    return ImportPreview(tuple(changes), imported.problems)


def _field_sentence(step: Step) -> str:
    name = str(Connector._meta.get_field(step.field).verbose_name)  # type: ignore[union-attr]
    old, new = (json.dumps(value, ensure_ascii=False) for value in (step.old, step.new))
    return f"{name[:1].upper()}{name[1:]}: {old} → {new}"


def _places() -> list[Place]:
    return [(object_type, direction) for object_type in ObjectType for direction in Direction]


def _rows_of(connector: Connector, imported: Imported, place: Place) -> list[MappingRow]:
    """Return Hull's rows of one place; what they cannot say stays as it is here."""
    told = [row for row in imported.rows if (row.object_type, row.direction) == place]
    return with_own_options(connector, place, told)


def _wanted_fields(imported: Imported) -> dict[str, Any]:
    return {
        "account_segments": list(imported.account_segments),
        "user_segments": list(imported.user_segments),
        "lead_status": imported.lead_status,
        "identity_hull": imported.identity_hull,
        "identity_close": imported.identity_close,
    }


def _take_fields(connector: Connector, imported: Imported) -> set[str]:
    changed = differing(connector, _wanted_fields(imported))
    key = imported.close_api_key
    if key is not None and not holds_secret(connector, "close_api_key", key):
        changed["close_api_key"] = key
    for name, value in changed.items():
        setattr(connector, name, value)
    if changed:
        connector.save(update_fields=[*changed, "updated_at"])
    return set(changed)


def _take_rows(connector: Connector, imported: Imported) -> bool:
    is_changed = False
    for place in _places():
        rows = _rows_of(connector, imported, place)
        if any(row_steps(connector, connector.slug, place, rows)):
            write_rows(connector, place, rows)
            is_changed = True
    return is_changed
