"""Threads have something done by the thread that waits for them, and nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from sync.services import apply
from sync.services.errands import Desk, run_by_owner


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "THREADS", 4)


def test_without_threads_an_errand_is_run_at_once() -> None:
    assert run_by_owner(threading.get_ident) == threading.get_ident()


def test_errands_of_all_threads_are_run_by_the_one_that_waits() -> None:
    ran_by = apply.in_parallel(
        lambda _: (run_by_owner(threading.get_ident), threading.get_ident()), range(50)
    )

    assert {owner for owner, _ in ran_by} == {threading.get_ident()}
    assert threading.get_ident() not in {worker for _, worker in ran_by}


def test_results_keep_their_order() -> None:
    assert apply.in_parallel(lambda number: run_by_owner(lambda: number * 2), range(20)) == [
        number * 2 for number in range(20)
    ]


def test_an_error_of_an_errand_is_raised_where_it_was_asked() -> None:
    def fail() -> None:
        raise ValueError("no")

    def ask(number: int) -> str:
        try:
            run_by_owner(fail)
        except ValueError as error:
            return str(error)
        return ""

    assert apply.in_parallel(ask, range(5)) == ["no"] * 5


def test_the_first_error_of_the_work_is_raised_when_all_is_done() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number % 2:
            raise ValueError(str(number))

    with pytest.raises(ValueError, match="1"):
        apply.in_parallel(work, range(6))
    assert sorted(done) == list(range(6))


def test_nobody_waits_at_a_desk_that_was_left() -> None:
    with Desk() as desk:
        pass
    with pytest.raises(CancelledError):
        desk.hand_in(lambda: 1)


def test_who_waits_when_the_desk_is_left_is_sent_away() -> None:
    desk, ended = Desk(), threading.Event()

    def ask() -> None:
        with pytest.raises(CancelledError):
            desk.hand_in(lambda: 1)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while desk._asked.empty():
        ended.wait(0.001)
    desk.__exit__()
    thread.join(5)

    assert ended.is_set()
