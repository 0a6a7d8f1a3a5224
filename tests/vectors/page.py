"""Writes docs/differences.md from the verdicts: `make differences`."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.replay import NAMES, load
from tests.vectors.verdicts import VERDICTS, Better

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"

_HEAD = """# Differences from Hull's original connector

Seventy-three recorded inputs of the original (version 0.2.1) are replayed against this connector by the test suite. For each one the table says
*same*, when we send what it sent, or *better*, with what we do instead.

These differences are everywhere, and count as the same:

* A web address is sent with its scheme (`https://`), which Close asks for. The record's id is not repeated in the body.
* Hull also gets `closeio/emails`, `closeio/phones`, `closeio/urls` and `closeio/addresses` with all entries, and the times of contacts.
* An empty field is told as null, where the original told an empty text or nothing at all.
* Claims are the Hull record's own id where it is known, and always `closeio:<id>` as anonymous id. One message carries a
  user's attributes and its account, where the original sent two.
* An existing record gets the fields that differ, where the original sent all of them every time.

| recorded input | what it shows | | what we do |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(f"{row(name)}\n" for name in NAMES)


def row(name: str) -> str:
    verdict = VERDICTS[name]
    words = verdict.words if isinstance(verdict, Better) else ""
    kind = "better" if isinstance(verdict, Better) else "same"
    return f"| `{name}` | {load(name)['description'].replace('|', '/')} | {kind} | {words} |"
