"""Extracts: what Hull sends when an operator pushes a segment. A call names a file, the file holds one record a line.

The file is read as a stream, so that a million lines take no more memory than a few. JSON extracts are one object
a line, CSV ones have a header with the attributes' names.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync.hull.addresses import is_on
from sync.hull.errors import MalformedNotification
from sync.hull.parsing import Message, parse_export_line, text
from sync.records import ObjectType
from sync.transport import parse_json

JSON, CSV = "json", "csv"
FORMATS = (JSON, CSV)
# A line that is longer is no record: Hull keeps 2,000 attributes of 2 kB at most.
LONGEST_LINE = 8 * 1024 * 1024
_TYPES = {"user_report": ObjectType.CONTACT, "account_report": ObjectType.LEAD}
# Hull itself, and the stores from which it has its extracts fetched.
_HOSTS = re.compile(r"([a-z0-9-]+\.)*(hullapp\.io|hull\.io|amazonaws\.com|storage\.googleapis\.com)")
_LISTS = ("segment_ids", "anonymous_ids", "account_segment_ids")


@dataclass(frozen=True, slots=True)
class ExtractCall:
    """What a batch call asks for: a file of users (contacts) or accounts (leads), read from `url`."""

    url: str
    format: str
    object_type: ObjectType


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an extract: the record, or why it could not be read. Lines count from 1."""

    number: int
    message: Message | None = None
    problem: str = ""


def parse_extract_call(body: bytes, default: ObjectType) -> ExtractCall:
    """Read the body of a batch call: `{"url", "format", "object_type"}`. Raises MalformedNotification."""
    try:
        raw = parse_json(body)
    except ValueError:
        raise MalformedNotification("The batch call is not JSON.", code="MALFORMED_BATCH") from None
    held = raw if isinstance(raw, Mapping) else {}
    url, kind = text(held.get("url")), text(held.get("format"))
    if url is None or kind is None:
        raise MalformedNotification("The batch call lacks url or format.", code="MALFORMED_BATCH")
    if kind.lower() not in FORMATS:
        raise MalformedNotification(
            f"format {kind[:20]!r} is neither json nor csv.", code="UNSUPPORTED_FORMAT"
        )
    named = held.get("object_type")
    if named is not None and (not isinstance(named, str) or named not in _TYPES):
        raise MalformedNotification(
            f"object_type {str(named)[:40]!r} is neither user_report nor account_report.",
            code="MALFORMED_BATCH",
        )
    return ExtractCall(url, kind.lower(), _TYPES[named] if named else default)


def is_extract_url(url: str, allow_loopback: bool) -> bool:
    """Return whether an extract may be fetched from a URL: https on Hull's hosts or those of its stores."""
    return is_on(_HOSTS, url, allow_loopback)


def is_public_address(address: str) -> bool:
    """Return whether an IP address is one of the internet, rather than of some private or local network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


# ── Lines ────────────────────────────────────────────────────────────────────────────────────────


def iter_lines(chunks: Iterable[bytes], kind: str, object_type: ObjectType) -> Iterator[Line]:
    """Read an extract as it comes. A line that cannot be read is told, and the next one is read."""
    rows = _json_rows(chunks) if kind == JSON else _csv_rows(chunks)
    for number, (row, problem) in enumerate(rows, start=1):
        if problem:
            yield Line(number, problem=problem)
            continue
        try:
            yield Line(number, parse_export_line(row, object_type))
        except ValueError as error:
            yield Line(number, problem=f"Line {number} cannot be read: {error}.")


def _json_rows(chunks: Iterable[bytes]) -> Iterator[tuple[Any, str]]:
    for number, line in enumerate(_split(chunks), start=1):
        if line is None:
            yield None, f"Line {number} is longer than {LONGEST_LINE // 1024 // 1024} MB."
            continue
        try:
            yield parse_json(line), ""
        except ValueError:
            yield None, f"Line {number} is not JSON."


def _csv_rows(chunks: Iterable[bytes]) -> Iterator[tuple[Any, str]]:
    reader = csv.DictReader(_texts(chunks), restkey="", restval=None)
    number = 0
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield None, f"Line {number} is not CSV: {error}."
            continue
        yield _nested({name: value for name, value in row.items() if name and value not in (None, "")}), ""


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield lines as the CSV reader wants them; a quoted value may go on in the next one."""
    is_first = True
    for line in _split(chunks):
        decoded = (line or b"").decode("utf-8", "replace").replace("\x00", "")
        yield (decoded.removeprefix("﻿") if is_first else decoded) + "\n"
        is_first = False


def _nested(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a CSV row in the shape of a JSON one: the account's attributes by themselves, lists as lists."""
    account: dict[str, Any] = {
        _after_account(name): value for name, value in row.items() if _is_of_account(name)
    }
    plain: dict[str, Any] = {name: value for name, value in row.items() if not _is_of_account(name)}
    for record in (plain, account):
        for name in _LISTS:
            if isinstance(record.get(name), str):
                record[name] = _list_of(record[name])
    return plain | ({"account": account} if account else {})


def _is_of_account(name: str) -> bool:
    return name.startswith(("account.", "account_")) and name != "account_segment_ids"


def _after_account(name: str) -> str:
    return name[len("account.") :]


def _list_of(value: str) -> list[Any]:
    try:
        found = parse_json(value.encode())
    except ValueError:
        found = re.split(r"[,;|]\s*", value)
    return [one for one in found if one] if isinstance(found, list) else [value]


def _split(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield lines without their ends; None for one that is too long. Empty lines are left out."""
    held, is_too_long = bytearray(), False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            line = bytes(held) + piece
            held.clear()
            if is_too_long or len(line) > LONGEST_LINE:
                is_too_long = False
                yield None
            elif line.strip():
                yield line.rstrip(b"\r")
        held += rest
        if len(held) > LONGEST_LINE:
            held.clear()
            is_too_long = True
    if is_too_long:
        yield None
    elif held.strip():
        yield bytes(held).rstrip(b"\r")
