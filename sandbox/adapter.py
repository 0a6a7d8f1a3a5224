"""Brings requests of the `requests` library to a sandbox in this process: no socket is opened."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from sandbox.http import App, Cut, Dropped, Request, Response, TimedOut, make_request


class SandboxAdapter(BaseAdapter):
    """Mount it on a session for the address under which a sandbox is to be found.

    `wait` is told how long, in seconds, a slow answer takes: a test moves its clock by it.
    """

    def __init__(self, app: App, wait: Callable[[float], None] = lambda seconds: None) -> None:
        super().__init__()
        self.app, self.wait = app, wait

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer a prepared request. Raises what `requests` raises for a lost connection or a time-out."""
        raw = _read(request.body)
        try:
            answer = _asked(
                self.app, make_request(str(request.method), str(request.url), dict(request.headers), raw)
            )
        except Dropped:
            raise requests.exceptions.ConnectionError(
                "Connection aborted: the remote closed it", request=request
            ) from None
        except TimedOut:
            raise requests.exceptions.ReadTimeout("Read timed out", request=request) from None
        self.wait(answer.delay)
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, str(request.url), request
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"
        response.elapsed = timedelta(seconds=answer.delay or 0.001)
        response.raw = _raw(answer)
        if not kwargs.get("stream"):
            _ = response.content  # an answer that breaks off is noticed here, as with a socket
        return response

    def close(self) -> None:
        """Nothing is open."""


def _asked(app: App, request: Request) -> Response:
    early = getattr(app, "early", None)
    if early:
        early(request)
    answer = app.handle(request)
    if answer.cut is Cut.STATUS:
        raise Dropped
    # Python's own client takes headers that break off for the end of them, and the body for an empty one.
    return Response(answer.status, delay=answer.delay) if answer.cut is Cut.HEADERS else answer


def _raw(answer: Response) -> HTTPResponse:
    """Return the answer as a stream that says how long it is, and may be shorter than that."""
    sent = {None: answer.body, Cut.BODY: answer.body[: len(answer.body) // 2]}.get(answer.cut, b"")
    headers = dict(answer.headers) | {"content-length": str(len(answer.body))}
    return HTTPResponse(
        io.BytesIO(sent), headers=headers, status=answer.status, preload_content=False,
        enforce_content_length=True, request_method=None,
    )  # fmt: skip


def _read(body: Any) -> bytes:
    """Return a body whole: a text, bytes, or the parts of a chunked one."""
    if isinstance(body, str):
        return body.encode()
    if body is None or isinstance(body, bytes | bytearray):
        return bytes(body or b"")
    return b"".join(body)
