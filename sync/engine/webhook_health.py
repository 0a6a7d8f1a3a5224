"""What has to be done so that Close has exactly one working webhook subscription of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sync.records import Webhook

Events = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Repair:
    """What Close is asked for: subscriptions to delete, one to set right, and whether one has to be made.

    `kept` is the one that stays. `problem` is a sentence about what Close says of its deliveries.
    """

    kept: str = ""
    updates: bool = False
    creates: bool = False
    deletes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_nothing(self) -> bool:
        return not (self.updates or self.creates or self.deletes)


def repair(found: Sequence[Webhook], *, url: str, mine: str, has_key: bool, events: Events) -> Repair:
    """Return what is to be done, given the subscriptions that Close has.

    `url` is where Close is to deliver, empty when this installation has no public address; `mine` the subscription
    that we made, `has_key` whether we hold the key that verifies its deliveries. One whose deliveries fail is made
    anew, since its key may not be ours; one that is paused or names other events is set right.
    """
    own = [webhook for webhook in found if url and webhook.url == url]
    keeps = next((one for one in own if one.close_id == mine and has_key and not _fails(one)), None)
    stale = {one.close_id for one in own if one is not keeps}
    stale |= {one.close_id for one in found if _is_left_over(one, url, mine)}
    problem = next((_sentence(one) for one in own if _fails(one)), "")
    if not url:
        return Repair(deletes=tuple(one.close_id for one in found if one.close_id == mine))
    if keeps is None:
        return Repair(creates=True, deletes=tuple(sorted(stale)), problem=problem)
    is_right = keeps.status == "active" and keeps.events >= events
    return Repair(keeps.close_id, updates=not is_right, deletes=tuple(sorted(stale)))


def _fails(webhook: Webhook) -> bool:
    return not webhook.is_healthy and bool(webhook.latest_error)


def _is_left_over(webhook: Webhook, url: str, mine: str) -> bool:
    """Whether one was made for this connector under an address that it had before, and nobody listens there.

    A copy of this installation may have the same connector, and listen: what works is left alone.
    """
    if not url or webhook.url == url or urlsplit(webhook.url).path != urlsplit(url).path:
        return False
    return webhook.close_id == mine or webhook.status != "active" or _fails(webhook)


def _sentence(webhook: Webhook) -> str:
    return f"Close could not deliver to {webhook.url}: {webhook.latest_error}"
