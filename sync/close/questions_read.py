"""Questions that only read. Any key may ask them at any time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

from sync.close.client import STABLE_ORDER
from sync.close.errors import rate_limit
from sync.close.probe import Reply
from sync.close.questions import Desk, Finding, agrees, differs, question, settled, unclear
from sync.records import parse_time

CLIENT = "sync/close/client.py"
# What nobody has: an id of the right form that was never given out.
NO_LEAD = "lead_" + "0" * 43
_BEYOND = 5000
_FAR = 100_000_000
_OVERLAP = timedelta(minutes=5)
_OLD_HEADERS = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


@question(
    "lead-limit",
    "How many leads does a page hold at most, and in which words is more refused?",
    reading="at least 100",
    where=f"{CLIENT}, lead_page",
)
def lead_limit(desk: Desk) -> Finding:
    return _most(lambda limit: desk.probe.get("/lead/", _limit=limit, _fields="id"), 100)


@question(
    "contact-limit",
    "How many contacts does a page hold at most?",
    reading="at least 100",
    where=f"{CLIENT}, contact_page",
)
def contact_limit(desk: Desk) -> Finding:
    return _most(lambda limit: desk.probe.get("/contact/", _limit=limit, _fields="id"), 100)


@question(
    "event-limit",
    "How many events does a page of the event log hold at most?",
    reading="at least 50",
    where=f"{CLIENT}, event_page",
)
def event_limit(desk: Desk) -> Finding:
    return _most(lambda limit: desk.probe.get("/event/", _limit=limit), 50, beyond=1000)


@question(
    "search-limit",
    "How many hits does a page of a search hold at most?",
    reading="at least 200",
    where=f"{CLIENT}, search_page",
)
def search_limit(desk: Desk) -> Finding:
    return _most(lambda limit: _search(desk, limit), 200, beyond=1000)


def _search(desk: Desk, limit: int) -> Reply:
    query = {"type": "object_type", "object_type": "lead"}
    return desk.probe.search({"query": query, "_fields": {"lead": ["id"]}, "_limit": limit})


def _most(ask: Callable[[int], Reply], used: int, beyond: int = _BEYOND) -> Finding:
    plain = ask(used)
    if not plain.is_ok:
        return differs(f"{used} are refused: “{plain.words}”")
    more = ask(beyond)
    if more.is_ok:
        count, has_more = len(more.rows()), _has_more(more)
        kind = agrees if not has_more or count >= used else differs
        cut = f"and cut to {count}" if has_more and count < beyond else f"and held {count}"
        return kind(f"a page of {beyond} is not refused {cut}")
    return agrees(f"{_highest(ask, used, beyond, more.words)}; {beyond} is refused: “{more.words}”")


def _has_more(reply: Reply) -> bool:
    page = reply.value()
    return any(page.get(name) for name in ("has_more", "cursor", "cursor_next"))


def _highest(ask: Callable[[int], Reply], used: int, beyond: int, words: str) -> int:
    """Return the largest page that is taken: a number in Close's words if it proves right, else by halving."""
    for told in sorted({int(number) for number in re.findall(r"\d{1,6}", words)}, reverse=True):
        if used <= told < beyond and ask(told).is_ok and not ask(told + 1).is_ok:
            return told
    low, high = used, beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ask(middle).is_ok else (low, middle)
    return low


@question(
    "lead-skip",
    "In which words is too large a `_skip` of leads refused?",
    reading="a 400 that mentions the skip",
    where=f"{CLIENT}, lead_page",
)
def lead_skip(desk: Desk) -> Finding:
    return _skip(desk, "/lead/")


@question(
    "contact-skip",
    "In which words is too large a `_skip` of contacts refused?",
    reading="a 400 that mentions the skip",
    where=f"{CLIENT}, contact_page",
)
def contact_skip(desk: Desk) -> Finding:
    return _skip(desk, "/contact/")


def _skip(desk: Desk, path: str) -> Finding:
    reply = desk.probe.get(path, _skip=_FAR, _limit=1, _fields="id")
    if reply.is_ok:
        return differs(f"{_FAR} is not refused; the page holds {len(reply.rows())}")
    return settled(reply.status == 400 and "skip" in reply.words.lower(), _refusal(reply))


@question(
    "default-order",
    "In which order do leads come if none is asked for?",
    reading="in none that can be relied on",
    where=f"{CLIENT}, STABLE_ORDER",
)
def default_order(desk: Desk) -> Finding:
    rows = desk.probe.get("/lead/", _limit=50, _fields="id,date_created,date_updated").rows()
    if len(rows) < 3:
        return unclear(f"{len(rows)} leads are too few to tell")
    orders = [name for name, falling in _ORDERS if _is_ordered(rows, name, falling=falling)]
    words = [f"{_ORDER_WORDS[name]}" for name in orders]
    return agrees(f"the first {len(rows)} come {' or '.join(words) or 'in neither order of their times'}")


