"""A connector like another one: its settings and its mapping, and none of its credentials."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Organization
from sync.models import Connector
from sync.services import versions
from sync.services.versions import Author

# What stands for a Hull connector id until somebody enters it.
DRAFT = "draft-"


@transaction.atomic
def clone(
    source: Connector, organization: Organization, *, name: str, slug: str, by: Author, now: datetime
) -> Connector:
    """Make a paused connector with the settings of another one; what it is to connect has to be entered."""
    connector = draft(organization, name=name, slug=slug, by=by, now=now)
    versions.copy(source, connector)
    versions.note(connector, {"created"}, by=by, said=f"Cloned from {source.name}.", now=now)
    return connector


def draft(organization: Organization, *, name: str, slug: str, by: Author, now: datetime) -> Connector:
    """Make a paused connector that has nothing to connect yet."""
    return Connector.objects.create(
        organization=organization, name=name, slug=slug, hull_connector_id=f"{DRAFT}{slug}"[:64], paused_at=now,
        pause_reason=f"Paused by {by}: it is being set up."[:500],
    )  # fmt: skip
