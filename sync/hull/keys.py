"""Fetches the public keys with which Hull signs notifications."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import requests

from sync.errors import ConfigurationError, RejectedError, SyncError, TransientError
from sync.hull.errors import InvalidSignature
from sync.transport import Answer, Transport

_MARK = "-----BEGIN PUBLIC KEY-----"
_LIFETIME = 3600.0  # seconds; a key that Hull changes is noticed within the hour
_MOST_KEYS = 100


class PublicKeys:
    """Public keys by their URL, each fetched once an hour. Safe to use from several threads.

    Only ask for URLs that `is_hull_key_url` allows: the sender of a notification chooses them.
    """

    def __init__(
        self, *, session: requests.Session | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._clock = session, clock
        self._keys: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str, token: str) -> str:
        """Return the key (PEM) that belongs to a token. Raises InvalidSignature or TransientError."""
        now = self._clock()
        with self._lock:
            fetched_at, key = self._keys.get(url, (now - _LIFETIME, ""))
        if now - fetched_at < _LIFETIME:
            return key
        key = self._fetch(url, token)
        with self._lock:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            self._keys[url] = now, key
        return key

    def _fetch(self, url: str, token: str) -> str:
        try:
            transport = Transport(url, timeout=(3, 5), session=self._session, classify=_error_for)
            answer = transport.request("POST", "", route="/public-key", data=token, write=False)
        except (ConfigurationError, RejectedError) as error:
            raise InvalidSignature(f"Hull's public key cannot be fetched: {error.message}") from None
        key = answer.body.decode("ascii", "replace")
        if _MARK not in key:
            raise InvalidSignature("What is at the public key's address is not one.")
        return key


def _error_for(answer: Answer) -> SyncError | None:
    if answer.is_ok:
        return None
    kind = TransientError if answer.status >= 500 or answer.status == 429 else RejectedError
    return kind(f"Its address answered with {answer.status}.", status=answer.status)
