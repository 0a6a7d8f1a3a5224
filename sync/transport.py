"""The one door to a remote: timeouts, the status table, the dry-run gate, one log line a request.

Nothing here waits. What may succeed later is raised, and the queue comes back to it.
"""

from __future__ import annotations

import base64
import json as standard_json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from sync.errors import (
    ConfigurationError,
    CredentialsError,
    DryRunError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.redaction import mask_secrets, redact

log = logging.getLogger(__name__)

Observer = Callable[[str, str, int | None], None]  # method, route, status (None: no answer)

MAX_BODY = 50 * 1024 * 1024
POOL_SIZE = 32
_CHUNK = 64 * 1024
_IDEMPOTENT_WRITES = ("PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a remote answered, and to which kind of request: the same status can mean different next steps."""

    status: int
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict, repr=False)
    body: bytes = field(default=b"", repr=False)
    method: str = "GET"
    route: str = ""
    is_write: bool = False
    is_repeatable: bool = False

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_create(self) -> bool:
        """Whether the request was a write that must not simply be sent again."""
        return self.is_write and not self.is_repeatable and self.method not in _IDEMPOTENT_WRITES

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people: a proxy or an error handler spoke, not the API."""
        return self.body.lstrip()[:1] == b"<" or "text/html" in self.headers.get("content-type", "").lower()

    def json(self) -> Any:
        """Return the body's value.

        Raises TransientError when the body is not JSON; UnknownResultError if the request may have created
        something.
        """
        try:
            return parse_json(self.body)
        except ValueError:
            kind = UnknownResultError if self.is_create else TransientError
            text = (
                f"{self.method} {self.route} was answered with {self.status} and something that is not JSON."
            )
            raise kind(text, status=self.status) from None


def parse_json(body: bytes) -> Any:
    """Read JSON as it occurs in the wild: NUL characters are left out, half surrogate pairs become `?`.

    Neither can be stored as text. Raises ValueError for anything that is not JSON.
    """
    if rb"\u0000" in body:
        body = re.sub(rb"((?<!\\)(?:\\\\)*)\\u0000", rb"\1", body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.loads(_without_half_pairs(body))


def _without_half_pairs(body: bytes) -> bytes:
    try:
        return standard_json.dumps(standard_json.loads(body), ensure_ascii=False).encode("utf-8", "replace")
    except RecursionError:
        raise ValueError("nested too deeply") from None


def new_session() -> requests.Session:
    """Return a session that keeps connections for several threads, and neither retries, keeps cookies, nor
    reads proxies and passwords from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0))
    return session


def stream(
    url: str,
    *,
    session: requests.Session,
    allowed: Callable[[str], bool],
    timeout: tuple[float, float] = (5, 60),
) -> Iterator[bytes]:
    """Yield the bytes of an address that somebody else chose, decompressed, without any credential of ours.

    `allowed` is asked about the IP address that answers, so that no name can lead into a private network;
    redirects are not followed. Raises TransientError when the line breaks, RejectedError when the address is
    refused or has expired.
    """
    try:
        with session.get(url, stream=True, allow_redirects=False, timeout=timeout) as response:
            if not allowed(_peer(response)):
                raise RejectedError("The address leads into a private network and is not read.", status=None)
            _check_stream(response)
            yield from response.iter_content(_CHUNK)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise TransientError(f"{urlsplit(url).hostname}: {_lost(error).what}") from None


def _peer(response: requests.Response) -> str:
    """Return the IP address that answers. A server that will close the line leaves its socket to the answer alone."""
    connection = getattr(response.raw, "connection", None) or getattr(response.raw, "_connection", None)
    line = getattr(connection, "sock", None)
    if line is None:
        reader = getattr(getattr(response.raw, "_fp", None), "fp", None)
        line = getattr(getattr(reader, "raw", None), "_sock", None)
    return str(line.getpeername()[0]) if line else ""


def _check_stream(response: requests.Response) -> None:
    if response.status_code == 200:
        return
    host = urlsplit(response.url).hostname
    if response.status_code == 429 or response.status_code >= 500:
        raise TransientError(f"{host} answered {response.status_code}.", status=response.status_code)
    raise RejectedError(
        f"{host} answered {response.status_code}: the address has expired, or was never good.",
        status=response.status_code,
    )


