"""`check_platform`: its table, its exit codes, and that nothing of it stays behind."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sandbox.close.store import API_KEY
from sync.close.questions import Question
from sync.management.commands import check_platform as command
from sync.models import Change, Run
from sync.records import Direction
from sync.services import lane
from sync.services.platform_check import MARKER, QUESTIONS
from tests.journeys.conftest import inline_world
from tests.journeys.world import World

__all__ = ["inline_world"]
ROOT = Path(__file__).resolve().parents[3]
WRITING = [question.key for question in QUESTIONS if question.writes]
READING = [question.key for question in QUESTIONS if not question.writes]


@pytest.fixture
def world(inline_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(command.time, "sleep", lambda seconds: inline_world.clock.advance(seconds=seconds))
    for name in ("Acme", "Globex", "Initech"):
        inline_world.close.rep_create_lead({"name": name, "contacts": [{"name": f"Ada of {name}"}]})
    return inline_world


def run(*arguments: str) -> tuple[int, Any]:
    """Return the exit code and what was printed: read as JSON if it is, with the error's words if there are any."""
    out, code, said = StringIO(), 0, ""
    try:
        call_command("check_platform", *arguments, stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    except CommandError as error:
        code, said = error.returncode, str(error)
    text = out.getvalue()
    return code, json.loads(text) if text.startswith("{") else text + said


def found(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in report["questions"]}


def verdicts(report: dict[str, Any], *wanted: str) -> list[str]:
    return [f"{row['key']}: {row['answer']}" for row in report["questions"] if row["verdict"] in wanted]


def ask(key: str) -> tuple[int, dict[str, Any]]:
    """Ask one writing question, and return the exit code and its row."""
    code, report = run("acme-close", "--write", "--json", "--only", key)
    return code, found(report)[key]


# ── What it says ─────────────────────────────────────────────────────────────────────────────────


def test_the_sandbox_agrees_with_every_reading(world: World) -> None:
    before = world.close.snapshot()

    code, report = run("acme-close", "--write", "--with-fields", "--json")

    assert code == 0
    assert verdicts(report, "DIFFERS", "NOT ASKED") == []
    # a sandbox without rate limits sends no such header, and in this process no Date
    assert {line.split(":")[0] for line in verdicts(report, "UNCLEAR")} <= {"rate-limit-header", "clock-skew"}
    assert report["left"] == []
    assert world.close.snapshot() == before
    assert world.close.store.custom_fields == {}


def test_headers_are_read_where_there_are_any(world: World) -> None:
    world.close.limits.enabled = True
    world.close.moods.skew = timedelta(seconds=-90)

    code, report = run("acme-close", "--json", "--only", "rate-limit-header", "--only", "clock-skew")

    rows = found(report)
    assert (code, report["verdicts"]["AGREES"]) == (0, 2)
    assert "remaining=" in rows["rate-limit-header"]["answer"]
    assert re.match(r"(89|9[01])\.\d s behind ours", rows["clock-skew"]["answer"])


def test_by_default_nothing_is_written(world: World) -> None:
    before = world.close.snapshot()

    code, report = run("acme-close", "--json")

    assert code == 0
    assert {row["key"] for row in report["questions"] if row["verdict"] == "NOT ASKED"} == set(WRITING)
    assert {(method, path) for method, path in world.writes_to_close()} <= {("POST", "/data/search/")}
    assert world.close.snapshot() == before
    assert not Run.objects.exists()


def test_the_table_for_people(world: World) -> None:
    code, text = run("acme-close")

    assert code == 0
    assert "Acme Sandbox in Close" in text
    for key in (*READING, *WRITING):
        assert key in text
    assert "--write asks the rest" in text
    assert f"{len(world.close.requests)} calls to Close" in text


def test_the_object_for_scripts(world: World) -> None:
    _, report = run("acme-close", "--json")

    assert report.keys() == {
        "connector", "organization", "write", "questions", "verdicts", "left", "stopped", "close_calls", "calls",
        "duration_s",
    }  # fmt: skip
    assert report["connector"] == "acme-close"
    assert report["organization"]["name"] == "Acme Sandbox"
    assert [row["key"] for row in report["questions"]] == [*READING, *WRITING]
    for row in report["questions"]:
        assert row.keys() == {"key", "question", "reading", "where", "writes", "verdict", "answer"}
        assert row["answer"]
    assert sum(report["verdicts"].values()) == len(QUESTIONS)
    assert report["calls"] == sum(report["close_calls"].values()) == len(world.close.requests)


def test_what_differs_is_exit_one(world: World) -> None:
    world.close.fail_next("GET", "/lead/lead_0", "status:400")

    code, report = run("acme-close", "--json")

    assert code == 1
    (line,) = verdicts(report, "DIFFERS")
    assert line.startswith("missing-lead: 400")


def test_a_page_size_is_found_whether_or_not_close_tells_it(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("sandbox.close.people.bounds", lambda request, most=100: None)
    monkeypatch.setattr("sandbox.close.reading.MOST_RECORDS", 100)

    _, report = run("acme-close", "--json", "--only", "contact-limit")

    assert found(report)["contact-limit"]["answer"].startswith("100; 5000 is refused")


def test_no_secret_is_printed(world: World) -> None:
    world.close.fail_next("GET", "/event/", "status:400")
    outputs = [run("acme-close", "--write", "--json")[1], run("acme-close", "--write")[1]]

    assert all(API_KEY not in json.dumps(output) for output in outputs)


# ── When a question fails ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/lead/", "drop_after"),
        ("POST", "/lead/", "status:400"),
        ("POST", "/contact/", "drop_after"),
        ("POST", "/contact/", "status:500"),
        ("POST", "/contact/", "html_after"),
        ("PUT", "/contact/", "status:503"),
    ],
)
def test_a_question_that_fails_in_the_middle_leaves_nothing_behind(
    world: World, method: str, path: str, kind: str
) -> None:
    before = world.close.snapshot()
    world.close.fail_next(method, path, kind)

    code, report = run(
        "acme-close", "--write", "--json", "--only", "contact-move", "--only", "contact-without-lead"
    )

    rows = found(report)
    assert code == 0
    assert rows["contact-move"]["verdict"] == "UNCLEAR"
    assert rows["contact-without-lead"]["verdict"] == "AGREES"
    assert report["left"] == []
    assert world.close.snapshot() == before


