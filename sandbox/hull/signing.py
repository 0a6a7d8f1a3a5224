"""The key with which Hull signs what it tells, and the headers that carry the signature."""

from __future__ import annotations

from functools import lru_cache

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.hull.store import Record
from sandbox.hull.tokens import encoded

VALID_SECONDS = 300


class Signer:
    """Signs with one key, which a later process takes over."""

    def __init__(self) -> None:
        self._key: rsa.RSAPrivateKey | None = None

    @property
    def key(self) -> rsa.RSAPrivateKey:
        self._key = self._key or _key_of_this_process()
        return self._key

    def headers(self, notification_id: str, now: float, key_url: str) -> dict[str, str]:
        """Return the headers of a notification."""
        claims = {"jti": notification_id, "iat": int(now), "exp": int(now) + VALID_SECONDS}
        return {
            "Content-Type": "application/json",
            "X-Hull-Smart-Notifier": "true",
            "X-Hull-Smart-Notifier-Signature": self._signed(claims),
            "X-Hull-Smart-Notifier-Signature-Version": "v1",
            "X-Hull-Smart-Notifier-Signature-Public-Key-Url": key_url,
        }

    def _signed(self, claims: Record) -> str:
        parts = [encoded(orjson.dumps(one)) for one in ({"typ": "JWT", "alg": "RS256"}, claims)]
        text = ".".join(parts)
        return f"{text}.{encoded(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def public_key(self) -> bytes:
        """Return the PEM that verifies the signatures."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(encoding, form)

    def state(self) -> bytes:
        """Return the key, so that what connectors remember stays true."""
        form, secrecy = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, secrecy)

    def restore(self, state: bytes) -> None:
        key = serialization.load_pem_private_key(state, None)
        if isinstance(key, rsa.RSAPrivateKey):
            self._key = key


@lru_cache(maxsize=1)
def _key_of_this_process() -> rsa.RSAPrivateKey:
    """Return a new key; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
