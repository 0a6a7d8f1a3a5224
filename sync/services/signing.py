"""Hull's public keys, fetched once per address and remembered."""

from __future__ import annotations

from django.core.cache import cache

from sync.errors import SyncError
from sync.hull.errors import error_for
from sync.transport import Transport

REMEMBER_SECONDS = 24 * 3600


def fetch_public_key(url: str, token: str) -> str:
    """Return the key that Hull serves for a signature's token.

    The address was checked against Hull's own hosts before. Raises TransientError when it does not answer.
    """
    name = f"hull-public-key:{url}"
    key = cache.get(name)
    if key is None:
        key = (
            Transport(url, classify=error_for, timeout=(3, 5))
            .request("POST", "", data=token, write=False)
            .body.decode()
        )
        if "-----BEGIN PUBLIC KEY-----" not in key:
            raise SyncError(
                "The address of the signature's key does not serve a public key."
            )
        cache.set(name, key, REMEMBER_SECONDS)
    return str(key)
