"""A small world: a Close, a Hull, and the product between them.

A journey test says what a person does in Close or Hull, lets the world settle, and compares both sides whole.
The same tests run in two ways: `Inline` calls the services in this process under a fixed clock; `Processes` starts web,
worker and scheduler as a customer would, on PostgreSQL and Redis, and waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from accounts.models import Agency, Organization
from sandbox import CloseSandbox, HullSandbox
from sync.models import Change, Connector, Outcome
from sync.models import Mapping as MappingRow
from sync.services import inbound, outbound

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

HULL_ID = "5a43ce781f6d9f471d005d44"
SECRET = "sandbox-secret"
ORGANIZATION = "acme.hullapp.io"
SEGMENT = "59f09bc7f9c5a94af600076d"

LEAD_OUT = (("name", "name"), ("description", "description"))
CONTACT_OUT = (("name", "name"), ("title", "title"), ("email", "emails.office"), ("phone", "phones.mobile"))
LEAD_IN = ("name", "url", "description", "status_id", "addresses")
CONTACT_IN = ("name", "title", "emails", "phones", "urls")


@dataclass
class Clock:
    """A clock that a test moves. Each look takes a millisecond, so that no two moments are equal."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass
class World:
    """Both remotes and one connector. `settle` is what the product does until nothing is left to do."""

    clock: Clock
    close: CloseSandbox
    hull: HullSandbox
    connector: Connector
    browser: Client = field(default_factory=Client)
    number: int = 0

    # ── What Hull tells ──────────────────────────────────────────────────────────────────────────

    def notify(self, channel: str, messages: Iterable[Mapping[str, Any]], **envelope: Any) -> Any:
        """Post a notification as Hull does, and return the answer."""
        self.number += 1
        body = {
            "notification_id": f"n-{self.number}",
            "channel": channel,
            "configuration": {"id": HULL_ID, "organization": ORGANIZATION, "secret": SECRET},
            "segments": [],
            "accounts_segments": [{"id": SEGMENT, "name": "Prospects"}],
            "messages": list(messages),
        } | envelope
        return self.browser.post("/smart-notifier", json.dumps(body), content_type="application/json")

    def tell_account(self, in_segment: bool = True, **attributes: Any) -> Any:
        return self.notify("account:update", [self.account_message(in_segment, **attributes)])

    def tell_user(self, account: Mapping[str, Any] | None, in_segment: bool = True, **attributes: Any) -> Any:
        return self.notify("user:update", [self.user_message(account, in_segment, **attributes)])

    def account_message(self, in_segment: bool = True, **attributes: Any) -> dict[str, Any]:
        segments = [{"id": SEGMENT, "name": "Prospects"}] if in_segment else []
        return {"account": self._indexed(attributes), "account_segments": segments, "changes": {}}

    def user_message(
        self, account: Mapping[str, Any] | None, in_segment: bool = True, **attributes: Any
    ) -> dict[str, Any]:
        segments = [{"id": SEGMENT, "name": "Prospects"}] if in_segment and account else []
        return {
            "user": self._indexed(attributes), "account": self._indexed(dict(account)) if account else {},
            "segments": [], "account_segments": segments, "changes": {}, "events": [],
        }  # fmt: skip

    def _indexed(self, attributes: dict[str, Any]) -> dict[str, Any]:
        named = {name.replace("closeio__", "closeio/"): value for name, value in attributes.items()}
        return {"indexed_at": self.clock().isoformat()} | named

    # ── What the product does ────────────────────────────────────────────────────────────────────

    def settle(self, rounds: int = 12) -> None:
        """Deliver what Hull has to tell, pull and drain, until nothing is due any more."""
        for _ in range(rounds):
            delivered = self.deliver()
            self.pull()
            self.drain()
            if not delivered and not self._is_due():
                return
        raise AssertionError("the world does not settle: something travels for ever")

    def deliver(self) -> int:
        """Bring Hull's own notifications to our door."""
        delivered = 0
        while batch := self.hull.take_notifications():
            for headers, body in batch:
                answer = self.browser.post(
                    "/smart-notifier",
                    json.dumps(body),
                    content_type="application/json",
                    headers=dict(headers),
                )
                assert answer.status_code == 200, answer.content
                delivered += 1
        return delivered

    def pull(self, full: bool = False) -> None:
        self.connector.refresh_from_db()
        inbound.pull(self.connector, trigger="COMMAND", clock=self.clock, full=full)

    def drain(self) -> None:
        for service in (inbound, outbound):
            self.connector.refresh_from_db()
            service.drain(self.connector, trigger="COMMAND", clock=self.clock)
        self.connector.refresh_from_db()

    def _is_due(self) -> bool:
        return Change.objects.filter(connector=self.connector).due(self.clock()).exists()

    # ── What a test asks ─────────────────────────────────────────────────────────────────────────

    def outcome(self, key: str) -> Outcome:
        """Return the last outcome of a record."""
        return Outcome.objects.filter(connector=self.connector, key=key).latest("pk")

    def writes_to_close(self) -> list[tuple[str, str]]:
        """Return method and path of every request that was not a read; a search is one, although it is posted."""
        asked = [(method, path) for method, path, *_ in self.close.requests if method != "GET"]
        return [one for one in asked if one != ("POST", "/data/search/")]

    def lead(self, name: str) -> dict[str, Any]:
        """Return the one lead of a name."""
        found = [lead for lead in self.close.leads.values() if lead["name"] == name]
        assert len(found) == 1, f"{len(found)} leads are called {name}"
        return found[0]

    def contact(self, name: str) -> dict[str, Any]:
        found = [contact for contact in self.close.contacts.values() if contact["name"] == name]
        assert len(found) == 1, f"{len(found)} contacts are called {name}"
        return found[0]

    def told(self, anonymous_or_hull_id: str) -> dict[str, Any]:
        """Return all attributes that Hull was told under a claim, in order, as they add up."""
        held: dict[str, Any] = {}
        for message in self.hull.firehose_messages:
            claims = {**(message.get("asUser") or {}), **(message.get("asAccount") or {})}
            if anonymous_or_hull_id in claims.values():
                held |= message["body"]
        return held


