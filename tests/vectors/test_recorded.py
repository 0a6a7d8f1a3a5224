"""Every recorded input of the original connector, with *same* or *better*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync.mapping.transforms import host
from tests.journeys.world import World
from tests.vectors.page import page
from tests.vectors.replay import NAMES, Replay, replay
from tests.vectors.verdicts import VERDICTS, Better

# What we send beside what the original sent; each is explained on the page of differences.
ADDED = {
    "closeio/emails", "closeio/phones", "closeio/urls", "closeio/addresses", "closeio/created_at", "closeio/updated_at",
    "closeio/status_id",
}  # fmt: skip
# Ids and times differ in every replay; `name` only fills what Hull has empty, so that telling it once is enough.
MOVING = {"closeio/id", "closeio/updated_at", "closeio/created_at", "closeio/lead_id", "name"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_input(name: str, world: World) -> None:
    done = replay(name, world)
    verdict = VERDICTS[name]
    if isinstance(verdict, Better):
        assert verdict.check(done), f"not as said: {verdict.words}"
    elif done.recorded["kind"] == "http":
        assert done.answers[0].json() == done.observed["responses"][0]["body"]
    else:
        assert [_comparable_write(write) for write in done.our_writes()] == [
            _comparable_write(write) for write in done.their_writes()
        ]
        _compare_records(done)


def test_no_recorded_input_is_left_out() -> None:
    assert set(NAMES) == set(VERDICTS)
    assert len(NAMES) == 73


def test_the_page_of_differences_is_up_to_date() -> None:
    written = (Path(__file__).parents[2] / "docs" / "differences.md").read_text()

    assert written == page(), "run: make differences"


def _comparable_write(write: tuple[str, str, Any]) -> tuple[str, str, dict[str, Any]]:
    """A request without what differs by design: the id in the body, the web address's scheme, the keys' order."""
    method, path, body = write
    plain = {name: _plain(name, value) for name, value in body.items() if name != "id"}
    return method, path, {name: value for name, value in plain.items() if value is not None}


def _plain(name: str, value: Any) -> Any:
    if name in ("url", "closeio/url") and value:
        return host(value) or value
    if isinstance(value, list):
        return sorted(
            repr(sorted(entry.items())) if isinstance(entry, dict) else repr(entry) for entry in value
        )
    return None if value == "" else value


def _compare_records(done: Replay) -> None:
    """Hull holds the same values under the same names; ours may add the attributes that the page names."""
    ours, theirs = _by_name(done.our_records()), _by_name(done.their_records())
    for who, values in theirs.items():
        held = ours[who]
        differing = {
            name: (value, held.get(name))
            for name, value in values.items()
            if name not in MOVING and _plain(name, value) != _plain(name, held.get(name))
        }
        assert differing == {}
        added = {name for name, value in held.items() if value is not None and name not in values}
        assert added <= ADDED


def _by_name(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key records by what does not depend on new ids: lead or contact, and its name."""
    named: dict[str, dict[str, Any]] = {}
    for close_id, values in records.items():
        kind = str(values.get("closeio/id") or close_id)[:5]
        named.setdefault(f"{kind} {values.get('closeio/name') or ''}", {}).update(values)
    return named