def test_a_contact_without_a_lead_whose_answer_was_lost_leaves_nothing_behind(world: World) -> None:
    before = world.close.snapshot()
    world.close.fail_next("POST", "/contact/", "timeout_after")

    code, row = ask("contact-without-lead")

    assert (code, row["verdict"]) == (0, "UNCLEAR")
    assert world.close.snapshot() == before


def test_a_request_without_an_answer_that_made_nothing_is_named(world: World) -> None:
    world.close.fail_next("POST", "/lead/", "drop_before")

    code, report = run("acme-close", "--write", "--json", "--only", "event-lag")

    (left,) = report["left"]
    assert code == 1
    assert left["id"].startswith(MARKER)
    assert "unanswered" in left["reason"]


def test_what_cannot_be_removed_is_named_with_the_way_to_remove_it(world: World) -> None:
    before = world.close.snapshot()
    world.close.fail_next("DELETE", "/lead/", "status:403", times=20)

    code, text = run("acme-close", "--write", "--only", "event-lag")

    (stayed,) = world.close.leads.keys() - before["leads"].keys()
    assert code == 1
    last = text.strip().splitlines()
    assert stayed in last[-2]
    assert last[-1].strip() == f"curl -X DELETE -u YOUR_KEY: http://close.sandbox/api/v1/lead/{stayed}/"


def test_a_removal_is_tried_again(world: World) -> None:
    before = world.close.snapshot()
    world.close.fail_next("DELETE", "/lead/", "status:503", times=2)

    code, _ = ask("event-lag")

    assert code == 0
    assert world.close.snapshot() == before


