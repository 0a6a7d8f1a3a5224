"""One click makes a connector to try mappings on, for those who may add connectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Organization
from accounts.roles import Role
from sync import tasks
from sync.models import Connector
from tests.integration.admin.rows import notices, text
from tests.integration.pretend import PretendMachine

SignIn = Callable[[Role, SimpleNamespace], Client]
LIST = "/admin/sync/connector/"
BUTTON = "Create a sandbox connector"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what workers would be told, without a broker."""
    names: list[str] = []
    monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: not names.append(task.name))
    return names


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[PretendMachine]:
    pretended = PretendMachine(monkeypatch, tmp_path, settings)
    yield pretended
    pretended.end_all()


def action() -> str:
    return reverse("admin:sync_connector_create_sandbox")


def press(client: Client, organization: Organization | None = None) -> Any:
    """Do what the dialog's button does."""
    given = {"organization": organization.pk} if organization else {}
    return client.post(action(), {"_form_submitted": "True"} | given)


def made() -> Connector:
    return Connector.objects.get(is_sandbox=True)


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.VIEWER, False), (Role.OPERATOR, False), (Role.EDITOR, True), (Role.OWNER, True)],
)
def test_the_button_is_for_those_who_may_add_connectors(
    machine: PretendMachine, ours: SimpleNamespace, sign_in: SignIn, role: Role, may: bool
) -> None:
    client = sign_in(role, ours)

    assert (BUTTON in text(client.get(LIST))) is may
    assert press(client, ours.organization).status_code == (302 if may else 403)
    assert Connector.objects.filter(is_sandbox=True).exists() is may


def test_looking_at_the_dialog_makes_nothing(
    machine: PretendMachine, ours: SimpleNamespace, sign_in: SignIn
) -> None:
    shown = text(sign_in(Role.EDITOR, ours).get(action()))

    assert "Nothing goes to a real Close or Hull" in re.sub(r"\s+", " ", shown)
    assert "csrfmiddlewaretoken" in shown
    assert not machine.started


def test_the_click_makes_a_connector_that_syncs(
    machine: PretendMachine, ours: SimpleNamespace, sign_in: SignIn, told: list[str]
) -> None:
    client = sign_in(Role.EDITOR, ours)

    response = press(client, ours.organization)

    connector = made()
    assert response.headers["Location"] == f"{LIST}{connector.pk}/change/"
    assert "“Northwind Org sandbox” was made" in notices(response)[0]
    assert connector.organization == ours.organization
    assert told == ["sync.tasks.pull", "sync.tasks.drain_outbound", "sync.tasks.drain_inbound"]
    shown = text(client.get(response.headers["Location"]))
    assert "This is a sandbox" in shown
    assert 'href="http://127.0.0.1:9101/"' in shown and 'href="http://127.0.0.1:9102/"' in shown
    assert "Open the simulated Close" in shown
    assert connector.hull_secret.reveal() not in shown
    assert "Sandbox" in text(client.get(LIST))


def test_one_that_does_not_run_says_so(
    machine: PretendMachine, ours: SimpleNamespace, admin_client: Client
) -> None:
    response = press(admin_client, ours.organization)
    machine.end_all()

    assert "do not run just now" in text(admin_client.get(response.headers["Location"]))


def test_a_plain_connector_says_nothing_of_it(ours: SimpleNamespace, admin_client: Client) -> None:
    assert "sandbox:" not in text(admin_client.get(f"{LIST}{ours.connector.pk}/change/"))


class TestWhose:
    def test_one_organization_needs_no_choice(
        self, machine: PretendMachine, ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn
    ) -> None:
        shown = text(sign_in(Role.EDITOR, ours).get(action()))

        assert "<select" not in shown
        assert f'name="organization" value="{ours.organization.pk}"' in shown

    def test_of_several_one_is_chosen_among_ones_own(
        self, machine: PretendMachine, ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn
    ) -> None:
        other = Organization.objects.create(
            agency=ours.agency, slug="initech", name="Initech", hull_domain="initech.hullapp.io"
        )
        client = sign_in(Role.EDITOR, ours)

        shown = text(client.get(action()))
        press(client, other)

        assert "Initech" in shown and "Northwind Org" in shown and "outhwind" not in shown
        assert made().organization == other

    def test_a_foreign_organization_is_refused(
        self, machine: PretendMachine, ours: SimpleNamespace, theirs: SimpleNamespace, sign_in: SignIn
    ) -> None:
        assert press(sign_in(Role.OWNER, ours), theirs.organization).status_code == 200  # the dialog again

        assert not machine.started and not Connector.objects.filter(is_sandbox=True).exists()

    def test_an_empty_installation_gets_an_organization_along(
        self, machine: PretendMachine, admin_client: Client
    ) -> None:
        press(admin_client)

        assert str(made().organization) == "Sample (sample/sample)"

    def test_whoever_sees_no_organization_may_not_invent_one(
        self, machine: PretendMachine, ours: SimpleNamespace, sign_in: SignIn
    ) -> None:
        client = sign_in(Role.OWNER, ours)
        Connector.objects.all().delete()
        Organization.objects.all().delete()

        shown = text(press(client))

        assert "Add an organization first" in shown and "This field is required" in shown
        assert not machine.started and not Organization.objects.exists()


def test_a_failure_is_told_and_leaves_nothing(
    machine: PretendMachine, ours: SimpleNamespace, admin_client: Client, told: list[str]
) -> None:
    machine.refuses = "port 9101: Address already in use"

    response = press(admin_client, ours.organization)

    assert response.headers["Location"] == LIST
    assert notices(response) == [
        "No sandbox connector was made. The simulated Close and Hull could not be started: port 9101: Address already in use"
    ]
    assert not Connector.objects.filter(is_sandbox=True).exists()
    assert not machine.files and not told


def test_its_remotes_cannot_be_edited(
    machine: PretendMachine, ours: SimpleNamespace, admin_client: Client
) -> None:
    page = press(admin_client, ours.organization).headers["Location"]

    shown = text(admin_client.get(page))

    for name in ("close_api_url", "hull_api_url", "hull_firehose_url", "hull_secret", "close_api_key"):
        assert f'name="{name}"' not in shown
    assert 'name="lead_status"' in shown


@pytest.mark.parametrize(("role", "may"), [(Role.OPERATOR, False), (Role.EDITOR, True)])
def test_whoever_may_make_one_may_delete_it(
    machine: PretendMachine,
    ours: SimpleNamespace,
    sign_in: SignIn,
    admin_client: Client,
    role: Role,
    may: bool,
) -> None:
    press(admin_client, ours.organization)
    address = reverse("admin:sync_connector_delete", args=[made().pk])

    response = sign_in(role, ours).post(address, {"post": "yes"})

    assert response.status_code == (302 if may else 403)
    assert Connector.objects.filter(is_sandbox=True).exists() is not may


def test_an_editor_still_cannot_delete_a_real_connector(ours: SimpleNamespace, sign_in: SignIn) -> None:
    address = reverse("admin:sync_connector_delete", args=[ours.connector.pk])

    assert sign_in(Role.EDITOR, ours).post(address, {"post": "yes"}).status_code == 403
