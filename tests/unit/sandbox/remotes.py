"""Short ways to talk to the simulated remotes: no server, no database, nothing of the product."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox import CloseSandbox, HullSandbox
from sandbox.http import Response, make_request

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


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
class CloseApi:
    """Close's API with the right key, or with another one."""

    close: CloseSandbox
    clock: Clock
    key: str = ""

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **query: Any
    ) -> Response:
        """Send a request. A `bytes` body goes as it is, another one as JSON."""
        credentials = base64.b64encode(f"{self.key or self.close.api_key}:".encode()).decode()
        sent = {"authorization": f"Basic {credentials}", "content-type": "application/json"} | (headers or {})
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        url = f"https://close.sandbox/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        return self.close.handle(make_request(method, url, sent, raw))

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request that has to be taken, and return the parsed answer."""
        answer = self.send(method, path, body, **query)
        assert 200 <= answer.status < 300, answer.body
        return json.loads(answer.body)

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Send a request that has to be refused, and return status and parsed answer."""
        answer = self.send(method, path, body, **query)
        assert answer.status >= 400, answer.body
        return answer.status, json.loads(answer.body)

    def lead(self, **body: Any) -> Any:
        return self.ok("POST", "/lead/", {"name": "Acme"} | body)

    def contact(self, lead_id: str, **body: Any) -> Any:
        return self.ok("POST", "/contact/", {"name": "Gob", "lead_id": lead_id} | body)

    def told(self) -> list[tuple[str, str]]:
        """Return what the event log holds, oldest first, as `(object_type, action)`."""
        return [(event["object_type"], event["action"]) for event in self.close.events]


def fields(errors: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The 400 for an object with wrong fields."""
    return 400, {"errors": [], "field-errors": errors}


def entries(errors: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The part of a 400 that tells of a list's wrong entries."""
    return {"errors": {str(index): {"errors": [], "field-errors": found} for index, found in errors.items()}}


def token(claims: dict[str, Any], secret: str, algorithm: str = "HS256") -> str:
    """Return a JSON web token."""
    parts = [_encoded(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": algorithm}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class HullApi:
    """Hull's APIs with the right credentials."""

    hull: HullSandbox
    clock: Clock

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        sent = {
            "hull-app-id": self.hull.connector_id,
            "hull-access-token": self.hull.secret,
            "hull-organization": self.hull.organization,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.hull.handle(make_request(method, f"https://hull.sandbox{path}", sent, raw))

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.send(method, path, body)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def message(self, body: Any, kind: str = "account", secret: str = "", **claims: Any) -> dict[str, Any]:
        """Return a `traits` message. Claims: `user=…`, `account=…`, and any other name of a token's payload."""
        payload: dict[str, Any] = {
            "iss": self.hull.connector_id,
            "iat": int(self.clock.now.timestamp()),
            "io.hull.subjectType": kind,
        }
        for name, key in (("user", "io.hull.asUser"), ("account", "io.hull.asAccount")):
            if name in claims:
                payload[key] = claims.pop(name)
        signed = token(payload | claims, secret or self.hull.secret)
        return {"type": "traits", "body": body, "headers": {"Hull-Access-Token": signed}}

    def fire(self, *messages: Any) -> Response:
        return self.send("POST", "/firehose", {"batch": list(messages)})

    def tell_account(self, claims: dict[str, Any], **attributes: Any) -> None:
        assert self.fire(self.message(attributes, account=claims)).status == 204

    def tell_user(self, claims: dict[str, Any], **attributes: Any) -> None:
        assert self.fire(self.message(attributes, kind="user", user=claims)).status == 204

    @property
    def account(self) -> dict[str, Any]:
        (found,) = self.hull.accounts.values()
        return found

    @property
    def user(self) -> dict[str, Any]:
        (found,) = self.hull.users.values()
        return found

    def noted(self) -> list[str]:
        """Return what Hull's log says, one line each."""
        return [
            " ".join(str(value) for name, value in line.items() if name != "at") for line in self.hull.log
        ]