def make_connector(**values: Any) -> Connector:
    """Make a connector with the usual mapping."""
    agency = Agency.objects.create(slug="northwind", name="Northwind Growth")
    organization = Organization.objects.create(
        agency=agency, slug="acme", name="Acme", hull_domain=ORGANIZATION
    )
    connector = Connector.objects.create(
        **{
            "organization": organization, "slug": "acme-close", "name": "Acme to Close", "hull_connector_id": HULL_ID,
            "hull_secret": SECRET, "hull_api_url": "http://hull.sandbox/api/v1",
            "hull_firehose_url": "http://hull.sandbox/firehose", "close_api_url": "http://close.sandbox/api/v1",
            "account_segments": [SEGMENT],
        } | values
    )  # fmt: skip
    map_rows(connector, "LEAD", "OUTBOUND", LEAD_OUT)
    map_rows(connector, "CONTACT", "OUTBOUND", CONTACT_OUT)
    map_rows(connector, "LEAD", "INBOUND", [("", name) for name in LEAD_IN])
    map_rows(connector, "CONTACT", "INBOUND", [("", name) for name in CONTACT_IN])
    return connector


def map_rows(connector: Connector, object_type: str, direction: str, rows: Iterable[tuple[str, ...]]) -> None:
    """Add rows of `(hull, close)` or `(hull, close, mode)`."""
    for hull, close, *mode in rows:
        MappingRow.objects.create(
            connector=connector, object_type=object_type, direction=direction, hull=hull, close=close,
            mode=mode[0] if mode else "always",
        )  # fmt: skip


Act = Callable[[World], None]
