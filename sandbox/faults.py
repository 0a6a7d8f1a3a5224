"""Trouble on demand: failures before and after the remote acted, connections that break off, error pages.

A rule is `METHOD path-pattern=kind@probability`, for example `POST /lead/=drop_after@0.05` or, for a storm that goes on
for the next 20 matching requests once it has begun, `* .*=status:429@0.01x20`. Whether the n-th request of a rule meets
trouble depends on the seed, the rule and n alone: the same seed gives the same history, whatever else is asked.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.http import Cut, Dropped, Request, Reset, Response, TimedOut

PAGE = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
_CUTS = "|".join(f"cut_{cut}" for cut in Cut)
KINDS = re.compile(
    rf"status:\d{{3}}|status_after:\d{{3}}|drop_upload|drop_before|drop_after|reset_before|reset_after"
    rf"|timeout_before|timeout_after|html|html_after|{_CUTS}"
)
MEANING = {
    "status:NNN": "answered with that status before anything was done",
    "status_after:NNN": "done, then answered with that status",
    "drop_upload": "the connection is reset while the body is still being sent",
    "drop_before": "the connection is closed before anything was done",
    "drop_after": "done, then the connection is closed without an answer",
    "reset_before, reset_after": "the same, with a reset in place of an orderly end",
    "timeout_before, timeout_after": "no answer comes within a minute",
    "cut_status, cut_headers, cut_empty, cut_body": "done; the answer breaks off in that part of it",
    "html, html_after": "an error page of a proxy, before or after it was done",
}


@dataclass(slots=True)
class Rule:
    """One rule. `times` is how often it may still act, `storm` how many requests one stroke takes along."""

    method: str
    pattern: str
    kind: str
    times: int | None = None
    probability: float = 1.0
    matching: str = ""
    skip: int = 0
    storm: int = 1
    met: int = 0
    raging: int = 0

    def __str__(self) -> str:
        storm = f"x{self.storm}" if self.storm > 1 else ""
        return f"{self.method} {self.pattern}={self.kind}@{self.probability:g}{storm}"

    def is_about(self, request: Request, paths: tuple[str, ...]) -> bool:
        return (
            self.method in ("*", request.method)
            and self.times != 0
            and any(re.search(self.pattern, path) for path in paths)
            and self.matching.encode() in request.body
        )

    def strikes(self, seed: int) -> bool:
        """Count one request that the rule is about, and return whether it meets trouble."""
        self.met += 1
        if self.raging:
            self.raging -= 1
            return True
        if (
            self.probability < 1
            and random.Random(f"{seed}/{self}/{self.met}").random() >= self.probability  # every n alone
        ):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.raging = self.storm - 1
        return True


class Faults:
    """Rules by method and path; a request meets at most one."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.rules: list[Rule] = []

    def fail_next(
        self, method: str, path: str, kind: str, times: int = 1, matching: str = "", skip: int = 0
    ) -> None:
        """Have the next requests fail whose body holds a text, after letting some pass.

        Raises ValueError for an unknown kind.
        """
        self.add(Rule(method, path, kind, times, matching=matching, skip=skip))

    def add_rate(self, method: str, path: str, kind: str, probability: float) -> None:
        """Have a share of the matching requests fail."""
        self.add(Rule(method, path, kind, None, probability))

    def add(self, rule: Rule) -> None:
        """Add a rule. Raises ValueError for a kind or a pattern that is none."""
        if not KINDS.fullmatch(rule.kind):
            raise ValueError(f"{rule.kind} is not a kind of fault")
        try:
            re.compile(rule.pattern)
        except re.error as error:
            raise ValueError(f"{rule.pattern} is not a pattern: {error}") from None
        self.rules.append(rule)

    def early(self, request: Request) -> None:
        """Break a connection off while the body is on its way. Raises Reset."""
        if any(rule.kind == "drop_upload" for rule in self.rules) and self._due(request, is_early=True):
            raise Reset

    def around(self, request: Request, act: Callable[[Request], Response]) -> Response:
        """Answer a request, with the trouble that is due. Raises Dropped and TimedOut."""
        rule = self._due(request) if self.rules else None
        if rule is None:
            return act(request)
        kind, _, status = rule.kind.partition(":")
        if kind == "status":
            return _refusal(int(status))
        if kind == "html":
            return Response.html(502, PAGE)
        if kind.endswith("_before"):
            raise _LOST[kind.removesuffix("_before")]
        response = act(request)
        if kind.startswith("cut_"):
            return response.moody(cut=Cut(kind.removeprefix("cut_")))
        if kind.removesuffix("_after") in _LOST:
            raise _LOST[kind.removesuffix("_after")]
        return Response.html(200, PAGE) if kind == "html_after" else _refusal(int(status))

    def _due(self, request: Request, is_early: bool = False) -> Rule | None:
        plain = re.sub(r"/+", "/", request.path.removeprefix("/api/v1"))
        paths = (plain, f"{plain.rstrip('/')}/")
        for rule in self.rules:
            is_of_this_moment = (rule.kind == "drop_upload") == is_early
            if is_of_this_moment and rule.is_about(request, paths) and rule.strikes(self.seed):
                return rule
        return None


_LOST: dict[str, type[Exception]] = {"drop": Dropped, "reset": Reset, "timeout": TimedOut}


def _refusal(status: int) -> Response:
    if status != 429:
        return Response.of(status, {"error": f"Simulated {status}"})
    reset = {"rate_reset": 2.0, "rate_limit": 240, "rate_window": 8, "rate_limit_type": "key"}
    body = {"error": {"message": "API call count exceeded for this period"} | reset} | {"rate_reset": 2.0}
    return Response.of(429, body, {"retry-after": "2", "RateLimit": "limit=240, remaining=0, reset=2"})


def parse_rule(text: str) -> Rule:
    """Read one rule. Raises ValueError that quotes what cannot be read."""
    found = re.fullmatch(r"(\S+)\s+(.+)=([a-z_]+(?::\d{3})?)(?:@([0-9.]+)(?:x(\d+))?)?", text)
    try:
        if not found:
            raise ValueError
        method, pattern, kind, probability, storm = found.groups()
        chance = float(probability or 1)
    except ValueError:
        raise ValueError(f"{text!r} does not read as METHOD path=kind@probability") from None
    return Rule(method, pattern, kind, None, chance, storm=int(storm or 1))
