"""Lets threads that talk to a remote have something done by the thread that waits for them.

The database belongs to that thread alone: Django opens a connection per thread, and nobody would close theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import Any, Self, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

_here = threading.local()


class Desk:
    """Where errands are handed in. Close it when nobody serves any more, so that nobody waits for ever."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._is_open = True
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._is_open = False
        while not self._asked.empty():
            errand = self._asked.get()
            if errand:
                errand[0].cancel()

    def work_for(self, function: Callable[[_In], _Out], item: _In) -> _Out:
        """Run a function in a thread whose errands come here."""
        _here.desk = self
        try:
            return function(item)
        finally:
            _here.desk = None

    def serve(self, futures: Sequence[Future[Any]]) -> None:
        """Do what is asked until the futures are done."""
        for future in futures:
            future.add_done_callback(lambda _: self._asked.put(None))
        left = len(futures)
        while left:
            errand = self._asked.get()
            if errand is None:
                left -= 1
            else:
                _run(*errand)

    def hand_in(self, function: Callable[[], _Out]) -> _Out:
        """Have a function run by whoever serves, and return its result or raise its error."""
        done: Future[_Out] = Future()
        with self._lock:
            if not self._is_open:
                raise CancelledError
            self._asked.put((done, function))
        return done.result()


def run_by_owner(function: Callable[[], _Out]) -> _Out:
    """Run a function in the thread that has the database: this one, or the one that waits for this one."""
    desk: Desk | None = getattr(_here, "desk", None)
    return desk.hand_in(function) if desk else function()


def _run(done: Future[Any], function: Callable[[], Any]) -> None:
    try:
        done.set_result(function())
    except Exception as error:  # noqa: BLE001 - it is raised again in the thread that asked
        done.set_exception(error)
