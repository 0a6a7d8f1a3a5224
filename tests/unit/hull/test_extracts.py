"""Extracts: the call that names one, and its lines as they come over the wire."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest

from sync.hull.errors import MalformedNotification
from sync.hull.extracts import (
    CSV,
    JSON,
    LONGEST_LINE,
    ExtractCall,
    is_extract_url,
    is_public_address,
    iter_lines,
    parse_extract_call,
)
from sync.records import ObjectType

URL = "https://exports.s3.amazonaws.com/e.json?X-Amz-Signature=x"


# ── The call ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "default", "wanted"),
    [
        ({"format": "json"}, ObjectType.CONTACT, (JSON, ObjectType.CONTACT)),
        ({"format": "CSV", "object_type": "account_report"}, ObjectType.CONTACT, (CSV, ObjectType.LEAD)),
        ({"format": "json", "object_type": "user_report"}, ObjectType.LEAD, (JSON, ObjectType.CONTACT)),
        ({"format": "json", "object_type": None, "connector": {}}, ObjectType.LEAD, (JSON, ObjectType.LEAD)),
    ],
)
def test_a_call(body: dict[str, object], default: ObjectType, wanted: tuple[str, ObjectType]) -> None:
    assert parse_extract_call(json.dumps({"url": URL} | body).encode(), default) == ExtractCall(URL, *wanted)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not JSON"),
        (b"[]", "lacks url or format"),
        (b'{"url": "https://x"}', "lacks url or format"),
        (b'{"url": 5, "format": "json"}', "lacks url or format"),
        (b'{"url": "https://x", "format": "xml"}', "neither json nor csv"),
        (b'{"url": "https://x", "format": "json", "object_type": "lead"}', "neither user_report nor account_report"),
        (b'{"url": "https://x", "format": "json", "object_type": {}}', "neither user_report nor account_report"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_read_says_why(body: bytes, text: str) -> None:
    with pytest.raises(MalformedNotification, match=text):
        parse_extract_call(body, ObjectType.LEAD)


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        (URL, True),
        ("https://acme.hullapp.io/extract", True),
        ("https://hull-exports.s3.eu-west-1.amazonaws.com:443/e", True),
        ("https://storage.googleapis.com/e", True),
        ("http://exports.s3.amazonaws.com/e", False),
        ("https://amazonaws.com.evil.example/e", False),
        ("https://evilamazonaws.com/e", False),
        ("https://user:pass@acme.hullapp.io/e", False),
        ("https://169.254.169.254/latest/meta-data/", False),
        ("https://127.0.0.1/e", False),
        ("http://127.0.0.1:9002/e", False),
        ("file:///etc/passwd", False),
        ("https://[::1/e", False),
        ("", False),
    ],
)
def test_where_an_extract_may_be(url: str, is_allowed: bool) -> None:
    assert is_extract_url(url, allow_loopback=False) is is_allowed


def test_the_sandbox_is_on_this_machine() -> None:
    assert is_extract_url("http://127.0.0.1:9002/e", allow_loopback=True)
    assert not is_extract_url("http://10.0.0.1/e", allow_loopback=True)


@pytest.mark.parametrize(
    ("address", "is_public"),
    [("8.8.8.8", True), ("2600::1", True), ("10.1.2.3", False), ("127.0.0.1", False), ("169.254.169.254", False), ("192.168.1.1", False),
     ("100.64.0.1", False), ("0.0.0.0", False), ("::1", False), ("fe80::1", False), ("fc00::1", False), ("::ffff:10.0.0.1", False),
     ("::ffff:8.8.8.8", True), ("224.0.0.1", False), ("", False), ("name.example", False)],
)  # fmt: skip
def test_which_addresses_are_the_internets(address: str, is_public: bool) -> None:
    assert is_public_address(address) is is_public


# ── Lines ────────────────────────────────────────────────────────────────────────────────────────


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


USERS = b"""{"id": "u1", "email": "ann@acme.com", "traits_title": "CEO", "segment_ids": ["s1"], "account": {"id": "a1", "domain": "acme.com"}}

