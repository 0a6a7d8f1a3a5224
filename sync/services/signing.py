"""Hull's public keys, fetched once per address and remembered."""

from __future__ import annotations

import hashlib

from django.core.cache import cache

from sync.errors import SyncError
from sync.hull.errors import error_for
from sync.transport import Transport

REMEMBER_SECONDS = 24 * 3600


def fetch_public_key(url: str, token: str) -> str:
    """Return the key that Hull serves for a signature's token, as remembered or asked for now.

    The address was checked against Hull's own hosts before. Raises SyncError when it does not serve one.
    """
    key = cache.get(_name(url))
    if key is None:
        key = _ask(url, token)
        cache.set(_name(url), key, REMEMBER_SECONDS)
    return str(key)


def forget_public_key(url: str) -> bool:
    """Forget a remembered key, since Hull may have changed it. Returns whether one was remembered."""
    return bool(cache.delete(_name(url)))


def _ask(url: str, token: str) -> str:
    answer = Transport(url, classify=error_for, timeout=(3, 5)).request("POST", "", data=token, write=False)
    key = answer.body.decode(errors="replace")
    if "-----BEGIN PUBLIC KEY-----" not in key:
        raise SyncError("The address of the signature's key does not serve a public key.")
    return key


def _name(url: str) -> str:
    return f"hull-public-key:{hashlib.sha256(url.encode()).hexdigest()}"
