"""Readers of the environment. Each variable can also be given as NAME_FILE, the path of a file with the value.

A value that cannot be used stops the start: one line on stderr names the variable, exit code 2, no
traceback. The line never repeats the value, since many of them are secrets. Empty counts as not set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


def refuse(name: str, reason: str) -> NoReturn:
    """Stop the start with one line: the variable and what is wrong with it."""
    sys.stderr.write(f"{name} {reason}\n")
    raise SystemExit(2)


def text(name: str, default: str = "") -> str:
    """Return the value as it is, without surrounding space."""
    value, path = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        refuse(name, f"and {name}_FILE are both set; keep one of them.")
    return value or (_content(name, path) if path else "") or default


def flag(name: str, default: bool) -> bool:
    """Return True for 1, true, yes, on and False for 0, false, no, off, in any case."""
    value = text(name).lower()
    if value and value not in YES | NO:
        refuse(name, "must be true or false.")
    return value in YES if value else default


def number(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """Return a whole number within the bounds, both included."""
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not minimum <= int(value) <= maximum:
        refuse(name, f"must be a whole number from {minimum} to {maximum}.")
    return int(value)


def choice(name: str, default: str, options: Collection[str]) -> str:
    """Return one of the options, whatever the case it was written in."""
    value = text(name)
    known = {option.lower(): option for option in options}
    if value and value.lower() not in known:
        refuse(name, f"must be one of {', '.join(options)}.")
    return known[value.lower()] if value else default


def items(name: str) -> list[str]:
    """Return the parts of a comma list, without empty ones."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def url(name: str, default: str = "", *, schemes: Collection[str], needs_host: bool = True) -> str:
    """Return a URL of one of the schemes, without a trailing slash."""
    value = text(name, default)
    if value and not _is_url(value, schemes, needs_host):
        refuse(
            name, f"must be a URL that starts with one of {', '.join(f'{scheme}://' for scheme in schemes)}."
        )
    return value if value.endswith("://") else value.rstrip("/")


def _is_url(value: str, schemes: Collection[str], needs_host: bool) -> bool:
    try:
        parts: SplitResult = urlsplit(value)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return usable and "://" in value and parts.scheme in schemes and bool(parts.hostname or not needs_host)


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        refuse(f"{name}_FILE", f"names a file that cannot be read: {reason}.")
