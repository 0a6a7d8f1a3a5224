"""How a simulated Close reads a request: bodies, pages, chosen fields, paths as clients in the field write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any

from sandbox.close.store import Record
from sandbox.close.validation import Invalid
from sandbox.http import Request

Answer = tuple[int, Any]
Act = Callable[..., Answer]
# A path pattern, and what each method does: called with the request and the groups of the pattern.
Routes = list[tuple[str, dict[str, Act]]]

ONE = r"([A-Za-z0-9_.]+)"
MOST_RECORDS = 100
MOST_SKIP = 250_000
NO_SUCH_PATH = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling "
    "and try again."
)


def plain_path(path: str) -> str:
    """Return the path without the version, with one slash between parts and one at the end."""
    plain = re.sub(r"/+", "/", re.sub("^/+api/+v1", "", path) + "/")
    return plain if plain.startswith("/") else f"/{plain}"


def json_body(request: Request) -> Record:
    """Return the body. Raises Invalid in Close's words when it is not a JSON object sent whole."""
    if "chunked" in request.headers.get("transfer-encoding", ""):
        raise Invalid(text="Chunked Transfer-Encoding is not supported.")
    if "json" not in request.headers.get("content-type", ""):
        raise Invalid(text="Please send valid JSON with a 'Content-Type: application/json' header.")
    try:
        body = request.json()
    except ValueError:
        raise Invalid(text="The request contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise Invalid(text="JSON data must be a dict.")
    return body


def flat(request: Request) -> dict[str, str]:
    """Return the query, the last value of each name."""
    return {name: values[-1] for name, values in request.query.items() if values}


def whole(value: str, default: int) -> int:
    """Return a parameter as a number that is not negative. Raises Invalid."""
    if not value:
        return default
    if not (value.isascii() and value.isdecimal()) or len(value) > 12:
        raise Invalid(text="Value must be of int type.")
    return int(value)


def bounds(request: Request, most: int = MOST_RECORDS) -> tuple[int, int]:
    """Return `_skip` and `_limit`. Raises Invalid beyond the maximum of the resource."""
    limit, skip = whole(request.param("_limit"), min(most, 100)), whole(request.param("_skip"), 0)
    if limit > most:
        raise Invalid(
            text=f"The limit you set is larger than the maximum limit for this resource (max_limit = {most})."
        )
    if skip > MOST_SKIP:
        raise Invalid(
            text=f"The skip you set is larger than the maximum skip for this resource (max_skip = {MOST_SKIP}).\n"
            "Please refine your search query."
        )
    return skip, limit


def paged(rows: Collection[Record], request: Request, most: int = MOST_RECORDS) -> tuple[list[Record], bool]:
    """Return the page that `_skip` and `_limit` ask for, and whether there is more. Raises Invalid."""
    skip, limit = bounds(request, most)
    page = rows[skip : skip + limit] if isinstance(rows, list) else list(islice(rows, skip, skip + limit))
    return page, skip + limit < len(rows)


def listed(rows: Collection[Record], request: Request, most: int = MOST_RECORDS) -> Answer:
    """Answer a list request as most resources do: `{"data", "has_more"}`."""
    page, has_more = paged(rows, request, most)
    return 200, {"data": [chosen(row, request) for row in page], "has_more": has_more}


def chosen(record: Record, request: Request) -> Record:
    """Return the fields that `_fields` asks for; unknown names are left out in silence."""
    wanted = [name for part in request.query.get("_fields", ()) for name in part.split(",") if name]
    if not wanted or "_all" in wanted:
        return record
    customs = {
        name: value for name, value in record.items() if name.startswith("custom.") and "custom" in wanted
    }
    return {name: record[name] for name in wanted if name in record and name != "custom"} | customs


def ordered(rows: Iterable[Record], request: Request, allowed: Collection[str]) -> list[Record]:
    """Return rows in the order of `_order_by`. Raises Invalid for a field that cannot be ordered by."""
    order = request.param("_order_by")
    name = order.removeprefix("-")
    if not order:
        return list(rows)
    if name not in allowed:
        raise Invalid(text=f"Cannot order by {name}.")
    return sorted(rows, key=lambda row: str(row.get(name) or ""), reverse=order.startswith("-"))
