"""Moods: read from one text, the same for the same seed, changed while the remote runs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sandbox import CloseSandbox
from sandbox.http import Dropped, Response, make_request
from sandbox.moods import PRESETS, Spread, parse_moods
from tests.unit.sandbox.remotes import Clock, CloseApi


def moody(clock: Clock, text: str, seed: int = 0) -> CloseApi:
    return CloseApi(CloseSandbox(clock, moods=parse_moods(text, seed)), clock)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def test_everything_in_one_text() -> None:
    moods = parse_moods(
        "latency=80ms..2s, skew=-90s, search_lag=10s, event_lag=0s..1m, webhooks=duplicate@0.1, "
        "notifications=reorder@0.25, POST /lead/=drop_after@0.05, * .*=status:429@0.01x20"
    )

    assert moods.latency == Spread(0.08, 2.0) and moods.event_lag == Spread(0.0, 60.0)
    assert (moods.skew, moods.search_lag) == (timedelta(seconds=-90), timedelta(seconds=10))
    assert (moods.webhooks.duplicate, moods.webhooks.reorder, moods.notifications.reorder) == (0.1, 0.0, 0.25)
    assert [str(rule) for rule in moods.faults.rules] == [
        "POST /lead/=drop_after@0.05",
        "* .*=status:429@0.01x20",
    ]


@pytest.mark.parametrize("text", PRESETS.values())
def test_the_ready_made_moods_can_be_read(text: str) -> None:
    assert parse_moods(text).text == text


@pytest.mark.parametrize(
    "text",
    ["latency", "latency=", "latency=fast", "latency=80", "skew=1s..2s", "webhooks=0.1", "webhooks=lose@0.1", "mood=good",
     "webhooks=duplicate@often", "GET [=html", "GET /me/=html@x", "GET /me/=cut_here"],
)  # fmt: skip
def test_what_cannot_be_read_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not read|is not a"):
        parse_moods(text)


# ── Slow, and the same for the same seed ─────────────────────────────────────────────────────────


def test_half_of_the_answers_take_less_than_the_middle_and_few_more_than_the_worst() -> None:
    moods = parse_moods("latency=80ms..2s", seed=3)
    delays = sorted(moods.delay() for _ in range(2000))

    assert 0.07 < delays[1000] < 0.09
    assert 0.002 < sum(delay > 2 for delay in delays) / 2000 < 0.03
    assert next(parse_moods("latency=80ms..2s", seed=3).delay() for _ in range(2)) in delays


def test_a_delay_comes_with_the_answer(clock: Clock) -> None:
    assert moody(clock, "latency=80ms").send("GET", "/me/").delay == 0.08
    assert moody(clock, "").send("GET", "/me/").delay == 0


def test_a_rule_strikes_the_same_requests_whatever_else_is_asked(clock: Clock) -> None:
    def struck(others: int) -> list[int]:
        api = moody(clock, "GET /me/=status:503@0.3, GET /user/=status:500@0.5", seed=7)
        statuses = []
        for _ in range(40):
            statuses.append(api.send("GET", "/me/").status)
            for _ in range(others):
                api.send("GET", "/user/")
        return statuses

    assert struck(0) == struck(3)
    assert set(struck(0)) == {200, 503}


def test_a_storm_goes_on(clock: Clock) -> None:
    api = moody(clock, "GET /me/=status:429@0.05x10", seed=1)
    statuses = "".join(str(api.send("GET", "/me/").status)[0] for _ in range(200))

    runs = [len(run) for run in statuses.split("2") if run]
    assert runs and all(run >= 10 for run in runs[:-1])


# ── Broken lines ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", ["status", "headers", "empty", "body"])
def test_an_answer_breaks_off_after_the_work_was_done(api: CloseApi, cut: str) -> None:
    api.close.fail_next("POST", "/lead/", f"cut_{cut}")

    assert api.send("POST", "/lead/", {"name": "Acme"}).cut == cut
    assert len(api.close.leads) == 1


def test_a_request_breaks_off_on_its_way(api: CloseApi) -> None:
    api.close.fail_next("POST", "/lead/", "drop_upload")
    request = make_request("POST", "/api/v1/lead/", {}, b"")

    with pytest.raises(Dropped):
        api.close.early(request)
    api.close.early(request)
    assert not api.close.leads


# ── Late and skewed ──────────────────────────────────────────────────────────────────────────────


def test_events_appear_late_each_in_its_own_time(clock: Clock) -> None:
    api = moody(clock, "event_lag=0s..60s", seed=5)
    made = [api.lead(name=str(number))["id"] for number in range(30)]

    def seen() -> list[str]:
        return [event["object_id"] for event in api.ok("GET", "/event/")["data"]]

    early = seen()
    clock.advance(seconds=20)
    later = seen()
    clock.advance(seconds=60)

    assert len(early) < len(later) < 30
    assert later != list(reversed(made))[: len(later)]  # not in the order of their making
    assert sorted(seen()) == sorted(made)


def test_events_grow_late_in_a_mood_that_was_set_later(clock: Clock) -> None:
    api = moody(clock, "")
    api.close.set_moods(parse_moods("event_lag=10m"))
    api.lead()

    assert api.ok("GET", "/event/")["data"] == []
    clock.advance(minutes=11)
    assert len(api.ok("GET", "/event/")["data"]) == 1


def test_the_remotes_clock_is_its_own(clock: Clock) -> None:
    api = moody(clock, "skew=-90s")
    lead = api.lead()

    assert lead["date_created"].startswith("2026-03-02T09:28:30")
    assert api.send("GET", "/me/").headers["date"] == "Mon, 02 Mar 2026 09:28:30 GMT"


def test_search_lags_as_long_as_it_is_told(clock: Clock) -> None:
    api = moody(clock, "search_lag=10s")
    lead = api.lead(name="Acme")
    query = {"query": {"type": "object_type", "object_type": "lead"}, "_fields": {"lead": ["name"]}}

    def found() -> list[str]:
        return [one["name"] for one in api.ok("POST", "/data/search/", query)["data"]]

    assert found() == []
    clock.advance(seconds=9)
    api.ok("PUT", f"/lead/{lead['id']}/", {"name": "Acme AS"})
    clock.advance(seconds=2)
    assert found() == ["Acme"]  # as it was ten seconds ago
    clock.advance(seconds=9)
    assert found() == ["Acme AS"]


# ── The control page ─────────────────────────────────────────────────────────────────────────────


def control(api: CloseApi, method: str, body: object = None) -> Response:
    raw = json.dumps(body).encode()
    request = make_request(method, "/_sandbox/moods", {"content-type": "application/json"}, raw)
    return api.close.handle(request)


def test_moods_change_while_it_runs(api: CloseApi) -> None:
    assert json.loads(control(api, "POST", {"moods": "GET /me/=status:503"}).body)["rules"]
    assert api.send("GET", "/me/").status == 503
    assert json.loads(control(api, "GET").body)["rules"] == [{"rule": "GET /me/=status:503@1", "met": 1}]
    assert control(api, "POST", {"moods": "GET /me/=nothing"}).status == 400
    assert api.send("GET", "/me/").status == 503
    control(api, "POST", {"moods": ""})
    assert api.send("GET", "/me/").status == 200
