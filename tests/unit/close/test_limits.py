"""A request that Close would refuse is not sent, however many threads are at work."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from sync.close.limits import RateLimits, group_of
from sync.errors import RateLimitedError
from sync.transport import Answer


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> RateLimits:
    return RateLimits(clock)


def told(remaining: int, reset: float, *, route: str = "/lead/", status: int = 200) -> Answer:
    header = f"limit=160; remaining={remaining}; reset={reset}"
    return Answer(status, CaseInsensitiveDict({"RateLimit": header}), b"{}", "GET", route)


def test_nothing_is_held_back_before_close_said_anything(limits: RateLimits) -> None:
    limits.admit("/lead/")
    limits.note(Answer(200, route="/lead/"))
    limits.admit("/lead/")


def test_a_spent_budget_holds_until_its_reset(limits: RateLimits, clock: Clock) -> None:
    limits.note(told(0, 8))
    clock.now += 3
    with pytest.raises(RateLimitedError) as caught:
        limits.admit("/contact/{id}/")
    assert caught.value.retry_after == 5
    clock.now += 5
    limits.admit("/contact/{id}/")


def test_requests_under_way_count(limits: RateLimits) -> None:
    limits.note(told(2, 8))
    limits.admit("/lead/")
    limits.admit("/lead/")
    with pytest.raises(RateLimitedError):
        limits.admit("/lead/")


def test_an_answer_that_was_overtaken_does_not_raise_the_budget(limits: RateLimits) -> None:
    limits.note(told(0, 8))
    limits.note(told(1, 8))
    with pytest.raises(RateLimitedError):
        limits.admit("/lead/")


def test_a_longer_reset_counts_when_nothing_is_left(limits: RateLimits, clock: Clock) -> None:
    limits.note(told(5, 1))
    limits.note(told(0, 4))
    clock.now += 2
    with pytest.raises(RateLimitedError):
        limits.admit("/lead/")


def test_a_new_window_starts_afresh(limits: RateLimits, clock: Clock) -> None:
    limits.note(told(0, 1))
    clock.now += 1
    limits.note(told(100, 8))
    limits.admit("/lead/")


def test_a_429_closes_its_group_whatever_its_header_leaves(limits: RateLimits) -> None:
    limits.note(told(7, 2, status=429))
    with pytest.raises(RateLimitedError) as caught:
        limits.admit("/lead/")
    assert caught.value.retry_after == 2


def test_other_groups_go_on(limits: RateLimits) -> None:
    limits.note(told(0, 8, route="/data/search/"))
    limits.admit("/lead/")
    with pytest.raises(RateLimitedError):
        limits.admit("/data/search/")


@pytest.mark.parametrize(
    ("route", "group"),
    [
        ("/lead/", "records"),
        ("/lead/{id}/", "records"),
        ("/contact/", "records"),
        ("/data/search/", "search"),
        ("/lead/merge/", "lead"),
        ("/event/", "event"),
        ("/status/lead/", "status"),
        ("/custom_field_schema/lead/", "custom_field_schema"),
    ],
)
def test_groups(route: str, group: str) -> None:
    assert group_of(route) == group
