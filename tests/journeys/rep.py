"""What a rep does in Close beside leads and contacts, over Close's own API."""

from __future__ import annotations

from typing import Any

from sync import transport
from tests.journeys.world import World


def ask(world: World, method: str, path: str, **body: Any) -> dict[str, Any]:
    """Make one request of the simulated Close as a person with another key would."""
    address = f"{world.connector.close_api_url}{path}"
    key = world.close.add_api_key() if hasattr(world.close, "add_api_key") else world.close.api_key
    answer = transport.new_session().request(method, address, json=body or None, auth=(key, ""))
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def stage(world: World, label: str) -> str:
    """Return the id of an opportunity's status."""
    stages = [one for pipeline in world.close.store.pipelines for one in pipeline["statuses"]]
    return str(next(one["id"] for one in stages if one["label"] == label))
