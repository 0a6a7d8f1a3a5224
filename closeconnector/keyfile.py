"""The development key ring: a file that is made on first start and never written again."""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from pathlib import Path


def read_or_create(path: Path) -> list[str]:
    """Return the keys in the file, one a line; make it with one fresh key when there is none.

    Several processes may start at once: the file appears whole and exactly one of them makes it.
    """
    if not path.exists():
        _create(path)
    return path.read_text(encoding="ascii").split()


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key is the one
    finally:
        os.unlink(draft)
