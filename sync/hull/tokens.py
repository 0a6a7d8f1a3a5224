"""The tokens of Hull's world: claims of a record, links with credentials inside, signatures of notifications."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import orjson
from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sync.hull.errors import InvalidToken
from sync.hull.parsing import text

__all__ = [
    "Credentials",
    "InvalidToken",
    "decode_hs256",
    "decode_hull_token",
    "encode_hs256",
    "encode_hull_token",
    "encrypt_hull_token",
    "verify_rs256",
]

_HS256 = {"typ": "JWT", "alg": "HS256"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What names an installation of the connector in Hull, and proves it."""

    organization: str
    connector_id: str
    secret: str = field(repr=False)


# ── JSON web tokens ──────────────────────────────────────────────────────────────────────────────


def encode_hs256(payload: Mapping[str, Any], secret: str) -> str:
    """Return a token signed with a shared secret."""
    signed = f"{_encode(orjson.dumps(_HS256))}.{_encode(orjson.dumps(payload))}"
    return f"{signed}.{_encode(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def decode_hs256(token: str, secret: str, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the payload of a token that we signed. Raises InvalidToken, also when `now` is past its end."""
    signed, payload, signature = _opened(token, "HS256")
    if not hmac.compare_digest(hmac.digest(secret.encode(), signed, "sha256"), signature):
        raise InvalidToken("The token was not signed with this secret.", status=401)
    _check_times(payload, now)
    return payload


def verify_rs256(token: str, public_key: str, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the payload of a token signed by the owner of an RSA key (PEM). Raises InvalidToken."""
    signed, payload, signature = _opened(token, "RS256")
    try:
        _rsa_key(public_key).verify(signature, signed, PKCS1v15(), hashes.SHA256())
    except WrongSignature:
        raise InvalidToken("The token was not signed by this key.", status=401) from None
    _check_times(payload, now)
    return payload


def _rsa_key(public_key: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidToken("The public key cannot be read.") from None
    if not isinstance(key, RSAPublicKey):
        raise InvalidToken("The public key is not an RSA key.")
    return key


def _opened(token: str, algorithm: str) -> tuple[bytes, dict[str, Any], bytes]:
    """Take a token apart. The algorithm is ours to choose, not the token's."""
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("This is not a JSON web token.", status=401)
    try:
        header, payload = (orjson.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except ValueError:
        raise InvalidToken("The token cannot be read.", status=401) from None
    if not isinstance(header, dict) or not isinstance(payload, dict) or header.get("alg") != algorithm:
        raise InvalidToken(f"The token is not signed by {algorithm}.", status=401)
    return f"{parts[0]}.{parts[1]}".encode(), payload, signature


def _check_times(payload: Mapping[str, Any], now: datetime | None) -> None:
    if now is None:
        return
    end, start = (_time(payload, name) for name in ("exp", "nbf"))
    if end is not None and now.timestamp() >= end:
        raise InvalidToken("The token has expired.", status=401)
    if start is not None and now.timestamp() < start:
        raise InvalidToken("The token is not valid yet.", status=401)


def _time(payload: Mapping[str, Any], name: str) -> float | None:
    moment = payload.get(name)
    if moment is None or (isinstance(moment, int | float) and not isinstance(moment, bool)):
        return moment
    raise InvalidToken(f"The token's {name} is not a time.", status=401)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    """Raises ValueError for what is not base64 (binascii's error is one)."""
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


# ── Credentials in a link ────────────────────────────────────────────────────────────────────────


def encode_hull_token(credentials: Credentials, host_secret: str) -> str:
    """Return credentials as a signed token, for links. They can be read in it: send it over https only."""
    names = {"organization": credentials.organization, "ship": credentials.connector_id}
    return encode_hs256({**names, "secret": credentials.secret}, host_secret)


def decode_hull_token(token: str, host_secret: str, *, now: datetime | None = None) -> Credentials:
    """Return the credentials in a `hullToken` of either form: signed, or the older encrypted one.

    Raises InvalidToken.
    """
    if token.count(".") == 2:
        return _credentials(decode_hs256(token, host_secret, now=now))
    opened = parse_qs(_decrypted(token, host_secret))
    return _credentials({name: values[0] for name, values in opened.items()})


def _credentials(values: Mapping[str, Any]) -> Credentials:
    organization, secret = text(values.get("organization")), text(values.get("secret"))
    connector_id = text(values.get("ship")) or text(values.get("id"))
    if not (organization and connector_id and secret):
        raise InvalidToken("The credentials are incomplete.", status=401)
    return Credentials(organization, connector_id, secret)


# The older form is AES-128-CBC without any proof of origin, its key derived by one round of MD5 (OpenSSL's
# EVP_BytesToKey). It is read because such links are in use; what it holds is checked like any credentials.


def encrypt_hull_token(credentials: Credentials, host_secret: str) -> str:
    """Return credentials in the older encrypted form, as installed connectors have it in their links."""
    names = {"organization": credentials.organization, "id": credentials.connector_id}
    padder = padding.PKCS7(128).padder()
    plain = padder.update(urlencode({**names, "secret": credentials.secret}).encode()) + padder.finalize()
    encryptor = _cipher(host_secret).encryptor()
    return quote(base64.b64encode(encryptor.update(plain) + encryptor.finalize()), safe="")


def _decrypted(token: str, host_secret: str) -> str:
    encoded = unquote(token).replace(" ", "+")  # a query string's + may have become a space
    try:
        decryptor, unpadder = _cipher(host_secret).decryptor(), padding.PKCS7(128).unpadder()
        padded = decryptor.update(base64.b64decode(encoded, validate=True)) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (ValueError, binascii.Error):
        raise InvalidToken("The token cannot be read.", status=401) from None


def _cipher(password: str) -> Cipher[modes.CBC]:
    key = hashlib.md5(password.encode(), usedforsecurity=False).digest()
    start = hashlib.md5(key + password.encode(), usedforsecurity=False).digest()
    return Cipher(algorithms.AES(key), modes.CBC(start))
