"""YAML with line numbers: a reader that notes every mistake and goes on, instead of stopping at the first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import yaml

_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_NUMBERS = (_INT, "tag:yaml.org,2002:float")
_YES = ("y", "yes", "true", "on")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong with a file, and the line it is on."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class ConfigFileError(Exception):
    """A file was refused whole. Carries all its mistakes, in the order of their lines."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(slots=True)
class Report:
    """What was found while reading: mistakes refuse the file, warnings do not."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def mistake(self, line: int, message: str) -> None:
        self.mistakes.append(Mistake(line, message))

    def warning(self, line: int, message: str) -> None:
        self.warnings.append(Mistake(line, message))


def compose(text: str) -> yaml.Node | None:
    """Return the tree of a file's one document. Raises ConfigFileError; its message never quotes the file."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context
        raise ConfigFileError(
            [Mistake(mark.line + 1 if mark else 1, f"this is not YAML: {reason}.")]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigFileError([Mistake(line, "this is not YAML: a character that YAML forbids.")]) from None
    except RecursionError:
        raise ConfigFileError([Mistake(1, "this is nested too deeply.")]) from None


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def nearest(word: str, known: Collection[str]) -> str:
    """Return `; did you mean …?` when a known word is close, else nothing."""
    found = nearest_word(word, known)
    return f"; did you mean {found}?" if found else ""


def nearest_word(word: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)), "")