def test_a_lead_that_somebody_renamed_is_not_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close could put a contact without a lead on one that was there before: that one is not ours to remove."""
    (acme,) = [lead for lead in world.close.leads.values() if lead["name"] == "Acme"]
    records = world.close.records
    create = records.create_contact
    monkeypatch.setattr(
        records, "create_contact", lambda body, actor: create({"lead_id": acme["id"]} | body, actor)
    )

    code, report = run("acme-close", "--write", "--json", "--only", "contact-without-lead")

    assert (code, found(report)["contact-without-lead"]["verdict"]) == (1, "DIFFERS")
    assert acme["id"] in world.close.leads
    assert {contact["name"] for contact in world.close.contacts.values()} == {
        "Ada of Acme", "Ada of Globex", "Ada of Initech",
    }  # fmt: skip
    assert [left["id"] for left in report["left"]] == [acme["id"]]


def test_while_close_asks_to_wait_the_check_waits(world: World) -> None:
    world.close.fail_next("GET", "/lead/", "status:429", times=2)

    code, report = run("acme-close", "--json", "--only", "lead-contacts")

    assert (code, found(report)["lead-contacts"]["verdict"]) == (0, "AGREES")


def test_a_person_may_stop_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.close.snapshot()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", interrupt)

    code, report = run("acme-close", "--write", "--json", "--only", "search-lag", "--only", "deleted-lead")

    rows = found(report)
    assert code == 130
    assert (rows["search-lag"]["verdict"], rows["deleted-lead"]["verdict"]) == ("UNCLEAR", "NOT ASKED")
    assert world.close.snapshot() == before


# ── When it cannot be asked ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "There is no connector"),
        (["acme-close", "--only", "nothing"], "invalid choice"),
        (["acme-close", "--patience", "0"], "between 1 and"),
        (["acme-close", "--patience", "soon"], "not a number"),
        (["acme-close", "--with-fields"], "needs --write"),
    ],
)
def test_bad_usage_is_exit_two(world: World, arguments: list[str], said: str) -> None:
    assert run(*arguments)[0] in (1, 2)  # `call_command` raises before argparse could choose its own 2
    assert said in str(run(*arguments)[1])
    assert world.close.requests == []


def test_a_wrong_key_is_exit_two(world: World) -> None:
    world.connector.close_api_key = "api_wrong.key"
    world.connector.save()

    code, said = run("acme-close", "--write")

    assert (code, "refuses the API key" in said) == (2, True)
    assert len(world.close.requests) == 1


def test_a_missing_key_is_exit_two(world: World) -> None:
    world.connector.close_api_key = ""
    world.connector.save()

    assert run("acme-close") == (2, "No Close API key is configured. Enter one on the connector.")


def test_a_key_that_is_refused_on_the_way_ends_the_check(world: World) -> None:
    world.close.fail_next("GET", "/contact/", "status:401")

    code, said = run("acme-close")

    assert code == 2
    assert "refuses the API key" in said


def test_a_key_of_another_organization_is_refused(world: World) -> None:
    world.connector.close_organization_id = "orga_other"
    world.connector.close_organization_name = "Other Inc"
    world.connector.save()

    code, said = run("acme-close", "--write")

    assert (code, "Other Inc" in said) == (2, True)
    assert len(world.close.requests) == 1


def test_a_paused_connector_can_be_asked(world: World) -> None:
    world.connector.pause("by hand", now=world.clock())

    assert ask("deleted-lead")[0] == 0


# ── Hull ─────────────────────────────────────────────────────────────────────────────────────────


def test_hull_never_hears_of_the_records(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even from a worker that pulls and drains all the time, nor from one that drains before it pulls."""
    world.settle()
    told = list(world.hull.firehose_messages)
    looked: list[int] = []

    def work_meanwhile(seconds: float) -> None:
        world.clock.advance(seconds=seconds)
        world.pull()
        world.drain()
        looked.append(Change.objects.filter(label__startswith=MARKER).count())

    monkeypatch.setattr(command.time, "sleep", work_meanwhile)
    code, _ = run("acme-close", "--write")
    world.drain()
    world.settle()

    assert code == 0
    assert max(looked) > 0
    assert world.hull.firehose_messages == told


def test_it_does_not_begin_while_a_sync_tells_hull(world: World) -> None:
    with lane.leased(world.connector, Direction.INBOUND, clock=world.clock):
        code, said = run("acme-close", "--write")
        assert (code, "is at work" in said) == (2, True)
        assert run("acme-close")[0] == 0


# ── The list of questions ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_each_question_stands_in_the_decisions_and_names_a_place(question: Question) -> None:
    page = (ROOT / "docs/decisions/0001-facts-nobody-could-tell.md").read_text()
    path, _, name = question.where.partition(", ")

    assert f"`{question.key}`" in page
    assert (ROOT / path).is_file()
    assert path.startswith("sandbox/") or name in (ROOT / path).read_text()


def test_the_decisions_name_no_question_that_is_not_asked() -> None:
    page = (ROOT / "docs/decisions/0001-facts-nobody-could-tell.md").read_text()
    rows = [line.split("|")[-2] for line in page.splitlines() if line.startswith("| ")]
    named = {key for cell in rows for key in re.findall(r"`([a-z-]+)`", cell)}

    assert named == {question.key for question in QUESTIONS}


def test_keys_are_unique() -> None:
    keys = [question.key for question in QUESTIONS]

    assert len(keys) == len(set(keys))
