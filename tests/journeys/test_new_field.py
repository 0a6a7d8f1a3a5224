"""A field that Close does not have is made from the connector's page, mapped and filled."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from sync.models import CloseField, Connector
from tests.journeys.world import World
from tests.sending import add_row, sent_by

pytestmark = pytest.mark.inline(reason="posts the admin's forms to this process")


def create(client: Client, world: World, **given: str) -> list[str]:
    address = reverse("admin:sync_connector_create_field", args=[world.connector.pk])
    sent = {"_form_submitted": "True", "object_type": "LEAD", "label": "Industry", "type": "text"} | given
    answer = client.post(address, sent, headers={"HX-Request": "true"})
    return [str(one) for one in get_messages(answer.wsgi_request)]


def test_made_mapped_and_filled(world: World, admin_client: Client) -> None:
    world.tell_account(id="a-acme", name="Acme", domain="acme.com", industry="Robots")
    world.settle()

    assert "is in Close now" in create(admin_client, world)[0]

    made = CloseField.objects.get(label="Industry")
    page = reverse("admin:sync_connector_change", args=[world.connector.pk])
    edited = add_row(sent_by(admin_client.get(page)), "lead_outbound", "industry", f"custom.{made.close_id}")
    assert admin_client.post(page, edited).status_code == 302
    world.connector = Connector.objects.get()
    world.tell_account(id="a-acme", name="Acme", domain="acme.com", industry="Robots")
    world.settle()
    assert world.lead("Acme")[f"custom.{made.close_id}"] == "Robots"


def test_a_name_that_is_taken_is_refused(world: World, admin_client: Client) -> None:
    create(admin_client, world)
    before = len(world.writes_to_close())

    assert "has a field “industry” already" in create(admin_client, world, label="industry")[-1]
    assert len(world.writes_to_close()) == before
