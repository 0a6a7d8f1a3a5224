"""The one door: what is sent again, what is raised, what is logged, and what never gets out."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses
import urllib3

from sync import transport as module
from sync.errors import (
    ConfigurationError,
    CredentialsError,
    DryRunError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.transport import Answer, Transport, parse_json

BASE = "https://remote.test/api/v1"
URL = f"{BASE}/lead/"

Seen = list[tuple[str, str, int | None]]


def refuse(answer: Answer) -> SyncError | None:
    """The table of a vendor that only knows good and bad."""
    return None if answer.is_ok else RejectedError(answer.body.decode(), status=answer.status)


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def make(seen: Seen) -> Iterator[Callable[..., Transport]]:
    """Make transports that report to `seen`, and close their connections in the end."""
    session = module.new_session()

    def make_one(base_url: str = BASE, **options: Any) -> Transport:
        def observer(*what: Any) -> None:
            seen.append(what)  # type: ignore[arg-type]

        options = {"classify": refuse, "session": session, "observer": observer} | options
        return Transport(base_url, **options)

    yield make_one
    session.close()


@pytest.fixture
def remote() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def dropped() -> requests.ConnectionError:
    lost = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
    return requests.ConnectionError(lost)


def unreachable() -> requests.ConnectionError:
    reason = urllib3.exceptions.NewConnectionError(None, "refused")  # type: ignore[arg-type]
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


# ── What goes out ────────────────────────────────────────────────────────────────────────────────


def test_an_answer_comes_back_and_the_observer_hears_of_it_once(
    make: Callable[..., Transport], remote: responses.RequestsMock, seen: Seen
) -> None:
    remote.get(URL, json={"data": []}, headers={"RateLimit": "limit=1"})
    answer = make().request("GET", "/lead/", params={"_skip": 0, "x": None})
    assert (answer.status, answer.json()) == (200, {"data": []})
    assert answer.headers["ratelimit"] == "limit=1"
    assert remote.calls[0].request.url == f"{URL}?_skip=0"
    assert seen == [("GET", "/lead/", 200)]


def test_a_body_is_sent_whole_with_its_length_and_type(
    make: Callable[..., Transport], remote: responses.RequestsMock
) -> None:
    remote.post(URL, json={})
    make(auth=("api_1.2", ""), headers={"Hull-App-Id": "5a43"}).request(
        "POST", "/lead/", json={"name": "Ünï"}
    )
    request = remote.calls[0].request
    assert request.body == '{"name":"Ünï"}'.encode()
    assert request.headers["Content-Length"] == str(len(request.body))
    assert "Transfer-Encoding" not in request.headers
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Basic YXBpXzEuMjo="
    assert request.headers["Hull-App-Id"] == "5a43"


def test_a_number_beyond_64_bits_is_written(
    make: Callable[..., Transport], remote: responses.RequestsMock
) -> None:
    remote.post(URL, json={})
    make().request("POST", "/lead/", json={"n": 2**70})
    assert remote.calls[0].request.body == b'{"n": 1180591620717411303424}'


def test_what_cannot_be_json_is_this_records_problem(make: Callable[..., Transport], seen: Seen) -> None:
    with pytest.raises(RejectedError, match="cannot be written as JSON"):
        make().request("POST", "/lead/", json={"x": object()})
    assert seen == []


@pytest.mark.parametrize(
    "url", ["ftp://remote.test", "remote.test/api", "file:///etc/passwd", "", "http://", "http://[x"]
)
def test_only_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Transport(url, classify=refuse)


@pytest.mark.parametrize("secret", ["line\nbreak", "schlüssel", "“quoted”"])
def test_a_secret_that_no_header_can_hold_is_refused_at_once(secret: str) -> None:
    with pytest.raises(CredentialsError):
        Transport(BASE, headers={"Hull-Access-Token": secret}, classify=refuse)


def test_redirects_are_not_followed(make: Callable[..., Transport], remote: responses.RequestsMock) -> None:
    remote.get(URL, status=302, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(RejectedError):
        make().request("GET", "/lead/")
    assert len(remote.calls) == 1


# ── Dry run ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_dry_run_writes_nothing(make: Callable[..., Transport], seen: Seen, method: str) -> None:
    with pytest.raises(DryRunError) as caught:
        make(dry_run=True).request(method, "/lead/", json={})
    assert (caught.value.method, caught.value.path) == (method, "/lead/")
    assert seen == []


def test_a_dry_run_reads(make: Callable[..., Transport], remote: responses.RequestsMock) -> None:
    remote.get(URL, json={})
    remote.post(URL, json={})
    door = make(dry_run=True)
    door.request("GET", "/lead/")
    door.request("POST", "/lead/", json={}, write=False)
    assert len(remote.calls) == 2


# ── No answer ────────────────────────────────────────────────────────────────────────────────────

LOST = [
    # what happens, method, write, how often it is sent, what is raised
    (dropped, "GET", None, 2, TransientError),
    (dropped, "POST", False, 2, TransientError),
    (dropped, "PUT", None, 2, TransientError),
    (dropped, "DELETE", None, 2, TransientError),
    (dropped, "POST", None, 1, UnknownResultError),
    (dropped, "PATCH", None, 1, UnknownResultError),
    (requests.ReadTimeout, "GET", None, 2, TransientError),
    (requests.ReadTimeout, "POST", False, 2, TransientError),
    (requests.ReadTimeout, "PUT", None, 1, TransientError),
    (requests.ReadTimeout, "DELETE", None, 1, TransientError),
    (requests.ReadTimeout, "POST", None, 1, UnknownResultError),
    (requests.exceptions.ChunkedEncodingError, "POST", None, 1, UnknownResultError),
    (unreachable, "GET", None, 0, TransientError),
    (unreachable, "POST", None, 0, TransientError),
    (requests.ConnectTimeout, "POST", None, 0, TransientError),
]


@pytest.mark.parametrize(("what", "method", "write", "times", "error"), LOST)
def test_a_lost_request(
    make: Callable[..., Transport],
    remote: responses.RequestsMock,
    seen: Seen,
    what: Callable[[], Exception],
    method: str,
    write: bool | None,
    times: int,
    error: type[SyncError],
) -> None:
    remote.add(method, URL, body=what())
    with pytest.raises(TransientError) as caught:
        make().request(method, "/lead/", write=write)
    assert type(caught.value) is error
    assert seen == [(method, "/lead/", None)] * times
    assert "remote.test" in caught.value.message


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_second_try_that_is_answered_is_good(
    make: Callable[..., Transport], remote: responses.RequestsMock, seen: Seen, method: str
) -> None:
    remote.add(method, URL, body=dropped())
    remote.add(method, URL, json={"ok": True})
    assert make().request(method, "/lead/").json() == {"ok": True}
    assert seen == [(method, "/lead/", None), (method, "/lead/", 200)]


@pytest.mark.parametrize(("what", "times"), [(dropped, 2), (requests.ReadTimeout, 1)])
def test_a_repeatable_post_never_has_an_unknown_result(
    make: Callable[..., Transport],
    remote: responses.RequestsMock,
    seen: Seen,
    what: Callable[[], Exception],
    times: int,
) -> None:
    remote.post(URL, body=what())
    with pytest.raises(TransientError) as caught:
        make().request("POST", "/lead/", json={}, repeatable=True)
    assert type(caught.value) is TransientError
    assert len(seen) == times


def test_an_answer_that_is_too_large_is_refused_and_not_asked_for_again(
    make: Callable[..., Transport],
    remote: responses.RequestsMock,
    seen: Seen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 10)
    remote.get(URL, body=b"x" * 11)
    with pytest.raises(TransientError, match="larger"):
        make().request("GET", "/lead/")
    assert seen == [("GET", "/lead/", None)]


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "write", "error"),
    [("GET", False, TransientError), ("PUT", True, TransientError), ("POST", True, UnknownResultError)],
)
def test_an_answer_that_is_not_json(method: str, write: bool, error: type[SyncError]) -> None:
    with pytest.raises(TransientError) as caught:
        Answer(200, body=b'{"id": "lead_1', method=method, is_write=write).json()
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (rb'{"a": "x\u0000y\u0000\u0000z"}', {"a": "xyz"}),
        (rb'{"a": "x\\u0000y"}', {"a": "x\\u0000y"}),
        (rb'{"a": "half \ud83d pair"}', {"a": "half ? pair"}),
        (b"\xef\xbb\xbf[1]", [1]),
    ],
)
def test_json_as_it_occurs(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{'a': 1}", b'{"a": NaN}', b"\xff\xfe\x00", b"[" * 100_000]
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which kind of it does not matter
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "content_type", "is_html"),
    [
        (b" \n<!DOCTYPE html>", "", True),
        (b"<html>", "application/json", True),
        (b"Sorry", "text/html; charset=utf-8", True),
        (b"{}", "application/json", False),
        (b"", "", False),
    ],
)
def test_a_page_for_people_is_recognised(body: bytes, content_type: str, is_html: bool) -> None:
    assert Answer(200, {"content-type": content_type}, body).is_html is is_html


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────


def test_one_line_a_request_without_anything_personal(
    make: Callable[..., Transport], remote: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    remote.get(f"{BASE}/contact/cont_1/", json={"email": "ada@example.com"})
    caplog.set_level(logging.DEBUG, "sync.transport")
    door = make(auth=("api_secret.key", ""), secrets=("hushhush",))
    door.request("GET", "/contact/cont_1/", route="/contact/{id}/", params={"query": "email:ada@example.com"})
    (line,) = caplog.records
    told = {name: vars(line)[name] for name in ("method", "route", "status")}
    assert told == {"method": "GET", "route": "/contact/{id}/", "status": 200}
    assert isinstance(vars(line)["ms"], int)
    assert not [secret for secret in ("api_secret", "hushhush", "ada@") if secret in str(vars(line))]


def test_a_failure_is_told_without_its_address(
    make: Callable[..., Transport], remote: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    remote.get(URL, body=requests.ReadTimeout("pool: /lead/?query=email:ada@example.com"))
    with pytest.raises(TransientError) as caught:
        make().request("GET", "/lead/", params={"query": "email:ada@example.com"})
    assert "ada" not in str(caught.value) + str([vars(line) for line in caplog.records])
    assert caught.value.__cause__ is None
    assert [vars(line)["problem"] for line in caplog.records] == ["no answer in time"] * 2


def test_a_secret_in_the_remotes_own_words_is_masked(
    make: Callable[..., Transport], remote: responses.RequestsMock
) -> None:
    remote.get(URL, status=400, body="unknown key api_secret.key for ada@example.com")
    with pytest.raises(RejectedError) as caught:
        make(auth=("api_secret.key", "")).request("GET", "/lead/")
    assert str(caught.value) == caught.value.message == "unknown key [redacted] for ada@example.com"


def test_a_session_keeps_nothing_of_its_surroundings(
    make: Callable[..., Transport], remote: responses.RequestsMock
) -> None:
    session = module.new_session()
    remote.get(URL, json={}, headers={"Set-Cookie": "a=b; Path=/"})
    door = make(session=session)
    door.request("GET", "/lead/")
    door.request("GET", "/lead/")
    assert "Cookie" not in remote.calls[1].request.headers
    assert session.trust_env is False
    session.close()


# ── On a real connection ─────────────────────────────────────────────────────────────────────────


class Wire:
    """A server that reads one request per connection, notes it, and does what it is told."""

    def __init__(self, *replies: bytes | None) -> None:
        self.received: list[bytes] = []
        self._replies = replies
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for reply in self._replies:
            connection, _ = self._socket.accept()
            with connection:
                self.received.append(connection.recv(65536))
                if reply:
                    connection.sendall(reply)

    def close(self) -> None:
        self._thread.join(5)
        self._socket.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\nConnection: close\r\n\r\n{"


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("method", "replies", "error"),
    [
        ("GET", (None, OK), None),
        ("PUT", (None, OK), None),
        ("GET", (HALF, OK), None),
        ("GET", (None, None), TransientError),
        ("POST", (None,), UnknownResultError),
        ("POST", (HALF,), UnknownResultError),
    ],
)
def test_a_real_connection_that_breaks(
    make: Callable[..., Transport],
    seen: Seen,
    method: str,
    replies: tuple[bytes | None, ...],
    error: type[SyncError] | None,
) -> None:
    wire = Wire(*replies)
    try:
        make(wire.url).request(method, "/lead/", json={"a": 1})
        raised = None
    except SyncError as caught:
        raised = type(caught)
    wire.close()
    assert raised is error
    assert len(wire.received) == len(seen) == len(replies)
    assert b"chunked" not in wire.received[0]


@pytest.mark.enable_socket
def test_a_real_port_where_nobody_listens(make: Callable[..., Transport], seen: Seen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TransientError) as caught:
        make(f"http://127.0.0.1:{port}").request("POST", "/lead/", json={})
    assert type(caught.value) is TransientError
    assert seen == []


@pytest.mark.enable_socket
@pytest.mark.parametrize(("method", "error"), [("PUT", TransientError), ("POST", UnknownResultError)])
def test_a_real_remote_that_falls_silent(
    make: Callable[..., Transport], method: str, error: type[SyncError]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = make(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=(1, 0.1))
        with pytest.raises(TransientError) as caught:
            door.request(method, "/lead/", json={})
    assert type(caught.value) is error
    assert "in time" in caught.value.message
