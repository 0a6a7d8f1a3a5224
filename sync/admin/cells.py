"""The small pieces that lists and pages are made of: badges, links, ages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sync.admin.words import RESULTS, VARIANTS, reason_words
from sync.models import Connector
from sync.services import sandboxes

CLOSE_APP = "https://app.close.com"
NOTHING = "–"
_LINK = "text-primary-600 dark:text-primary-500"
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def badge(text: str, variant: str = "", *, href: str = "", title: str = "") -> SafeString:
    """Render a coloured label; with `href` it is a link."""
    context = {"text": text, "variant": variant, "href": href, "label_title": title}
    return SafeString(render_to_string("unfold/helpers/label.html", context).strip())


def result_badge(result: str, *, href: str = "") -> SafeString:
    words = RESULTS[result]
    return badge(words.label, VARIANTS.get(result, ""), href=href, title=words.meaning)


def link(href: str, text: Any, title: str = "") -> SafeString:
    return format_html('<a href="{}" class="{}" title="{}">{}</a>', href, _LINK, title, text)


def external(href: str, text: Any) -> SafeString:
    """Render a link to another application; it opens beside this one."""
    return format_html(
        '<a href="{}" class="{}" target="_blank" rel="noopener noreferrer">{} ↗</a>', href, _LINK, text
    )


def stacked(*lines: Any) -> SafeString:
    """Render lines below each other, the first one prominent, the others small; empty ones are left out."""
    first, *rest = [line for line in lines if line] or [NOTHING]
    small = format_html_join("", '<div class="text-xs text-font-subtle-light dark:text-font-subtle-dark">{}</div>', [(line,) for line in rest])  # fmt: skip
    return format_html('<div class="break-words">{}{}</div>', first, small)


def unbroken(content: Any) -> SafeString:
    """Render content without breaking its lines."""
    return format_html('<div class="whitespace-nowrap">{}</div>', content)


def broken(content: Any) -> SafeString:
    """Render a value that may be long and have no spaces, broken where it has to be."""
    return format_html('<div style="overflow-wrap: anywhere; min-width: 9rem">{}</div>', content)


def stacked_plainly(lines: Iterable[Any]) -> SafeString:
    """Render lines below each other, all alike."""
    return format_html_join("", "<div>{}</div>", [(line,) for line in lines])


def wide(content: Any, width: int = 16) -> SafeString:
    """Render content at least this many characters wide, so that sentences in narrow columns stay readable."""
    style = f"min-width: {width}rem; max-width: 28rem"
    return format_html('<div class="whitespace-normal" style="{}">{}</div>', style, content)


def changelist(model: str, **filters: Any) -> str:
    """Return the address of a list of the sync app, filtered."""
    query = urlencode({name: value for name, value in filters.items() if value not in (None, "")})
    return reverse(f"admin:sync_{model}_changelist") + (f"?{query}" if query else "")


def same_record(model: str, connector_id: int, key: str) -> str:
    return changelist(model, connector__id__exact=connector_id, key=key)


def same_reason(model: str, reason: str) -> str:
    return changelist(model, reason__exact=reason)


def reason_cell(model: str, reason: str) -> SafeString:
    """Say a reason in words with the next move, and link to all records with the same one."""
    if not reason:
        return SafeString(NOTHING)
    words = reason_words(reason)
    return wide(
        stacked(
            link(same_reason(model, reason), words.label, gettext("All with this reason")),
            words.meaning,
            words.move,
        )
    )


def close_link(
    object_type: str, close_id: str, lead_id: str = "", text: str = "In Close", *, of: Connector
) -> SafeString | str:
    """Link to a record in Close. A contact has no page of its own there: its lead's is meant; in a sandbox the one page."""
    target = close_id if object_type == "LEAD" else lead_id
    if of.is_sandbox:
        return external(sandboxes.root_of(of.close_api_url), text) if target else ""
    return external(f"{CLOSE_APP}/lead/{target}/", text) if target.startswith("lead_") else ""


def hull_link(connector: Connector, text: str = "Hull") -> SafeString:
    """Link to a connector's Hull; how its dashboard addresses a single record is not told anywhere."""
    if connector.is_sandbox:
        return external(sandboxes.root_of(connector.hull_api_url), text)
    return external(f"https://{connector.hull_organization}", text)


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was, in one unit: `3 min`, `2 h`, `5 d`."""
    if moment is None:
        return NOTHING
    return span((now or timezone.now()) - moment)


def span(length: timedelta) -> str:
    seconds = max(int(length.total_seconds()), 0)
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ago(moment: datetime | None, now: datetime | None = None, *, never: str = "") -> SafeString:
    """Render a past moment as its age, with the exact time to hover over."""
    if moment is None:
        return SafeString(never or gettext("never"))
    said = gettext("{age} ago").format(age=age(moment, now))
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', exact(moment), said)


def exact(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def due(moment: datetime | None, now: datetime | None = None) -> str:
    """Return when something will happen: `now` or `in 3 min`."""
    left = moment - (now or timezone.now()) if moment else timedelta()
    return gettext("in {value}").format(value=span(left)) if left > timedelta() else gettext("now")


def counters(counted: dict[str, int]) -> SafeString:
    """Render what a run counted, a badge per result."""
    shown = [(name, counted[name]) for name in RESULTS if counted.get(name)]
    badges = [
        (badge(f"{count} {RESULTS[name].label.lower()}", VARIANTS.get(name, "")),) for name, count in shown
    ]
    return format_html_join(" ", "{}", badges) or SafeString(NOTHING)
