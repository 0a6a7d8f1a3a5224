"""Which answer of Hull means which next step."""

from __future__ import annotations

from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from sync.errors import ConfigurationError, CredentialsError, RateLimitedError, RejectedError, TransientError
from sync.hull.errors import error_for
from sync.transport import Answer

TABLE = [
    (200, b"[]", None),
    (200, b"ok", None),
    (204, b"", None),
    (200, b"<html>", TransientError),
    (302, b"", ConfigurationError),
    (400, b'{"message": "no"}', RejectedError),
    (401, b"", CredentialsError),
    (402, b"", ConfigurationError),
    (403, b"", ConfigurationError),
    (404, b"", CredentialsError),
    (408, b"", TransientError),
    (413, b"", RejectedError),
    (422, b"", RejectedError),
    (429, b"", RateLimitedError),
    (500, b"", TransientError),
    (502, b"<html>", TransientError),
    (503, b"", TransientError),
    (504, b"", TransientError),
]


@pytest.mark.parametrize(("status", "body", "error"), TABLE)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_the_table(status: int, body: bytes, error: Any, method: str) -> None:
    found = error_for(Answer(status, CaseInsensitiveDict(), body, method, "/", method != "GET"))
    assert (type(found) if found else None) is error
    assert found is None or found.status == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "bad batch"}', "Hull refuses this: bad batch"),
        (b'{"error": "bad batch"}', "Hull refuses this: bad batch"),
        (b"bad batch", "Hull refuses this: bad batch"),
        (b"", "Hull refuses this: it answered with 400"),
        (b"<html>", "Hull refuses this: it answered with 400"),
    ],
)
def test_hulls_own_words(body: bytes, message: str) -> None:
    error = error_for(Answer(400, CaseInsensitiveDict(), body))
    assert error is not None
    assert error.message == message


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7), ("0.5", 0.5), ("soon", 1), ("nan", 1), ("-3", 0), (None, 1)]
)
def test_how_long_to_wait(header: str | None, wait: float) -> None:
    headers = {"Retry-After": header} if header else {}
    error = error_for(Answer(429, CaseInsensitiveDict(headers)))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == wait
