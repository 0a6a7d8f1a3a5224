"""Where no mail server is configured, a message is refused with the remedy, rather than lost."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class NoMailBackend(BaseEmailBackend):
    """Refuses every message."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise OSError(
            "No mail server is configured. Set EMAIL_URL, for example smtp://user:password@mail.example.com:587."
        )
