"""Who is at the door: finds the connector that a request's credentials belong to."""

from __future__ import annotations

import hmac

from sync.errors import ConfigurationError
from sync.hull.tokens import Credentials
from sync.models import Connector


def find_connector(credentials: Credentials) -> Connector | None:
    """Return the connector of some credentials, or None when the id, the organization or the secret is wrong.

    A connector whose stored secret cannot be read admits nobody.
    """
    rows = Connector.objects.select_related("organization").filter(
        hull_connector_id=credentials.connector_id,
        organization__hull_domain__iexact=credentials.organization,
    )
    return next((row for row in rows if _is_secret(row, credentials.secret)), None)


def _is_secret(connector: Connector, offered: str) -> bool:
    try:
        stored = connector.hull_secret.reveal()
    except ConfigurationError:
        return False
    return bool(stored) and hmac.compare_digest(stored.encode(), offered.encode())
