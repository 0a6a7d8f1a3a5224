"""Requests and answers as values, and a small threaded server that turns sockets into them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import orjson

# How long a client that is to time out is left without an answer.
TIME_OUT_SECONDS = 60.0


class Dropped(Exception):  # noqa: N818 - it is what happens to a connection
    """The connection is closed without an answer."""


class TimedOut(Exception):  # noqa: N818 - it is what happens to a connection
    """No answer comes in time."""


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
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Return a JSON answer."""
        body = orjson.dumps(value, default=str)
        return cls(status, body, {"content-type": "application/json"} | dict(headers or {}))

    @classmethod
    def html(cls, status: int, text: str) -> Response:
        return cls(status, text.encode(), {"content-type": "text/html; charset=utf-8"})


class App(Protocol):
    """What can be served."""

    def handle(self, request: Request) -> Response: ...


def make_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return a request from what is on the wire."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    return Request(method, parts.path, query, {name.lower(): value for name, value in headers.items()}, body)


class Server:
    """Serves an app from a thread until stopped. Requests are answered one after another."""

    def __init__(self, app: App, port: int, host: str = "127.0.0.1") -> None:
        lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"app": app, "lock": lock})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.lock = lock

    def start(self) -> Server:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve(app: App, port: int, host: str = "127.0.0.1") -> Server:
    """Start serving and return the server; port 0 takes a free one."""
    return Server(app, port, host).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    app: App
    lock: threading.Lock

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        request = make_request(
            self.command, self.path, dict(self.headers), self.rfile.read(length) if length else b""
        )
        try:
            with self.lock:
                response = self.app.handle(request)
        except TimedOut:
            time.sleep(TIME_OUT_SECONDS)
            self.close_connection = True
            return
        except Dropped:
            self.close_connection = True
            return
        if self.headers.get("transfer-encoding"):
            self.close_connection = True  # its chunks were not read
        self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _any

    def log_message(self, *args: Any) -> None:
        """The page shows what was asked; standard output stays quiet."""
