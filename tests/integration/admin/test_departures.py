"""The connector's page: what follows when a record leaves, and the settings beside it."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from sync.models import Change, Connector
from sync.services import departing
from tests.integration.admin.rows import text
from tests.integration.admin.test_connector import form, page


def saved(ours: SimpleNamespace) -> Connector:
    return Connector.objects.get(pk=ours.connector.pk)


def selects(shown: str) -> dict[str, str]:
    """Return what each select of the matrix has chosen."""
    found = re.findall(r'<select name="departures-([^"]+)"(.*?)</select>', shown, re.DOTALL)
    return {name: re.findall(r'<option value="([^"]+)" selected', body)[0] for name, body in found}


def test_each_cell_is_a_select_with_its_default_in_plain_words(
    admin_client: Client, ours: SimpleNamespace
) -> None:
    shown = text(admin_client.get(page(ours.connector)))

    assert selects(shown) == {
        f"{kind.value}-{departure.value}".lower(): allowed[0].value
        for (kind, departure), allowed in departing.offered().items()
    }
    for words in (
        "The account leaves its segments", "Leave the lead as it is", "Set the lead status chosen below",
        "Stop keeping them in step", "Delete the lead in Close", "Leave the contact as it is",
    ):  # fmt: skip
        assert words in shown
    assert "Deleting is for good" in shown
    assert re.search(r'<label[^>]*for="id_departures-lead-left_segment"', shown)


def test_only_what_differs_is_stored(admin_client: Client, ours: SimpleNamespace) -> None:
    everything = {
        f"departures-{kind.value}-{departure.value}".lower(): allowed[0].value
        for (kind, departure), allowed in departing.offered().items()
    }
    admin_client.post(page(ours.connector), form(ours.connector, **everything))
    assert (saved(ours).departures, saved(ours).version) == ({}, 1)

    everything["departures-contact-left_segment"] = "delete"
    everything["departures-lead-deleted_in_close"] = "ignore"
    admin_client.post(page(ours.connector), form(ours.connector, **everything))

    assert saved(ours).departures == {
        "LEAD": {"deleted_in_close": "ignore"},
        "CONTACT": {"left_segment": "delete"},
    }
    assert saved(ours).version == 2
    assert selects(text(admin_client.get(page(ours.connector))))["contact-left_segment"] == "delete"


def test_what_is_not_sent_stays(admin_client: Client, ours: SimpleNamespace) -> None:
    Connector.objects.update(departures={"LEAD": {"left_segment": "unlink"}})

    admin_client.post(page(ours.connector), form(ours.connector, name="Renamed"))

    assert (saved(ours).name, saved(ours).departures) == ("Renamed", {"LEAD": {"left_segment": "unlink"}})


@pytest.mark.parametrize("said", ["forward", "", "everything"])
def test_what_is_not_offered_is_refused(admin_client: Client, ours: SimpleNamespace, said: str) -> None:
    sent = form(ours.connector, **{"departures-lead-left_segment": said})

    assert "does not know" in text(admin_client.post(page(ours.connector), sent))
    assert saved(ours).departures == {}


@pytest.mark.parametrize("cell", ["departures-lead-left_segment", "departures-lead-deleted_in_hull"])
def test_marking_needs_a_status(admin_client: Client, ours: SimpleNamespace, cell: str) -> None:
    refused = text(admin_client.post(page(ours.connector), form(ours.connector, **{cell: "mark"})))
    assert "Choose the status that marks a lead" in refused
    assert selects(refused)[cell.removeprefix("departures-")] == "mark"

    Change.objects.filter(pk=ours.change.pk).update(reason="CONFIGURATION")
    admin_client.post(
        page(ours.connector), form(ours.connector, **{cell: "mark", "mark_status": "Potential"})
    )

    assert saved(ours).mark_status == "Potential"
    assert Change.objects.get(pk=ours.change.pk).state == Change.State.PENDING, (
        "what had failed is tried again"
    )


def test_a_status_that_close_lost_stays_visible(admin_client: Client, ours: SimpleNamespace) -> None:
    Connector.objects.update(mark_status="Gone", departures={"LEAD": {"left_segment": "mark"}})

    shown = text(admin_client.get(page(ours.connector)))

    assert "Gone (not a status in Close)" in shown
    assert "“Gone” is not a lead status in Close" in shown


@pytest.mark.parametrize(
    ("sent", "name", "stored"),
    [
        ({"keeps_hull_id": "on"}, "keeps_hull_id", True),
        ({"moves_contacts": ""}, "moves_contacts", False),
        ({"keeps_every_contact": "on"}, "keeps_every_contact", True),
        ({"brake_creates": ""}, "brake_creates", None),
        ({"brake_clears": "7"}, "brake_clears", 7),
        ({"brake_deletes": "0"}, "brake_deletes", 0),
        ({"brake_share": "20"}, "brake_share", 20),
        ({"rate_share_left": "40"}, "rate_share_left", 40),
        ({"flip_limit": "3"}, "flip_limit", 3),
        ({"flip_minutes": "10"}, "flip_minutes", 10),
    ],
)
def test_the_other_settings_are_saved_and_make_a_new_version(
    admin_client: Client,
    ours: SimpleNamespace,
    sent: dict[str, Any],
    name: str,
    stored: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[set[str]] = []
    monkeypatch.setattr(
        "sync.admin.connector.configuration_changed",
        lambda connector, changed, **rest: told.append(set(changed)),
    )
    given = {
        key: value
        for key, value in form(ours.connector, **sent).items()
        if value != "" or key != "moves_contacts"
    }
    response = admin_client.post(page(ours.connector), given)

    assert response.status_code == 302
    assert getattr(saved(ours), name) == stored
    assert told == [{name}]


@pytest.mark.parametrize(
    "sent", [{"brake_share": "101"}, {"rate_share_left": "91"}, {"flip_limit": "1"}, {"flip_minutes": "0"}]
)
def test_numbers_without_sense_are_refused(
    admin_client: Client, ours: SimpleNamespace, sent: dict[str, str]
) -> None:
    assert admin_client.post(page(ours.connector), form(ours.connector, **sent)).status_code == 200
    assert saved(ours).version == 1
