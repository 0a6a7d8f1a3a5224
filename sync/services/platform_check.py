"""Asks a real Close what its documentation leaves open, and says where it differs from what we assume.

See `docs/decisions/0001-facts-nobody-could-tell.md`. Reads only, unless `write` is given; then it also makes leads of a
name of its own, and removes them. Hull never hears of them: while they are there, nobody drains Close → Hull.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sync.close import questions_read, questions_write
from sync.close.probe import Probe
from sync.close.questions import Desk, Finding, Left, Question, Verdict, unclear
from sync.errors import ConfigurationError, CredentialsError, SyncError
from sync.models import Connector, Run
from sync.records import CloseIdentity, Direction
from sync.redaction import mask_secrets
from sync.services import inbound, lane, setup

QUESTIONS: tuple[Question, ...] = (*questions_read.QUESTIONS, *questions_write.QUESTIONS)

MARKER = "Close Connector check"
LONGEST_ANSWER = 400
LONGEST_PATIENCE = 240.0  # a lane is leased for five minutes, and the lease is renewed between questions

Watch = Callable[[Question, int], None]
_NOT_WRITING = Finding(Verdict.NOT_ASKED, "needs records of its own: --write")
_NOT_CHOSEN = Finding(Verdict.NOT_ASKED, "not chosen")


class CheckError(Exception):
    """The check cannot begin, or had to stop; the message is for people."""


@dataclass(slots=True)
class Report:
    """What was found, also by a check that was broken off."""

    identity: CloseIdentity
    api_url: str
    findings: dict[str, Finding] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    is_refused: bool = False

    @property
    def rows(self) -> list[tuple[Question, Finding]]:
        return [(question, self.findings[question.key]) for question in QUESTIONS]

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(finding.verdict for finding in self.findings.values())
        return {verdict.value: counted[verdict] for verdict in Verdict}

    @property
    def call_count(self) -> int:
        return sum(self.calls.values())


def nobody_watches(question: Question, number: int) -> None:
    """Whoever shows progress passes a function of his own."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to ask. `only` are keys of questions; none means all."""

    write: bool = False
    with_fields: bool = False
    patience: float = 60.0
    only: Collection[str] = ()

    def reason_not_to_ask(self, question: Question) -> Finding | None:
        if self.only and question.key not in self.only:
            return _NOT_CHOSEN
        return _NOT_WRITING if question.writes and not self.write else None


def check(
    connector: Connector,
    wishes: Wishes,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    chance: str,
    watch: Watch = nobody_watches,
) -> Report:
    """Ask all questions, one after another, and remove what was made. `chance` makes the names of records unique.

    Raises ConfigurationError when the connector's key cannot be used or is of another Close organization than before,
    CheckError when somebody drains this connector now.
    """
    calls = setup.Calls()
    identity = setup.close_client(connector, observer=calls).me()
    _check_pin(connector, identity)
    key, api_url = connector.close_api_key.reveal(), connector.close_api_url or setup.CLOSE_API_URL
    probe = Probe(
        key, api_url=api_url, seconds=lambda: clock().timestamp(), sleep=sleep, writes=wishes.write, observer=calls,
    )  # fmt: skip
    desk = Desk(
        probe, user_id=identity.user_id, marker=f"{MARKER} {clock():%Y-%m-%d %H:%M:%S} {chance}", clock=clock,
        sleep=sleep, patience=min(wishes.patience, LONGEST_PATIENCE), with_fields=wishes.with_fields,
    )  # fmt: skip
    report = Report(identity, api_url)
    with _quiet(connector, desk, wishes.write, clock) as renew:
        try:
            _ask_all(desk, wishes, report, renew, watch)
        finally:
            desk.sweep()  # also when something unforeseen went wrong
    _complete(report, desk, calls, key)
    return report


def _check_pin(connector: Connector, identity: CloseIdentity) -> None:
    pinned = connector.close_organization_id
    if pinned and pinned != identity.organization_id:
        raise ConfigurationError(
            f"The Close key belongs to “{identity.organization_name}”, but this connector is bound to "
            f"“{connector.close_organization_name or pinned}”. Enter a key of that organization."
        )


@contextmanager
def _quiet(
    connector: Connector, desk: Desk, write: bool, clock: Callable[[], datetime]
) -> Iterator[Callable[[], bool]]:
    """Keep others from telling Hull of our records while they are there, and read their end before they may go on."""
    if not write:
        yield lambda: True
        return
    with lane.leased(connector, Direction.INBOUND, clock=clock) as lease:
        if lease is None:
            raise CheckError("A sync from Close to Hull is at work. Try again when it is done.")
        try:
            yield lease.renew
        finally:
            connector.refresh_from_db()
            if desk.has_written and connector.is_active and connector.backfilled_at:
                desk.await_end()
                inbound.pull(connector, trigger=Run.Trigger.COMMAND, clock=clock)


def _ask_all(desk: Desk, wishes: Wishes, report: Report, renew: Callable[[], bool], watch: Watch) -> None:
    """Put what is found into the report; a refused key or a person's Ctrl-C ends it early."""
    for number, question in enumerate(QUESTIONS, 1):
        finding = wishes.reason_not_to_ask(question)
        if finding is None and report.stopped:
            finding = Finding(Verdict.NOT_ASKED, "the check was stopped")
        if finding is None:
            watch(question, number)
            finding = _asked(desk, question, report) if renew() else _lost_lane(report)
        report.findings[question.key] = finding


def _lost_lane(report: Report) -> Finding:
    report.stopped = "It took so long that a sync from Close to Hull began."
    return Finding(Verdict.NOT_ASKED, "the check was stopped")


def _asked(desk: Desk, question: Question, report: Report) -> Finding:
    try:
        return question.ask(desk)
    except CredentialsError as error:
        report.stopped, report.is_refused = error.message, True
        return unclear(error.message)
    except KeyboardInterrupt:
        report.stopped = "It was stopped by a person."
        return unclear("stopped by a person")
    except SyncError as error:
        return unclear(error.message)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        return unclear(f"Close's answer has another shape than expected ({type(error).__name__}: {error})")
    finally:
        desk.clear()


def _complete(report: Report, desk: Desk, calls: setup.Calls, key: str) -> None:
    """Fill in what is known at the end, without any secret."""
    secrets: Sequence[str] = (key,)
    report.left, report.calls = list(desk.left), calls.as_dict()
    report.findings = {
        name: Finding(found.verdict, _short(mask_secrets(found.answer, secrets)))
        for name, found in report.findings.items()
    }


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_ANSWER else plain[: LONGEST_ANSWER - 1] + "…"