class Transport:
    """Sends requests to one remote. Safe to use from several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: tuple[float, float] = (5, 30),
        session: requests.Session | None = None,
        dry_run: bool = False,
        observer: Observer | None = None,
        classify: Callable[[Answer], SyncError | None],
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Raises ConfigurationError for a URL that is not http(s), CredentialsError for a header no one can send."""
        self.base_url = _checked_url(base_url)
        self._headers = _checked_headers({"User-Agent": "Close-Connector", **(headers or {}), **_basic(auth)})
        self._timeout = timeout
        self._session = session or new_session()
        self._dry_run = dry_run
        self._observer = observer
        self._classify = classify
        self._secrets = (*secrets, *(part for part in auth or () if part))

    def request(
        self,
        method: str,
        path: str,
        *,
        route: str | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        write: bool | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send one request and return its answer; every other answer is raised as what the vendor's table says.

        `write=False` marks a POST that only reads: it may be repeated, and a dry run may send it. `repeatable`
        marks one that writes the same however often it is sent. A read whose connection broke or fell silent is
        sent once more at once; so is a PUT, DELETE or repeatable POST whose connection broke.

        Raises DryRunError, TransientError, UnknownResultError (a POST went out and no answer came), RejectedError
        when the body cannot be written as JSON, and whatever `classify` makes of the answer.
        """
        is_write = method != "GET" if write is None else write
        if is_write and self._dry_run:
            raise DryRunError(method, path)
        body, content_type = _encoded(json, data)
        call = _Call(
            method,
            self.base_url + path,
            path if route is None else route,
            is_write,
            repeatable,
            params,
            body,
            {**self._headers, **content_type, **(headers or {})},
        )
        return self._accepted(self._exchange(call))

    def _accepted(self, answer: Answer) -> Answer:
        error = self._classify(answer)
        if error is None:
            return answer
        error.message = mask_secrets(error.message, self._secrets)
        error.args = (error.message,)
        raise error

    def _exchange(self, call: _Call) -> Answer:
        try:
            return self._send(call)
        except _LostError as lost:
            if not call.may_repeat(lost):
                raise call.error(lost, self.base_url) from None
        try:
            return self._send(call)
        except _LostError as lost:
            raise call.error(lost, self.base_url) from None

    def _send(self, call: _Call) -> Answer:
        started = time.perf_counter()
        try:
            answer = self._receive(call)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            lost = _lost(error)
            if lost.was_sent:
                self._note(call, None, started, lost.what)
            raise lost from None
        except _LostError as lost:
            self._note(call, None, started, lost.what)
            raise
        self._note(call, answer.status, started)
        return answer

    def _receive(self, call: _Call) -> Answer:
        with self._session.request(
            call.method, call.url, params=call.params, data=call.body, headers=call.headers,
            timeout=self._timeout, allow_redirects=False, stream=True,
        ) as response:  # fmt: skip
            body = _read(response)
            return call.answer(response.status_code, response.headers, body)

    def _note(self, call: _Call, status: int | None, started: float, what: str = "") -> None:
        if self._observer:
            self._observer(call.method, call.route, status)
        level = logging.DEBUG if status and status < 400 else logging.WARNING
        if log.isEnabledFor(level):
            line = {"method": call.method, "route": redact(call.route, self._secrets), "status": status}
            line["ms"] = round((time.perf_counter() - started) * 1000)
            log.log(level, "request", extra=line | ({"problem": what} if what else {}))


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, ready to be sent, once or twice."""

    method: str
    url: str
    route: str
    is_write: bool
    is_repeatable: bool
    params: Mapping[str, Any] | None
    body: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def may_repeat(self, lost: _LostError) -> bool:
        if not lost.was_sent or lost.is_final:
            return False
        return not self.is_write or (lost.is_drop and not self.answer(0).is_create)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        return Answer(status, headers or {}, body, self.method, self.route, self.is_write, self.is_repeatable)

    def error(self, lost: _LostError, base_url: str) -> TransientError:
        kind = UnknownResultError if lost.was_sent and self.answer(0).is_create else TransientError
        return kind(f"{urlsplit(base_url).hostname}: {lost.what}")


class _LostError(Exception):
    """No usable answer came. `was_sent` is True unless it is certain that the request never left."""

    def __init__(
        self, what: str, *, was_sent: bool = True, is_drop: bool = False, is_final: bool = False
    ) -> None:
        super().__init__(what)
        self.what = what
        self.was_sent = was_sent
        self.is_drop = is_drop
        self.is_final = is_final


def _lost(error: Exception) -> _LostError:
    """Tell what happened without quoting the error, whose text holds the URL and so what was searched for."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return _LostError("the address cannot be used", was_sent=False)
    if isinstance(error, requests.ConnectTimeout):
        return _LostError("no connection in time", was_sent=False)
    cause = next(iter(error.args), None)
    reason = getattr(cause, "reason", None)
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return _LostError("no connection", was_sent=False)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _LostError("its certificate is not trusted", was_sent=False)
    silent = requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError
    if isinstance(error, silent) or isinstance(cause, silent):
        return _LostError("no answer in time")
    return _LostError("the connection was dropped", is_drop=True)


def _read(response: requests.Response) -> bytes:
    size, chunks = 0, []
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > MAX_BODY:
            raise _LostError(f"the answer is larger than {MAX_BODY // 1024 // 1024} MB", is_final=True)
        chunks.append(chunk)
    return b"".join(chunks)


def _encoded(value: Any, data: bytes | str | None) -> tuple[bytes | None, dict[str, str]]:
    """Return the whole body and its type. Bodies are never streamed: Close refuses chunked ones."""
    if value is None:
        return (data.encode() if isinstance(data, str) else data), {}
    try:
        body = orjson.dumps(value)
    except TypeError:  # numbers beyond 64 bits and half surrogate pairs, which the standard library writes
        body = _encoded_slowly(value)
    return body, {"Content-Type": "application/json"}


def _encoded_slowly(value: Any) -> bytes:
    try:
        return standard_json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RejectedError(f"The record cannot be written as JSON: {error}", status=None) from None


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(f"{redact(url)} is not an http or https address.")
    return url.rstrip("/")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise CredentialsError(f"The value for {name} holds characters that it cannot have.")
    return dict(headers)


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}"}
