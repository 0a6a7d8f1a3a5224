"""Hull's REST API as a connector uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import responses

from sync.errors import CredentialsError, DryRunError, TransientError
from sync.hull.client import HullClient
from sync.hull.parsing import HullAttribute
from sync.records import Segment

API = "https://acme.hullapp.io/api/v1"
CREDENTIALS = ("acme.hullapp.io", "5a43ce781f6d9f471d005d44", "995ece09c8d843f6")


@pytest.fixture
def hull() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client() -> HullClient:
    return HullClient(*CREDENTIALS)


def test_a_connector_proves_itself_with_its_secret(client: HullClient, hull: responses.RequestsMock) -> None:
    hull.get(f"{API}/app", json={"id": CREDENTIALS[1], "name": "Close"})
    assert client.get_connector()["name"] == "Close"
    assert hull.calls[0].request.headers["Hull-Access-Token"] == CREDENTIALS[2]


def test_settings_are_changed_without_losing_the_others(
    client: HullClient, hull: responses.RequestsMock
) -> None:
    hull.get(f"{API}/app", json={"private_settings": {"a": 1, "b": 2}})
    hull.put(f"{API}/{CREDENTIALS[1]}", json={"private_settings": {"a": 1, "b": 3}})
    assert client.update_settings({"b": 3}) == {"private_settings": {"a": 1, "b": 3}}
    assert json.loads(hull.calls[1].request.body or b"") == {"private_settings": {"a": 1, "b": 3}}


def test_a_status_is_published(client: HullClient, hull: responses.RequestsMock) -> None:
    hull.put(f"{API}/{CREDENTIALS[1]}/status", status=204)
    client.put_status("warning", ["No segments."])
    assert json.loads(hull.calls[0].request.body or b"") == {
        "status": "warning",
        "messages": ["No segments."],
    }


def test_a_dry_run_publishes_nothing(hull: responses.RequestsMock) -> None:
    hull.get(f"{API}/app", json={})
    client = HullClient(*CREDENTIALS, dry_run=True)
    with pytest.raises(DryRunError):
        client.put_status("ok")
    with pytest.raises(DryRunError):
        client.update_settings({})


def test_segments(client: HullClient, hull: responses.RequestsMock) -> None:
    rows = [{"id": "s1", "name": "A", "type": "x"}, {"id": "s2"}, {"name": "no id"}, None]
    for name in ("users_segments", "accounts_segments"):
        hull.get(f"{API}/{name}?shipId={CREDENTIALS[1]}", json=rows)
    assert client.user_segments() == client.account_segments() == (Segment("s1", "A"), Segment("s2", ""))


def test_attributes_from_the_flat_list(client: HullClient, hull: responses.RequestsMock) -> None:
    rows = [
        {"key": "traits_closeio/title", "type": "string"},
        {"key": "email", "type": "string"},
        {"key": "Page", "type": "event"},
        {},
    ]
    hull.get(f"{API}/users/schema", json=rows)
    assert client.user_attributes() == (HullAttribute("closeio/title"), HullAttribute("email"))


def test_attributes_from_the_tree_where_there_is_no_list(
    client: HullClient, hull: responses.RequestsMock
) -> None:
    leaf = {"id": "employees", "text": "Employees", "type": "number"}
    tree = {
        "tree": [{"text": "Account", "children": [leaf, {"text": "More", "children": [{"id": "domain"}]}]}]
    }
    hull.get(f"{API}/accounts/schema", status=404)
    hull.get(f"{API}/search/account_reports/bootstrap", json=tree)
    assert client.account_attributes() == (HullAttribute("employees", "number"), HullAttribute("domain"))


def test_a_refused_secret_is_not_looked_for_elsewhere(
    client: HullClient, hull: responses.RequestsMock
) -> None:
    hull.get(f"{API}/users/schema", status=401)
    with pytest.raises(CredentialsError):
        client.user_attributes()


@pytest.mark.parametrize("body", ["", "<html>", "{}", '"text"'])
def test_an_answer_that_is_no_list(client: HullClient, hull: responses.RequestsMock, body: str) -> None:
    hull.get(f"{API}/users_segments", body=body)
    with pytest.raises(TransientError):
        client.user_segments()


def test_another_address(hull: responses.RequestsMock) -> None:
    hull.get("http://127.0.0.1:9002/api/v1/app", json={})
    HullClient(*CREDENTIALS, api_url="http://127.0.0.1:9002/api/v1/").get_connector()
