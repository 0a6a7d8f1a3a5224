"""Two agencies with a connector each, every kind of row in both, and people who may see one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, User
from accounts.roles import Role
from tests.integration.admin.rows import everything


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any, now: datetime) -> None:
    """The clock stands still at the moment of the tests."""
    time_machine.move_to(now, tick=False)


@pytest.fixture
def ours(db: None, now: datetime) -> SimpleNamespace:
    return everything("northwind", now)


@pytest.fixture
def theirs(db: None, now: datetime) -> SimpleNamespace:
    return everything("southwind", now)


@pytest.fixture
def sign_in(client: Client) -> Callable[[Role, SimpleNamespace], Client]:
    """Sign somebody in who has a role in the agency of a set of rows."""

    def sign_in(role: Role, where: SimpleNamespace) -> Client:
        name = f"{role.lower()}-{where.agency.slug}"
        user = User.objects.create(username=name, email=f"{name}@example.com", is_staff=True)
        Membership.objects.create(user=user, agency=where.agency, role=role.value)
        client.force_login(user)
        return client

    return sign_in
