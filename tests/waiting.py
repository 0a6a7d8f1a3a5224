"""For the few tests that wait for another process or thread."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], seconds: float = 30.0) -> Value:
    """Return what the condition returns once that is true. Raises TimeoutError."""
    deadline = monotonic() + seconds
    while not (value := condition()):
        if monotonic() > deadline:
            raise TimeoutError(
                f"{getattr(condition, '__name__', condition)} did not come true in {seconds:.0f} s"
            )
        sleep(0.05)  # another process needs the time, and does not tell when it is ready
    return value
