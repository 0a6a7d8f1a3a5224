"""What the documentation promises is there, and what is there is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from sync.engine.plan import REASONS, Result

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_a_paragraph_that_says_what_to_do(reason: str) -> None:
    paragraph = re.search(rf"^\*\*{reason}\*\* — (.+)$", OPERATIONS, re.MULTILINE)

    assert paragraph, f"{reason} is missing in docs/operations.md"
    assert len(paragraph[1]) > 30


@pytest.mark.parametrize("result", Result)
def test_each_result_is_explained(result: str) -> None:
    assert f"| `{result}` |" in OPERATIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert missing == []


def test_each_command_of_ours_is_named_in_the_documentation() -> None:
    text = "\n".join(page.read_text() for page in [*PAGES, ROOT / "CHANGELOG.md"])
    ours = [name for name, app in get_commands().items() if app in ("sync", "accounts", "closeconnector")]

    assert [name for name in sorted(ours) if f"`{name}" not in text and f"{name} " not in text] == []
