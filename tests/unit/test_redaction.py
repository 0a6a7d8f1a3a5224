"""Nothing secret or personal survives redaction; what an operator needs does."""

from __future__ import annotations

from typing import Any

import pytest

from sync.redaction import MASK, mask_secrets, redact


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Basic YXBpXzEyMzQ1Njo=", "YXBpXzEyMzQ1Njo="),
        ("authorization: bearer abc.def-123", "abc.def-123"),
        ("key api_3fkqXZ.7hGkQ was refused", "api_3fkqXZ.7hGkQ"),
        ("GET /status?ship=5a43&secret=hushhush&x=1", "hushhush"),
        ("?hullToken=eyJhbGciOi.eyJpc3Mi.c2ln", "eyJhbGciOi.eyJpc3Mi.c2ln"),
        ('{"api_key": "0123456789abcdef"}', "0123456789abcdef"),
        ("signature_key=058bfb6a3d8c", "058bfb6a3d8c"),
        ("contact ada.lovelace+x@example.co.uk is new", "ada.lovelace+x@example.co.uk"),
        ("/contact/?query=email%3Aada%40example.com", "ada%40example.com"),
        ("call +1 800-444-5555 now", "+1 800-444-5555"),
        ("call +18004445555 now", "+18004445555"),
        ("call (800) 444-5555 now", "(800) 444-5555"),
    ],
)
def test_text_loses_what_is_secret_or_personal(text: str, hidden: str) -> None:
    assert hidden not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET /lead/lead_70jZ5hiVt5X31MZ3vJ0R0GJMqJEihkoF7TtSVFbN2ty/ 200",
        "updated 2026-11-23T09:02:57.156Z, 1500 records in 12.5 s",
        "field custom.cf_9kQ holds 20261123",
        "notification f124005a-92e6-4554-a556-d294ed63cdae",
    ],
)
def test_ids_and_times_stay(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_go_wherever_they_occur() -> None:
    assert redact("a 995ece09c8d8 b", secrets=["995ece09c8d8"]) == f"a {MASK} b"


def test_a_short_secret_does_not_garble_everything() -> None:
    assert mask_secrets("1234 records", ["1234", ""]) == "1234 records"


def test_the_longer_of_two_overlapping_secrets_is_masked_whole() -> None:
    assert mask_secrets("abcdef-ghi", ["abcdef", "abcdef-ghi"]) == MASK


def test_mappings_are_redacted_in_depth_and_left_as_they_are() -> None:
    given: dict[str, Any] = {
        "Hull-Access-Token": "abcdef",
        "configuration": {"secret": "s", "id": "5a43"},
        "emails": [{"email": "a@b.com", "type": "office"}],
        "count": 3,
        "api_key": "",
    }
    assert redact(given) == {
        "Hull-Access-Token": MASK,
        "configuration": {"secret": MASK, "id": "5a43"},
        "emails": [{"email": MASK, "type": "office"}],
        "count": 3,
        "api_key": "",
    }
    assert given["configuration"]["secret"] == "s"
