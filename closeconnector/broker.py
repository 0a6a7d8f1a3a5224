"""The embedded broker: a kombu transport over the Django database, for one host. `database://`

A message is taken with a lease: by a conditional UPDATE, so that two consumers never both get one. Its consumer
renews the lease for as long as it lives; when it is killed, the lease runs out and the message is there again.
So it is delivered at least once. A nudge that is the same as one still waiting adds nothing and is merged into it.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import uuid
from datetime import timedelta
from queue import Empty
from time import monotonic
from typing import Any, ClassVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.transport import virtual

from closeconnector.models import BrokerMessage

LEASE = timedelta(seconds=30)
RENEW_AFTER = LEASE.total_seconds() / 3


class QoS(virtual.QoS):
    """Says what became of a delivered message to the database. The delivery tag is the row's key."""

    channel: Channel

    def ack(self, delivery_tag: str) -> None:
        self.channel.leased(delivery_tag).delete()
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        rows = self.channel.leased(delivery_tag)
        rows.update(leased_until=timezone.now()) if requeue else rows.delete()
        super().ack(delivery_tag)


class Channel(virtual.Channel):
    """One producer or consumer."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.holder = f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        self.renewed_at = monotonic()
        self.unacknowledged: set[str] = set()  # queues whose consumer never acknowledges

    def leased(self, delivery_tag: Any) -> QuerySet[BrokerMessage]:
        """Return the message as a queryset, empty when this channel no longer holds it."""
        return BrokerMessage.objects.filter(pk=delivery_tag, leased_by=self.holder)

    def drain_events(self, timeout: float | None = None, callback: Any = None) -> Any:
        if monotonic() - self.renewed_at > RENEW_AFTER:
            self._renew()
        return super().drain_events(timeout, callback)

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Any, consumer_tag: str | None, **kwargs: Any
    ) -> str:
        if no_ack:
            self.unacknowledged.add(queue)
        return super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        message = super().basic_get(queue, no_ack, **kwargs)
        if message and no_ack:
            self.leased(message.delivery_tag).delete()
        return message

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        row = BrokerMessage(queue=queue, payload=json.dumps(message), fingerprint=_fingerprint(message))
        BrokerMessage.objects.bulk_create(
            [row], ignore_conflicts=True
        )  # a conflict is the same nudge, still waiting

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest free message. Raises Empty when there is none, or another consumer was quicker."""
        now = timezone.now()
        free = BrokerMessage.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), queue=queue)
        row = free.order_by("pk").first()
        if row is None or not free.filter(pk=row.pk).update(leased_by=self.holder, leased_until=now + LEASE):
            raise Empty
        message: dict[str, Any] = json.loads(row.payload)
        message["properties"]["delivery_tag"] = str(row.pk)
        if queue in self.unacknowledged:
            row.delete()
        return message

    def _restore(self, message: virtual.Message) -> None:
        """Give a message back that was delivered and not finished."""
        self.leased(message.delivery_tag).update(leased_until=timezone.now())

    def _size(self, queue: str) -> int:
        return BrokerMessage.objects.filter(queue=queue).count()

    def _purge(self, queue: str) -> int:
        return BrokerMessage.objects.filter(queue=queue, leased_until=None).delete()[0]

    def _renew(self) -> None:
        self.renewed_at = monotonic()
        BrokerMessage.objects.filter(leased_by=self.holder).update(leased_until=timezone.now() + LEASE)


class Transport(virtual.Transport):
    """Polls; a message that is there is delivered at once, and only an empty queue is waited on."""

    Channel = Channel
    driver_type = "database"
    driver_name = "django"
    polling_interval = 0.25
    default_connection_params: ClassVar[dict[str, Any]] = {}  # no host, no port
    connection_errors = (*virtual.Transport.connection_errors, DatabaseError, InterfaceError)
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct"]))

    def establish_connection(self) -> Any:
        if not connection.in_atomic_block:  # one who publishes within a transaction keeps it
            close_old_connections()
        return super().establish_connection()


def _fingerprint(message: dict[str, Any]) -> str | None:
    """Return the same text for two nudges with one effect; None for what is due at a time or not a task."""
    headers = message.get("headers") or {}
    if not headers.get("task") or headers.get("eta") or headers.get("expires"):
        return None
    return hashlib.sha256(f"{headers['task']}\n{message['body']}".encode()).hexdigest()
