"""Writes attributes into Hull: batches of messages, each with the claims of one record in its own token.

https://www.hull.io/docs/data_lifecycle/ingest/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from sync.errors import RejectedError, SyncError
from sync.hull.errors import error_for
from sync.hull.tokens import encode_hs256
from sync.records import Attributes, Claims, ObjectType
from sync.transport import Observer, Transport

BATCH = 50  # what Hull's own client sends at most

_SUBJECTS = {ObjectType.CONTACT: "user", ObjectType.LEAD: "account"}
_USER_CLAIMS = ("id", "email", "external_id", "anonymous_id")
_ACCOUNT_CLAIMS = ("id", "external_id", "domain", "anonymous_id")


@dataclass(frozen=True, slots=True)
class Operation:
    """A value with how Hull is to take it: `set`, or `setIfNull` to fill only what is empty."""

    value: Any
    operation: str = "set"


@dataclass(frozen=True, slots=True)
class FirehoseMessage:
    """One message. With both claims the subject decides whose attributes these are, and the two are linked.

    `kind` is `traits`, or `alias` with an `anonymous_id` among the attributes. Raises ValueError when nothing
    says who is meant.
    """

    subject: ObjectType
    user: Claims | None
    account: Claims | None
    attributes: Attributes
    kind: str = "traits"

    def __post_init__(self) -> None:
        # An account may be addressed as that of a user, but not a user by its account.
        if not self.user and (self.subject is ObjectType.CONTACT or not self.account):
            raise ValueError("A message to Hull names no record.")


class Firehose:
    """Where one connector writes to. Safe to use from several threads."""

    def __init__(
        self,
        organization: str,
        connector_id: str,
        secret: str,
        *,
        firehose_url: str | None = None,
        dry_run: bool = False,
        observer: Observer | None = None,
        session: requests.Session | None = None,
        clock: Callable[[], datetime],
    ) -> None:
        self._connector_id, self._secret, self._clock = connector_id, secret, clock
        self._path = "" if firehose_url else "/"
        self._transport = Transport(
            firehose_url or default_url(organization),
            headers=credential_headers(organization, connector_id, secret),
            session=session,
            dry_run=dry_run,
            observer=observer,
            classify=error_for,
            secrets=(secret,),
        )

    def send(self, messages: Sequence[FirehoseMessage]) -> None:
        """Send messages in order. Hull checks none of them now; what it refuses shows only in its own log.

        Raises what `sync.hull.errors` makes of Hull's answer, with `accepted` on the error: that many messages
        from the start were taken. Writing sets values, so sending any of them again does no harm.
        """
        accepted = 0
        for batch in _batches(messages):
            try:
                self._send(batch)
            except SyncError as error:
                error.accepted = accepted + getattr(error, "accepted", 0)  # type: ignore[attr-defined]
                raise
            accepted += len(batch)

    def _send(self, batch: Sequence[FirehoseMessage]) -> None:
        try:
            envelope = self._envelope(batch)
            self._transport.request("POST", self._path, route="/firehose", json=envelope, repeatable=True)
        except RejectedError as error:
            if error.status != 413 or len(batch) < 2:
                raise
            self._send_in_halves(batch)

    def _send_in_halves(self, batch: Sequence[FirehoseMessage]) -> None:
        """Hull tells no limit of size; a batch that is too large for it goes in smaller ones."""
        middle = len(batch) // 2
        self._send(batch[:middle])
        try:
            self._send(batch[middle:])
        except SyncError as error:
            error.accepted = middle + getattr(error, "accepted", 0)  # type: ignore[attr-defined]
            raise

    def _envelope(self, batch: Sequence[FirehoseMessage]) -> dict[str, Any]:
        now = self._clock().astimezone(UTC)
        sent_at = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"
        rows = [self._row(message, int(now.timestamp()), sent_at) for message in batch]
        return {"batch": rows, "timestamp": sent_at, "sentAt": sent_at}

    def _row(self, message: FirehoseMessage, issued_at: int, sent_at: str) -> dict[str, Any]:
        return {
            "type": message.kind,
            "body": {name: _wire_value(value) for name, value in message.attributes.items()},
            "headers": {"Hull-Access-Token": self._token(message, issued_at)},
            "timestamp": sent_at,
        }

    def _token(self, message: FirehoseMessage, issued_at: int) -> str:
        user, account = _claims(message.user, _USER_CLAIMS), _claims(message.account, _ACCOUNT_CLAIMS)
        subject_id = (user if message.subject is ObjectType.CONTACT else account).get("id")
        payload: dict[str, Any] = {"iss": self._connector_id, "iat": issued_at}
        payload |= {"sub": subject_id} if subject_id else {}
        payload |= {"io.hull.asUser": user} if user else {}
        payload |= {"io.hull.asAccount": account} if account else {}
        return encode_hs256(payload | {"io.hull.subjectType": _SUBJECTS[message.subject]}, self._secret)


def default_url(organization: str) -> str:
    """Return the firehose of an organization: `acme.hullapp.io` writes to `firehose.hullapp.io`."""
    _, _, domain = organization.partition(".")
    return f"https://firehose.{domain or organization}"


def credential_headers(organization: str, connector_id: str, secret: str) -> dict[str, str]:
    """Return the headers by which Hull knows a connector."""
    return {"Hull-App-Id": connector_id, "Hull-Access-Token": secret, "Hull-Organization": organization}


def _batches(messages: Sequence[FirehoseMessage]) -> Iterator[Sequence[FirehoseMessage]]:
    for start in range(0, len(messages), BATCH):
        yield messages[start : start + BATCH]


def _claims(claims: Claims | None, names: Sequence[str]) -> dict[str, str]:
    named: Mapping[str, str] = claims.as_dict() if claims else {}
    return {name: named[name] for name in names if name in named}


def _wire_value(value: Any) -> Any:
    return {"operation": value.operation, "value": value.value} if isinstance(value, Operation) else value
