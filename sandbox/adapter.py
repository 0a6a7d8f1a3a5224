"""Brings requests of the `requests` library to a sandbox in this process: no socket is opened."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from sandbox.http import App, Dropped, TimedOut, make_request


class SandboxAdapter(BaseAdapter):
    """Mount it on a session for the address under which a sandbox is to be found."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer a prepared request. Raises what `requests` raises for a lost connection or a time-out."""
        raw = _read(request.body)
        try:
            answer = self.app.handle(
                make_request(str(request.method), str(request.url), dict(request.headers), raw)
            )
        except Dropped:
            raise requests.exceptions.ConnectionError(
                "Connection aborted: the remote closed it", request=request
            ) from None
        except TimedOut:
            raise requests.exceptions.ReadTimeout("Read timed out", request=request) from None
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, str(request.url), request
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"
        response.elapsed = timedelta(milliseconds=1)
        response.raw = HTTPResponse(
            io.BytesIO(answer.body), headers=dict(answer.headers), status=answer.status, preload_content=False
        )
        return response

    def close(self) -> None:
        """Nothing is open."""


def _read(body: Any) -> bytes:
    """Return a body whole: a text, bytes, or the parts of a chunked one."""
    if isinstance(body, str):
        return body.encode()
    if body is None or isinstance(body, bytes | bytearray):
        return bytes(body or b"")
    return b"".join(body)
