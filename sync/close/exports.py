"""The files that Close prepares: one JSON array of leads with their contacts, read as a stream.

https://developer.close.com/resources/exports/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import ijson

from sync.close.parsing import parse_lead, text
from sync.errors import TransientError
from sync.records import Lead


def iter_export(chunks: Iterable[bytes]) -> Iterator[Lead]:
    """Yield the leads of a file. What has no id cannot be addressed and is left out.

    Raises TransientError when the file ends before its end or is no JSON.
    """
    try:
        for row in ijson.items(_File(chunks), "item", use_float=True):
            if isinstance(row, dict) and text(row.get("id")):
                yield parse_lead(row)
    except ijson.JSONError as error:
        raise TransientError(f"Close's export cannot be read to its end: {error}") from None


class _File:
    """What reads like a file and is fed by chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)

    def read(self, size: int = -1) -> bytes:
        return next(self._chunks, b"") if size else b""
