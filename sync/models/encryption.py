"""Secrets at rest: a field encrypted by a key ring that is independent of SECRET_KEY.

A value loads as a `Secret`, which shows only its last four characters and decrypts when asked. A row that
cannot be decrypted therefore loads like any other and fails alone, with its reason.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from sync.errors import ConfigurationError

# How every Fernet token begins: its version byte and the first bytes of its time.
_TOKEN_START = "gAAAA"  # noqa: S105 - public: what all tokens begin with


def key_ring() -> MultiFernet:
    """Return the ring of `FIELD_ENCRYPTION_KEYS`: the first key encrypts, all of them decrypt."""
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


class Secret:
    """One encrypted text. Empty secrets are false."""

    __slots__ = ("token",)

    def __init__(self, token: str = "") -> None:
        self.token = token

    @classmethod
    def of(cls, clear: str) -> Secret:
        """Encrypt a text with the first key of the ring."""
        return cls(key_ring().encrypt(json.dumps(clear).encode()).decode() if clear else "")

    def reveal(self) -> str:
        """Return the clear text.

        Raises ConfigurationError when no key of the ring fits.
        """
        if not self.token:
            return ""
        try:
            return str(json.loads(key_ring().decrypt(self.token.encode())))
        except (InvalidToken, ValueError):
            raise ConfigurationError(
                "A stored secret cannot be decrypted with the present FIELD_ENCRYPTION_KEYS. "
                "Put the key it was encrypted with back into the ring, or enter the secret again."
            ) from None

    @property
    def hint(self) -> str:
        """What may be shown: nothing, the last four characters, or that it cannot be read."""
        if not self.token:
            return ""
        try:
            return f"••••{self.reveal()[-4:]}"
        except ConfigurationError:
            return "unreadable"

    def rotated(self) -> Secret:
        """Return the same secret under the first key of the ring. Raises ConfigurationError as `reveal` does."""
        return Secret.of(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __str__(self) -> str:
        return self.hint

    __repr__ = __str__


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Secret]
else:
    _TextField = models.TextField


class EncryptedField(_TextField):
    """Stores a `Secret`. Assigning a text encrypts it; dumps and forms never see clear text."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret:
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        """Read a secret, a stored token (from a dump), or clear text that somebody assigned."""
        if isinstance(value, Secret):
            return value
        return Secret(value) if str(value or "").startswith(_TOKEN_START) else Secret.of(value or "")

    def pre_save(self, model_instance: models.Model, add: bool) -> Secret:
        value = getattr(model_instance, self.attname)
        secret = value if isinstance(value, Secret) else Secret.of(value or "")
        setattr(model_instance, self.attname, secret)
        return secret

    def get_prep_value(self, value: Any) -> str:
        return value.token if isinstance(value, Secret) else Secret.of(value or "").token

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))
