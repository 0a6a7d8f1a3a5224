"""What reading Close costs in requests, messages and memory, against the original connector's way.

Run it with `make bench-inbound` (LEADS=2000 for a quick look; 100000, the default, takes long: the memory of the two
simulated remotes alone is some gigabytes). Requests, messages and bytes are exact; records a second are of this machine, and
only the ratio between ours and the original's, in the same run over the same simulated Close, says anything.

1. A pull with nothing new, and one after fifty leads changed: requests to Close, messages to Hull.
2. Everything read by each way that the product has, and by the original's: every lead of the last days, a page of a hundred at a
   time, each lead and contact sent to Hull whole. For each: requests and records a second.
3. The memory that reading takes on top, for few leads and for three times as many: it has to be about the same.
4. Five minutes later, nothing having changed: what the next run costs. The original reads and sends the same day again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LEADS = int(os.environ.get("LEADS", "100000"))
FEW_AND_MORE = (300, 900)
WAYS = ("pages", "search", "export")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3", "LOG_LEVEL": "ERROR"}
        os.environ |= {"ALLOW_INSECURE_REMOTES": "true", "DEBUG": "true"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeconnector.settings")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        settings.ALLOWED_HOSTS, settings.DEBUG = ["testserver"], False
        call_command("migrate", verbosity=0)
        is_exact = small_pulls()
        _flush()
        is_flat = memory()
        return 0 if read_everything() and is_exact and is_flat else 1


def _make_world() -> Any:
    from bench.outbound import make_world

    return make_world()


def fill(world: Any, leads: int) -> None:
    """Put leads with two contacts each into Close, as if they had been there for long."""
    for number in range(leads):
        people = [
            {"name": f"Person {number}.{one}", "emails": [{"email": f"p{one}@company{number}.com"}]}
            for one in range(2)
        ]
        url = f"https://company{number}.com"
        world.close.rep_create_lead({"name": f"Company {number}", "url": url, "contacts": people})
        world.clock.advance(seconds=1)
    world.close.store.forget_events()
    world.clock.advance(hours=2)


# ── Requests and messages, counted ───────────────────────────────────────────────────────────────


def small_pulls() -> bool:
    """Count what a pull costs when nothing or little changed. True when it is as little as it should be."""
    world = _make_world()
    fill(world, 60)
    world.settle()
    world.clock.advance(hours=1)
    world.settle()
    print(f"{'a pull':44} {'requests':>9} {'should':>7} {'messages':>9} {'should':>7}")
    results = [_pull(world, "nothing new", 1, 0, lambda: None)]
    ids = list(world.close.leads)[:50]

    def change() -> None:
        for close_id in ids:
            world.close.rep_update_lead(close_id, {"description": "new"})

    results.append(_pull(world, "50 leads changed", 1, 50, change))
    return all(results)


def _pull(world: Any, what: str, requests: int, messages: int, act: Callable[[], None]) -> bool:
    world.clock.advance(minutes=30)
    world.pull()
    world.clock.advance(minutes=1)
    act()
    world.close.requests.clear()
    world.hull.firehose_messages.clear()
    world.pull()
    made = len(world.close.requests)
    world.drain()
    told = len(world.hull.firehose_messages)
    good = (made, told) == (requests, messages)
    print(f"{what:44} {made:9} {requests:7} {told:9} {messages:7}{'' if good else '   <--'}")
    return good


# ── Everything ───────────────────────────────────────────────────────────────────────────────────


def read_everything() -> bool:
    """Read so many leads by each way, and by the original's. True when every way stored all of them."""
    world = _make_world()
    fill(world, LEADS)
    print(f"\n{LEADS:,} leads with two contacts each")
    print(f"{'everything read':32} {'requests':>9} {'records/s':>10} {'all':>5}")
    original = _original(world)
    rates, is_whole = {}, True
    for way in WAYS:
        _forget(way)
        rates[way], good = _ours(world, way)
        is_whole = is_whole and good
    for way, rate in rates.items():
        print(
            f"{way}: {rate / original:.2f} times the original's records a second, storing and indexing each of them"
        )
    print(f"\n{'the same again, nothing having changed':44} {'requests':>9} {'messages':>9}")
    _again(world)
    return is_whole


def _ours(world: Any, way: str) -> tuple[float, bool]:
    from sync.models import Link

    world.close.requests.clear()
    started = time.perf_counter()
    _read_all(world)
    took = time.perf_counter() - started
    good = Link.objects.count() == 3 * LEADS
    asked = sum(
        path.startswith(("/lead", "/contact", "/data", "/export")) for _, path, *_ in world.close.requests
    )
    rate = 3 * LEADS / took
    print(f"{f'by {way}':32} {asked:9,} {rate:10,.0f} {'yes' if good else 'NO':>5}")
    return rate, good


def _read_all(world: Any) -> None:
    from sync.services import backfill

    while True:
        world.pull()
        if backfill.progress(world.connector) is None:
            return
        world.clock.advance(seconds=5)