_ORDERS = (("date_created", False), ("-date_created", True), ("date_updated", False), ("-date_updated", True))
_ORDER_WORDS = {
    "date_created": "oldest first",
    "-date_created": "newest first",
    "date_updated": "longest unchanged first",
    "-date_updated": "last changed first",
}


def _is_ordered(rows: list[Mapping[str, Any]], name: str, *, falling: bool) -> bool:
    times = [str(row.get(name.removeprefix("-"))) for row in rows]
    return all(one >= other if falling else one <= other for one, other in pairwise(times))


@question(
    "stable-order",
    "Does `query=sort:created` still put leads in the order in which they were made?",
    reading="yes, oldest first or newest first",
    where=f"{CLIENT}, STABLE_ORDER",
)
def stable_order(desk: Desk) -> Finding:
    reply = desk.probe.get("/lead/", _limit=50, _fields="id,date_created", query=STABLE_ORDER)
    if not reply.is_ok:
        return differs(_refusal(reply))
    rows = reply.rows()
    if len(rows) < 3:
        return unclear(f"it is accepted; {len(rows)} leads are too few to tell the order")
    orders = [name for name, falling in _ORDERS[:2] if _is_ordered(rows, name, falling=falling)]
    words = _ORDER_WORDS[orders[0]] if orders else "in no order of creation"
    return settled(bool(orders), f"the first {len(rows)} come {words}")


# ── Headers, and whose key this is ───────────────────────────────────────────────────────────────


@question(
    "rate-limit-header",
    "Which rate limit headers come, and what separates the parts of RateLimit?",
    reading="RateLimit, with , or ; between its parts",
    where="sync/close/errors.py, rate_limit",
)
def rate_limit_header(desk: Desk) -> Finding:
    replies = {
        "me": desk.probe.get("/me/"),
        "lead": desk.probe.get("/lead/", _limit=1),
        "search": _search(desk, 1),
    }
    told = {name: reply.headers.get("ratelimit", "") for name, reply in replies.items()}
    shown = "; ".join(f"{name}: `{value}`" for name, value in told.items() if value)
    old = {name for reply in replies.values() for name in _OLD_HEADERS if reply.headers.get(name)}
    answer = (
        f"{shown or 'no RateLimit header came'}; the old x-rate-limit-* come {'too' if old else 'no more'}"
    )
    if not shown:
        return unclear(answer)
    sent = [reply.headers for reply, value in zip(replies.values(), told.values(), strict=True) if value]
    return settled(all({"remaining", "reset"} <= rate_limit(headers).keys() for headers in sent), answer)


@question(
    "clock-skew",
    "How far is Close's clock from ours?",
    reading="less than the five minutes that are read again",
    where="sync/engine/cursor.py, OVERLAP",
)
def clock_skew(desk: Desk) -> Finding:
    before = desk.clock()
    told = desk.probe.get("/me/").headers.get("date", "")
    after = desk.clock()
    try:
        theirs = parsedate_to_datetime(told)
    except ValueError:
        return unclear("no Date header came")
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    ahead = (theirs - (before + (after - before) / 2)).total_seconds()
    which = "ahead of" if ahead > 0 else "behind"
    return settled(
        abs(ahead) < _OVERLAP.total_seconds(), f"{abs(ahead):.1f} s {which} ours, to the nearest second"
    )


@question(
    "key-role",
    "Can it be told whether the key belongs to an administrator?",
    reading="`/me/` names the role; administrators have `admin`",
    where="sync/services/event_log.py, event.data",
)
def key_role(desk: Desk) -> Finding:
    me = desk.probe.get("/me/").value()
    roles = [row.get("role_id") for row in me.get("memberships") or () if isinstance(row, Mapping)]
    told = ", ".join(str(role) for role in roles if role)
    if not told:
        return differs("`/me/` names no role")
    if "admin" in roles:
        return agrees("the role is `admin`: an administrator")
    return agrees(f"the role is `{told}`: no administrator, so events older than an hour come without values")


@question(
    "api-key-path",
    "Does `/api_key/<key>/` answer, and with which id?",
    reading="with the part of the key before the dot",
    where=f"{CLIENT}, api_key_id",
)
def api_key_path(desk: Desk) -> Finding:
    key = desk.probe.api_key
    reply = desk.probe.get(f"/api_key/{key}/", route="/api_key/{key}/")
    if not reply.is_ok:
        return unclear(_refusal(reply))
    close_id, dot = str(reply.value().get("id") or ""), "." in key
    if not close_id:
        return unclear("it answers, without an id")
    return settled(dot and close_id == key.partition(".")[0], _id_words(close_id, key))


def _id_words(close_id: str, key: str) -> str:
    """Say what an id is in terms of the key, without showing the key."""
    if close_id == key.partition(".")[0]:
        return "its id is the part of the key before the dot"
    return "its id is the whole key" if close_id == key else f"its id is another one, {close_id[:12]}…"


# ── Leads as they come ───────────────────────────────────────────────────────────────────────────


