"""The door to addresses that somebody typed in: only to the internet, asked about before the first byte is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sync.errors import RejectedError, TransientError
from sync.transport import new_session

Allowed = Callable[[str], bool]
TIMEOUT = (5, 10)


class _RefusedError(OSError):
    """The name leads to an address that is not to be talked to."""


def post_to(
    url: str, body: bytes, headers: Mapping[str, str], *, allowed: Allowed, insecure: bool = False,
    session: requests.Session | None = None,
) -> None:  # fmt: skip
    """Post JSON to an address that somebody else chose, without any credential of ours, following no redirect.

    `allowed` is asked about the IP address that the line leads to before anything is sent, so that no name leads into
    a private network. Raises RejectedError when the address is refused or says no, TransientError when it may
    succeed later.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not insecure:
        raise RejectedError("The address must begin with https://.", status=None)
    try:
        answer = (session or guarded_session(allowed)).post(
            url, data=body, headers={"Content-Type": "application/json", "User-Agent": "Close-Connector", **headers},
            timeout=TIMEOUT, allow_redirects=False, stream=True,
        )  # fmt: skip
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if _is_refused(error):
            raise RejectedError(f"{parts.hostname} leads into a private network.", status=None) from None
        raise TransientError(f"{parts.hostname} could not be reached.") from None
    with answer:
        status = answer.status_code
    if status == 429 or status >= 500:
        raise TransientError(f"{parts.hostname} answered {status}.", status=status)
    if not 200 <= status < 300:
        raise RejectedError(f"{parts.hostname} answered {status}.", status=status)


def guarded_session(allowed: Allowed) -> requests.Session:
    """Return a session whose lines are looked at as soon as they stand."""
    session = new_session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _GuardedAdapter(allowed))
    return session


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allowed: Allowed) -> None:
        self.allowed = allowed
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self.allowed),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self.allowed),
        }


def _pool(pool: Any, connection: Any, allowed: Allowed) -> Any:
    class Guarded(connection):
        """Looks where the name led before it says hello."""

        def _new_conn(self) -> Any:
            line = super()._new_conn()
            if not allowed(str(line.getpeername()[0])):
                line.close()
                raise _RefusedError("refused")
            return line

    return type("GuardedPool", (pool,), {"ConnectionCls": Guarded})


def _is_refused(error: BaseException | None) -> bool:
    """Whether the refusal stands anywhere among the reasons of an error."""
    seen = 0
    while error is not None and seen < 8:
        inner = [
            one for one in (*error.args, getattr(error, "reason", None)) if isinstance(one, BaseException)
        ]
        if isinstance(error, _RefusedError) or any(isinstance(one, _RefusedError) for one in inner):
            return True
        error, seen = (inner[0] if inner else error.__cause__ or error.__context__), seen + 1
    return False
