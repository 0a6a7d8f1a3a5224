"""A row of every kind, and what tests read from answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpResponse

from accounts.models import Agency, Organization
from sync.models import (
    Alert,
    AlertChannel,
    Approval,
    Batch,
    Budget,
    BudgetDemand,
    BudgetUse,
    Change,
    CloseField,
    CloseStatus,
    Connector,
    Cursor,
    Delivery,
    HullAttribute,
    HullSegment,
    Intent,
    Lane,
    Link,
    Mapping,
    Outcome,
    Run,
)
from sync.services import versions

SECRETS = {"hull_secret": "hull-secret-of-tests-1a2b", "close_api_key": "api_key-of-tests-9z8y"}


def everything(name: str, now: datetime) -> SimpleNamespace:
    """Make an agency, an organization, a connector, and a row of each kind with it."""
    agency = Agency.objects.create(slug=name, name=name.capitalize())
    organization = Organization.objects.create(
        agency=agency, slug=f"{name}-org", name=f"{name.capitalize()} Org", hull_domain=f"{name}.hullapp.io"
    )
    connector = Connector.objects.create(
        organization=organization, slug=f"{name}-close", name=f"{name.capitalize()} to Close", schema_read_at=now,
        hull_connector_id="5a43ce781f6d9f471d005d44", account_segments=["seg1", "unknown-seg"],
        close_organization_id=f"orga_{name}", **SECRETS,
    )  # fmt: skip
    run = Run.objects.create(
        connector=connector, kind="DRAIN", direction="OUTBOUND", trigger="SCHEDULE", state="FINISHED", considered=3,
        counters={"CREATED": 2, "FAILED": 1}, close_calls={"POST /lead/": 2}, started_at=now, finished_at=now,
    )  # fmt: skip
    rows = SimpleNamespace(agency=agency, organization=organization, connector=connector, run=run, name=name)
    rows.cursor = Cursor.objects.create(connector=connector, stream="EVENTS", watermark=now, read_at=now)
    rows.lane = Lane.objects.create(connector=connector, direction="OUTBOUND", drained_at=now)
    rows.intent = Intent.objects.create(
        connector=connector, object_type="LEAD", key="h1", body={"name": f"{name} lead"}, created_at=now
    )
    rows.delivery = Delivery.objects.create(
        connector=connector, source="HULL", key=f"{name}-delivery", channel="account:update", received_at=now
    )
    rows.closefield = CloseField.objects.create(
        connector=connector, object_type="LEAD", close_id="cf_1", label="Industry", attribute="industry"
    )
    rows.closestatus = CloseStatus.objects.create(connector=connector, close_id="stat_1", label="Potential")
    rows.hullsegment = HullSegment.objects.create(
        connector=connector, kind="ACCOUNT", hull_id="seg1", name=f"{name} prospects"
    )
    rows.hullattribute = HullAttribute.objects.create(
        connector=connector, kind="ACCOUNT", name=f"{name}_industry", type="string", seen_at=now
    )
    rows.batch = Batch.objects.create(
        connector=connector, object_type="LEAD", format="json", url="https://x.hullapp.io/e", url_digest=name,
        host=f"{name}.hullapp.io", received_at=now, not_before=now, problems=["Line 3 is not JSON."], problem_count=1,
    )  # fmt: skip
    rows.approval = Approval.objects.create(
        connector=connector, counts={"creates": 1200}, limits={"creates": 1000}, linked=40, created_at=now,
        sample=[
            {
                "object": "LEAD", "key": "h7", "label": f"{name} sample", "effect": "creates", "close_id": "",
                "values": {"name": [None, f"{name} sample"]},
            }
        ],
    )  # fmt: skip
    rows.budget = Budget.objects.create(
        close_organization_id=f"orga_{name}", group="records", limit=160, length=8.0, remaining=40,
        ends_at=now + timedelta(seconds=5),
    )  # fmt: skip
    BudgetDemand.objects.create(
        budget=rows.budget, connector=connector, lane="FRESH", used=104, wanted=7, asked_at=now
    )
    BudgetUse.objects.create(
        close_organization_id=f"orga_{name}", group="records", connector=connector, lane="FRESH", hour=now.replace(minute=0),
        calls=1234, refused=1,
    )  # fmt: skip
    rows.mapping = Mapping.objects.create(
        connector=connector, object_type="LEAD", direction="OUTBOUND", hull="industry", close="custom.cf_1"
    )
    rows.alert = Alert.objects.create(
        connector=connector, kind="FAILING", message=f"{name} failed.", opened_at=now
    )
    rows.alertchannel = AlertChannel.objects.create(
        agency=agency,
        connector=connector,
        name=f"{name} on call",
        kind="SLACK",
        url="https://hooks.example/secret-of-slack",
    )
    rows.configurationversion = versions.note(
        connector, {"created"}, by=f"{name} ann", said="First.", now=now
    )
    rows.link, rows.candidate = (link(connector, number, now) for number in (1, 2))
    rows.change = failed_change(connector, 1, now)
    rows.held = failed_change(
        connector, 2, now, state="HELD", reason="AMBIGUOUS_MATCH", candidates=["lead_2", "lead_9"]
    )
    rows.outcome = outcome(connector, run, 1, now)
    return rows


def link(connector: Connector, number: int, now: datetime) -> Link:
    return Link.objects.create(
        connector=connector, object_type="LEAD", close_id=f"lead_{number}", label=f"{connector.slug} lead {number}",
        hull_id="h1" if number == 1 else None, close={"name": "Lead", "custom.cf_1": "Robotics"},
        base={"custom.cf_1": ["Robotics", "Robotics"]}, sent={"closeio/name": "Lead"}, sent_at=now, paired_at=now,
    )  # fmt: skip


def failed_change(connector: Connector, number: int, now: datetime, **fields: Any) -> Change:
    account = {
        "id": f"h{number}",
        "name": f"{connector.slug} account",
        "domain": "a.example",
        "industry": "Robotics",
    }
    given = {"state": "FAILED", "reason": "REJECTED", "message": "Close said: no.", "attempts": 1, **fields}
    return Change.objects.create(
        connector=connector, direction="OUTBOUND", object_type="LEAD", key=f"h{number}", label=account["name"],
        payload={"account": {"attributes": account, "segment_ids": ["seg1"]}}, not_before=now,
        queued_at=now - timedelta(hours=2), **given,
    )  # fmt: skip


def outcome(connector: Connector, run: Run, number: int, now: datetime, **fields: Any) -> Outcome:
    given = {"result": "FAILED", "reason": "REJECTED", "message": "Close said: no.", **fields}
    return Outcome.objects.create(
        connector=connector, run=run, direction="OUTBOUND", object_type="LEAD", key=f"h{number}", hull_id=f"h{number}",
        close_id="lead_1", label=f"{connector.slug} account", fields=["name", "custom.cf_1"], created_at=now, **given,
    )  # fmt: skip


def text(response: HttpResponse) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]
