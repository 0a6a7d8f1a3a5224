"""The tokens that a connector signs with its secret: HS256, one per message or per call."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson

from sandbox.hull.store import Record


def verified(token: Any, secret: str, issuer: str, now: float) -> Record:
    """Return a token's payload. Raises ValueError that says what is wrong with it."""
    claims = _signed_payload(str(token), secret)
    if claims.get("iss") != issuer or not is_number(claims.get("iat")):
        raise ValueError("wrong issuer or time")
    end, start = claims.get("exp"), claims.get("nbf")
    if end is not None and (not is_number(end) or end <= now):
        raise ValueError("expired")
    if start is not None and (not is_number(start) or start > now):
        raise ValueError("not valid yet")
    return claims


def _signed_payload(token: str, secret: str) -> Record:
    head, payload, signature = token.split(".")
    wanted = hmac.digest(secret.encode(), f"{head}.{payload}".encode(), hashlib.sha256)
    header, claims = orjson.loads(decoded(head)), orjson.loads(decoded(payload))
    if not isinstance(header, dict) or header.get("alg") != "HS256":
        raise ValueError("the algorithm is not HS256")
    if not hmac.compare_digest(wanted, decoded(signature)):
        raise ValueError("wrong signature")
    if not isinstance(claims, dict):
        raise ValueError("no claims")
    return claims


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def decoded(part: str) -> bytes:
    """Return the bytes of a part of a token. Raises ValueError."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(data: bytes) -> str:
    """Return bytes as a part of a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
