"""The old text search of `/lead/?query=…`, as far as clients in the field still use it.

Known words: `date_updated`, `updated`, `date_created`, `created` with a comparison, `id:`, `email:`, `name:`, `url:`,
`custom.cf_…:`, `lead_id:`, `sort:`, `slice:n/m`, and plain words, which are looked for in names. Times compare to the minute.
"""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.close.store import Record
from sandbox.close.validation import Invalid

_TIME = re.compile(r"(date_updated|updated|date_created|created)\s*(>=|>|<=|<|=|:)\s*(\"[^\"]*\"|\S+)")
_WORDS = ("name", "display_name", "description", "url")


def queried(leads: list[Record], query: str, nested: Callable[[Record], Record]) -> list[Record]:
    """Return the leads that a text query means, in its order. Raises Invalid for a time that is none."""
    query = query.replace("\x00", " ")
    for name, operator, value in _TIME.findall(query):
        key = "date_updated" if "updated" in name else "date_created"
        bound = _minute(value.strip('"'))
        leads = [lead for lead in leads if _compares(_minute(lead[key]), operator, bound)]
    rest = _TIME.sub(" ", query)
    part = re.search(r"\bslice:(\d+)/(\d+)", rest)
    order = re.search(r"\bsort:(-?)(?:date_)?(created|updated)\b", rest)
    for term in _terms(re.sub(r"\b(sort|slice|has|not|in|and|or):\S+|\b(and|or)\b", " ", rest, flags=re.I)):
        leads = [lead for lead in leads if _fits(term, nested(lead))]
    if part and 0 < int(part[2]) < 10_000:
        leads = [
            lead
            for lead in leads
            if zlib.crc32(lead["id"].encode()) % int(part[2]) == int(part[1]) % int(part[2])
        ]
    if order:
        leads = sorted(leads, key=lambda lead: str(lead[f"date_{order[2]}"]), reverse=bool(order[1]))
    return leads


def _terms(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark without its other half
        return text.replace('"', " ").replace("'", " ").split()


def _fits(term: str, lead: Record) -> bool:
    name, colon, wanted = term.partition(":")
    if not colon:
        return (
            term in ("*", "()")
            or term.lower() in " ".join(str(lead.get(one) or "") for one in _WORDS).lower()
        )
    wanted = wanted.strip().lower()
    if name in ("id", "lead_id"):
        return bool(lead["id"].lower() == wanted)
    if name in ("email", "email_address", "phone"):
        return any(wanted in value for value in _of_people(lead, name))
    if name in ("lead_status", "status"):
        return str(lead.get("status_label") or "").lower() == wanted
    return wanted in str(lead.get(name) or "").lower()


def _of_people(lead: Record, name: str) -> list[str]:
    table, key = ("phones", "phone") if name == "phone" else ("emails", "email")
    return [str(entry[key]).lower() for contact in lead["contacts"] for entry in contact[table]]


def _minute(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC).replace(second=0, microsecond=0)
    except (ValueError, OverflowError):
        raise Invalid({"query": "Could not parse datetime"}) from None


def _compares(held: datetime, operator: str, bound: datetime) -> bool:
    return {
        ">=": held >= bound, ">": held > bound, "<=": held <= bound, "<": held < bound, "=": held == bound,
        ":": held.date() == bound.date(),
    }[operator]  # fmt: skip
