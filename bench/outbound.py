"""What writing to Close costs in requests, and how much of Close's rate limit a long queue gets out of it.

Run it with `make bench-outbound` (ACCOUNTS=500 for a quick look; 10000, the default, takes minutes). Both sides run in this
process under one clock: each request takes 25 ms of it, as with eight requests under way that take 200 ms each, and
nothing else takes any. So the result says what the rules get out of a limit, on any machine.

1. Requests are counted exactly, for what should cost none or one.
2. Accounts with two users each, all new, against 160 requests in 8 seconds. The part of the limit that was used is what
   Close accepted from the start of its second window to the start of its last one, divided by what it would have accepted
   in that time at 160 per 8 seconds. The first window, in which the limit is learned, and the last one, which is not
   filled, stand outside. A gap between two windows counts as unused. At least 99 % have to be used, with not one 429:
   nobody else uses the limit here, so that each of them could have been avoided.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ACCOUNTS = int(os.environ.get("ACCOUNTS", "10000"))
LIMIT, SEARCH_LIMIT = 160, 16
ENOUGH = 0.99
NEW = 3  # contacts of a new lead


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
        is_exact = count_calls()
        call_command("flush", interactive=False, verbosity=0)
        return 0 if fill_windows(ACCOUNTS) and is_exact else 1


def make_world() -> Any:
    """Make both remotes and a connector that shares one clock with them."""
    from django.utils import timezone

    from sandbox import CloseSandbox, HullSandbox, SandboxAdapter
    from sync import tasks, transport
    from sync.services import apply
    from tests.journeys.meter import QuickClock
    from tests.journeys.world import World, make_connector

    clock = QuickClock()
    close, hull = CloseSandbox(clock=clock), HullSandbox(clock=clock, public_url="http://localhost")

    def session() -> Any:
        made = real_session()
        for address, app in (("close.sandbox", close), ("hull.sandbox", hull), ("localhost", hull)):
            made.mount(f"http://{address}", SandboxAdapter(app))
        return made

    real_session = (
        transport.new_session.real if hasattr(transport.new_session, "real") else transport.new_session
    )
    session.real = real_session  # type: ignore[attr-defined]
    mock.patch.object(transport, "new_session", session).start()
    mock.patch.object(apply, "THREADS", 1).start()
    mock.patch.object(tasks, "dispatch", return_value=True).start()
    mock.patch.object(timezone, "now", clock).start()
    brakes = dict.fromkeys(("brake_creates", "brake_clears", "brake_deletes", "brake_share"))
    connector = make_connector(close_api_key=close.api_key, rate_share_left=0, **brakes)
    return World(clock, close, hull, connector)


# ── Requests, counted ────────────────────────────────────────────────────────────────────────────

ACME = {"id": "a-acme", "name": "Acme", "domain": "acme.com"}
PEOPLE = [{"id": f"u-{n}", "name": f"Person {n}", "email": f"p{n}@acme.com"} for n in range(NEW)]


def count_calls() -> bool:
    """Count the requests of each act for leads, contacts and searches. True when all are as few as they should be."""
    world = make_world()
    world.close.rep_create_lead(
        {"name": "Known", "url": "https://known.com", "contacts": [{"name": "Kim", "emails": [{"email": "kim@known.com"}]}]}
    )  # fmt: skip
    world.settle()
    known = {"id": "a-known", "name": "Known", "domain": "known.com"}

    def tell(account: dict[str, Any], *people: dict[str, Any], **changed: Any) -> None:
        messages = [world.user_message(account | changed, **person) for person in people]
        world.notify("user:update", messages) if messages else world.tell_account(**account | changed)
        world.drain()

    acts: list[tuple[str, int, Callable[[], Any]]] = [
        (f"a new lead with {NEW} contacts", 1, lambda: tell(ACME, *PEOPLE)),
        ("the same again, unchanged", 0, lambda: (tell(ACME), tell(ACME, *PEOPLE))),
        ("one field changed", 1, lambda: tell(ACME, name="Acme Inc")),
        ("our own writes coming back", 0, world.settle),
        ("one field of a contact changed", 1, lambda: tell(ACME | {"name": "Acme Inc"}, PEOPLE[0] | {"title": "CEO"})),
        ("that write coming back", 0, world.settle),
        ("a known company and person, adopted", 0, lambda: tell(known, {"id": "u-kim", "name": "Kim", "email": "kim@known.com"})),
        ("what Hull tells of them afterwards", 0, world.settle),
    ]  # fmt: skip
    print(f"{'requests for leads, contacts and searches':48} {'should':>8} {'made':>8}")
    counted = [_count(world, *act) for act in acts]
    return all(counted)


def _count(world: Any, what: str, wanted: int, act: Callable[[], Any]) -> bool:
    world.clock.advance(seconds=30)
    world.close.requests.clear()
    act()
    paths = [path for _, path, *_ in world.close.requests]
    made = sum(path.startswith(("/lead/", "/contact/", "/data/search/")) for path in paths)
    print(f"{what:48} {wanted:8} {made:8}{'' if made == wanted else '   <--'}")
    return made == wanted


# ── Windows, filled ──────────────────────────────────────────────────────────────────────────────


def fill_windows(accounts: int) -> bool:
    """Write so many accounts with two users each to Close. True when the limit was used and never overdrawn."""
    from sync.models import Change
    from tests.journeys.meter import Meter, work_off

    world = make_world()
    world.settle()
    meter = Meter(world.clock).watch(world.close, records=LIMIT, search=SEARCH_LIMIT)
    for start in range(0, accounts, 100):
        numbers = range(start, min(start + 100, accounts))
        world.notify("user:update", [_user(world, number, one) for number in numbers for one in range(2)])
    began, started = world.clock.now, time.perf_counter()
    work_off([world.connector], world.clock)
    took, lasted = time.perf_counter() - started, (world.clock.now - began).total_seconds()
    used, refused = meter.share_used(LIMIT), meter.refused()
    undone = Change.objects.filter(direction="OUTBOUND").exclude(state="DONE").count()
    is_whole = len(world.close.leads) == accounts and len(world.close.contacts) == 2 * accounts and not undone
    print(
        f"\n{accounts:,} accounts with two users each, at {LIMIT} requests in 8 s: {len(meter.windows())} windows, {lasted:,.0f} s"
        f" of the shared clock ({took:,.0f} s of this machine)\n"
        f"used of the limit       {used:8.2%}   at least {ENOUGH:.0%}\n"
        f"refused with 429        {refused:8}   none\n"
        f"leads and contacts      {'all' if is_whole else 'MISSING':>8}   all, each once"
    )
    return used >= ENOUGH and not refused and is_whole


def _user(world: Any, number: int, one: int) -> dict[str, Any]:
    account = {"id": f"a-{number}", "name": f"Company {number}", "domain": f"company{number}.com"}
    email = f"p{one}@company{number}.com"
    return dict(
        world.user_message(account, id=f"u-{number}-{one}", name=f"Person {number}.{one}", email=email)
    )


if __name__ == "__main__":
    sys.exit(main())
