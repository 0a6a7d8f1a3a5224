"""A simulated month of a rep, while events come late and out of order, Hull refuses and the process dies at random.

`SEEDS=1000 make histories` lives through a thousand; `SEED=17 make histories` through one again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sandbox import SandboxAdapter
from tests.journeys.histories import History, Killed
from tests.journeys.world import World

pytestmark = pytest.mark.inline(reason="it kills the process that it runs in, and moves the clock")

SEEDS = (
    [int(os.environ["SEED"])] if os.environ.get("SEED") else list(range(int(os.environ.get("SEEDS", "20"))))
)


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], object]:
    send = SandboxAdapter.send

    @contextmanager
    def within(strikes: Callable[[], bool]) -> Iterator[None]:
        def dying(self: SandboxAdapter, *args: object, **options: object) -> object:
            if strikes():
                raise Killed  # before the remote has heard of it
            answer = send(self, *args, **options)  # type: ignore[arg-type]
            if strikes():
                raise Killed  # after it has done what was asked
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(SandboxAdapter, "send", dying)
            yield

    return within


@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_end_of_a_month_hull_equals_close(
    world: World, seed: int, deadly: Callable[[Callable[[], bool]], object]
) -> None:
    history = History(world, seed, dies=seed % 3 > 0)

    history.live(deadly)

    try:
        history.check()
    except AssertionError as error:
        raise AssertionError(f"SEED={seed} make histories\n{history.acts}\n{error}") from None
