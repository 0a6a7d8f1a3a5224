"""The moods of a remote: how slow, how late, how unreliable it is. Given as one text, changed while it runs.

The text is a comma list of rules (see `faults.py`) and of these, with times such as `80ms`, `2s`, `5m`:

    latency=80ms            every answer takes that long
    latency=80ms..2s        half of the answers take less than the first, one in a hundred more than the second
    skew=-90s               the remote's clock is that far from ours
    search_lag=10s          how late the search index is
    event_lag=0s..60s       how late an event appears in the log; each one has its own
    webhooks=duplicate@0.1  one delivery in ten comes twice; `reorder@…`: comes after later ones
    notifications=…         the same for Hull
    limits=off              Close counts no requests, for tools that only try inputs
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.faults import MEANING, Faults, parse_rule

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(r"([+-]?\d+(?:\.\d+)?)(ms|s|m|h)")
# How many standard deviations the worst answer of a hundred is from the middle one.
_NINETY_NINTH = 2.326
SETTINGS = ("latency", "skew", "search_lag", "event_lag", "webhooks", "notifications", "limits")
PRESETS = {
    "calm": "",
    "a slow afternoon": "latency=120ms..3s",
    "a storm of 429": "* .*=status:429@0.02x15",
    "broken lines": "POST .*=drop_after@0.05, PUT .*=cut_body@0.05, GET .*=reset_before@0.05",
    "a bad night": "latency=80ms..2s, * .*=status:503@0.05, POST .*=timeout_after@0.02, GET .*=html@0.05, "
    "search_lag=30s, event_lag=0s..60s, webhooks=duplicate@0.2, webhooks=reorder@0.2, "
    "notifications=duplicate@0.2, notifications=reorder@0.2",
}


@dataclass(frozen=True, slots=True)
class Spread:
    """A length of time, in seconds, with its middle and its long tail."""

    middle: float = 0.0
    worst: float = 0.0

    def draw(self, chance: random.Random) -> float:
        """Return one length: log-normal, as the answers of real servers are."""
        if self.worst <= self.middle:
            return self.middle
        if self.middle <= 0:
            return chance.uniform(0, self.worst)
        return self.middle * math.exp(chance.gauss(0, math.log(self.worst / self.middle) / _NINETY_NINTH))


@dataclass(slots=True)
class Courier:
    """What goes wrong with deliveries: the share that comes twice, the share that later ones overtake."""

    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(slots=True)
class Moods:
    """All moods of one remote. `text` is what they were read from."""

    seed: int = 0
    text: str = ""
    faults: Faults = field(default_factory=Faults)
    latency: Spread = Spread()
    skew: timedelta = timedelta(0)
    search_lag: timedelta | None = None
    event_lag: Spread = Spread()
    webhooks: Courier = field(default_factory=Courier)
    notifications: Courier = field(default_factory=Courier)
    has_limits: bool = True
    answered: int = 0

    def delay(self) -> float:
        """Return how many seconds the next answer takes: the n-th is the same for the same seed."""
        if not self.latency.middle and not self.latency.worst:
            return 0.0
        self.answered += 1
        return self.latency.draw(random.Random(f"{self.seed}/latency/{self.answered}"))

    def event_delay(self, event_id: str) -> timedelta:
        """Return how late an event appears in the log."""
        if not self.event_lag.worst and not self.event_lag.middle:
            return timedelta(0)
        return timedelta(seconds=self.event_lag.draw(random.Random(f"{self.seed}/{event_id}")))


def parse_moods(text: str, seed: int = 0) -> Moods:
    """Read moods. Raises ValueError that quotes the part which cannot be read."""
    moods = Moods(seed, text.strip(), Faults(seed))
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() in SETTINGS:
            _set(moods, name.strip(), value.strip(), part)
        elif " " in part:
            moods.faults.add(parse_rule(part))
        else:
            raise ValueError(f"{part!r} does not read as METHOD path=kind@probability or setting=value")
    return moods


def _set(moods: Moods, name: str, value: str, part: str) -> None:
    try:
        if name in ("webhooks", "notifications"):
            kind, _, share = value.partition("@")
            if kind not in ("duplicate", "reorder"):
                raise ValueError
            setattr(getattr(moods, name), kind, min(float(share), 1.0))
        elif name == "limits":
            moods.has_limits = {"on": True, "off": False}[value]
        elif name in ("latency", "event_lag"):
            middle, _, worst = value.partition("..")
            setattr(moods, name, Spread(_seconds(middle), _seconds(worst or middle)))
        else:
            setattr(moods, name, timedelta(seconds=_seconds(value)))
    except KeyError:
        raise ValueError(f"{part!r} does not read as limits=on or limits=off") from None
    except ValueError:
        raise ValueError(f"{part!r} does not read as a time such as 80ms, 2s or 1s..30s") from None


def _seconds(text: str) -> float:
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    return float(found[1]) * _UNITS[found[2]]


def described(moods: Moods) -> dict[str, object]:
    """Return the moods as the control page shows them."""
    return {
        "text": moods.text,
        "rules": [{"rule": str(rule), "met": rule.met} for rule in moods.faults.rules],
        "presets": PRESETS,
        "kinds": MEANING,
        "settings": SETTINGS,
    }