{"id": "u2", "name": "\xc3\x85sa"}\r
nonsense
[1]
{"id": "u3"}"""


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_json_lines_however_they_are_cut(size: int) -> None:
    lines = list(iter_lines(in_pieces(USERS, size), JSON, ObjectType.CONTACT))

    users = [line.message.user for line in lines if line.message]
    assert [user and user.attributes.get("id") for user in users] == ["u1", "u2", "u3"]
    first, second, _ = users
    assert first and first.attributes["title"] == "CEO" and first.segment_ids == ("s1",)
    assert (
        first.account
        and first.account.attributes["domain"] == "acme.com"
        and first.account.segment_ids is None
    )
    assert second and second.attributes["name"] == "Åsa"
    problems = [line.problem for line in lines if line.problem]
    assert problems == ["Line 3 is not JSON.", "Line 4 cannot be read: it is not an object."]
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]


def test_accounts_are_flat() -> None:
    data = b'{"id": "a1", "domain": "acme.com", "closeio/id": "lead_1", "segment_ids": ["s1", "s2"]}\n'
    (line,) = iter_lines([data], JSON, ObjectType.LEAD)

    assert line.message and line.message.account and not line.message.user
    assert line.message.account.segment_ids == ("s1", "s2")
    assert line.message.account.attributes["closeio/id"] == "lead_1"


CSV_USERS = (
    '﻿id,email,traits_title,account.id,account.domain,account_name,segment_ids,traits_empty\r\n'
    'u1,ann@acme.com,"CEO, founder","a1",acme.com,Acme,"[""s1"",""s2""]",\r\n'
    'u2,bob@acme.com,"two\nlines",,,,"s1,s3",\r\n'
).encode()  # fmt: skip


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_csv_with_quotes_lines_and_accounts(size: int) -> None:
    first, second = iter_lines(in_pieces(CSV_USERS, size), CSV, ObjectType.CONTACT)

    assert first.message and first.message.user and second.message and second.message.user
    assert dict(first.message.user.attributes) == {
        "id": "u1", "email": "ann@acme.com", "title": "CEO, founder", "segment_ids": ["s1", "s2"],
    }  # fmt: skip
    account = first.message.user.account
    assert account and dict(account.attributes) == {"id": "a1", "domain": "acme.com", "name": "Acme"}
    assert second.message.user.attributes["title"] == "two\nlines"
    assert second.message.user.segment_ids == ("s1", "s3") and second.message.user.account is None


def test_csv_with_too_few_and_too_many_columns() -> None:
    data = b"id,name\na1\na2,B,extra\n\na3,C\n"
    names = [
        (line.message.account.attributes if line.message and line.message.account else line.problem)
        for line in iter_lines([data], CSV, ObjectType.LEAD)
    ]
    assert names == [{"id": "a1"}, {"id": "a2", "name": "B"}, {"id": "a3", "name": "C"}]


def test_a_line_without_end_is_told_and_passed_over() -> None:
    chunk = b"x" * (LONGEST_LINE // 4)
    lines = list(iter_lines([*[chunk] * 6, b'\n{"id": "a1"}\n'], JSON, ObjectType.LEAD))

    assert lines[0].problem == "Line 1 is longer than 8 MB."
    assert lines[1].message and lines[1].message.account
    (line,) = iter_lines([chunk] * 6, JSON, ObjectType.LEAD)
    assert line.problem == "Line 1 is longer than 8 MB."


def test_many_lines_take_no_more_memory_than_a_few() -> None:
    def peak(number: int) -> int:
        def chunks() -> Iterable[bytes]:
            for start in range(0, number, 100):
                yield b"".join(
                    b'{"id": "a%d", "name": "A company"}\n' % index for index in range(start, start + 100)
                )

        tracemalloc.start()
        assert sum(1 for line in iter_lines(chunks(), JSON, ObjectType.LEAD) if line.message) == number
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # what is imported and cached the first time does not count
    assert peak(20_000) < peak(1_000) * 1.5
