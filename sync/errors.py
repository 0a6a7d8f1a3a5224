"""Every error says the next step.

    SyncError
    ├── TransientError            try again later; heals itself
    │   ├── RateLimitedError      try again at the time it names
    │   └── UnknownResultError    a write may or may not have happened: find out before writing again
    ├── ConfigurationError        the connector stops and its owner is told; nothing is dropped
    │   ├── CredentialsError      the key or secret is refused
    │   └── ForbiddenError        the key may not do this; there may be another way
    ├── RejectedError             this record needs a person; the others go on
    ├── NotFoundError             the record is not there any more: drop the link, plan again
    └── DryRunError               a write was attempted in a dry run

Which answer of which vendor means which is a table in `sync.close.errors` and `sync.hull.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class SyncError(Exception):
    """Something went wrong that we know how to go on from. The message is for people."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class TransientError(SyncError):
    """The remote or the network is in trouble; the same request may succeed later."""


class RateLimitedError(TransientError):
    """The remote asks to wait `retry_after` seconds, or `until` a moment, which stays true however late one hears."""

    def __init__(
        self, message: str, *, retry_after: float, until: datetime | None = None, status: int | None = 429
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after
        self.until = until


class UnknownResultError(TransientError):
    """A write was sent and no usable answer came: it may have been carried out."""


class ConfigurationError(SyncError):
    """The connector cannot work as it is configured."""


class CredentialsError(ConfigurationError):
    """The remote refuses the key or secret."""


class ForbiddenError(ConfigurationError):
    """The key may not do this, or the plan does not hold it; what else there is goes on."""


class RejectedError(SyncError):
    """The remote refuses this record. `fields` maps a flattened field path to the remote's own words.

    A path looks like `contacts.0.emails.0.email`.
    """

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        status: int | None = 400,
    ) -> None:
        super().__init__(message, status=status)
        self.fields = dict(fields or {})


class NotFoundError(SyncError):
    """The remote does not know the record."""


class DryRunError(SyncError):
    """A dry run reached the door with a write; carries what would have been sent."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"A dry run does not write: {method} {path}")
        self.method = method
        self.path = path


# What a remote means by “not this way”: asking in another way may be answered.
REFUSALS = (RejectedError, NotFoundError, ForbiddenError)
