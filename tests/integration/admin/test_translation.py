"""What people read can be translated: with every message marked, no plain English is left on the pages that matter most."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils.translation import trans_real

from sync.names import NAMES
from tests.integration.admin.rows import text

# What is stored, or is a name of the product, a system or a thing that somebody called so.
SPARED = {"Close Connector", "delete", "Hull", "Close", "northwind", "Northwind"}


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language in which every message stands in brackets."""
    original = trans_real.gettext
    monkeypatch.setattr(trans_real, "gettext", lambda message: f"⟦{original(message)}⟧" if message else "")
    monkeypatch.setattr("django.utils.translation._trans.gettext", trans_real.gettext)


def headings(shown: str) -> list[str]:
    """Return what labels, headings, column titles, buttons and legends say."""
    shown = re.sub(r"<(script|style|svg).*?</\1>", "", shown, flags=re.S)
    parts = re.findall(r"<(h2|h3|label|legend|th|dt|summary)\b[^>]*>(.*?)</\1>", shown, flags=re.S)
    plain = [re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", inner))).strip() for _, inner in parts]
    return [one for one in plain if re.search(r"[A-Za-z]{3,}", one)]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/", "/admin/sync/connector/{0.connector.pk}/change/", "/admin/sync/link/explain/?q=h1",
        "/admin/sync/connector/start/", "/admin/sync/connector/{0.connector.pk}/setup/identifiers/",
        "/admin/sync/change/", "/admin/sync/outcome/", "/admin/sync/run/{0.run.pk}/change/", "/admin/sync/alertchannel/add/",
        "/admin/sync/configurationversion/{0.configurationversion.pk}/change/",
    ],
)  # fmt: skip
def test_labels_and_headings_are_translated(
    admin_client: Client, ours: SimpleNamespace, marked: Any, path: str
) -> None:
    found = headings(text(admin_client.get(path.format(ours))))

    plain = [one for one in found if "⟦" not in one and not any(name in one for name in SPARED)]
    assert len(found) > 3
    assert not plain, "; ".join(plain)


def test_every_name_that_django_makes_is_there_for_translators() -> None:
    found = {
        name._args[0]  # what it is before it is translated
        for label in ("accounts", "sync")
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.get_fields()
        if getattr(field, "_verbose_name", "") is None
        and (name := getattr(field, "verbose_name", None)) is not None
    }

    assert found - NAMES == set()
