"""The pages on which a person sees and changes what a sandbox holds: nothing from elsewhere, live."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("pages")
_WORDS = {
    "close": "A simulated Close, with what sales sees. Click a lead to edit it as a rep would, and watch it travel.",
    "hull": "A simulated Hull, with what marketing sees. Click an account or a user to edit it, and watch it travel.",
}


@cache
def page(title: str, kind: str) -> str:
    """Return the page of one remote; `kind` is `close` or `hull`. Every value is written as text, never as markup."""
    text = (_FOLDER / "page.html").read_text()
    parts = {
        "title": title,
        "kind": kind,
        "words": _WORDS[kind],
        "style": (_FOLDER / "page.css").read_text(),
        "script": (_FOLDER / "page.js").read_text(),
    }
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text
