"""A bare door to Close for questions about Close itself: a refusal is an answer here, not an error.

The product speaks to Close through `sync.close.client`. This is for `check_platform`, which looks at refusals, headers
and keys that the product has no use for, and which may wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.close.errors import error_for
from sync.close.limits import RateLimits
from sync.errors import NotFoundError, RateLimitedError, RejectedError, SyncError
from sync.transport import Answer, Observer, Transport, parse_json

MOST_CALLS = 500
MOST_WAITS = 6  # how often one request is put off because Close asks to wait


class SpentError(SyncError):
    """The bound on calls is reached."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What Close answered: a value, or a refusal with `error`."""

    status: int
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    error: SyncError | None = None

    @property
    def is_ok(self) -> bool:
        return self.error is None

    @property
    def words(self) -> str:
        """Close's own words about a refusal."""
        return self.error.message if self.error else ""

    @property
    def refused_fields(self) -> Mapping[str, str]:
        """The fields that a refusal names, as flattened paths."""
        return self.error.fields if isinstance(self.error, RejectedError) else {}

    def value(self) -> Mapping[str, Any]:
        """Return the object that was asked for. Raises the refusal."""
        if self.error:
            raise self.error
        return self.body if isinstance(self.body, Mapping) else {}

    def rows(self) -> list[Mapping[str, Any]]:
        """Return the objects of a page. Raises the refusal."""
        rows = self.value().get("data")
        return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


class Probe:
    """One API key's door. Without `writes` no request that could change anything leaves it."""

    def __init__(
        self,
        api_key: str,
        *,
        api_url: str,
        seconds: Callable[[], float],
        sleep: Callable[[float], None],
        writes: bool,
        observer: Observer | None = None,
    ) -> None:
        self.api_key = api_key
        self._limits = RateLimits(seconds)
        self._sleep = sleep
        self._calls = 0
        self._transport = Transport(
            api_url,
            auth=(api_key, ""),
            headers={"Accept": "application/json"},
            dry_run=not writes,
            observer=observer,
            classify=self._judge,
        )

    def get(self, path: str, *, route: str | None = None, **params: Any) -> Reply:
        """Ask for something. Raises what `sync.close.errors` makes of trouble, and SpentError."""
        return self.send("GET", path, route=route, params=params or None)

    def search(self, body: Mapping[str, Any]) -> Reply:
        return self.send("POST", "/data/search/", json=body, write=False)

    def send(self, method: str, path: str, *, is_bounded: bool = True, **options: Any) -> Reply:
        """Send one request and wait as long as Close asks for. A removal is not bounded: it has to be done."""
        for _ in range(MOST_WAITS):
            try:
                return self._send(method, path, is_bounded, options)
            except RateLimitedError as error:
                self._sleep(error.retry_after)
        return self._send(method, path, is_bounded, options)

    def _send(self, method: str, path: str, is_bounded: bool, options: dict[str, Any]) -> Reply:
        if is_bounded and self._calls >= MOST_CALLS:
            raise SpentError(f"{MOST_CALLS} calls were made, which is as many as one check may make.")
        self._limits.admit(options.get("route") or path)
        self._calls += 1
        answer = self._transport.request(method, path, **options)
        return Reply(answer.status, _body(answer), answer.headers, _refusal(answer))

    def _judge(self, answer: Answer) -> SyncError | None:
        self._limits.note(answer)
        return None if _refusal(answer) else error_for(answer)


def _refusal(answer: Answer) -> SyncError | None:
    """Return the error that only says no to this request; trouble and refused keys are something else."""
    error = error_for(answer)
    return error if isinstance(error, RejectedError | NotFoundError) else None


def _body(answer: Answer) -> Any:
    try:
        return parse_json(answer.body) if answer.body.strip() else None
    except ValueError:
        return None
