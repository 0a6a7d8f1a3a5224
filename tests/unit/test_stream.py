"""Addresses that somebody else chose are read as a stream: who answers is looked at, not only the name."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest

from sandbox.http import Cut, Request, Response, Server, serve
from sync.errors import RejectedError, TransientError
from sync.transport import new_session, stream

pytestmark = pytest.mark.enable_socket  # the peer of a real connection is what is tested

LINES = b'{"id": "a1"}\n' * 1000


class Files:
    """Serves what a test puts here, and remembers the headers it was asked with."""

    def __init__(self) -> None:
        self.answer = Response(200, LINES)
        self.asked: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def server(files: Files) -> Iterator[Server]:
    running = serve(files, 0)
    yield running
    running.stop()


@pytest.fixture
def read(server: Server) -> Callable[..., bytes]:
    def whole(allowed: Callable[[str], bool] = lambda address: True) -> bytes:
        with new_session() as session:
            return b"".join(stream(f"http://127.0.0.1:{server.port}/e", session=session, allowed=allowed))

    return whole


def test_it_is_read_without_any_credential(files: Files, read: Callable[..., bytes]) -> None:
    assert read() == LINES
    (request,) = files.asked
    assert not {"authorization", "cookie", "hull-access-token"} & set(request.headers)


@pytest.mark.parametrize("headers", [{}, {"connection": "close"}], ids=["kept", "closed by the server"])
def test_who_answers_is_asked_about(
    files: Files, read: Callable[..., bytes], headers: dict[str, str]
) -> None:
    files.answer = Response(200, LINES, headers)
    seen: list[str] = []

    assert read(lambda address: not seen.append(address)) == LINES
    assert seen == ["127.0.0.1"]


def test_a_private_network_is_not_read(read: Callable[..., bytes]) -> None:
    with pytest.raises(RejectedError, match="private network"):
        read(lambda address: False)


def test_it_comes_decompressed(files: Files, read: Callable[..., bytes]) -> None:
    files.answer = Response(200, gzip.compress(LINES), {"content-encoding": "gzip"})
    assert read() == LINES


@pytest.mark.parametrize(
    ("status", "error"),
    [(302, RejectedError), (403, RejectedError), (404, RejectedError), (410, RejectedError), (429, TransientError), (500, TransientError), (503, TransientError)],
)  # fmt: skip
def test_what_is_not_a_file(
    files: Files, read: Callable[..., bytes], status: int, error: type[Exception]
) -> None:
    files.answer = Response(status, b"", {"location": "http://127.0.0.1:1/"} if status == 302 else {})
    with pytest.raises(error, match=str(status)):
        read()
    assert len(files.asked) == 1  # a redirect is not followed


@pytest.mark.parametrize("cut", [Cut.STATUS, Cut.EMPTY, Cut.BODY])
def test_a_line_that_breaks_is_trouble_that_passes(
    files: Files, read: Callable[..., bytes], cut: Cut
) -> None:
    files.answer = Response(200, LINES, cut=cut)
    with pytest.raises(TransientError):
        read()


def test_nobody_there(server: Server) -> None:
    server.stop()
    with new_session() as session, pytest.raises(TransientError, match="no connection"):
        list(stream(f"http://127.0.0.1:{server.port}/e", session=session, allowed=lambda address: True))
