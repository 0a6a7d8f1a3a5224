"""Requests and answers as values, and a small server that turns sockets into them.

The server is one event loop in one thread: requests are answered one after another, so a seed gives one history. It can
also do what servers do on bad days: answer late, close a connection in the middle of a request or of an answer, reset it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import httptools
import orjson

# How long a client that is to time out is left without an answer.
TIME_OUT_SECONDS = 60.0
# A body larger than this is not read.
MOST_BYTES = 64 * 1024 * 1024


class Dropped(Exception):  # noqa: N818 - it is what happens to a connection
    """The connection is closed without an answer."""


class Reset(Dropped):
    """The connection is reset: the client sees an error of its socket, not the end of a stream."""


class TimedOut(Exception):  # noqa: N818 - it is what happens to a connection
    """No answer comes in time."""


class Cut(StrEnum):
    """Where an answer breaks off."""

    STATUS = "status"  # in the middle of the status line
    HEADERS = "headers"  # in the middle of the headers
    EMPTY = "empty"  # after the headers, before the first byte of the body
    BODY = "body"  # half-way through the body


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def param(self, name: str, default: str = "") -> str:
        """Return a query parameter, the last one if there are several."""
        return (self.query.get(name) or [default])[-1]

    def json(self) -> Any:
        """Return the parsed body. Raises ValueError."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. `delay` is in seconds; `cut` says where it breaks off."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: Cut | None = None

    @classmethod
    def of(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Return a JSON answer."""
        body = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        return cls(status, body, {"content-type": "application/json"} | dict(headers or {}))

    @classmethod
    def html(cls, status: int, text: str) -> Response:
        return cls(status, text.encode(), {"content-type": "text/html; charset=utf-8"})

    def moody(self, delay: float = 0.0, cut: Cut | None = None) -> Response:
        """Return the same answer, later or broken off."""
        return replace(self, delay=delay, cut=cut) if delay or cut else self


class App(Protocol):
    """What can be served."""

    def handle(self, request: Request) -> Response: ...


def make_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return a request from what is on the wire. Raises ValueError for an address that is none."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True) if parts.query else {}
    path = unquote(parts.path) if "%" in parts.path else parts.path
    return Request(method, path, query, {name.lower(): value for name, value in headers.items()}, body)


# ── The server ───────────────────────────────────────────────────────────────────────────────────


class Server:
    """Serves an app from a thread until stopped. `lock` is held while the app answers."""

    def __init__(self, app: App, port: int, host: str = "127.0.0.1") -> None:
        self.app, self.lock = app, threading.Lock()
        self._socket = socket.create_server((host, port), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._connections: set[_Connection] = set()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Server:
        self._thread.start()
        self._is_ready.wait()
        return self

    def stop(self) -> None:
        """Close the port and every connection. Stopping twice is stopping once."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self, self._connections), sock=self._socket)
        )
        try:
            self._loop.call_soon(self._is_ready.set)
            self._loop.run_forever()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.abort()
            self._loop.run_until_complete(asyncio.sleep(0.01))  # lets the transports close
            self._loop.close()


def serve(app: App, port: int, host: str = "127.0.0.1") -> Server:
    """Start serving and return the server; port 0 takes a free one. Raises OSError when the port is taken."""
    return Server(app, port, host).start()


class _Connection(asyncio.Protocol):
    """One connection: parses requests as they come and answers them in their order."""

    def __init__(self, server: Server, connections: set[_Connection]) -> None:
        self.server, self.connections = server, connections
        self.transport: Any = None
        self.parser = httptools.HttpRequestParser(self)
        self.waiting: deque[tuple[Request, bool]] = deque()
        self.is_busy = False
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self._begin()

    def _begin(self) -> None:
        self.url, self.headers, self.body = b"", {}, []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.connections.add(self)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)

    def abort(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(Response.of(400, {"error": "The request cannot be read."}), "GET", is_last=True)

    # ── What the parser tells ────────────────────────────────────────────────────────────────────

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if _length(self.headers) > MOST_BYTES:
            self._write(Response.of(413, {"error": "The body is too large."}), "GET", is_last=True)
            return
        early = getattr(self.server.app, "early", None)
        if early is None:
            return
        try:
            with self.server.lock:
                early(self._request(b""))
        except Dropped:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        request = self._request(b"".join(self.body))
        is_last = not self.parser.should_keep_alive() or "transfer-encoding" in self.headers
        self._begin()
        if self.transport.is_closing():
            return
        self.waiting.append((request, is_last))
        self._answer_next()

    def _request(self, body: bytes) -> Request:
        method = self.parser.get_method().decode("latin-1")
        try:
            return make_request(method, self.url.decode("latin-1"), self.headers, body)
        except ValueError:  # for example a broken IPv6 address in an absolute form
            return Request(method, "/unreadable", {}, self.headers, body)

    # ── Answering ────────────────────────────────────────────────────────────────────────────────

    def _answer_next(self) -> None:
        if self.is_busy or not self.waiting or self.transport.is_closing():
            return
        request, is_last = self.waiting.popleft()
        self.is_busy = True
        try:
            with self.server.lock:
                response = self.server.app.handle(request)
        except TimedOut:
            asyncio.get_running_loop().call_later(TIME_OUT_SECONDS, self.transport.close)
            return
        except Reset:
            self.transport.abort()
            return
        except Dropped:
            self.transport.close()
            return
        except Exception as error:  # noqa: BLE001 - a fault of the sandbox is answered as one, and said
            traceback.print_exc()
            response = Response.of(500, {"error": f"The sandbox is at fault: {error!r}"})
        if response.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(response.delay, self._finish, response, request.method, is_last)
        else:
            self._finish(response, request.method, is_last)

    def _finish(self, response: Response, method: str, is_last: bool) -> None:
        self.is_busy = False
        if self.transport.is_closing():
            return
        self._write(response, method, is_last)
        if self.waiting:
            asyncio.get_running_loop().call_soon(self._answer_next)

    def _write(self, response: Response, method: str, is_last: bool) -> None:
        head = _head(response, is_last)
        body = b"" if method == "HEAD" or response.status in (204, 304) else response.body
        if response.cut:
            self.transport.write(_cut(head, body, response.cut))
        else:
            self.transport.write(head + body)
        if is_last or response.cut:
            self.transport.close()


def _length(headers: Mapping[str, str]) -> int:
    value = headers.get("content-length", "0")
    return int(value) if value.isdecimal() else 0


def _head(response: Response, is_last: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if "date" not in {name.lower() for name in response.headers}:
        lines.append(f"date: {formatdate(usegmt=True)}")
    if response.status != 204:
        lines.append(f"content-length: {len(response.body)}")
    if is_last:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _cut(head: bytes, body: bytes, cut: Cut) -> bytes:
    """Return the part of an answer that still gets through."""
    return {
        Cut.STATUS: head[:7],
        Cut.HEADERS: head[: head.index(b"\r\n") + 12],
        Cut.EMPTY: head if body else head[:-2],
        Cut.BODY: head + body[: len(body) // 2] if len(body) > 1 else head[:-2],
    }[cut]
