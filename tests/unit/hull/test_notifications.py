"""Notifications: every spelling, duplicates, and signatures that prove something."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sync.errors import CredentialsError, TransientError
from sync.hull.notifications import (
    InvalidSignature,
    MalformedNotification,
    Message,
    is_hull_key_url,
    newest,
    parse_notification,
    verify_signature,
)
from sync.hull.tokens import Credentials, encode_hs256
from sync.records import HullAccount, HullUser, Segment

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CONFIGURATION = {"id": "5a43ce781f6d9f471d005d44", "organization": "acme.hullapp.io", "secret": "1234"}


def body(**parts: Any) -> bytes:
    """A notification with some of its parts replaced; None leaves one out."""
    whole = {
        "notification_id": "n1",
        "configuration": CONFIGURATION,
        "connector": {"id": CONFIGURATION["id"], "private_settings": {}},
        "channel": "account:update",
        "messages": [{"message_id": "m1", "account": {"id": "a1", "domain": "b.com"}}],
    } | parts
    return json.dumps({name: part for name, part in whole.items() if part is not None}).encode()


# ── Spellings ────────────────────────────────────────────────────────────────────────────────────


def test_a_notification() -> None:
    read = parse_notification(body(is_export=True))
    assert read.notification_id == "n1"
    assert read.credentials == Credentials("acme.hullapp.io", "5a43ce781f6d9f471d005d44", "1234")
    assert read.connector["id"] == "5a43ce781f6d9f471d005d44"
    assert read.messages == (Message("m1", None, HullAccount({"id": "a1", "domain": "b.com"})),)
    assert (read.is_export, read.malformed) == (True, ())


@pytest.mark.parametrize(
    ("told", "channel", "count"),
    [
        ("user:update", "user:update", 1),
        ("user_report:update", "user:update", 1),
        ("account:update", "account:update", 1),
        ("account_report:update", "account:update", 1),
        ("segment:update", "users_segment:update", 0),
        ("segment:delete", "users_segment:delete", 0),
        ("users_segment:update", "users_segment:update", 0),
        ("accounts_segment:delete", "accounts_segment:delete", 0),
        ("ship:update", "ship:update", 0),
        ("user:delete", "user:delete", 1),
        ("account_report:delete", "account:delete", 1),
        ("something:new", "something:new", 0),
    ],
)
def test_channels_by_their_old_and_new_names(told: str, channel: str, count: int) -> None:
    message = {"id": "x1", "user": {"id": "u1"}, "account": {"id": "a1"}}
    read = parse_notification(body(channel=told, messages=[message]))
    assert (read.channel, len(read.messages), read.malformed) == (channel, count, ())


@pytest.mark.parametrize(
    ("channel", "message", "named"),
    [
        ("user:delete", {"user": {"id": "u1"}, "account": {"id": "a1"}}, ("u1", "a1")),
        ("user:delete", {"id": "u1", "email": "ada@acme.com"}, ("u1", None)),
        ("user:delete", {"user_id": "u1"}, ("u1", None)),
        ("user:delete", "u1", ("u1", None)),
        ("account:delete", {"account": {"id": "a1"}}, (None, "a1")),
        ("account:delete", {"id": "a1", "domain": "acme.com"}, (None, "a1")),
        ("account:delete", {"account_id": "a1", "indexed_at": "2026-03-02T09:30:00Z"}, (None, "a1")),
        ("account:delete", "a1", (None, "a1")),
    ],
)  # fmt: skip
def test_a_deletion_in_whatever_form(
    channel: str, message: Any, named: tuple[str | None, str | None]
) -> None:
    read = parse_notification(body(channel=channel, messages=[message]))

    (told,) = read.messages
    assert (told.user.hull_id if told.user else None, told.account.hull_id if told.account else None) == named
    assert read.is_deletion
    assert read.malformed == ()


@pytest.mark.parametrize("message", [{}, None, 7, {"user": {}}])
def test_a_deletion_that_names_nobody_is_told(message: Any) -> None:
    read = parse_notification(body(channel="user:delete", messages=[message, {"id": "u1"}]))

    assert [told.user.hull_id for told in read.messages if told.user] == ["u1"]
    assert len(read.malformed) == 1


SEGMENT_LISTS = [
    ({"segments": [{"id": "u1", "name": "U"}]}, ("u1",), ()),
    ({"users_segments": [{"id": "u1", "name": "U"}]}, ("u1",), ()),
    ({"accounts_segments": [{"id": "a1"}]}, (), ("a1",)),
    ({"account_segments": [{"id": "a1"}]}, (), ("a1",)),
    ({"segments": [{"id": "u1"}], "accounts_segments": [{"id": "a1"}, {}, None]}, ("u1",), ("a1",)),
    (
        {"channel": "users_segment:update", "messages": [{"id": "u2"}], "segments": [{"id": "u1"}]},
        ("u1", "u2"),
        (),
    ),
    ({"channel": "segment:update", "messages": [{"id": "u2"}]}, ("u2",), ()),
    ({"channel": "accounts_segment:update", "messages": [{"id": "a2"}]}, (), ("a2",)),
    ({"channel": "accounts_segment:delete", "messages": [{"id": "a2"}]}, (), ()),
    ({"segments": "odd"}, (), ()),
    ({}, (), ()),
]


@pytest.mark.parametrize(("parts", "users", "accounts"), SEGMENT_LISTS)
def test_lists_of_segments(parts: dict[str, Any], users: tuple[str, ...], accounts: tuple[str, ...]) -> None:
    read = parse_notification(body(**parts))
    assert tuple(segment.hull_id for segment in read.user_segments) == users
    assert tuple(segment.hull_id for segment in read.account_segments) == accounts


def test_a_renamed_segment_has_its_new_name() -> None:
    parts = {"segments": [{"id": "u1", "name": "Old"}], "messages": [{"id": "u1", "name": "New"}]}
    read = parse_notification(body(channel="users_segment:update", **parts))
    assert read.user_segments == (Segment("u1", "New"),)


def test_the_connector_itself_is_the_message_of_its_update() -> None:
    read = parse_notification(body(channel="ship:update", connector=None, messages=[{"id": "c1"}]))
    assert read.connector == {"id": "c1"}


def test_what_may_be_missing() -> None:
    read = parse_notification(body(notification_id=None, connector=None))
    assert (read.notification_id, read.connector, read.is_export) == (None, {}, False)
    assert read.account_segments == read.user_segments == ()


@pytest.mark.parametrize(
    ("given", "code", "names"),
    [
        (b"", "MISSING_NOTIFICATION_PAYLOAD", "not JSON"),
        (b"<html>", "MISSING_NOTIFICATION_PAYLOAD", "not JSON"),
        (b"[]", "MISSING_NOTIFICATION_PAYLOAD", "not a JSON object"),
        (body(configuration=None), "MISSING_CONFIGURATION", "configuration.id"),
        (
            body(configuration=CONFIGURATION | {"secret": ""}),
            "MISSING_CONFIGURATION",
            "lacks configuration.secret",
        ),
        (body(configuration=CONFIGURATION | {"id": 5}), "MISSING_CONFIGURATION", "lacks configuration.id"),
        (body(channel=None), "MISSING_NOTIFICATION_PAYLOAD", "channel"),
        (body(messages=None), "MISSING_NOTIFICATION_PAYLOAD", "messages"),
        (body(messages={}), "MISSING_NOTIFICATION_PAYLOAD", "messages"),
    ],
)
def test_what_may_not_be_missing(given: bytes, code: str, names: str) -> None:
    with pytest.raises(MalformedNotification, match=names) as caught:
        parse_notification(given)
    assert caught.value.code == code


def test_one_malformed_message_does_not_harm_the_others() -> None:
    rows = [None, {"account": {}}, {"account": {"id": "a1"}}, "text"]
    read = parse_notification(body(messages=rows))
    assert [message.account and message.account.hull_id for message in read.messages] == ["a1"]
    assert read.malformed == (
        "Message 1 cannot be read: it is not an object.",
        "Message 2 cannot be read: it has no account.",
        "Message 4 cannot be read: it is not an object.",
    )


# ── Several messages about one record ────────────────────────────────────────────────────────────


def account(changes: Any = None, **attributes: Any) -> Message:
    return Message(None, None, HullAccount(attributes), changes or {})


def user(**attributes: Any) -> Message:
    return Message(None, HullUser(attributes), HullAccount({"id": "a1"}))


EARLY, LATE = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00+00:00"

DUPLICATES = [
    # given, the numbers that stay
    ([account(id="a1", n=1), account(id="a1", n=2)], [2]),
    ([account(id="a1", n=1, indexed_at=LATE), account(id="a1", n=2, indexed_at=EARLY)], [1]),
    ([account(id="a1", n=1, indexed_at=EARLY), account(id="a1", n=2, indexed_at=LATE)], [2]),
    ([account(id="a1", n=1, indexed_at=EARLY), account(id="a1", n=2, indexed_at=EARLY)], [2]),
    ([account(id="a1", n=1, indexed_at=LATE), account(id="a1", n=2)], [2]),
    ([account(id="a1", n=1), account(id="a2", n=2), account(id="a1", n=3)], [3, 2]),
    ([account(name="A", n=1), account(name="A", n=2)], [1, 2]),
    ([account(domain="b.com", n=1), account(domain="b.com", n=2)], [2]),
    ([account(domain="b.com", n=1), account(external_id="b.com", n=2)], [1, 2]),
    ([user(id="x1", n=1), account(id="x1", n=2)], [1, 2]),
    ([user(id="u1", n=1), user(id="u2", n=2)], [1, 2]),
    ([user(email="a@b.com", n=1), user(email="a@b.com", n=2)], [2]),
    ([], []),
]


@pytest.mark.parametrize(("given", "kept"), DUPLICATES)
def test_duplicates_merge_by_record(given: list[Message], kept: list[int]) -> None:
    records = [message.user or message.account for message in newest(given)]
    assert [record and record.attributes["n"] for record in records] == kept


def test_the_changes_of_all_are_kept() -> None:
    first = account({"is_new": True, "account": {"name": ["A", "B"], "n": [1, 2]}}, id="a1", indexed_at=LATE)
    second = account(
        {"account": {"n": [0, 1], "url": [None, "x"]}, "segments": {}}, id="a1", indexed_at=EARLY
    )
    (kept,) = newest([first, second])
    assert kept.changes == {
        "is_new": True,
        "account": {"name": ["A", "B"], "n": [1, 2], "url": [None, "x"]},
        "segments": {},
    }


# ── Signatures ───────────────────────────────────────────────────────────────────────────────────

KEY_URL = "https://hull-public.hullapp.io/key"
OWN = "X-Hull-Smart-Notifier-Signature"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(*form).decode()


def signed(key: rsa.RSAPrivateKey, **payload: Any) -> str:
    parts = [{"alg": "RS256", "typ": "JWT"}, payload]
    head = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )
    signature = key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def headers(token: str | None, version: str | None = "v1", url: str | None = KEY_URL) -> dict[str, str]:
    named = {
        "X-Hull-Smart-Notifier": "true",
        OWN: token,
        f"{OWN}-Version": version,
        f"{OWN}-Public-Key-Url": url,
    }
    return {name: value for name, value in named.items() if value is not None}


def verify(given: dict[str, str], pem: str, notification_id: str | None = "n1") -> bool:
    def allowed(url: str) -> bool:
        return is_hull_key_url(url, allow_loopback=False)

    return verify_signature(given, notification_id, lambda url, token: pem, NOW, allowed)


@pytest.mark.parametrize("given", [{}, {"X-Hull-Smart-Notifier": "dummy"}, {OWN: "", f"{OWN}-Version": ""}])
def test_what_is_not_signed_says_so(given: dict[str, str], pem: str) -> None:
    assert verify(given, pem) is False


def test_what_hull_signed(key: rsa.RSAPrivateKey, pem: str) -> None:
    given = headers(signed(key, jti="n1", exp=NOW.timestamp() + 60))
    assert verify(given, pem) is True
    assert verify({name.lower(): value for name, value in given.items()}, pem) is True


def test_what_hull_did_not_sign(key: rsa.RSAPrivateKey, pem: str) -> None:
    good = signed(key, jti="n1")
    other = signed(rsa.generate_private_key(65537, 2048), jti="n1")
    wrong = {
        "that of another": headers(signed(key, jti="n2")),
        "of another notification": headers(signed(key)),
        "expired": headers(signed(key, jti="n1", exp=NOW.timestamp() - 1)),
        "not signed by": headers(other),
        "RS256": headers(encode_hs256({"jti": "n1"}, pem)),
        "own hosts": headers(good, url="https://hullapp.io.evil.test/key"),
        "version v2": headers(good, version="v2"),
        "incomplete": headers(good, version=None),
        "are incomplete": headers(None),
        "headers are incomplete": headers(good, url=None),
    }
    for reason, given in wrong.items():
        with pytest.raises(InvalidSignature, match=reason):
            verify(given, pem)


def test_a_notification_without_an_id_cannot_be_proven(key: rsa.RSAPrivateKey, pem: str) -> None:
    for token in (signed(key), signed(key, jti=None), signed(key, jti="")):
        for notification_id in (None, ""):
            with pytest.raises(InvalidSignature):
                verify(headers(token), pem, notification_id)


def test_a_key_that_is_none(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(InvalidSignature, match="cannot be read"):
        verify(headers(signed(key, jti="n1")), "<html>")


@pytest.mark.parametrize(
    ("error", "raised"),
    [(TransientError("no answer"), TransientError), (CredentialsError("404"), InvalidSignature)],
)
def test_a_key_that_cannot_be_fetched(error: Exception, raised: type[Exception]) -> None:
    def fail(url: str, token: str) -> str:
        raise error

    with pytest.raises(raised):
        verify_signature(headers("a.b.c"), "n1", fail, NOW, lambda url: True)


def test_the_key_is_not_fetched_from_elsewhere(key: rsa.RSAPrivateKey) -> None:
    fetched: list[str] = []

    def fetch(url: str, token: str) -> str:
        fetched.append(url)
        return ""

    with pytest.raises(InvalidSignature):
        verify_signature(headers(signed(key, jti="n1")), "n1", fetch, NOW, lambda url: False)
    assert fetched == []


@pytest.mark.parametrize(
    ("url", "is_allowed", "with_loopback"),
    [
        ("https://acme.hullapp.io/key", True, True),
        ("https://hull.io/key", True, True),
        ("https://keys.eu.hull.io:443/key?x=1", True, True),
        ("https://KEYS.HULL.IO/key", True, True),
        ("http://acme.hullapp.io/key", False, False),
        ("https://hullapp.io.evil.test/", False, False),
        ("https://evilhull.io/", False, False),
        ("https://evilhullapp.io/", False, False),
        ("https://hullapp.io@evil.test/", False, False),
        ("https://user:pw@acme.hullapp.io/", False, False),
        ("https://evil.test/#.hull.io", False, False),
        ("https://evil.test\\.hull.io/", False, False),
        ("https://10.0.0.1/", False, False),
        ("http://127.0.0.1:9002/key", False, True),
        ("https://localhost/key", False, True),
        ("http://[::1]:9002/key", False, True),
        ("http://localhost.evil.test/", False, False),
        ("file:///etc/passwd", False, False),
        ("https://[bad", False, False),
        ("https://hull.io:99999/", False, False),
        ("", False, False),
    ],
)
def test_where_keys_may_come_from(url: str, is_allowed: bool, with_loopback: bool) -> None:
    assert is_hull_key_url(url, allow_loopback=False) is is_allowed
    assert is_hull_key_url(url, allow_loopback=True) is with_loopback
