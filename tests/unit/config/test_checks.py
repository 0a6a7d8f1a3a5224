"""Each system check, by its id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from sync import checks

SAFE = {
    "DEBUG": False,
    "ALLOW_INSECURE_REMOTES": False,
    "FIELD_ENCRYPTION_KEYS": ["one"],
    "SECRET_KEY": "another",
    "PUBLIC_URL": "https://connector.example.com",
}


@pytest.mark.parametrize(
    ("check", "given", "expected"),
    [
        (checks.check_remotes, {"ALLOW_INSECURE_REMOTES": True}, ["sync.W001"]),
        (checks.check_remotes, {"ALLOW_INSECURE_REMOTES": True, "DEBUG": True}, []),
        (checks.check_remotes, {}, []),
        (checks.check_encryption_keys, {"FIELD_ENCRYPTION_KEYS": ["one", "another"]}, ["sync.W002"]),
        (checks.check_encryption_keys, {}, []),
        (checks.check_public_url, {"PUBLIC_URL": "http://connector.example.com"}, ["sync.W003"]),
        (checks.check_public_url, {"PUBLIC_URL": ""}, ["sync.W003"]),
        (checks.check_public_url, {"PUBLIC_URL": "", "DEBUG": True}, []),
        (checks.check_public_url, {}, []),
        (
            checks.check_secret_key,
            {"SECRET_KEY": "development-only-and-public-set-SECRET_KEY-in-production"},
            ["sync.W004"],
        ),
        (checks.check_secret_key, {}, []),
    ],
)
def test_check(
    settings: Settings,
    check: Callable[[], list[CheckMessage]],
    given: dict[str, Any],
    expected: list[str],
) -> None:
    for name, value in (SAFE | given).items():
        setattr(settings, name, value)
    found = check()
    assert [message.id for message in found] == expected
    assert all(message.hint for message in found)


def test_the_checks_are_registered_for_deployment(settings: Settings) -> None:
    settings.DEBUG, settings.ALLOW_INSECURE_REMOTES, settings.PUBLIC_URL = False, True, ""
    ids = {message.id for message in run_checks(include_deployment_checks=True)}
    assert {"sync.W001", "sync.W003"} <= ids
    assert not {"sync.W001", "sync.W003"} & {message.id for message in run_checks()}
