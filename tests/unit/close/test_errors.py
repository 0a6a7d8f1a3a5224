"""Which answer of Close means which next step."""

from __future__ import annotations

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from sync.close.errors import error_for, flatten_fields, rate_limit
from sync.errors import (
    ConfigurationError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.transport import Answer

HTML = b"<html><body>502 Bad Gateway</body></html>"


def answer(
    status: int, body: Any = b"", *, method: str = "GET", write: bool | None = None, **headers: str
) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, named, raw, method, "/lead/", method != "GET" if write is None else write)


def kind(status: int, method: str, body: Any = b"", write: bool | None = None) -> type[SyncError] | None:
    error = error_for(answer(status, body, method=method, write=write))
    return type(error) if error else None


SAID = {"error": "because"}

TABLE = [
    # status, GET, PUT, POST
    (200, None, None, None),
    (201, None, None, None),
    (204, None, None, None),
    (301, ConfigurationError, ConfigurationError, ConfigurationError),
    (400, RejectedError, RejectedError, RejectedError),
    (401, CredentialsError, CredentialsError, CredentialsError),
    (402, ForbiddenError, ForbiddenError, ForbiddenError),
    (403, ForbiddenError, RejectedError, RejectedError),
    (404, NotFoundError, NotFoundError, NotFoundError),
    (405, RejectedError, RejectedError, RejectedError),
    (408, TransientError, TransientError, TransientError),
    (409, RejectedError, RejectedError, RejectedError),
    (410, NotFoundError, NotFoundError, NotFoundError),
    (413, RejectedError, RejectedError, RejectedError),
    (415, RejectedError, RejectedError, RejectedError),
    (418, RejectedError, RejectedError, RejectedError),
    (422, RejectedError, RejectedError, RejectedError),
    (429, RateLimitedError, RateLimitedError, RateLimitedError),
    (500, TransientError, TransientError, UnknownResultError),
    (502, TransientError, TransientError, UnknownResultError),
    (503, TransientError, TransientError, TransientError),
    (504, TransientError, TransientError, UnknownResultError),
    (520, TransientError, TransientError, UnknownResultError),
]


@pytest.mark.parametrize(("status", "get", "put", "post"), TABLE)
def test_the_table(status: int, get: Any, put: Any, post: Any) -> None:
    assert kind(status, "GET", SAID) is get
    assert kind(status, "PUT", SAID) is put
    assert kind(status, "POST", SAID) is post


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_search_is_a_read_although_it_is_a_post(status: int) -> None:
    assert kind(status, "POST", SAID, write=False) is TransientError


@pytest.mark.parametrize(
    ("status", "method", "error"),
    [
        (200, "GET", TransientError),
        (200, "PUT", TransientError),
        (200, "POST", UnknownResultError),
        (404, "PUT", TransientError),  # not Close's own word that the record is gone
        (403, "GET", TransientError),
        (502, "GET", TransientError),
        (503, "POST", TransientError),
    ],
)
def test_a_web_page_is_not_close_speaking(status: int, method: str, error: type[SyncError]) -> None:
    assert kind(status, method, HTML) is error


def test_the_status_stays_with_the_error() -> None:
    error = error_for(answer(418, SAID))
    assert error is not None
    assert (error.status, error.message) == (418, "because")


# ── Close's own words ────────────────────────────────────────────────────────────────────────────

# As recorded for POST /lead/ with a bad address.
NESTED = {
    "errors": [],
    "field-errors": {
        "contacts": {
            "errors": {
                "0": {
                    "errors": [],
                    "field-errors": {
                        "emails": {
                            "errors": {
                                "0": {"errors": [], "field-errors": {"email": "Invalid email address."}}
                            }
                        }
                    },
                }
            }
        }
    },
}

ENVELOPES = [
    (NESTED, {"contacts.0.emails.0.email": "Invalid email address."}, "contacts.0.emails.0.email: Invalid email address."),
    ({"errors": [], "field-errors": {"name": "Too long."}}, {"name": "Too long."}, "name: Too long."),
    ({"errors": [], "field-errors": {"name": ["A.", "B."]}}, {"name": "A. B."}, "name: A. B."),
    (
        {"errors": ["Not now."], "field-errors": {"custom.cf_1": "Not a valid choice."}},
        {"custom.cf_1": "Not a valid choice."},
        "Not now.; custom.cf_1: Not a valid choice.",
    ),
    (
        {"field-errors": {"emails": {"errors": {"0": {"errors": ["Bad."]}, "2": {"field-errors": {"email": "No."}}}}}},
        {"emails.0": "Bad.", "emails.2.email": "No."},
        "emails.0: Bad.; emails.2.email: No.",
    ),
    ({"field-errors": {"emails": {"errors": ["List is too long."]}}}, {"emails": "List is too long."}, "emails: List is too long."),
    ({"field-errors": {"address": {"city": "No such city."}}}, {"address.city": "No such city."}, "address.city: No such city."),
    ({"error": "The request contains invalid JSON."}, {}, "The request contains invalid JSON."),
    ({"error": {"message": "Nested."}}, {}, "Nested."),
    ({"errors": "One text."}, {}, "One text."),
    ({}, {}, "Close gave no reason."),
    ([], {}, "Close gave no reason."),
    ({"errors": None, "field-errors": None}, {}, "Close gave no reason."),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields", "message"), ENVELOPES)
def test_nested_validation_is_flattened(body: Any, fields: dict[str, str], message: str) -> None:
    error = error_for(answer(400, body, method="POST"))
    assert isinstance(error, RejectedError)
    assert (error.fields, error.message) == (fields, message)


def test_a_refusal_in_plain_text_is_quoted() -> None:
    error = error_for(answer(400, b"Bad Request", method="POST"))
    assert error is not None
    assert error.message == "Bad Request"


def test_flattening_takes_anything() -> None:
    assert [flatten_fields(body) for body in (None, "text", 3, [1], {"a": 1})] == [{}] * 5


# ── Rate limits ──────────────────────────────────────────────────────────────────────────────────

WAITS = [
    ({"ratelimit": "limit=100, remaining=0, reset=5"}, {}, 5),
    ({"ratelimit": "limit=160; remaining=0; reset=2.5"}, {}, 2.5),
    ({"ratelimit": "limit=160; remaining=0; reset=2.5", "retry_after": "3"}, {}, 2.5),
    ({"retry_after": "3"}, {"error": {"rate_reset": 0.87}}, 3),
    ({}, {"error": {"message": "API call count exceeded", "rate_reset": 0.87}}, 0.87),
    ({}, {"rate_reset": 4}, 4),
    ({}, {"error": "slow down"}, 1),
    ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, 1),
    ({"ratelimit": "reset=soon", "retry_after": "nan"}, HTML, 1),
    ({"ratelimit": "reset=1795424582"}, {}, 3600),
    ({"ratelimit": "reset=-1"}, {}, 0),
]


@pytest.mark.parametrize(("headers", "body", "wait"), WAITS)
def test_how_long_to_wait(headers: dict[str, str], body: Any, wait: float) -> None:
    error = error_for(answer(429, body, **headers))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    "header",
    [
        "limit=160, remaining=159, reset=8",
        "limit=160; remaining=159; reset=8",
        "reset=8;limit=160 ,remaining=159",
    ],
)
def test_both_spellings_of_the_header(header: str) -> None:
    assert rate_limit({"ratelimit": header}) == {"limit": 160, "remaining": 159, "reset": 8}
