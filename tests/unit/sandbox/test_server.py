"""The server: what really goes over a socket, on good days and on bad ones."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from sandbox.close.store import API_KEY
from sandbox.http import Request, Response, Server, serve
from sandbox.moods import parse_moods
from tests.unit.sandbox.remotes import CloseApi

pytestmark = pytest.mark.enable_socket  # the server itself is tested


@pytest.fixture
def server(api: CloseApi) -> Iterator[Server]:
    server = serve(api.close, 0)
    yield server
    server.stop()


@pytest.fixture
def session(api: CloseApi) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (api.close.api_key, "")
        session.trust_env = False
        yield session


def raw(server: Server, *parts: bytes) -> bytes:
    """Send bytes as they are and return all that comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        for part in parts:
            line.sendall(part)
        line.shutdown(socket.SHUT_WR)
        found = b""
        while more := line.recv(65536):
            found += more
        return found


CREDENTIALS = b"authorization: Basic " + base64.b64encode(f"{API_KEY}:".encode()) + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "got"),
    [("cut_status", b"HTTP/1."), ("cut_headers", b"HTTP/1.1 200 OK\r\ncontent-ty"), ("cut_empty", b"\r\n\r\n"), ("cut_body", b'\r\n\r\n{"id"')],
)  # fmt: skip
def test_an_answer_breaks_off_where_it_is_told(api: CloseApi, server: Server, kind: str, got: bytes) -> None:
    api.close.fail_next("GET", "/me/", kind)
    found = raw(server, b"GET /api/v1/me/ HTTP/1.1\r\nhost: x\r\n" + CREDENTIALS + b"\r\n")

    assert found.endswith(got) if kind == "cut_empty" else got in found
    head, _, body = found.partition(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
    assert not length or int(length[0].split()[1]) > len(body)


@pytest.mark.parametrize(
    "kind", ["drop_before", "drop_after", "reset_before", "reset_after", "cut_status", "cut_empty", "cut_body", "drop_upload"]
)  # fmt: skip
def test_a_client_notices_and_the_next_request_is_fine(
    api: CloseApi, server: Server, session: requests.Session, kind: str
) -> None:
    api.close.fail_next("POST", "/lead/", kind)
    url = f"http://127.0.0.1:{server.port}/api/v1/lead/"

    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        session.post(url, json={"name": "Acme"})
    is_done = kind in ("drop_after", "reset_after") or kind.startswith("cut")
    assert len(api.close.leads) == is_done
    assert session.post(url, json={"name": "Acme"}).status_code == 200


def test_headers_that_break_off_look_like_an_empty_answer(
    api: CloseApi, server: Server, session: requests.Session
) -> None:
    api.close.fail_next("GET", "/me/", "cut_headers")
    answer = session.get(f"http://127.0.0.1:{server.port}/api/v1/me/")

    assert (answer.status_code, answer.content) == (200, b"")


def test_requests_one_after_another_without_waiting(server: Server) -> None:
    one = b"GET /api/v1/me/ HTTP/1.1\r\nhost: x\r\n" + CREDENTIALS
    found = raw(server, one + b"\r\n" + one + b"\r\n" + one + b"connection: close\r\n\r\n")

    assert found.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"])
def test_what_is_no_request_gets_400(server: Server, text: bytes) -> None:
    assert raw(server, text).startswith(b"HTTP/1.1 400")


def test_a_body_in_small_pieces(api: CloseApi, server: Server) -> None:
    body = json.dumps({"name": "Ålesund"}).encode()
    head = b"POST /api/v1/lead/ HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n"
    pieces = [bytes([one]) for one in body]
    found = raw(server, head + CREDENTIALS + b"content-length: %d\r\n\r\n" % len(body), *pieces)

    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert [lead["name"] for lead in api.close.leads.values()] == ["Ålesund"]


def test_too_large_a_body_is_not_read(server: Server) -> None:
    head = b"POST /api/v1/lead/ HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"
    assert raw(server, head).startswith(b"HTTP/1.1 413")


def test_a_slow_answer_keeps_nobody_else_waiting(
    api: CloseApi, server: Server, session: requests.Session
) -> None:
    api.close.set_moods(parse_moods("latency=400ms"))
    url = f"http://127.0.0.1:{server.port}/api/v1/me/"
    took: list[float] = []

    def ask() -> None:
        took.append(requests.get(url, auth=(api.close.api_key, ""), timeout=10).elapsed.total_seconds())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(one >= 0.4 for one in took)
    assert sum(took) < 8 * 0.4 * 4  # side by side: in turn, the last would wait for eight


def test_a_head_and_an_empty_answer_have_no_body() -> None:
    class Empty:
        def handle(self, request: Request) -> Response:
            return Response(204) if request.method == "DELETE" else Response.of(200, {"a": 1})

    server = serve(Empty(), 0)
    try:
        head = requests.head(f"http://127.0.0.1:{server.port}/", timeout=10)
        gone = requests.delete(f"http://127.0.0.1:{server.port}/", timeout=10)
    finally:
        server.stop()
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "7", b"")
    assert (gone.status_code, gone.content) == (204, b"")


def test_a_fault_of_the_sandbox_is_answered_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def handle(self, request: Request) -> Response:
            raise KeyError("something")

    server = serve(Broken(), 0)
    try:
        answer = requests.get(f"http://127.0.0.1:{server.port}/", timeout=10)
    finally:
        server.stop()
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": "The sandbox is at fault: KeyError('something')"},
    )
    assert "Traceback" in capsys.readouterr().err


def test_a_taken_port_is_said_at_once(server: Server) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(server.app, server.port)
