"""Re-encrypt every secret with the first key of the ring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.services.key_rotation import rotate


class Command(BaseCommand):
    help = (
        "Encrypts every stored secret anew with the first of FIELD_ENCRYPTION_KEYS. When all succeeded, "
        "the older keys can be taken out of the ring."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotated = rotate()
        for failure in rotated.failures:
            self.stderr.write(failure)
        self.stdout.write(f"{rotated.count} re-encrypted, {len(rotated.failures)} failed")
        if rotated.failures:
            raise CommandError("Some secrets still need their old key. Keep it in the ring.", returncode=1)
