"""The thread that posts Close's webhooks."""

from __future__ import annotations

import threading

from sandbox.close.app import CloseSandbox
from sandbox.post import post

IDLE_SECONDS = 0.2


def start_courier(close: CloseSandbox, lock: threading.Lock) -> threading.Event:
    """Post what is due, from a thread. Setting the returned event ends it."""
    ended = threading.Event()
    threading.Thread(target=_deliver, args=(close, lock, ended), daemon=True).start()
    return ended


def _deliver(close: CloseSandbox, lock: threading.Lock, ended: threading.Event) -> None:
    while not ended.wait(IDLE_SECONDS):
        with lock:
            due = close.webhooks.take(close.store.clock())
        for delivery, signed in due:
            status, _ = post(signed.url, signed.headers, signed.body)
            with lock:
                close.webhooks.settle(delivery, 200 <= status < 300, f"status {status}")
