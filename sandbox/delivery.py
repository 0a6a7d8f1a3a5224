"""The thread that brings Hull's notifications."""

from __future__ import annotations

import json
import threading
from typing import Any

from sandbox.hull import HullSandbox
from sandbox.post import post

IDLE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def start_notifier(hull: HullSandbox, lock: threading.Lock) -> threading.Event:
    """Have Hull tell its connector, from a thread, as fast as the connector's flow control allows.

    Setting the returned event ends it.
    """
    ended = threading.Event()
    threading.Thread(target=_notify, args=(hull, lock, ended), daemon=True).start()
    return ended


def _notify(hull: HullSandbox, lock: threading.Lock, ended: threading.Event) -> None:
    size, pause = 50, IDLE_SECONDS
    while not ended.wait(pause):
        url, pause = hull.connected_to, IDLE_SECONDS
        if not url:
            continue
        with lock:
            batches = hull.take_notifications(size)
        for batch in batches:
            size, pause, is_taken = _tell(url, batch)
            if not is_taken:
                with lock:
                    hull.notifier.put_back(batch)


def _tell(url: str, batch: tuple[dict[str, str], dict[str, Any]]) -> tuple[int, float, bool]:
    """Post one notification. Returns how many next, in how many seconds, and whether it was taken."""
    status, answer = post(url, batch[0], json.dumps(batch[1], default=str).encode())
    control = answer.get("flow_control") if isinstance(answer.get("flow_control"), dict) else {}
    size = min(max(int((control or {}).get("size") or 10), 1), 1000)
    pause = min(float((control or {}).get("in") or 5) / 1000, LONGEST_PAUSE_SECONDS)
    is_taken = status == 200 and (control or {}).get("type", "next") == "next"
    return size, pause if is_taken else max(pause, 1.0), is_taken
