"""Where a connector's settings live: here, or in Hull's dashboard; and what happens when Hull tells others.

With Hull as home, settings that Hull tells are taken over as a new version; what they cannot say stays. With us as
home they are remembered and shown as a difference, never applied. Settings that say what is here already change
nothing, so that our own update, coming back as `ship:update`, ends there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from sync.mapping.private_settings import from_private_settings, to_private_settings
from sync.models import Connector
from sync.records import MappingRow, SyncSettings
from sync.services import setup
from sync.services.configuration import (
    ImportPreview,
    configuration_changed,
    import_private_settings,
    preview_import,
)
from sync.services.versions import Author

# What is never kept in the clear: the key stays in its encrypted field.
_SECRETS = ("api_key",)
# Without one of these, a connector was installed but never set up in Hull's dashboard.
_SAYS_SOMETHING = (
    "synchronized_account_segments", "synchronized_user_segments", "lead_status", "lead_identifier_hull",
    "lead_identifier_service", "lead_attributes_outbound", "lead_attributes_inbound", "contact_attributes_outbound",
    "contact_attributes_inbound",
)  # fmt: skip


def heard(connector: Connector, told: Mapping[str, Any], *, now: datetime) -> bool:
    """Take note of the connector object of a notification. Returns whether its settings were taken over.

    Settings that are the same as last time, or older than those, are passed over. Must run inside a transaction.
    """
    settings = told.get("private_settings")
    if not isinstance(settings, Mapping) or not is_set_up(settings):
        return False
    digest, stamp = _digest(settings), _stamp(told)
    if digest == connector.hull_settings_digest or (stamp and stamp < connector.hull_settings_stamp):
        return False
    locked = Connector.objects.select_for_update().get(pk=connector.pk)
    if digest == locked.hull_settings_digest or (stamp and stamp < locked.hull_settings_stamp):
        return False
    _remember(connector, settings, digest, stamp, now)
    if connector.home != Connector.Home.HULL:
        return False
    import_private_settings(connector, settings, now=now)
    return True


def is_set_up(settings: Mapping[str, Any]) -> bool:
    """Tell settings that somebody made from the empty ones of a fresh installation."""
    return any(name in settings for name in _SAYS_SOMETHING)


def _remember(
    connector: Connector, settings: Mapping[str, Any], digest: str, stamp: str, now: datetime
) -> None:
    connector.hull_settings = {name: value for name, value in settings.items() if name not in _SECRETS}
    connector.hull_settings_digest, connector.hull_settings_stamp = digest, stamp
    connector.hull_settings_at = now
    connector.save(
        update_fields=[
            "hull_settings",
            "hull_settings_digest",
            "hull_settings_stamp",
            "hull_settings_at",
            "updated_at",
        ]
    )


def _digest(settings: Mapping[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _stamp(told: Mapping[str, Any]) -> str:
    """Return when Hull changed its connector object, as text that sorts by time; empty when it does not say."""
    value = told.get("updated_at")
    return value[:40] if isinstance(value, str) and value[:4].isdigit() else ""


# ── What a person asks and does ──────────────────────────────────────────────────────────────────


def drift(connector: Connector) -> ImportPreview:
    """Return in what Hull's dashboard differs from here, as last heard."""
    if not connector.hull_settings:
        return ImportPreview((), ())
    return preview_import(connector, connector.hull_settings)


def ask_hull(connector: Connector) -> dict[str, Any]:
    """Return the settings that Hull's dashboard holds now. Raises SyncError."""
    found = setup.connect_hull(connector).get_connector().get("private_settings")
    return dict(found) if isinstance(found, Mapping) else {}


@transaction.atomic
def take_over(
    connector: Connector, settings: Mapping[str, Any], *, by: Author = "", now: datetime
) -> tuple[str, ...]:
    """Take settings over once, wherever home is. Returns what in them could not be used."""
    _remember(connector, settings, _digest(settings), connector.hull_settings_stamp, now)
    return import_private_settings(connector, settings, by=by, now=now).problems


def move_home(connector: Connector, home: str, *, by: Author = "", now: datetime) -> tuple[str, ...]:
    """Change where the settings live. Returns what could not be taken along. Raises SyncError when Hull is not reached.

    Towards Hull our present settings are written there first, so that moving changes nothing by itself; towards
    here they stay as they are.
    """
    if home == connector.home:
        return ()
    problems: tuple[str, ...] = ()
    if home == Connector.Home.HULL:
        settings, _ = setup.load_settings(connector)
        problems = push(connector, settings, now=now)
    with transaction.atomic():
        connector.home = home
        connector.save(update_fields=["home", "updated_at"])
        configuration_changed(connector, ["home"], by=by, now=now)
    return problems


def push(connector: Connector, settings: SyncSettings, *, now: datetime) -> tuple[str, ...]:
    """Write settings into Hull's dashboard. Returns what its shape cannot say. Raises SyncError."""
    shaped = to_private_settings(settings)
    answered = setup.connect_hull(connector).update_settings(shaped).get("private_settings")
    held = answered if isinstance(answered, Mapping) else shaped
    _remember(connector, held, _digest(held), connector.hull_settings_stamp, now)
    again = {_said(row) for row in from_private_settings(shaped).rows}
    lost = [row for row in settings.rows if _said(row) not in again]
    return tuple(
        f"{row.hull or '(standard name)'} and {row.close}: Hull's dashboard cannot say {row.mode.value}."
        for row in lost
    )


def _said(row: MappingRow) -> tuple[str, ...]:
    """Return what Hull's dashboard can say of a row; the rest stays here."""
    return row.object_type, row.direction, row.hull, row.close, row.mode