def memory() -> bool:
    """Compare what the product takes on top for few and for three times as many leads. True when that is no more."""
    peaks: dict[str, list[float]] = {}
    for leads in FEW_AND_MORE:
        world = _make_world()
        fill(world, leads)
        for way in WAYS:
            _forget(way)
            peaks.setdefault(way, []).append(_peak(world) / 1e6)
        _flush()
    few, more = FEW_AND_MORE
    print(f"\n{'memory on top, MB':32} {f'{few:,} leads':>12} {f'{more:,} leads':>12} {'ratio':>7}")
    for way, (small, large) in peaks.items():
        print(f"{f'by {way}':32} {small:12.1f} {large:12.1f} {large / small:7.2f}")
    return all(large < 2 * small for small, large in peaks.values())


def _peak(world: Any) -> int:
    """Read everything and return the most that was held on top. The simulated Close's own file is put on the disk first."""
    from sync.services import readers

    fetch, base = readers._bytes_of, [0]

    def from_disk(connector: Any, url: str) -> Any:
        with tempfile.TemporaryFile() as file:
            for chunk in fetch(connector, url):
                file.write(chunk)
            file.seek(0)
            base[0] = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            yield from iter(lambda: file.read(65536), b"")

    tracemalloc.start()
    base[0] = tracemalloc.get_traced_memory()[0]
    with mock.patch.object(readers, "_bytes_of", from_disk):
        _read_all(world)
    peak = tracemalloc.get_traced_memory()[1] - base[0]
    tracemalloc.stop()
    return peak


def _forget(way: str) -> None:
    """Have the connector know nothing of Close, and read it by one way."""
    from sync.models import Change, Connector, Cursor, Link, MatchKey

    for model in (MatchKey, Link, Cursor, Change):
        model.objects.all().delete()
    Connector.objects.update(backfilled_at=None, backfill_by=way)


def _flush() -> None:
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)


def _original(world: Any) -> float:
    """Read and send everything as the original does, with its page size, and nothing stored."""
    from sync.services import setup

    remotes = setup.connect(world.connector, clock=world.clock)
    world.close.requests.clear()
    started, sent = time.perf_counter(), 0
    for page in _pages(remotes):
        sent += _send_whole(remotes, page)
    took = time.perf_counter() - started
    print(f"{'the original algorithm':32} {len(world.close.requests):9,} {sent / took:10,.0f}")
    return sent / took


def _pages(remotes: Any) -> Any:
    skip = 0
    while True:
        page = remotes.close.lead_page(skip=skip, limit=100)
        yield page.leads
        skip += page.received
        if not page.has_more:
            return


def _send_whole(remotes: Any, leads: Any) -> int:
    """Send each lead and contact with all attributes, and each contact's link to its account."""
    from sync.engine.identity import account_claims, user_claims
    from sync.engine.plan import KnownRecord
    from sync.hull.firehose import FirehoseMessage
    from sync.mapping.inbound import build_attributes
    from sync.records import ObjectType, SyncSettings

    settings, messages, records = SyncSettings(), [], 0
    for lead in leads:
        known = KnownRecord(lead.close_id, lead.fields)
        account = account_claims(known, settings)
        attributes = build_attributes(ObjectType.LEAD, lead.close_id, lead.fields, settings)
        messages.append(FirehoseMessage(ObjectType.LEAD, None, account, attributes))
        records += 1 + len(lead.contacts or ())
        for contact in lead.contacts or ():
            person = KnownRecord(contact.close_id, contact.fields)
            user = user_claims(person, settings)
            attributes = build_attributes(
                ObjectType.CONTACT, contact.close_id, contact.fields, settings, lead.close_id
            )
            messages += [
                FirehoseMessage(ObjectType.CONTACT, user, None, attributes),
                FirehoseMessage(ObjectType.CONTACT, user, account, {}),
            ]
    remotes.firehose.send(messages)
    return records


def _again(world: Any) -> None:
    """What the next run costs: ours reads the event log, the original the leads of the day once more."""
    from sync.services import setup

    world.clock.advance(minutes=30)
    world.pull()
    world.clock.advance(minutes=5)
    world.close.requests.clear()
    world.hull.firehose_messages.clear()
    world.pull()
    print(f"{'ours':44} {len(world.close.requests):9,} {len(world.hull.firehose_messages):9,}")
    remotes = setup.connect(world.connector, clock=world.clock)
    day = min(LEADS, 1000)
    world.close.requests.clear()
    sent = 0
    for page in _pages(remotes):
        _send_whole(remotes, page)
        sent += len(page)
        if sent >= day:
            break
    told = sum(1 for _ in world.hull.firehose_messages)
    print(
        f"{f'the original, {day:,} leads having changed that day':44} {len(world.close.requests):9,} {told:9,}"
    )


if __name__ == "__main__":
    sys.exit(main())
