"""How a connector is doing, in plain words with the next move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sync.admin import cells
from sync.admin.words import HEALTH, VARIANTS
from sync.models import Connector
from sync.queries import Health


@dataclass(frozen=True, slots=True)
class State:
    """A badge, one sentence of detail, and what to do next."""

    label: str
    variant: str
    detail: str
    move: str

    @property
    def badge(self) -> SafeString:
        return cells.badge(self.label, self.variant)


def describe(connector: Connector, *, now: datetime) -> State:
    """Describe a connector that was loaded with `queries.with_health`."""
    health: str = connector.health  # type: ignore[attr-defined]  # annotated
    words = HEALTH[health]
    detail = _detail(connector, health, now) or words.meaning
    return State(words.label, VARIANTS.get(health, ""), detail, words.move)


def _detail(connector: Connector, health: str, now: datetime) -> str:
    if health in (Health.BROKEN, Health.PAUSED):
        return connector.pause_reason or gettext("Paused by a person.")
    if health == Health.UNFINISHED:
        return gettext("{value} missing.").format(value=" and ".join(missing(connector)))
    if health == Health.ATTENTION:
        return ", ".join(_troubles(connector))
    if health == Health.SILENT:
        read_at = connector.read_at  # type: ignore[attr-defined]  # annotated
        return (
            gettext("Close was last read {value} ago.").format(value=cells.age(read_at, now))
            if read_at
            else gettext("Close was never read.")
        )
    if health == Health.RUNNING and not (connector.account_segments or connector.user_segments):
        return gettext("No segment is named, so nothing is sent to Close.")
    return ""


def missing(connector: Connector) -> list[str]:
    """Name the credentials that are not there."""
    needed = {"Close API key": connector.close_api_key, "Hull secret": connector.hull_secret}
    return [name for name, secret in needed.items() if not secret]


def _troubles(connector: Connector) -> list[str]:
    counted = [
        (connector.failed, "failed"),  # type: ignore[attr-defined]  # annotated
        (connector.held, "held"),  # type: ignore[attr-defined]  # annotated
        (connector.flipping, gettext("with a paused field")),  # type: ignore[attr-defined]  # annotated
        (len(connector.problems), gettext("problem in the settings") if len(connector.problems) == 1 else gettext("problems in the settings")),
    ]  # fmt: skip
    return [f"{count:,} {word}" for count, word in counted if count]