class Section:
    """One mapping of the file. Each reader returns a usable value and notes what was wrong with the given one."""

    def __init__(self, node: yaml.Node, path: str, report: Report, known: Collection[str]) -> None:
        self.path, self.report, self.line = path, report, line_of(node)
        self._nodes: dict[str, yaml.Node] = {}
        self._misspelt: set[str] = set()
        if not isinstance(node, yaml.MappingNode):
            report.mistake(self.line, f"{path or 'the file'} must have keys: {', '.join(known)}.")
            self.is_usable = False
            return
        self.is_usable = True
        for key, value in node.value:
            self._take(key, value, known)

    @classmethod
    def absent(cls, parent: Section, key: str) -> Section:
        """Return the section that a file does not have: every reader gives its default and notes nothing."""
        section = cls.__new__(cls)
        section.path, section.report, section.line = parent.name_of(key), parent.report, parent.line
        section.is_usable, section._nodes = False, {}
        section._misspelt = set()
        return section

    def _take(self, key: yaml.Node, value: yaml.Node, known: Collection[str]) -> None:
        name = key.value if isinstance(key, yaml.ScalarNode) else "(a list or a mapping)"
        where = f" in {self.path}" if self.path else ""
        if name not in known:
            self.report.mistake(line_of(key), f"unknown key {name}{where}{nearest(name, known) or '.'}")
            self._misspelt.add(nearest_word(name, known))
        elif name in self._nodes:
            self.report.mistake(line_of(key), f"{name} is given twice{where}.")
        else:
            self._nodes[name] = value

    def name_of(self, key: str) -> str:
        """Return the whole path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def line_of(self, key: str) -> int:
        """Return the line of a key's value, or the section's when it has none."""
        return line_of(self._nodes[key]) if key in self._nodes else self.line

    def has(self, key: str) -> bool:
        """Say whether a key is there, with a value or without."""
        return key in self._nodes

    def find(self, key: str) -> yaml.Node | None:
        """Return the node of a key that has a value."""
        node = self._nodes.get(key)
        return None if node is None or node.tag == _NULL else node

    def require(self, key: str) -> None:
        """Note a missing key, unless it is there misspelt and was noted as that."""
        if self.is_usable and self.find(key) is None and key not in self._misspelt:
            self.mistake(key, "is required.")

    def mistake(self, key: str, message: str) -> None:
        """Note what is wrong with a key's value; the message goes on after the key's path."""
        self.report.mistake(self.line_of(key), f"{self.name_of(key)} {message}")

    # ── Values ──────────────────────────────────────────────────────────────────────────────────

    def text(self, key: str, *, required: bool = False, default: str = "", numbers: bool = False) -> str:
        """Return a text. With `numbers` what YAML takes for a number is taken as it is written."""
        node = self.find(key)
        if node is None:
            if required:
                self.require(key)
            return default
        found = scalar(node, numbers=numbers)
        if found is None:
            self.mistake(key, "must be a text" + ("." if is_nested(node) else "; put it in quotes."))
        elif not found.strip():
            self.mistake(key, "is empty.")
        return (found or "").strip() or default

    def choice(self, key: str, options: Collection[str], default: str) -> str:
        """Return one of some words."""
        found = self.text(key, default=default)
        if found in options:
            return found
        self.mistake(
            key, f"is {_shown(found)}; it must be one of {', '.join(options)}{nearest(found, options) or '.'}"
        )
        return default

    def matching(
        self,
        key: str,
        pattern: str,
        hint: str,
        *,
        required: bool = False,
        default: str = "",
        numbers: bool = False,
    ) -> str:
        """Return a text that a pattern fits."""
        found = self.text(key, required=required, default=default, numbers=numbers)
        if found and not re.fullmatch(pattern, found):
            self.mistake(key, f"is {_shown(found)}; it must be {hint}.")
            return default
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        node = self.find(key)
        if node is None:
            return default
        if node.tag != _BOOL:
            self.mistake(key, "must be true or false.")
            return default
        return str(node.value).lower() in _YES

    def short(self, key: str, limit: int, *, required: bool = False) -> str:
        """Return a text that is not longer than what is stored of it."""
        found = self.text(key, required=required)
        if len(found) > limit:
            self.mistake(key, f"is longer than {limit} characters.")
        return found

    def number(
        self, key: str, default: int | None, least: int, most: int, *, optional: bool = False
    ) -> int | None:
        """Return a whole number within bounds. With `optional` a key without a value, or with null, is None."""
        node = self.find(key)
        if node is None:
            return None if optional and self.has(key) else default
        if (
            isinstance(node, yaml.ScalarNode)
            and node.tag == _INT
            and re.fullmatch(r"[+-]?\d{1,12}", node.value)
        ):
            found = int(node.value)
            if least <= found <= most:
                return found
        self.mistake(
            key,
            f"must be a whole number from {least} to {most}{', or null for no limit' if optional else ''}.",
        )
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; numbers are taken as they are written."""
        found = [(node, scalar(node, numbers=True)) for node in self.items(key) or ()]
        for node, text in found:
            if not text:
                self.report.mistake(line_of(node), f"{self.name_of(key)} must hold texts only.")
        return tuple(dict.fromkeys(text for _, text in found if text))

    def items(self, key: str) -> list[yaml.Node] | None:
        """Return the entries of a list; None when the key is absent or no list."""
        node = self._nodes.get(key)
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if node is not None:
            self.mistake(key, "must be a list; write [] for an empty one.")
        return None

    def section(self, key: str, known: Collection[str]) -> Section | None:
        """Return the mapping of a key that has a value."""
        node = self.find(key)
        return Section(node, self.name_of(key), self.report, known) if node is not None else None

    def sections(self, key: str, known: Collection[str]) -> list[Section]:
        """Return the mappings in a list."""
        return [
            Section(node, f"{self.name_of(key)}[{number}]", self.report, known)
            for number, node in enumerate(self.items(key) or ())
        ]


def scalar(node: yaml.Node, *, numbers: bool = False) -> str | None:
    """Return a text, or None when YAML takes the node for something else."""
    if isinstance(node, yaml.ScalarNode) and (node.tag == _TEXT or (numbers and node.tag in _NUMBERS)):
        return str(node.value)
    return None


def is_nested(node: yaml.Node) -> bool:
    return not isinstance(node, yaml.ScalarNode)


def _shown(value: str) -> str:
    """Return a value as a message may quote it: never a Close key that landed in the wrong place."""
    return "api_…" if value.startswith("api_") else value[:80]
