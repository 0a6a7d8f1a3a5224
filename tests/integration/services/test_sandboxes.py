"""Sandbox connectors: made whole or not at all, kept running, ended with their connector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django_celery_beat.models import PeriodicTask

from accounts.models import Agency, Organization
from sync import signals, tasks
from sync.errors import ConfigurationError
from sync.models import Connector, Delivery
from sync.services import sandboxes, setup
from sync.services.config_export import export
from tests.integration.pretend import PretendMachine

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "secret-of-the-test"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[PretendMachine]:
    pretended = PretendMachine(monkeypatch, tmp_path, settings)
    yield pretended
    pretended.end_all()


@pytest.fixture
def organization(db: None) -> Organization:
    agency = Agency.objects.create(slug="northwind", name="Northwind")
    return Organization.objects.create(agency=agency, slug="acme", name="Acme", hull_domain="acme.hullapp.io")


def create(organization: Organization) -> Connector:
    return sandboxes.create(organization, secret=SECRET, clock=lambda: NOW)


class TestCreating:
    def test_it_is_ready_to_sync(self, machine: PretendMachine, organization: Organization) -> None:
        connector = create(organization)

        assert connector.is_sandbox and connector.is_active
        assert (connector.slug, connector.name) == ("acme-sandbox", "Acme sandbox")
        assert connector.close_api_url == "http://127.0.0.1:9101/api/v1"
        assert connector.hull_firehose_url == "http://127.0.0.1:9102/firehose"
        assert connector.hull_secret.reveal() == SECRET
        assert connector.mappings.count() == 25
        assert len(connector.account_segments) == 3 and connector.lead_status == "Potential"
        assert connector.close_fields.exists() and connector.close_statuses.exists()
        assert setup.load_settings(connector)[1] == ()
        assert setup.test_connection(connector, clock=lambda: NOW).is_good
        assert machine.started[0]["--hull-organization"] == "acme.hullapp.io"

    def test_hull_is_told_where_we_are(self, machine: PretendMachine, organization: Organization) -> None:
        create(organization)

        hull = machine.apps[4_000_000]["http://127.0.0.1:9102/"]
        assert hull.connected_to == "http://127.0.0.1:8123/smart-notifier"

    def test_a_second_one_is_another_one(self, machine: PretendMachine, organization: Organization) -> None:
        machine.taken = {9104}
        first, second = create(organization), create(organization)

        assert (second.slug, second.name) == ("acme-sandbox-2", "Acme sandbox 2")
        assert second.close_api_url == "http://127.0.0.1:9103/api/v1"
        assert second.hull_api_url == "http://127.0.0.1:9105/api/v1"
        assert first.hull_connector_id != second.hull_connector_id

    def test_there_is_a_limit(self, machine: PretendMachine, organization: Organization) -> None:
        for _ in range(sandboxes.MOST_PER_ORGANIZATION):
            create(organization)

        with pytest.raises(sandboxes.SandboxError, match="has 3 sandbox connectors already"):
            create(organization)
        assert Connector.objects.count() == len(machine.locks) == 3

    @pytest.mark.parametrize(
        ("trouble", "said"),
        [
            ({"refuses": "port 9101: Address already in use"}, "started: port 9101: Address already in use"),
            ({"is_silent": True}, "did not answer within 30 seconds"),
            ({"taken": set(sandboxes.PORTS)}, "No two ports from 9101 to 9599 are free"),
        ],
    )
    def test_a_failure_leaves_nothing(
        self, machine: PretendMachine, organization: Organization, trouble: dict[str, Any], said: str
    ) -> None:
        vars(machine).update(trouble)

        with pytest.raises(sandboxes.SandboxError, match=said):
            create(organization)

        assert not Connector.objects.exists()
        assert not PeriodicTask.objects.filter(task="sync.tasks.keep_sandbox").exists()
        assert not machine.locks and not machine.files

    @pytest.mark.parametrize("step", ["_save", "_connect_hull"])
    def test_a_failure_afterwards_leaves_nothing_either(
        self,
        machine: PretendMachine,
        organization: Organization,
        monkeypatch: pytest.MonkeyPatch,
        step: str,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        def fail(*args: Any) -> None:
            raise IntegrityError("twice")

        monkeypatch.setattr(sandboxes, step, fail)

        with (
            django_capture_on_commit_callbacks(execute=True),
            pytest.raises(sandboxes.SandboxError, match="at the same moment"),
        ):
            create(organization)

        assert not Connector.objects.exists() and not machine.locks and not machine.files

    def test_ports_that_another_one_took_meanwhile_are_noticed(
        self, machine: PretendMachine, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = create(organization)
        monkeypatch.setattr(sandboxes, "_free_ports", lambda machine: (9101, 9102))

        with pytest.raises(sandboxes.SandboxError, match="Another sandbox connector"):
            create(organization)

        assert list(Connector.objects.all()) == [first]
        assert sandboxes.is_running(first)


class TestRunning:
    def test_what_runs_is_not_started_again(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)

        tasks.keep_sandbox(connector_id=connector.pk)

        assert len(machine.started) == 1

    def test_what_ended_is_started_with_the_same_ports_and_state(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        machine.end_all()
        assert not sandboxes.is_running(connector)

        tasks.keep_sandbox(connector_id=connector.pk)

        assert sandboxes.is_running(connector)
        first, second = machine.started
        assert first == second
        assert machine.apps[4_000_001]["http://127.0.0.1:9102/"].connected_to

    def test_somebody_who_is_starting_it_is_waited_for(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        (apps,) = machine.apps.values()
        machine.apps.clear()  # it lives, and does not answer yet

        assert not sandboxes.keep_running(connector)
        assert len(machine.started) == 1 and machine.slept >= 29
        machine.apps[4_000_000] = apps
        assert sandboxes.keep_running(connector)

    def test_another_hull_domain_starts_it_anew(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        organization.hull_domain = "renamed.hullapp.io"
        organization.save()

        tasks.keep_sandbox(connector_id=connector.pk)

        assert machine.started[1]["--hull-organization"] == "renamed.hullapp.io"
        assert len(machine.locks) == 1

    def test_on_another_machine_nothing_is_started(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        machine.end_all()
        for path in machine.directory.iterdir():
            path.unlink()

        assert not sandboxes.keep_running(connector)
        assert len(machine.started) == 1

    def test_its_task_runs_even_while_it_is_paused(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        connector.pause("Paused by Ada", now=NOW)

        mine = PeriodicTask.objects.filter(kwargs=json.dumps({"connector_id": connector.pk}))
        enabled = dict(mine.values_list("task", "enabled"))
        assert enabled["sync.tasks.keep_sandbox"] and not enabled["sync.tasks.pull"]

    def test_it_starts_and_ends_with_the_worker(
        self, machine: PretendMachine, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connector, told = create(organization), []
        monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: told.append((task.name, kwargs)))

        signals.stop_sandboxes()
        assert not machine.locks
        signals.keep_sandboxes()

        assert told == [("sync.tasks.keep_sandbox", {"connector_id": connector.pk})]


def test_deleting_the_connector_ends_it_and_forgets_what_it_held(
    machine: PretendMachine, organization: Organization, django_capture_on_commit_callbacks: Any
) -> None:
    connector = create(organization)
    assert machine.files

    with django_capture_on_commit_callbacks(execute=True):
        connector.delete()

    assert not machine.locks and not machine.files


class TestAddresses:
    """http:// on this machine is for a sandbox, and only for its own two remotes."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:9103/api/v1",
            "http://127.0.0.1:9101@evil.example/api/v1",
            "http://localhost:9101/api/v1",
            "http://close.example/api/v1",
        ],
    )
    def test_other_addresses_stay_refused(
        self, machine: PretendMachine, organization: Organization, url: str
    ) -> None:
        connector = create(organization)

        assert connector.is_in_own_sandbox("http://127.0.0.1:9101/api/v1")
        assert not connector.is_in_own_sandbox(url)

    @pytest.mark.parametrize("url", ["http://localhost:9101/api/v1", "http://10.0.0.1:80/api/v1"])
    def test_a_stored_address_that_is_not_a_sandbox_is_none(
        self, machine: PretendMachine, organization: Organization, url: str
    ) -> None:
        connector = create(organization)
        connector.close_api_url = url

        with pytest.raises(ConfigurationError, match="remotes must be https"):
            setup.close_client(connector)

    def test_any_other_connector_is_refused(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        connector.is_sandbox = False

        with pytest.raises(ConfigurationError, match="remotes must be https"):
            setup.connect(connector, clock=lambda: NOW)


class TestNotifications:
    """Its Hull signs; the key is fetched from its own Hull, and from no other address of this machine."""

    def post(self, connector: Connector, machine: PretendMachine, port: int) -> Any:
        hull = machine.apps[4_000_000]["http://127.0.0.1:9102/"]
        hull.notifier.key_url = f"http://127.0.0.1:{port}/_sandbox/public-key"
        headers, body = hull.take_notifications()[0]
        return Client().post(
            "/smart-notifier", json.dumps(body), content_type="application/json", headers=dict(headers)
        )

    def test_its_own_are_accepted(self, machine: PretendMachine, organization: Organization) -> None:
        connector = create(organization)

        response = self.post(connector, machine, 9102)

        assert response.status_code == 200, response.content
        assert Delivery.objects.filter(connector=connector).exists()

    def test_a_key_elsewhere_on_this_machine_is_refused(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)

        response = self.post(connector, machine, 9103)

        assert response.status_code == 400
        assert "not on one of Hull's own hosts" in response.content.decode()

    def test_one_without_the_secret_learns_nothing(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)
        hull = machine.apps[4_000_000]["http://127.0.0.1:9102/"]
        hull.notifier.configuration["secret"] = "sandbox-secret"

        assert self.post(connector, machine, 9102).status_code == 401


class TestConfigurationFiles:
    def test_the_export_leaves_sandboxes_out_unless_one_is_asked_for(
        self, machine: PretendMachine, organization: Organization
    ) -> None:
        connector = create(organization)

        assert "acme-sandbox" not in export()
        assert "custom.cf_IndustryOfTheLead" in export(connector)

    def test_a_file_may_not_change_one(
        self, machine: PretendMachine, organization: Organization, tmp_path: Path, settings: Any
    ) -> None:
        settings.ALLOW_INSECURE_REMOTES = True
        file = tmp_path / "sandbox.yaml"
        file.write_text(export(create(organization)).replace("{env: ACME_SANDBOX_HULL_SECRET}", "x"))

        with pytest.raises(CommandError, match="belongs to a sandbox connector"):
            call_command("config", "apply", str(file), verbosity=0)
