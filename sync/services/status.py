"""How a connector is doing, in the words that Hull shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sync.errors import ConfigurationError, SyncError
from sync.models import Connector
from sync.services import backfill, hull_settings, setup

_ORDER = ("ok", "warning", "error", "setupRequired")


@dataclass(frozen=True, slots=True)
class Status:
    """Hull's status value and every problem at once, the worst first."""

    value: str
    messages: tuple[str, ...]


def check(connector: Connector, *, clock: Callable[[], datetime]) -> Status:
    """Find everything that is wrong with a connector, with one real call to Close."""
    found = [*_close_problems(connector, clock), *_settings_problems(connector, clock())]
    found.sort(key=lambda problem: -_ORDER.index(problem[0]))
    return Status(found[0][0] if found else "ok", tuple(message for _, message in found))


def publish(connector: Connector, status: Status) -> str:
    """Tell Hull. Returns an empty text, or why Hull could not be told."""
    try:
        setup.connect_hull(connector).put_status(status.value, list(status.messages))
    except SyncError as error:
        return error.message
    return ""


def _close_problems(connector: Connector, clock: Callable[[], datetime]) -> list[tuple[str, str]]:
    if not connector.close_api_key:
        return [
            (
                "setupRequired",
                "No Close API key is configured. Enter one on the connector.",
            )
        ]
    try:
        setup.refresh_schema(connector, setup.close_client(connector), now=clock())
    except ConfigurationError as error:
        return [("error", error.message)]
    except SyncError as error:
        return [("warning", f"Close could not be asked just now: {error.message}")]
    return []


def _settings_problems(connector: Connector, now: datetime) -> list[tuple[str, str]]:
    found = []
    reading = backfill.told(connector, now=now)
    if reading:
        found.append(("ok", f"Close is being read: {reading.sentence}"))
    if not connector.account_segments and not connector.user_segments:
        found.append(("warning", "No segments are named, so nothing is sent from Hull to Close."))
    if not connector.enabled:
        found.append(("warning", "The connector is switched off."))
    if connector.paused_at:
        found.append(
            (
                "warning",
                f"The connector is paused: {connector.pause_reason or 'by a person'}",
            )
        )
    found += [("warning", sentence) for sentence in _home_problems(connector)]
    _, problems = setup.load_settings(connector)
    return found + ([("warning", str(problem)) for problem in problems] if connector.schema_read_at else [])


def _home_problems(connector: Connector) -> list[str]:
    """Say what Hull's dashboard holds that cannot be used, or that is not what is in force here."""
    told = hull_settings.drift(connector)
    if connector.home == Connector.Home.HULL:
        return list(told.problems)
    if not told.changes:
        return []
    return [
        f"The settings in Hull's dashboard differ from those in force in {len(told.changes)} points. They are kept here; "
        "Hull's are not applied."
    ]
