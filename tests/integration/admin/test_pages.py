"""Every page renders, for those who may see it, and nothing of other tenants is in it."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import Role
from sync.admin import words
from sync.engine.plan import REASONS, Result
from sync.models import Connector
from sync.queries import Health
from tests.integration.admin.rows import SECRETS, everything, failed_change, link, outcome, text

SignIn = Callable[[Role, SimpleNamespace], Client]
MODELS = (
    "connector", "change", "outcome", "run", "link", "delivery", "cursor", "lane", "intent", "closefield", "closestatus",
    "hullsegment", "hullattribute", "batch", "approval", "budget", "configurationversion", "alert", "alertchannel",
)  # fmt: skip
LISTS = ("connector", "change", "outcome", "run", "link")


def page(model: str, *arguments: Any) -> str:
    return reverse(f"admin:sync_{model}_{'change' if arguments else 'changelist'}", args=arguments)


def row(rows: SimpleNamespace, model: str) -> Any:
    return getattr(rows, model)


def test_every_model_of_sync_is_looked_at(db: None) -> None:
    registered = {model._meta.model_name for model in admin.site._registry if model._meta.app_label == "sync"}

    assert registered == set(MODELS)


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.OWNER])
@pytest.mark.parametrize("model", MODELS)
def test_pages_render(
    ours: SimpleNamespace,
    theirs: SimpleNamespace,
    sign_in: SignIn,
    admin_client: Client,
    model: str,
    role: Role | None,
) -> None:
    client = sign_in(role, ours) if role else admin_client

    for address in (page(model), page(model, row(ours, model).pk)):
        shown = text(client.get(address))
        assert not any(secret in shown for secret in SECRETS.values())
        assert "Traceback" not in shown
        if role:
            assert "outhwind" not in shown


@pytest.mark.parametrize("model", MODELS)
def test_rows_of_other_tenants_do_not_exist(
    ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn, model: str
) -> None:
    client = sign_in(Role.OWNER, ours)

    response = client.get(page(model, row(theirs, model).pk))

    assert response.status_code in (302, 404)
    assert "outhwind" not in response.content.decode()


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_the_overview_shows_what_one_may_see(
    ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn, admin_client: Client, role: Role | None
) -> None:
    client = sign_in(role, ours) if role else admin_client

    shown = text(client.get("/admin/"))

    assert "Northwind to Close" in shown
    assert ("Southwind to Close" in shown) is (role is None)
    assert "1 failed, 1 held" in shown


def test_an_empty_installation_says_how_to_begin(admin_client: Client) -> None:
    assert "No connector yet" in text(admin_client.get("/admin/"))


@pytest.mark.parametrize("model", [*LISTS, "overview"])
def test_lists_ask_as_often_for_25_rows_as_for_5(
    admin_client: Client, ours: SimpleNamespace, now: datetime, model: str
) -> None:
    address = "/admin/" if model == "overview" else page(model)

    def asked(from_number: int, up_to: int) -> int:
        for number in range(from_number, up_to):
            more = everything(f"more{number}", now)
            failed_change(more.connector, 30, now)
            outcome(more.connector, more.run, 30, now)
            link(more.connector, 30, now)
        admin_client.get(address)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            text(admin_client.get(address))
        return len(queries)

    few = asked(0, 5)

    assert asked(5, 25) == few


@pytest.mark.parametrize("state", ["FAILED", "DONE"])
def test_each_reason_is_told_in_words(
    admin_client: Client, ours: SimpleNamespace, now: datetime, state: str
) -> None:
    for number, reason in enumerate(REASONS, 10):
        failed_change(ours.connector, number, now, reason=reason, state=state, message="")
        outcome(ours.connector, ours.run, number, now, reason=reason, message="")

    for model in ("change", "outcome"):
        shown = html.unescape(text(admin_client.get(page(model))))
        missing = [
            told
            for reason in REASONS
            for told in map(str, (words.REASONS[reason].label, words.REASONS[reason].meaning))
            if told not in shown
        ]
        assert missing == []


def test_words_are_complete() -> None:
    assert set(words.REASONS) == {reason.value for reason in REASONS}
    assert set(words.RESULTS) == {result.value for result in Result}
    assert set(words.HEALTH) == {health.value for health in Health}


def test_same_record_and_same_reason_narrow_the_list(
    admin_client: Client, ours: SimpleNamespace, now: datetime
) -> None:
    outcome(ours.connector, ours.run, 7, now, reason="ECHO", result="SKIPPED")

    only_one = text(admin_client.get(f"{page('outcome')}?connector__id__exact={ours.connector.pk}&key=h7"))
    only_echo = text(admin_client.get(f"{page('outcome')}?reason__exact=ECHO"))

    for shown in (only_one, only_echo):
        assert page("outcome", ours.outcome.pk) not in shown
    assert "key=h1" in text(admin_client.get(page("outcome")))
    assert "https://app.close.com/lead/lead_1/" in only_one


def test_the_queue_opens_with_what_needs_a_person(
    admin_client: Client, ours: SimpleNamespace, now: datetime
) -> None:
    done = failed_change(ours.connector, 6, now, state="DONE", reason="IN_SYNC")
    waiting = failed_change(ours.connector, 7, now, state="PENDING", reason="")

    listed = admin_client.get(page("change")).context["cl"].result_list

    assert [change.pk for change in listed] == [ours.change.pk, ours.held.pk, waiting.pk, done.pk]
    stuck = admin_client.get(f"{page('change')}?queue=attention").context["cl"].result_list
    assert {change.pk for change in stuck} == {ours.change.pk, ours.held.pk}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "1 failed, 1 held"),
        ({"enabled": False}, "Switched off"),
        ({"close_api_key": ""}, "Close API key missing."),
        ({"pause_reason": "The Close key was refused."}, "Stopped by an error"),
        ({"pause_reason": "Paused by ann: new plan"}, "Paused by ann: new plan"),
    ],
)  # fmt: skip
def test_the_list_tells_the_state_in_words(
    admin_client: Client, ours: SimpleNamespace, now: datetime, change: dict[str, Any], said: str
) -> None:
    paused_at = now if "pause_reason" in change else None
    Connector.objects.filter(pk=ours.connector.pk).update(paused_at=paused_at, **change)

    assert said in text(admin_client.get(page("connector")))
    assert said in text(admin_client.get(page("connector", ours.connector.pk)))


def test_problems_of_the_settings_are_told(admin_client: Client, ours: SimpleNamespace) -> None:
    ours.connector.mappings.update(close="custom.cf_gone")

    assert "custom.cf_gone is not a custom field of a lead in Close" in text(
        admin_client.get(page("connector", ours.connector.pk))
    )


@pytest.mark.parametrize(
    ("model", "filters"),
    [
        ("outcome", "object_type__exact=LEAD"), ("outcome", "direction__exact=OUTBOUND"), ("run", "state__exact=FINISHED"),
        ("run", "kind__exact=DRAIN"), ("change", "direction__exact=OUTBOUND"), ("link", "object_type__exact=LEAD"),
        ("delivery", "source__exact=HULL"), ("delivery", "channel=account%3Aupdate"), ("alert", "kind__exact=FAILING"),
    ],
)  # fmt: skip
def test_cells_lead_to_more_of_their_kind(
    admin_client: Client, ours: SimpleNamespace, model: str, filters: str
) -> None:
    shown = text(admin_client.get(page(model)))

    assert f'href="{page(model)}?{filters}"' in shown
    narrowed = admin_client.get(f"{page(model)}?{filters}")
    assert narrowed.status_code == 200
    assert narrowed.context["cl"].result_list
