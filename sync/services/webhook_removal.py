"""Removes the webhook subscription of a connector that is switched off or deleted, without making anybody wait for Close."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from sync.close.client import CloseClient
from sync.errors import SyncError
from sync.models import Connector, Secret
from sync.services import setup, webhooks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A subscription whose connector is gone. The key travels as it is stored: encrypted."""

    webhook_id: str
    api_url: str
    key: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def leftover_of(connector: Connector) -> Leftover | None:
    """Return what a connector leaves behind in Close when it is deleted; a sandbox goes as a whole."""
    if connector.is_sandbox or not connector.webhook_id or not connector.close_api_key:
        return None
    return Leftover(
        connector.webhook_id, connector.close_api_url or setup.CLOSE_API_URL, connector.close_api_key.token
    )


def remove_leftover(left: Leftover) -> bool:
    """Delete the subscription of a connector that is gone. False when Close could not be asked or refused."""
    try:
        CloseClient(Secret(left.key).reveal(), api_url=left.api_url).delete_webhook(left.webhook_id)
    except SyncError as error:
        log.warning("webhook subscription %s stays in Close: %s", left.webhook_id, error.message)
        return False
    return True


def switch_off(connector: Connector) -> bool:
    """Delete the subscription of a connector that does not run. False when Close could not be asked or refused."""
    if connector.enabled or not connector.webhook_id:
        return True
    try:
        webhooks.give_up(connector, setup.close_client(connector))
    except SyncError as error:
        log.warning("webhook subscription %s stays in Close: %s", connector.webhook_id, error.message)
        return False
    return True
