"""The connector's page: what is saved, what is refused, and the moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from sync import tasks
from sync.models import Change, Connector, Mapping, Outcome
from sync.services import setup
from tests.integration.admin.rows import SECRETS, notices, text

SignIn = Callable[[Role, SimpleNamespace], Client]
PLACES = ("lead_outbound", "lead_inbound", "contact_outbound", "contact_inbound", "segment_actions")


def page(connector: Connector) -> str:
    return reverse("admin:sync_connector_change", args=[connector.pk])


def form(connector: Connector, **given: Any) -> dict[str, Any]:
    """Return what the page would send when nothing was touched, with some of it replaced."""
    sent: dict[str, Any] = {
        "name": connector.name, "slug": connector.slug, "enabled": "on", "home": "HERE",
        "hull_connector_id": connector.hull_connector_id, "hull_secret": "", "hull_api_url": "", "hull_firehose_url": "",
        "close_api_key": "", "close_api_url": "", "account_segments": connector.account_segments, "lead_status": "",
        "identity_hull": "domain", "identity_close": "url", "pull_interval_seconds": "60", "moves_contacts": "on",
        "brake_creates": "1000", "brake_clears": "100", "brake_deletes": "10", "brake_share": "50",
        "rate_share_left": "10", "backfill_by": "auto", "flip_limit": "5", "flip_minutes": "60", "mark_status": "",
    }  # fmt: skip
    for place in PLACES:
        sent |= {f"{place}-TOTAL_FORMS": "0", f"{place}-INITIAL_FORMS": "0"}
    row = connector.mappings.get()
    sent |= {"lead_outbound-TOTAL_FORMS": "1", "lead_outbound-INITIAL_FORMS": "1"}
    return sent | rows("lead_outbound", [(row.hull, row.close)], row.pk) | given


def rows(place: str, pairs: list[tuple[str, str]], pk: int | None = None) -> dict[str, Any]:
    """Return what a mapping table sends; the first row is the stored one if a key is given."""
    sent: dict[str, Any] = {
        f"{place}-TOTAL_FORMS": str(len(pairs)),
        f"{place}-INITIAL_FORMS": "1" if pk else "0",
    }
    for number, (hull, close) in enumerate(pairs):
        sent |= {
            f"{place}-{number}-hull": hull, f"{place}-{number}-close": close, f"{place}-{number}-mode": "always",
            f"{place}-{number}-position": "0", f"{place}-{number}-id": str(pk or "") if number == 0 else "",
        }  # fmt: skip
    return sent


class TestSaving:
    def test_untouched_changes_nothing(self, admin_client: Client, ours: SimpleNamespace) -> None:
        response = admin_client.post(page(ours.connector), form(ours.connector))

        assert response.status_code == 302
        saved = Connector.objects.get(pk=ours.connector.pk)
        assert saved.version == 1
        assert saved.account_segments == ["seg1", "unknown-seg"]
        assert {name: getattr(saved, name).reveal() for name in SECRETS} == SECRETS

    def test_a_new_secret_replaces_the_old_one(self, admin_client: Client, ours: SimpleNamespace) -> None:
        admin_client.post(page(ours.connector), form(ours.connector, close_api_key=" api_new "))

        saved = Connector.objects.get(pk=ours.connector.pk)
        assert saved.close_api_key.reveal() == "api_new"
        assert saved.hull_secret.reveal() == SECRETS["hull_secret"]
        assert saved.schema_read_at is None
        assert saved.version == 2

    def test_a_secret_can_be_cleared(self, admin_client: Client, ours: SimpleNamespace) -> None:
        admin_client.post(page(ours.connector), form(ours.connector, **{"close_api_key-clear": "on"}))

        assert not Connector.objects.get(pk=ours.connector.pk).close_api_key

    def test_secrets_are_hinted_at_and_never_shown(self, admin_client: Client, ours: SimpleNamespace) -> None:
        refused = admin_client.post(
            page(ours.connector), form(ours.connector, name="", close_api_key="api_typed")
        )

        for response in (admin_client.get(page(ours.connector)), refused):
            shown = text(response)
            assert "••••1a2b" in shown
            assert not any(secret in shown for secret in [*SECRETS.values(), "api_typed", "gAAAA"])

    def test_an_unreadable_secret_says_so(
        self, admin_client: Client, ours: SimpleNamespace, settings: Any
    ) -> None:
        settings.FIELD_ENCRYPTION_KEYS = ["YW5vdGhlci1rZXktb2YtMzItYnl0ZXMtZm9yLXRlc3Q="]

        assert "cannot be decrypted" in text(admin_client.get(page(ours.connector)))

    def test_segments_by_name_and_typed_in(self, admin_client: Client, ours: SimpleNamespace) -> None:
        shown = text(admin_client.get(page(ours.connector)))
        admin_client.post(page(ours.connector), form(ours.connector, account_segments=["seg1", " new-one "]))

        assert "northwind prospects" in shown
        assert "unknown-seg (not heard of in Hull)" in shown
        assert Connector.objects.get(pk=ours.connector.pk).account_segments == ["seg1", "new-one"]

    def test_an_unknown_status_stays_visible(self, admin_client: Client, ours: SimpleNamespace) -> None:
        Connector.objects.update(lead_status="Gone")

        shown = text(admin_client.get(page(ours.connector)))

        assert "Gone (not a status in Close)" in shown
        assert "Potential" in shown

    def test_configuration_failures_are_tried_again(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        Change.objects.filter(pk=ours.change.pk).update(reason="CONFIGURATION")

        admin_client.post(page(ours.connector), form(ours.connector, lead_status="Potential"))

        ours.change.refresh_from_db()
        assert ours.change.state == Change.State.PENDING

    def test_an_editor_touches_no_credential(self, sign_in: SignIn, ours: SimpleNamespace) -> None:
        client = sign_in(Role.EDITOR, ours)
        evil = {
            "close_api_url": "https://evil.example/",
            "hull_api_url": "https://evil.example/",
            "close_api_key": "x",
        }

        client.post(
            page(ours.connector), form(ours.connector, name="Renamed", **evil, **{"hull_secret-clear": "on"})
        )

        saved = Connector.objects.get(pk=ours.connector.pk)
        assert saved.name == "Renamed"
        assert (saved.close_api_url, saved.hull_api_url) == ("", "")
        assert {name: getattr(saved, name).reveal() for name in SECRETS} == SECRETS

    def test_a_viewer_saves_nothing(self, sign_in: SignIn, ours: SimpleNamespace) -> None:
        response = sign_in(Role.VIEWER, ours).post(page(ours.connector), form(ours.connector, name="Renamed"))

        assert response.status_code == 403

    def test_a_new_one(self, sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace) -> None:
        client = sign_in(Role.OWNER, ours)
        sent = form(ours.connector, name="New", slug="new") | rows(
            "lead_outbound", [("industry", "description")]
        )
        address = reverse("admin:sync_connector_add")

        assert "Southwind" not in text(client.get(address))
        client.post(address, sent | {"organization": theirs.organization.pk})
        assert not Connector.objects.filter(slug="new").exists()
        client.post(address, sent | {"organization": ours.organization.pk, "hull_connector_id": "another"})
        assert Connector.objects.get(slug="new").mappings.get().close == "description"


class TestMapping:
    def post(
        self, client: Client, ours: SimpleNamespace, place: str, pairs: list[tuple[str, str]]
    ) -> HttpResponse:
        pk = ours.mapping.pk if place == "lead_outbound" else None
        return client.post(page(ours.connector), form(ours.connector) | rows(place, pairs, pk))

    @pytest.mark.parametrize(
        ("place", "pairs", "said"),
        [
            ("lead_outbound", [("industry", "custom.cf_1"), ("x", "custom.cf_9")], "custom.cf_9 is not a custom field"),
            ("lead_outbound", [("industry", "custom.cf_1"), ("x", "addresses")], "addresses is not a field of a lead"),
            ("lead_outbound", [("industry", "custom.cf_1"), ("", "description")], "names no Hull attribute"),
            ("lead_outbound", [("industry", "custom.cf_1"), ("x", "custom.cf_1")], "mapped from industry already"),
            ("lead_inbound", [("", "description"), ("", "description")], "description is mapped already"),
            ("lead_inbound", [("a", "description"), ("a", "url")], "a is filled from description already"),
            ("contact_outbound", [("email", "emails")], "emails is not a field of a contact"),
        ],
    )  # fmt: skip
    def test_a_bad_row_is_told_and_nothing_saved(
        self, admin_client: Client, ours: SimpleNamespace, place: str, pairs: list[tuple[str, str]], said: str
    ) -> None:
        response = self.post(admin_client, ours, place, pairs)

        assert said in text(response)
        assert Mapping.objects.get() == ours.mapping

    def test_rows_are_saved_in_order_and_bump_the_version(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        pairs = [("industry", "custom.cf_1"), ("about", "description"), ("site", "url")]

        self.post(admin_client, ours, "lead_outbound", pairs)

        found = [(row.hull, row.close) for row in ours.connector.mappings.order_by("position", "pk")]
        assert found == pairs
        assert Connector.objects.get(pk=ours.connector.pk).version == 2

    def test_each_table_keeps_its_place(self, admin_client: Client, ours: SimpleNamespace) -> None:
        self.post(admin_client, ours, "contact_inbound", [("", "title")])

        row = Mapping.objects.exclude(pk=ours.mapping.pk).get()
        assert (row.object_type, row.direction, row.mode) == ("CONTACT", "INBOUND", "always")

    def test_several_attributes_may_fill_a_list(self, admin_client: Client, ours: SimpleNamespace) -> None:
        self.post(
            admin_client, ours, "contact_outbound", [("email", "emails.office"), ("other", "emails.office")]
        )

        assert Mapping.objects.filter(close="emails.office").count() == 2

    def test_two_rows_may_exchange_what_they_pair(self, admin_client: Client, ours: SimpleNamespace) -> None:
        place = {"object_type": "LEAD", "direction": "OUTBOUND"}
        other = ours.connector.mappings.create(hull="about", close="description", position=1, **place)
        sent = rows("lead_outbound", [("about", "description"), ("industry", "custom.cf_1")], ours.mapping.pk)
        sent |= {"lead_outbound-INITIAL_FORMS": "2", "lead_outbound-1-id": str(other.pk)}
        changed = ours.connector.mappings.filter(pk=ours.mapping.pk)

        response = admin_client.post(page(ours.connector), form_without_row(ours) | sent)

        assert response.status_code == 302
        assert changed.get().hull == "about"

    def test_a_field_that_close_lost_does_not_stop_other_edits(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        ours.connector.mappings.update(close="custom.cf_gone")

        response = admin_client.post(page(ours.connector), form(ours.connector, name="Renamed"))

        assert response.status_code == 302

    def test_how_a_row_is_written_is_saved_and_kept_when_it_is_not_sent(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        sent = rows("lead_outbound", [("industry", "custom.cf_1")], ours.mapping.pk)
        said = {"on_null": "leave", "conflict": "hold", "transform": "lower"}
        given = {f"lead_outbound-0-{name}": value for name, value in said.items()}

        admin_client.post(page(ours.connector), form(ours.connector) | sent | given)
        admin_client.post(page(ours.connector), form(ours.connector, name="Renamed") | sent)

        row = Mapping.objects.get()
        assert (row.on_null, row.conflict, row.transform) == ("leave", "hold", "lower")
        assert Connector.objects.get(pk=ours.connector.pk).name == "Renamed"
        admin_client.post(
            page(ours.connector), form(ours.connector) | sent | given | {"lead_outbound-0-transform": ""}
        )
        assert Mapping.objects.get().transform == ""

    def test_an_unknown_transform_is_told_and_stays_visible(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        ours.connector.mappings.update(transform="lowr")
        sent = rows("lead_outbound", [("other", "custom.cf_1")], ours.mapping.pk)

        shown = text(admin_client.get(page(ours.connector)))
        response = admin_client.post(
            page(ours.connector), form(ours.connector) | sent | {"lead_outbound-0-transform": "lowr"}
        )

        assert "lowr (unknown)" in shown
        assert "“lowr” is not a transform. Choose one of: text, number" in text(response)

    def test_suggestions_name_fields_and_attributes(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        def offered(side: str, place: str, term: str = "") -> dict[str, str]:
            address = reverse("admin:sync_connector_choices", args=[ours.connector.pk])
            answer = admin_client.get(address, {"side": side, "place": place, "term": term}).json()
            return {one["id"]: one["text"] for one in answer["results"]}

        fields = offered("close", "lead_outbound")
        assert fields["custom.cf_1"] == "Industry (custom.cf_1) · text · e.g. Robotics · mapped with industry"
        assert fields["addresses.business.zipcode"] == "Business address: zip code"
        assert offered("hull", "lead_outbound", "indus") == {
            "industry": "industry · e.g. Robotics · mapped with custom.cf_1", "northwind_industry": "northwind_industry · string",
        }  # fmt: skip
        assert "closeio/industry" in offered("hull", "lead_inbound")
        assert offered("close", "lead_inbound", "no such") == {}

    def test_nobody_looks_into_others_fields(
        self, sign_in: SignIn, ours: SimpleNamespace, theirs: SimpleNamespace
    ) -> None:
        address = reverse("admin:sync_connector_choices", args=[theirs.connector.pk])

        assert (
            sign_in(Role.OWNER, ours).get(address, {"side": "close", "place": "lead_outbound"}).status_code
            == 404
        )


def form_without_row(ours: SimpleNamespace) -> dict[str, Any]:
    sent = {"object_type": "LEAD"}
    connector = ours.connector
    row = connector.mappings.exclude(pk=ours.mapping.pk)
    kept = list(row)
    row.delete()
    given = form(connector)
    Mapping.objects.bulk_create(kept)
    return given | sent


class TestMoves:
    def press(self, client: Client, connector: Connector, name: str, **given: str) -> HttpResponse:
        address = reverse(f"admin:sync_connector_{name}", args=[connector.pk])
        return client.post(address, {"_form_submitted": "True", **given}, headers={"HX-Request": "true"})

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        """What would have been sent to a worker."""
        sent: list[tuple[str, dict[str, Any]]] = []

        def dispatch(task: Any, **kwargs: Any) -> bool:
            sent.append((task.name, kwargs))
            return True

        monkeypatch.setattr(tasks, "dispatch", dispatch)
        return sent

    def test_looking_at_a_dialog_does_nothing(
        self, admin_client: Client, ours: SimpleNamespace, sent: list[Any]
    ) -> None:
        for name in ("sync_now", "test_connection", "pause", "resume", "backfill"):
            text(admin_client.get(reverse(f"admin:sync_connector_{name}", args=[ours.connector.pk])))

        assert sent == []
        ours.connector.refresh_from_db()
        assert ours.connector.paused_at is None

    def test_sync_now(self, admin_client: Client, ours: SimpleNamespace, sent: list[Any]) -> None:
        response = self.press(admin_client, ours.connector, "sync_now")

        assert [name for name, _ in sent] == [
            "sync.tasks.pull",
            "sync.tasks.drain_outbound",
            "sync.tasks.drain_inbound",
        ]
        assert {kwargs["trigger"] for _, kwargs in sent} == {"PERSON"}
        assert response.headers["HX-Redirect"] == page(ours.connector)
        assert "See the runs" in notices(response)[0]

    def test_an_unreachable_broker_is_told(
        self, admin_client: Client, ours: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "dispatch", lambda task, **kwargs: False)

        for name in ("sync_now", "backfill"):
            assert "No worker can be reached" in notices(self.press(admin_client, ours.connector, name))[-1]

    def test_backfill(self, admin_client: Client, ours: SimpleNamespace, sent: list[Any]) -> None:
        self.press(admin_client, ours.connector, "backfill")

        assert sent == [
            ("sync.tasks.pull", {"connector_id": ours.connector.pk, "trigger": "PERSON", "full": True})
        ]

    def test_pause_and_resume(self, admin_client: Client, ours: SimpleNamespace, sent: list[Any]) -> None:
        self.press(admin_client, ours.connector, "pause", reason="new plan")
        ours.connector.refresh_from_db()
        assert ours.connector.pause_reason == "Paused by admin: new plan"
        shown = text(admin_client.get(page(ours.connector)))
        assert "/resume/" in shown
        assert "/sync_now/" not in shown

        self.press(admin_client, ours.connector, "sync_now")
        assert sent == []
        self.press(admin_client, ours.connector, "resume")
        ours.connector.refresh_from_db()
        assert ours.connector.is_active
        assert len(sent) == 3

    def test_the_connection_is_tested(
        self, admin_client: Client, ours: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried = setup.Tried(False, ("Close: the key was refused.", "Hull: connected."))
        monkeypatch.setattr(setup, "test_connection", lambda connector, clock: tried)

        response = self.press(admin_client, ours.connector, "test_connection")

        assert notices(response) == list(tried.sentences)

    @pytest.mark.parametrize("name", ["sync_now", "test_connection", "pause", "resume", "backfill"])
    def test_a_viewer_and_a_stranger_may_not(
        self,
        client: Client,
        sign_in: SignIn,
        ours: SimpleNamespace,
        theirs: SimpleNamespace,
        sent: list[Any],
        name: str,
    ) -> None:
        assert self.press(sign_in(Role.VIEWER, ours), ours.connector, name).status_code == 403
        assert self.press(sign_in(Role.OWNER, theirs), ours.connector, name).status_code in (403, 404)

        ours.connector.refresh_from_db()
        assert ours.connector.paused_at is None
        assert sent == []

    def test_many(
        self, admin_client: Client, ours: SimpleNamespace, theirs: SimpleNamespace, sent: list[Any]
    ) -> None:
        both = [ours.connector.pk, theirs.connector.pk]

        def press(name: str) -> list[str]:
            data = {"action": name, "_selected_action": both}
            return notices(admin_client.post(reverse("admin:sync_connector_changelist"), data))

        assert press("pause_selected") == ["2 paused."]
        assert press("sync_selected")[-1] == "0 started. 2 are paused or switched off."
        assert press("resume_selected")[-1] == "2 resumed."
        assert press("sync_selected")[-1] == "2 started."


def test_deleting_counts_what_goes_along(admin_client: Client, ours: SimpleNamespace) -> None:
    address = reverse("admin:sync_connector_delete", args=[ours.connector.pk])

    shown = text(admin_client.get(address))
    admin_client.post(address, {"post": "yes"})

    assert "Outcomes: 1" in shown or "outcomes" in shown.lower()
    assert not Connector.objects.exists()
    assert not Outcome.objects.exists()


def test_only_an_owner_deletes(sign_in: SignIn, ours: SimpleNamespace, now: datetime) -> None:
    address = reverse("admin:sync_connector_delete", args=[ours.connector.pk])

    assert sign_in(Role.EDITOR, ours).post(address, {"post": "yes"}).status_code == 403


class TestIdentities:
    def test_domains_and_addresses_are_stored_as_they_are_compared(
        self, admin_client: Client, ours: SimpleNamespace
    ) -> None:
        typed = form(ours.connector, never_identities="https://www.Supplier.com/x\nInfo@B.com")
        admin_client.post(page(ours.connector), typed)

        saved = Connector.objects.get(pk=ours.connector.pk)
        assert saved.never_identities == ["supplier.com", "info@b.com"]
        assert saved.version == 2

    def test_what_is_neither_is_named(self, admin_client: Client, ours: SimpleNamespace) -> None:
        typed = form(ours.connector, always_identities="acme.com\nacme")
        shown = text(admin_client.post(page(ours.connector), typed))

        assert "acme is neither a domain nor an e-mail address." in shown
