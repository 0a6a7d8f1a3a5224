"""How fast the simulated Close answers over a socket, and what it weighs: it must never be what a benchmark waits for.

Run it with `make bench-sandbox` (LEADS=100000 for the full size). One server process on one core, four clients that keep
their connections and wait for each answer.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sandbox import CloseSandbox
from sandbox.close.store import API_KEY
from sandbox.http import serve

LEADS = int(os.environ.get("LEADS", "20000"))
REQUESTS = 4000
CLIENTS = 4
ROUNDS = 5
CREDENTIALS = base64.b64encode(f"{API_KEY}:".encode()).decode()


def fill(close: CloseSandbox, number: int) -> list[str]:
    """Make so many leads with two contacts each, and return their ids."""
    ids = []
    for index in range(number):
        people = [
            {"name": f"Person {index}.{one}", "emails": [{"email": f"p{one}@company{index}.example.com"}]}
            for one in range(2)
        ]
        lead = {"name": f"Company {index}", "url": f"https://company{index}.example.com", "contacts": people}
        ids.append(close.rep_create_lead(lead)["id"])
    return ids


def run_server(number: int, pipe: Any) -> None:
    close = CloseSandbox(lambda: datetime.now(UTC))
    started = time.perf_counter()
    ids = fill(close, number)
    took = time.perf_counter() - started
    server = serve(close, 0)
    pipe.send(
        (server.port, ids[:: max(number // 100, 1)], took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    )
    pipe.recv()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send(usage.ru_utime + usage.ru_stime)


def wire(method: str, path: str, body: Any = None) -> bytes:
    raw = b"" if body is None else json.dumps(body).encode()
    head = f"{method} /api/v1{path} HTTP/1.1\r\nhost: close\r\nauthorization: Basic {CREDENTIALS}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw


def client(port: int, requests: list[bytes], barrier: Any) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        barrier.wait()
        for one in requests:
            line.sendall(one)
            answer = line.recv(1 << 20)
            head, _, body = answer.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += line.recv(1 << 20)
            assert head.startswith(b"HTTP/1.1 200"), answer[:200]


def rate(port: int, make: Callable[[int], bytes], number: int = REQUESTS) -> float:
    """Return answers a second, the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        barrier = multiprocessing.Barrier(CLIENTS + 1)
        share = [[make(index) for index in range(part, number, CLIENTS)] for part in range(CLIENTS)]
        clients = [multiprocessing.Process(target=client, args=(port, one, barrier)) for one in share]
        for one in clients:
            one.start()
        barrier.wait()
        started = time.perf_counter()
        for one in clients:
            one.join()
        found.append(number / (time.perf_counter() - started))
        assert all(one.exitcode == 0 for one in clients)
    return median(found)


def email_query(index: int) -> dict[str, Any]:
    address = f"p1@company{index % LEADS}.example.com"
    field = {"type": "regular_field", "object_type": "contact_email", "field_name": "email"}
    condition = {"type": "text", "mode": "full_words", "value": address}
    leaf = {"type": "field_condition", "field": field, "condition": condition}
    related = {
        "type": "has_related",
        "this_object_type": "contact",
        "related_object_type": "contact_email",
        "related_query": leaf,
    }
    return {"query": {"type": "and", "queries": [{"type": "object_type", "object_type": "contact"}, related]}}


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=run_server, args=(LEADS, theirs), daemon=True)
    server.start()
    port, ids, took, memory = ours.recv()
    print(
        f"{LEADS:,} leads with two contacts each: {memory / 1024:,.0f} MB, filled in {took:.0f} s ({LEADS / took:,.0f} a second)"
    )
    rows: list[tuple[str, Callable[[int], bytes], int]] = [
        ("GET /me/", lambda index: wire("GET", "/me/"), REQUESTS),
        ("GET /lead/ID/", lambda index: wire("GET", f"/lead/{ids[index % len(ids)]}/"), REQUESTS),
        ("PUT /lead/ID/", lambda index: wire("PUT", f"/lead/{ids[index % len(ids)]}/", {"description": f"{index} {time.time()}"}), REQUESTS),
        ("POST /lead/", lambda index: wire("POST", "/lead/", {"name": f"New {index}"}), REQUESTS),
        ("POST /data/search/ by e-mail", lambda index: wire("POST", "/data/search/", email_query(index)), REQUESTS),
        ("GET /event/ (50)", lambda index: wire("GET", "/event/?_limit=50"), 400),
        ("GET /lead/ (100 of them)", lambda index: wire("GET", f"/lead/?_limit=100&_skip={index * 97 % LEADS}"), 200),
    ]  # fmt: skip
    for name, make, number in rows:
        print(f"{name:32} {rate(port, make, number):9,.0f} a second")
    ours.send("stop")
    ours.recv()


if __name__ == "__main__":
    main()
