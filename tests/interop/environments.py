"""An environment of its own for each client: made once from pinned packages, made anew when the pins change.

`python tests/interop/environments.py` makes all of them. A client whose environment cannot be made here is named with the
reason; under CI that is a failure. `python tests/interop/environments.py lock` pins the newest packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PINS = Path(__file__).resolve().parent / "environments"
ROOT = PINS.parent.parent.parent
MADE = ROOT / "var" / "interop"
PYTHON = ("tap-closeio", "close-cli", "schemathesis", "close-dot-io", "closeio")
NODE = ("hull", "minihull", "hull-client")
NAMES = (*PYTHON, *NODE)


class CannotMake(Exception):  # noqa: N818 - it says what happened
    """An environment cannot be made on this machine; the text says why."""


def home(name: str) -> Path:
    """Return where an environment is, made or not."""
    return MADE / name


def is_ready(name: str) -> bool:
    """Return whether an environment is there and made from the pins of today."""
    mark = home(name) / ".ready"
    return mark.exists() and mark.read_text() == _digest(name)


def make(name: str) -> None:
    """Make an environment unless it is ready. Raises CannotMake."""
    if is_ready(name):
        return
    where = home(name)
    shutil.rmtree(where, ignore_errors=True)
    where.parent.mkdir(parents=True, exist_ok=True)
    (_make_node if name in NODE else _make_python)(name, where)
    (where / ".ready").write_text(_digest(name))


def _digest(name: str) -> str:
    pins = PINS / name / "package-lock.json" if name in NODE else PINS / f"{name}.txt"
    maker = "node" if name in NODE else f"{sys.version_info[:2]}"
    return hashlib.sha256(maker.encode() + pins.read_bytes()).hexdigest()


def _make_python(name: str, where: Path) -> None:
    pins, python = PINS / f"{name}.txt", where / "bin" / "python"
    if shutil.which("uv"):
        _run("uv", "venv", "--quiet", "--python", sys.executable, str(where))
        _run("uv", "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(pins))
        return
    _run(sys.executable, "-m", "venv", str(where))
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(pins))  # fmt: skip


def _make_node(name: str, where: Path) -> None:
    for needed in ("node", "npm"):
        if not shutil.which(needed):
            raise CannotMake(f"{needed} is not installed")
    shutil.copytree(PINS / name, where)
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", at=where)


def _run(*command: str, at: Path = ROOT) -> None:
    found = subprocess.run(
        command, check=False, cwd=at, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if found.returncode:
        lines = [line for line in (found.stderr or found.stdout).splitlines() if line.strip()]
        raise CannotMake(f"{' '.join(command[:3])} …: {lines[-1] if lines else found.returncode}")


def _trouble(name: str) -> str:
    try:
        make(name)
    except CannotMake as why:
        return str(why)
    return ""


def make_all() -> dict[str, list[str]]:
    """Make what is missing, two at a time; return the names that could not be made, by reason."""
    missing = [name for name in NAMES if not is_ready(name)]
    if missing:
        sys.stderr.write(f"Making environments for {', '.join(missing)} …\n")
    troubles: dict[str, list[str]] = {}
    with ThreadPoolExecutor(2) as pool:
        for name, why in zip(missing, pool.map(_trouble, missing), strict=True):
            if why:
                troubles.setdefault(why, []).append(name)
    return troubles


def lock() -> None:
    """Pin everything anew. Needs uv and npm. Raises CannotMake."""
    for name in PYTHON:
        wanted, pins = PINS / f"{name}.in", PINS / f"{name}.txt"
        _run("uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "-o", str(pins), str(wanted))  # fmt: skip
    for name in NODE:
        (PINS / name / "package-lock.json").unlink(missing_ok=True)
        _run("npm", "install", "--package-lock-only", "--ignore-scripts", at=PINS / name)


def main(action: str = "make") -> int:
    """Make the environments, or `lock` their pins; return how the process ends."""
    if action == "lock":
        lock()
        return 0
    troubles = make_all()
    for why, names in troubles.items():
        sys.stderr.write(f"Not run on this machine: {', '.join(names)}, since {why}\n")
    return 1 if troubles and os.environ.get("CI", "").lower() == "true" else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
