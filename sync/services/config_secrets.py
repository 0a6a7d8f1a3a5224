"""Secrets in a configuration file: named by an environment variable or a file, so that the file can be shared."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from sync.services.config_yaml import Section, is_nested, line_of, scalar

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHAPE = "must be {env: NAME} or {file: PATH}."


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret as resolved, and the reference it came from: empty when it stood in the file itself."""

    clear: str = field(repr=False)
    reference: Mapping[str, str]


def read_secret(section: Section, key: str, directory: Path, *, required: bool = False) -> GivenSecret | None:
    """Return the secret of a key; None when there is none or it cannot be resolved. No message repeats a value.

    A relative path starts at the configuration file's own directory.
    """
    node = section.find(key)
    if node is None:
        if required:
            section.require(key)
        return None
    if isinstance(node, yaml.MappingNode):
        return _referenced(section, key, node, directory)
    clear = "" if is_nested(node) else (scalar(node, numbers=True) or "").strip()
    if not clear:
        section.mistake(key, _SHAPE)
        return None
    section.report.warning(
        line_of(node), f"{section.name_of(key)} is written in the file itself; {{env: NAME}} keeps it out."
    )
    return GivenSecret(clear, {})


def _referenced(section: Section, key: str, node: yaml.MappingNode, directory: Path) -> GivenSecret | None:
    pairs = {scalar(name): (scalar(value) or "").strip() for name, value in node.value}
    kind, target = next(iter(pairs.items()), (None, ""))
    if len(node.value) != 1 or kind not in ("env", "file") or not target:
        section.mistake(key, _SHAPE)
        return None
    clear, trouble = _from_environment(target) if kind == "env" else _from_file(directory / target)
    if trouble:
        section.mistake(key, trouble)
        return None
    return GivenSecret(clear, {kind: target})


def _from_environment(name: str) -> tuple[str, str]:
    """Return the value and what is wrong. What is no variable's name may be a secret: it is not repeated."""
    if not _VARIABLE.fullmatch(name):
        return "", "names no environment variable: letters, digits and _ only."
    value = os.environ.get(name, "").strip()
    return value, "" if value else f"names the environment variable {name}, which is not set."


def _from_file(path: Path) -> tuple[str, str]:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return "", f"names the file {path}, which cannot be read: {reason}."
    return value, "" if value else f"names the file {path}, which is empty."


def placeholder(slug: str, field_name: str) -> dict[str, str]:
    """Return the reference that an export writes for a secret that was never given by one."""
    stem = re.sub(r"\W|-", "_", slug).upper()
    return {"env": f"{'_' if stem[0].isdigit() else ''}{stem}_{field_name.upper()}"}
