"""The connector as Hull keeps it: its settings, its manifest, and the statuses that it has published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.hull.store import Record

STATUSES = ("ok", "warning", "error", "setupRequired")
# How many statuses are remembered.
MOST_STATUSES = 1000
INITIAL: Record = {"status": "setupRequired", "messages": []}


@dataclass(slots=True)
class Connector:
    """One connector of one organization. `url` is where it was installed from, if it was."""

    hull_id: str
    secret: str
    created_at: str
    updated_at: str = ""
    url: str = ""
    name: str = "Close"
    manifest: Record = field(default_factory=dict)
    private_settings: Record = field(default_factory=dict)
    status: Record = field(default_factory=lambda: dict(INITIAL))
    statuses: list[Record] = field(default_factory=list)
    accept_incoming_webhooks: bool = True
    is_organization_enabled: bool = True

    def install(self, url: str, manifest: Record) -> None:
        """Take over what a manifest says. Settings that are there stay, the others get their defaults."""
        self.url, self.manifest = url.rstrip("/"), manifest
        self.name = str(manifest.get("name") or self.name)
        defaults = {
            row["name"]: row["default"]
            for row in _rows(manifest, "private_settings")
            if isinstance(row.get("name"), str) and row.get("default") is not None
        }
        self.private_settings = defaults | self.private_settings

    def put_status(self, body: Any, at: str) -> Record:
        """Keep a status. Raises ValueError for one that is none."""
        status, messages = (
            (body.get("status"), body.get("messages", [])) if isinstance(body, dict) else ("", [])
        )
        if status not in STATUSES:
            raise ValueError(f"status is one of {', '.join(STATUSES)}")
        if not isinstance(messages, list) or not all(isinstance(one, str) for one in messages):
            raise ValueError("messages is a list of texts")
        self.status = {"status": status, "messages": messages}
        self.statuses = [*self.statuses[-MOST_STATUSES:], self.status | {"at": at}]
        return self.status

    def subscription(self) -> Record:
        """Return the manifest's first subscription, or an empty one."""
        return next(iter(_rows(self.manifest, "subscriptions")), {})

    def calls(self) -> list[Record]:
        """Return what the manifest wants to be called at times: its schedules and its statuses."""
        return [*_rows(self.manifest, "schedules"), *_rows(self.manifest, "statuses")]

    def batch_path(self, channel: str) -> str:
        """Return the path that takes the extracts of a channel, or an empty text."""
        for row in _rows(self.manifest, "batches"):
            channels = [one.get("channel") for one in _rows(row, "channels")]
            if channel in channels and isinstance(row.get("url"), str):
                return str(row["url"])
        return ""

    def shown(self) -> Record:
        """Return the connector as the REST API and notifications have it."""
        url, manifest = self.url or None, self.manifest
        return {
            "id": self.hull_id, "name": self.name, "description": manifest.get("description"), "type": "ship",
            "secret": self.secret, "tags": manifest.get("tags") or ["smart-notifier"], "source_url": url, "index": url,
            "picture": manifest.get("picture"), "homepage_url": None, "manifest_url": url and f"{url}/manifest.json",
            "manifest": manifest, "settings": {}, "private_settings": self.private_settings, "extra": {}, "resources": {},
            "translations": {}, "status": self._shown_status(), "starts_at": None, "ends_at": None,
            "created_at": self.created_at, "updated_at": self.updated_at or self.created_at, "terms_of_service_url": None,
            "privacy_policy_url": None, "accept_incoming_webhooks": self.accept_incoming_webhooks,
            "transfer_notifications": True, "transfer_exports": True, "manual_mode": False,
        }  # fmt: skip

    def _shown_status(self) -> Record:
        at = self.statuses[-1]["at"] if self.statuses else self.created_at
        schedules = [
            {"url": row.get("url"), "type": row.get("type"), "value": row.get("value")}
            for row in self.calls()
        ]
        return {
            "id": self.hull_id,
            "name": self.name,
            **self.status,
            "updated_at": at,
            "schedules": schedules,
        }


def _rows(manifest: Record, name: str) -> list[Record]:
    """Return a list of a manifest; what is no object in it is left out."""
    rows = manifest.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
