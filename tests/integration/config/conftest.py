"""One configuration file, and the command that takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

FILE = """\
agencies:
  - slug: northwind
    name: Northwind Growth
    organizations:
      - slug: acme
        name: Acmé 🚀
        hull_domain: acme.hullapp.io
        connectors:
          - slug: acme-close
            name: Acme to Close
            enabled: true
            hull:
              connector_id: 5a43ce781f6d9f471d005d44
              secret: {env: ACME_HULL_SECRET}
              api_url: http://127.0.0.1:9002/api/v1
            close:
              api_key: {env: MY_CLOSE_KEY}
              api_url: http://127.0.0.1:9001/api/v1
            outbound:
              account_segments: [59f09bc7f9c5a94af600076d]
              user_segments: []
              lead_status: Potential
            identity:
              hull: domain
              close: url
            mappings:
              lead:
                outbound:
                  - {hull: description, close: description, mode: always}
                  - {hull: industry, close: custom.cf_9kQ, mode: if_empty}
                inbound:
                  - {close: description, hull: closeio/description, mode: always}
                  - {close: addresses}
                  - {close: status_id}
              contact:
                outbound:
                  - {hull: email, close: emails.office}
                inbound:
                  - {close: emails}
                  - {close: phones}
"""


@dataclass
class Config:
    """Runs `config` on a file whose text a test gives, and keeps what it wrote to stderr."""

    path: Path
    warnings: str = ""

    def apply(self, text: str = FILE, *options: str) -> str:
        self.path.write_text(text, encoding="utf-8")
        out, err = StringIO(), StringIO()
        try:
            call_command("config", "apply", str(self.path), *options, stdout=out, stderr=err)
        finally:
            self.warnings = err.getvalue()
        return out.getvalue()

    def edit(self, *changes: tuple[str, str], text: str = FILE) -> Callable[..., str]:
        """Return `apply` for the file with some texts replaced."""
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return lambda *options: self.apply(text, *options)

    def export(self, *options: str) -> str:
        out = StringIO()
        call_command("config", "export", *options, stdout=out)
        return out.getvalue()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None) -> Config:
    monkeypatch.setenv("ACME_HULL_SECRET", "hush-hull")
    monkeypatch.setenv("MY_CLOSE_KEY", "api_hush.close")
    return Config(tmp_path / "config.yaml")
