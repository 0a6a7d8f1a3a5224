"""Tokens, against vectors made by Node's crypto module and by openssl."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from sync.hull.tokens import (
    Credentials,
    InvalidToken,
    decode_hs256,
    decode_hull_token,
    encode_hs256,
    encode_hull_token,
    encrypt_hull_token,
    verify_rs256,
)

LINK = {
    "iss": "5a43ce781f6d9f471d005d44",
    "iat": 1795424582,
    "io.hull.asUser": {"email": "a@b.com"},
    "io.hull.asAccount": {"domain": "b.com", "anonymous_id": "closeio:lead_1"},
    "io.hull.subjectType": "account",
}
LINK_TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiI1YTQzY2U3ODFmNmQ5ZjQ3MWQwMDVkNDQiLCJpYXQiOjE3OTU0MjQ1ODIs"
    "ImlvLmh1bGwuYXNVc2VyIjp7ImVtYWlsIjoiYUBiLmNvbSJ9LCJpby5odWxsLmFzQWNjb3VudCI6eyJkb21haW4iOiJiLmNvbSIsImFub255"
    "bW91c19pZCI6ImNsb3NlaW86bGVhZF8xIn0sImlvLmh1bGwuc3ViamVjdFR5cGUiOiJhY2NvdW50In0."
    "-yOuPJoPoNIzT-u0MxZNeyfgi263m6uXSxiBbvWxTfM"
)
SIGNED = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJvcmdhbml6YXRpb24iOiJhY21lLmh1bGxhcHAuaW8iLCJzaGlwIjoiNWE0M2NlNzgxZjZk"
    "OWY0NzFkMDA1ZDQ0Iiwic2VjcmV0IjoiOTk1ZWNlMDljOGQ4NDNmNiJ9.kjkRagNkVReZxtk0DwzY3cSdJm-SRiaLhq-dso_85TI"
)
# openssl enc -aes-128-cbc -md md5 -nosalt -pass pass:hostsecret -base64 -A
ENCRYPTED = "dobXtgH5m8l9VpBWo088HZCOrg/tSU1nUig4HLE2as22pwTxsKT5DS6dNjn60BrdIDLfd2RslofU+ElStwkMiMrSQ9KTwfIQPJmqz+8tdqo="
ACME = Credentials("acme.hullapp.io", "5a43ce781f6d9f471d005d44", "995ece09c8d843f6")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def token(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_a_claims_token_is_what_hulls_client_makes() -> None:
    assert encode_hs256(LINK, "1234") == LINK_TOKEN
    assert decode_hs256(LINK_TOKEN, "1234") == LINK


@pytest.mark.parametrize(
    "forged",
    [
        LINK_TOKEN[:-2],
        LINK_TOKEN.replace(".eyJpc3MiOi", ".eyJpc3MiOj"),
        token({"alg": "none"}, LINK),
        token({"typ": "JWT", "alg": "RS256"}, LINK, b"x"),
        token(["HS256"], LINK),
        token({"alg": "HS256"}, "text"),
        "a.b",
        "a.b.c",
        "é.ü.ß",
        "",
    ],
)
def test_a_forged_token(forged: str) -> None:
    with pytest.raises(InvalidToken):
        decode_hs256(forged, "1234")


def test_a_token_of_another_secret() -> None:
    with pytest.raises(InvalidToken, match="not signed with this secret"):
        decode_hs256(LINK_TOKEN, "12345")


@pytest.mark.parametrize(
    ("times", "is_good"),
    [
        ({}, True),
        ({"exp": NOW.timestamp() + 1, "nbf": NOW.timestamp()}, True),
        ({"exp": NOW.timestamp()}, False),
        ({"nbf": NOW.timestamp() + 1}, False),
        ({"exp": "tomorrow"}, False),
        ({"exp": True}, False),
    ],
)
def test_the_time_of_a_token(times: dict[str, Any], is_good: bool) -> None:
    made = encode_hs256(times, "1234")
    assert decode_hs256(made, "1234") == times
    if is_good:
        assert decode_hs256(made, "1234", now=NOW) == times
    else:
        with pytest.raises(InvalidToken):
            decode_hs256(made, "1234", now=NOW)


# ── RS256 ────────────────────────────────────────────────────────────────────────────────────────


def pem(key: Any) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(*form)).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signed(key: rsa.RSAPrivateKey, payload: dict[str, Any], algorithm: str = "RS256") -> str:
    head = token({"alg": algorithm}, payload).rpartition(".")[0]
    signature = key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_an_rsa_signature(key: rsa.RSAPrivateKey) -> None:
    assert verify_rs256(signed(key, {"jti": "n1"}), pem(key), now=NOW) == {"jti": "n1"}


def test_wrong_rsa_signatures(key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(65537, 2048)
    elliptic = ec.generate_private_key(ec.SECP256R1())
    good = signed(key, {"jti": "n1"})
    confused = encode_hs256({"jti": "n1"}, pem(key))  # signed with the public key's text as a shared secret
    wrong = [(good, pem(other)), (good, pem(elliptic)), (good, "no key"), (confused, pem(key))]
    wrong += [(signed(key, {"exp": 1}), pem(key)), (signed(key, {}, "HS256"), pem(key))]
    for made, public_key in wrong:
        with pytest.raises(InvalidToken):
            verify_rs256(made, public_key, now=NOW)


# ── Credentials in a link ────────────────────────────────────────────────────────────────────────


def test_both_forms_of_a_hull_token() -> None:
    assert decode_hull_token(SIGNED, "hostsecret") == ACME
    encrypted = Credentials("acme.hullapp.io", "5a43ce781f6d9f471d005d44", "995+ece 09")
    for spelling in (ENCRYPTED, ENCRYPTED.replace("+", " "), quote(ENCRYPTED, safe="")):
        assert decode_hull_token(spelling, "hostsecret") == encrypted


def test_tokens_that_we_make_ourselves() -> None:
    odd = Credentials("acme.hullapp.io", "5a43", "a+b &=/%20é")
    assert encode_hull_token(ACME, "hostsecret") == SIGNED
    for make in (encode_hull_token, encrypt_hull_token):
        made = make(odd, "hostsecret")
        assert decode_hull_token(made, "hostsecret") == odd
        assert not set(made) & set("+/ &")


def test_an_older_name_of_the_connector() -> None:
    held = {"organization": ACME.organization, "id": ACME.connector_id, "secret": ACME.secret}
    assert decode_hull_token(encode_hs256(held, "hostsecret"), "hostsecret") == ACME


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        (SIGNED, "other"),
        (ENCRYPTED, "other"),
        (ENCRYPTED[:-4], "hostsecret"),
        ("", "hostsecret"),
        ("%%%", "hostsecret"),
        ("AAAA", "hostsecret"),
        (encode_hs256({"organization": "acme.hullapp.io", "secret": "s"}, "hostsecret"), "hostsecret"),
        (encode_hs256({"organization": "a", "ship": {"$gt": ""}, "secret": "s"}, "hostsecret"), "hostsecret"),
    ],
)
def test_a_hull_token_that_is_not_ours(given: str, secret: str) -> None:
    with pytest.raises(InvalidToken):
        decode_hull_token(given, secret)


def test_credentials_do_not_show_their_secret() -> None:
    assert ACME.secret not in repr(ACME)
