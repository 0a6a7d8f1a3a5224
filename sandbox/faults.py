"""Trouble on demand: failures before and after the remote acted, lost connections, error pages.

A spec is a comma list of `METHOD path-pattern=kind@probability`, for example
`POST /lead/=drop_after@0.05,GET .*=status:429@0.1`. The same seed gives the same trouble.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.http import Dropped, Request, Response, TimedOut

KINDS = re.compile(r"status:\d{3}|status_after:\d{3}|drop_before|drop_after|timeout_after|html|html_after")
PAGE = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class _Rule:
    method: str
    pattern: str
    kind: str
    times: int | None = None
    probability: float = 1.0
    matching: str = ""
    skip: int = 0


class Faults:
    """Rules by method and path; a request meets at most one."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._rules: list[_Rule] = []

    def fail_next(
        self, method: str, path: str, kind: str, times: int = 1, matching: str = "", skip: int = 0
    ) -> None:
        """Have the next requests fail whose body holds a text, after letting some pass.

        Raises ValueError for an unknown kind.
        """
        self._add(_Rule(method, path, kind, times, matching=matching, skip=skip))

    def add_rate(self, method: str, path: str, kind: str, probability: float) -> None:
        """Have a share of the matching requests fail."""
        self._add(_Rule(method, path, kind, None, probability))

    def _add(self, rule: _Rule) -> None:
        if not KINDS.fullmatch(rule.kind):
            raise ValueError(f"{rule.kind} is not a kind of fault")
        re.compile(rule.pattern)
        self._rules.append(rule)

    def around(self, request: Request, act: Callable[[Request], Response]) -> Response:
        """Answer a request, with the trouble that is due. Raises Dropped and TimedOut."""
        rule = self._due(request)
        if rule is None:
            return act(request)
        kind, _, status = rule.kind.partition(":")
        if kind == "drop_before":
            raise Dropped
        if kind == "status":
            return _refusal(int(status))
        if kind == "html":
            return Response.html(502, PAGE)
        act(request)
        if kind == "drop_after":
            raise Dropped
        if kind == "timeout_after":
            raise TimedOut
        return Response.html(200, PAGE) if kind == "html_after" else _refusal(int(status))

    def _due(self, request: Request) -> _Rule | None:
        plain = re.sub(r"/+", "/", request.path.removeprefix("/api/v1"))
        paths = (plain, f"{plain.rstrip('/')}/")
        for rule in self._rules:
            if (
                rule.method not in ("*", request.method)
                or not any(re.search(rule.pattern, path) for path in paths)
                or rule.times == 0
            ):
                continue
            if rule.matching.encode() not in request.body or self._random.random() >= rule.probability:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None


def _refusal(status: int) -> Response:
    headers = {"retry-after": "2", "RateLimit": "limit=240, remaining=0, reset=2"} if status == 429 else {}
    return Response.of(status, {"error": f"Simulated {status}"}, headers)


def parse_spec(text: str, seed: int = 0) -> Faults:
    """Read a spec. Raises ValueError that names the part which cannot be read."""
    faults = Faults(seed)
    for part in filter(None, (one.strip() for one in text.split(","))):
        found = re.fullmatch(r"(\S+)\s+(.+)=([a-z_]+(?::\d{3})?)(?:@([0-9.]+))?", part)
        if not found:
            raise ValueError(f"{part!r} does not read as METHOD path=kind@probability")
        method, pattern, kind, probability = found.groups()
        faults.add_rate(method, pattern, kind, float(probability or 1))
    return faults
