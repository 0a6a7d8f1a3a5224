"""What the embedded broker promises: at least once, on one host, on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from queue import Empty
from typing import Any

import pytest
from django.db import connection, transaction
from kombu import Connection, Queue

import closeconnector.celery  # noqa: F401 - registers database://
from closeconnector import broker
from closeconnector.models import BrokerMessage

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "drains"
NUDGE = {"task": "sync.tasks.drain_outbound", "id": "1"}


@pytest.fixture
def producer() -> Iterator[Connection]:
    with Connection("database://") as opened:
        yield opened


@pytest.fixture
def consumer() -> Iterator[Connection]:
    with Connection("database://") as opened:
        yield opened


def publish(opened: Connection, body: Any, **properties: Any) -> None:
    opened.Producer().publish(body, routing_key=QUEUE, declare=[Queue(QUEUE)], retry=False, **properties)


def take(opened: Connection, **options: Any) -> Any:
    """Return the next message, or None."""
    return opened.default_channel.basic_get(QUEUE, **options)


def body(message: Any) -> Any:
    return None if message is None else message.decode()


def kill(opened: Connection) -> None:
    """Let a consumer vanish as a killed process does: it gives nothing back, and its leases run out."""
    opened.default_channel.qos.restore_at_shutdown = False
    opened.close()
    BrokerMessage.objects.update(leased_until=broker.timezone.now() - timedelta(seconds=1))


def test_messages_arrive_in_order(producer: Connection, consumer: Connection) -> None:
    for number in range(3):
        publish(producer, {"number": number})

    assert [body(take(consumer))["number"] for _ in range(3)] == [0, 1, 2]
    assert take(consumer) is None


def test_an_acknowledged_message_is_gone(producer: Connection, consumer: Connection) -> None:
    publish(producer, "once")

    take(consumer).ack()

    assert not BrokerMessage.objects.exists()


def test_a_rejected_message_is_gone(producer: Connection, consumer: Connection) -> None:
    publish(producer, "no")

    take(consumer).reject()

    assert not BrokerMessage.objects.exists()


def test_a_requeued_message_comes_again(producer: Connection, consumer: Connection) -> None:
    publish(producer, "later")

    take(consumer).requeue()

    assert body(take(consumer)) == "later"


def test_a_taken_message_is_nobody_elses(producer: Connection, consumer: Connection) -> None:
    publish(producer, "mine")
    take(consumer)

    assert take(producer) is None


def test_a_message_taken_without_acknowledgement_is_gone(producer: Connection, consumer: Connection) -> None:
    publish(producer, "careless")

    assert body(take(consumer, no_ack=True)) == "careless"
    assert not BrokerMessage.objects.exists()


def test_a_consumer_without_acknowledgement_leaves_nothing(
    producer: Connection, consumer: Connection
) -> None:
    publish(producer, "careless")
    seen: list[Any] = []

    with consumer.Consumer(
        [Queue(QUEUE)], callbacks=[lambda content, message: seen.append(content)], no_ack=True
    ):
        consumer.drain_events(timeout=1)

    assert seen == ["careless"]
    assert not BrokerMessage.objects.exists()


def test_a_killed_consumers_message_comes_back(producer: Connection, consumer: Connection) -> None:
    publish(producer, "precious")
    take(consumer)

    kill(consumer)

    assert body(take(producer)) == "precious"


def test_a_killed_process_loses_nothing(producer: Connection) -> None:
    publish(producer, "precious")
    code = (
        "import django; django.setup()\n"
        "from django.db import connections; connections['default'].settings_dict['NAME'] = {name!r}\n"
        "import os, closeconnector.celery; from kombu import Connection\n"
        "assert Connection('database://').default_channel.basic_get('drains'); os._exit(9)"
    )
    name = str(connection.settings_dict["NAME"])
    taken = subprocess.run(
        [sys.executable, "-c", code.format(name=name)],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert taken.returncode == 9, taken.stderr
    assert take(producer) is None

    BrokerMessage.objects.update(leased_until=broker.timezone.now())

    assert body(take(producer)) == "precious"


def test_closing_gives_back_at_once(producer: Connection, consumer: Connection) -> None:
    publish(producer, "unfinished")
    take(consumer)

    consumer.close()

    assert body(take(producer)) == "unfinished"


def test_a_living_consumer_renews_its_leases(
    producer: Connection, consumer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(producer, "long work")
    take(consumer)
    before = BrokerMessage.objects.get().leased_until
    monkeypatch.setattr(broker, "RENEW_AFTER", 0)

    with pytest.raises(Empty):
        consumer.default_channel.drain_events(timeout=0)

    after = BrokerMessage.objects.get().leased_until
    assert before and after and after > before


def test_what_comes_back_late_cannot_be_acknowledged_twice(
    producer: Connection, consumer: Connection
) -> None:
    publish(producer, "slow")
    slow = take(consumer)
    BrokerMessage.objects.update(leased_until=broker.timezone.now() - timedelta(seconds=1))
    quick = take(producer)

    slow.ack()

    assert BrokerMessage.objects.count() == 1
    quick.ack()
    assert not BrokerMessage.objects.exists()


def test_consumers_in_threads_never_both_get_one(producer: Connection) -> None:
    for number in range(120):
        publish(producer, number)
    seen: list[int] = []

    def drain() -> None:
        with Connection("database://") as opened:
            while (message := take(opened)) or BrokerMessage.objects.filter(leased_until=None).exists():
                if message:
                    seen.append(message.decode())
                    message.ack()
        connection.close()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert Counter(seen) == Counter(range(120))


@pytest.mark.parametrize(
    ("headers", "waiting"),
    [
        pytest.param(NUDGE, 1, id="the same nudge is merged into the one that waits"),
        pytest.param({**NUDGE, "eta": "2026-03-02T10:00:00"}, 2, id="what is due at a time is not"),
        pytest.param({**NUDGE, "expires": "2026-03-02T10:00:00"}, 2, id="what expires is not"),
        pytest.param({}, 2, id="what is no task is not"),
    ],
)
def test_merging(producer: Connection, headers: dict[str, str], waiting: int) -> None:
    publish(producer, [7], headers=headers)
    publish(producer, [7], headers={**headers, "id": "2"} if headers else headers)

    assert BrokerMessage.objects.count() == waiting


def test_different_arguments_are_different_nudges(producer: Connection) -> None:
    publish(producer, [7], headers=NUDGE)
    publish(producer, [8], headers=NUDGE)

    assert BrokerMessage.objects.count() == 2


def test_a_nudge_that_was_taken_no_longer_stands_for_a_new_one(
    producer: Connection, consumer: Connection
) -> None:
    publish(producer, [7], headers=NUDGE)
    taken = take(consumer)

    publish(producer, [7], headers=NUDGE)
    taken.requeue()

    assert body(take(consumer)) == body(take(consumer)) == [7]


@pytest.mark.parametrize("committed", [True, False])
def test_a_message_shares_the_fate_of_its_transaction(consumer: Connection, committed: bool) -> None:
    with transaction.atomic(), Connection("database://") as opened:
        publish(opened, "within")
        transaction.set_rollback(not committed)

    assert body(take(consumer)) == ("within" if committed else None)


def test_purge_removes_what_waits(producer: Connection, consumer: Connection) -> None:
    publish(producer, 1)
    publish(producer, 2)
    publish(producer, 3)
    taken = take(consumer)

    assert consumer.default_channel.queue_purge(QUEUE) == 2
    taken.ack()
    assert not BrokerMessage.objects.exists()


def test_queues_are_apart(producer: Connection, consumer: Connection) -> None:
    publish(producer, "here")

    assert consumer.default_channel.basic_get("elsewhere") is None
    assert consumer.default_channel.queue_declare(QUEUE, passive=True).message_count == 1