@question(
    "lead-contacts",
    "Does a lead bring its contacts along, and their ids?",
    reading="`contacts` come with it; without them they would be read one lead at a time",
    where="sync/close/parsing.py, parse_lead",
)
def lead_contacts(desk: Desk) -> Finding:
    lead = _some_lead(desk)
    if lead is None:
        return unclear("there is no lead to look at")
    there = [name for name in ("contacts", "contact_ids") if isinstance(lead.get(name), list)]
    return settled("contacts" in there, f"it has {' and '.join(there) or 'neither'}")


@question(
    "lead-custom-dict",
    "Does a lead still bring its custom values by name, in `custom`?",
    reading="it may; only those under ids are read",
    where="sync/close/parsing.py, _custom_by_id",
)
def lead_custom_dict(desk: Desk) -> Finding:
    lead = _some_lead(desk)
    if lead is None:
        return unclear("there is no lead to look at")
    return agrees("yes" if isinstance(lead.get("custom"), Mapping) else "no")


def _some_lead(desk: Desk) -> Mapping[str, Any] | None:
    rows = desk.probe.get("/lead/", _limit=1).rows()
    return rows[0] if rows else None


@question(
    "missing-lead",
    "What does a lead that never was answer?",
    reading="404",
    where="sync/close/errors.py, _refusal",
)
def missing_lead(desk: Desk) -> Finding:
    reply = desk.probe.get(f"/lead/{NO_LEAD}/", route="/lead/{id}/")
    return settled(reply.status == 404, _refusal(reply))


# ── The event log ────────────────────────────────────────────────────────────────────────────────


@question(
    "event-object-type",
    "Does the event log take `object_type` without an action?",
    reading="no: both are sent, or neither",
    where=f"{CLIENT}, event_page",
)
def event_object_type(desk: Desk) -> Finding:
    reply = desk.probe.get("/event/", _limit=1, object_type="lead")
    return differs("it is accepted") if reply.is_ok else agrees(_refusal(reply))


@question(
    "event-without-filter",
    "Does the event log answer to a time alone?",
    reading="yes, for events of all kinds",
    where=f"{CLIENT}, event_page",
)
def event_without_filter(desk: Desk) -> Finding:
    reply = desk.probe.get("/event/", _limit=50, date_updated__gte=_long_ago(desk))
    if not reply.is_ok:
        return differs(_refusal(reply))
    kinds = sorted({str(row.get("object_type")) for row in reply.rows()})
    return agrees(f"yes; {len(reply.rows())} events of {len(kinds)} kinds")


@question(
    "event-order",
    "In which order do events come?",
    reading="the last changed first",
    where="sync/services/event_log.py, pull_events",
)
def event_order(desk: Desk) -> Finding:
    times = [_time(row) for row in _events(desk)]
    if len(times) < 2 or None in times:
        return unclear(f"{len(times)} events are too few to tell")
    falls = all(one >= other for one, other in pairwise(filter(None, times)))
    return settled(falls, "the last changed first" if falls else "in another order")


@question(
    "event-keys",
    "What do events hold, and in which zone are their times?",
    reading="object, action, api_key_id; times are UTC without an offset",
    where="sync/close/parsing.py, parse_event",
)
def event_keys(desk: Desk) -> Finding:
    rows = _events(desk)
    if not rows:
        return unclear("there are no events in the last 29 days")
    wanted = ("id", "object_type", "object_id", "action", "date_updated", "api_key_id")
    missing = [name for name in wanted if any(name not in row for row in rows)]
    oauth = "with" if any("oauth_client_id" in row for row in rows) else "without"
    newest = str(rows[0].get("date_updated"))
    offset = "with an offset" if re.search(r"(Z|[+-]\d\d:\d\d)$", newest) else "without an offset"
    moment = parse_time(newest)
    is_future = moment is not None and moment > desk.clock() + _OVERLAP
    answer = f"{oauth} oauth_client_id; times {offset}" + (", read as UTC in the future" if is_future else "")
    answer += f"; missing: {', '.join(missing)}" if missing else ""
    return settled(not missing and not is_future, answer)


def _events(desk: Desk) -> list[Mapping[str, Any]]:
    return desk.probe.get("/event/", _limit=50, date_updated__gte=_long_ago(desk)).rows()


def _long_ago(desk: Desk) -> str:
    return (desk.started - timedelta(days=29)).isoformat()


def _time(event: Mapping[str, Any]) -> datetime | None:
    return parse_time(event.get("date_updated"))


def _refusal(reply: Reply) -> str:
    return f"{reply.status}: “{reply.words}”" if not reply.is_ok else f"{reply.status}, not refused"


QUESTIONS = (
    lead_limit, contact_limit, event_limit, search_limit, lead_skip, contact_skip, default_order, stable_order,
    rate_limit_header, clock_skew, key_role, api_key_path, lead_contacts, lead_custom_dict, missing_lead,
    event_object_type, event_without_filter, event_order, event_keys,
)  # fmt: skip
