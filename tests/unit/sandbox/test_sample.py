"""What the sandbox starts with: a file's records, or a sample that is the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox import CloseSandbox, HullSandbox
from sandbox.close.validation import Invalid
from sandbox.run import build, load_data
from sandbox.sample import SEGMENTS, load_sample
from tests.unit.sandbox.remotes import Clock


def sample(seed: int = 0) -> tuple[CloseSandbox, HullSandbox]:
    clock = Clock()
    close, hull = CloseSandbox(clock, seed), HullSandbox(clock, seed)
    load_sample(close, hull, seed)
    return close, hull


def host(spelling: str) -> str:
    """The plain host of what a rep typed: compared on its own here, not by the product."""
    address = spelling if "://" in spelling else f"http://{spelling}"
    return (urlsplit(address).hostname or "").rstrip(".").removeprefix("www.")


def test_the_sample_is_a_company_of_some_size() -> None:
    close, hull = sample()

    assert (len(hull.accounts), len(hull.users), len(close.leads)) == (120, 300, 80)
    assert [one["id"] for one in hull.store.segments if one["kind"] == "account"] == [
        one[0] for one in SEGMENTS
    ]
    sizes = [sum(one[0] in account["segment_ids"] for account in hull.accounts.values()) for one in SEGMENTS]
    assert len(SEGMENTS) == 3 and min(sizes) > 10


def test_forty_companies_are_in_both_under_other_spellings() -> None:
    close, hull = sample()
    domains = {str(account["domain"]) for account in hull.accounts.values()}

    urls = [str(lead["url"]) for lead in close.leads.values()]
    shared = [url for url in urls if host(url) in domains]

    assert len(domains) == 120 and len({host(url) for url in urls}) == 80
    assert len(shared) == 40
    assert not [url for url in shared if url in domains]


def test_all_that_hull_has_is_waiting_to_be_told_some_users_before_their_account() -> None:
    _, hull = sample()
    assert hull.notifier.pending == 420

    told: set[str] = set()
    early = 0
    for _ in range(100):
        for _, body in hull.take_notifications(50):
            for message in body["messages"]:
                early += bool(
                    message.get("user") and message["account"] and message["account"]["id"] not in told
                )
                told |= {message["account"]["id"]} if body["channel"] == "account:update" else set()
    assert early > 50 and len(told) == 120


def test_the_same_seed_gives_the_same_sample() -> None:
    (close, hull), (again, hull_again) = sample(3), sample(3)

    assert close.snapshot() == again.snapshot() and close.events == again.events
    assert hull.snapshot() == hull_again.snapshot()
    assert sample(4)[0].snapshot() != close.snapshot()


DATA = {
    "custom_fields": [{"object_type": "lead", "name": "Tier", "field_id": "cf_tier"}],
    "leads": [{"name": "Acme", "custom.cf_tier": "one", "contacts": [{"name": "Gob"}]}],
    "segments": [{"kind": "account", "segment_id": "s1", "name": "All", "predicate": {"attribute": "tier", "equals": 1}}],
    "accounts": [{"id": "a1", "name": "Acme", "tier": 1}],
    "users": [{"id": "u1", "name": "Gob", "account_id": "a1"}, {"id": "u2", "name": "Alone"}],
}  # fmt: skip


def test_a_files_records_replace_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(DATA))

    close, hull = build(data=str(path))

    (lead,) = close.leads.values()
    assert (lead["custom.cf_tier"], lead["contacts"][0]["name"]) == ("one", "Gob")
    assert hull.account_of("u1")["segment_ids"] == ["s1"] and "account_id" not in hull.users["u1"]
    assert set(hull.users) == {"u1", "u2"}
    assert close.limits.enabled


@pytest.mark.parametrize(
    ("data", "error"),
    [({"leads": [{"name": 5}]}, Invalid), ({"segments": [{"name": "x"}]}, TypeError), ({"custom_fields": [{"name": "x"}]}, TypeError)],
)  # fmt: skip
def test_a_file_that_close_would_not_take(
    clock: Clock, data: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        load_data(CloseSandbox(clock), HullSandbox(clock), data)


def test_every_part_of_a_file_may_be_left_out(clock: Clock) -> None:
    close, hull = CloseSandbox(clock), HullSandbox(clock)
    load_data(close, hull, {})

    assert not close.leads and not hull.accounts
