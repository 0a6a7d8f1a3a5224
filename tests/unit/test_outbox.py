"""Addresses that somebody typed in: asked about before the first byte, and nothing of ours goes along."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from sync.errors import RejectedError, TransientError
from sync.outbox import post_to


class _Server(http.server.ThreadingHTTPServer):
    received: list[tuple[str, bytes]]
    status = 200


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(socket_enabled: None) -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.received = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server: _Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/hook"


def test_what_is_allowed_arrives(server: _Server) -> None:
    post_to(address(server), b"{}", {}, allowed=lambda ip: ip == "127.0.0.1", insecure=True)

    assert server.received == [("application/json", b"{}")]


def test_a_private_address_gets_not_one_byte(server: _Server) -> None:
    with pytest.raises(RejectedError, match="private network"):
        post_to(address(server), b"secret", {}, allowed=lambda ip: False, insecure=True)

    assert server.received == []


def test_only_https(server: _Server) -> None:
    with pytest.raises(RejectedError, match="https"):
        post_to(address(server), b"{}", {}, allowed=lambda ip: True)


@pytest.mark.parametrize(
    ("status", "error"),
    [(301, RejectedError), (404, RejectedError), (429, TransientError), (503, TransientError)],
)
def test_what_is_answered_otherwise(server: _Server, status: int, error: type[Exception]) -> None:
    server.status = status

    with pytest.raises(error, match=str(status)):
        post_to(address(server), b"{}", {}, allowed=lambda ip: True, insecure=True)
    assert len(server.received) == 1  # no redirect is followed


def test_nobody_there(socket_enabled: None) -> None:
    with pytest.raises(TransientError, match="could not be reached"):
        post_to("http://127.0.0.1:9/", b"{}", {}, allowed=lambda ip: True, insecure=True)
