"""A rep works for a month: everything that can be done to leads and contacts, and everything that can go wrong meanwhile.

A history is made from a seed, so that one that fails can be lived through again. What Hull must hold at the end is
worked out here from what Close holds, without any of the product's own rules.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.journeys.world import World

DAYS, ACTS_A_DAY = 30, 3
WORDS = ("Rockets", "Bananas", "Frozen", "Housing", "Sitcom", "Cornballer", "")


class Killed(BaseException):
    """The process dies here."""


@dataclass
class History:
    """One month. `kills` and `refusals` count what went wrong."""

    world: World
    seed: int
    dies: bool
    kills: int = 0
    refusals: int = 0
    merges: int = 0
    acts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        random.seed(self.seed)  # what the product draws when it tries again
        self.chance = random.Random(self.seed)
        self.number = 0
        # events show up late, each for itself, but within the five minutes of Close's advice
        late = random.Random(self.seed + 1)
        delays: dict[str, timedelta] = defaultdict(
            lambda: timedelta(seconds=late.choice((0, 0, 0, 5, 40, 200)))
        )
        self.world.close.log.delay = lambda event_id: delays[event_id]

    # ── A month ──────────────────────────────────────────────────────────────────────────────────

    def live(self, deadly: Callable[[Callable[[], bool]], Any]) -> None:
        """Live through the month. `deadly` makes a context in which requests may kill."""
        for _ in range(3):
            self.create_lead()
        for _ in range(DAYS):
            for _ in range(ACTS_A_DAY):
                act = self.chance.choice(self._acts())
                self.acts.append(act.__name__)
                act()
                self.world.clock.advance(seconds=self.chance.choice((0, 1, 20, 90)))
            self.work(deadly)
            self.world.clock.advance(minutes=self.chance.choice((1, 7, 600)))
        self.come_to_rest()

    def work(self, deadly: Callable[[Callable[[], bool]], Any]) -> None:
        """Do what a worker does, and die of it sometimes."""
        if self.dies and self.chance.random() < 0.2:
            self.world.hull.fail_next("POST", ".*", f"status:{self.chance.choice((503, 429))}")
            self.refusals += 1
        try:
            with deadly(lambda: self.dies and self.chance.random() < 0.04):
                self.world.pull()
                self.world.drain()
                self.world.deliver()
        except Killed:
            self.kills += 1

    def come_to_rest(self) -> None:
        for _ in range(6):
            self.world.clock.advance(minutes=6)
            self.world.settle()

    # ── What a rep does ──────────────────────────────────────────────────────────────────────────

    def _acts(self) -> list[Callable[[], None]]:
        often = [
            self.edit_lead,
            self.edit_lead,
            self.edit_contact,
            self.create_lead,
            self.create_contact,
            self.undo,
        ]
        return [*often, self.clear, self.delete_contact, self.delete_lead, self.merge, self.move, self.bulk]

    def _lead(self) -> str:
        return self.chance.choice(list(self.world.close.leads))

    def _contact(self) -> str | None:
        held = list(self.world.close.contacts)
        return self.chance.choice(held) if held else None

    def create_lead(self) -> None:
        self.number += 1
        people = [self._person() for _ in range(self.chance.choice((0, 1, 2)))]
        self.world.close.rep_create_lead(
            {"name": f"Lead {self.number}", "url": f"https://lead{self.number}.com", "contacts": people}
        )

    def _person(self) -> dict[str, Any]:
        self.number += 1
        return {
            "name": f"Person {self.number}",
            "emails": [{"email": f"p{self.number}@x.com", "type": "office"}],
        }

    def create_contact(self) -> None:
        self.world.close.rep_create_contact({"lead_id": self._lead()} | self._person())

    def edit_lead(self) -> None:
        change: dict[str, Any] = {"description": self.chance.choice(WORDS)}
        if self.chance.random() < 0.4:
            change["status_id"] = self.chance.choice(self.world.close.store.statuses)["id"]
        self.world.close.rep_update_lead(self._lead(), change)

    def edit_contact(self) -> None:
        if contact := self._contact():
            self.world.close.rep_update_contact(contact, {"title": self.chance.choice(WORDS)})

    def clear(self) -> None:
        self.world.close.rep_update_lead(self._lead(), {"description": "", "addresses": []})
        if contact := self._contact():
            self.world.close.rep_update_contact(contact, {"phones": [], "title": ""})

    def undo(self) -> None:
        """Change a field and change it back before or after anybody saw it."""
        lead = self._lead()
        before = self.world.close.leads[lead]["description"]
        self.world.close.rep_update_lead(lead, {"description": "a slip of the pen"})
        self.world.clock.advance(seconds=self.chance.choice((1, 30)))
        if self.chance.random() < 0.5:
            self.world.pull()
            self.world.drain()
        self.world.close.rep_update_lead(lead, {"description": before})

    def delete_contact(self) -> None:
        if (contact := self._contact()) and self.chance.random() < 0.5:
            self.world.close.rep_delete_contact(contact)

    def delete_lead(self) -> None:
        if len(self.world.close.leads) > 4 and self.chance.random() < 0.5:
            self.world.close.rep_delete_lead(self._lead())

    def merge(self) -> None:
        if len(self.world.close.leads) > 4:
            loser, survivor = self.chance.sample(list(self.world.close.leads), 2)
            self.world.close.rep_merge(loser, survivor)
            self.merges += 1

    def move(self) -> None:
        if contact := self._contact():
            self.world.close.rep_update_contact(contact, {"lead_id": self._lead()})

    def bulk(self) -> None:
        """Give many leads one status, as a rep does with a bulk edit."""
        status = self.chance.choice(self.world.close.store.statuses)["id"]
        for lead in self.chance.sample(list(self.world.close.leads), len(self.world.close.leads) // 2):
            self.world.close.rep_update_lead(lead, {"status_id": status})

    # ── What must be true at the end ─────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Compare Hull with Close, whole."""
        accounts = [one for one in self.world.hull.accounts.values() if not self._is_bare(one)]
        living = {one["closeio/id"]: one for one in accounts if not one.get("closeio/deleted_at")}
        assert_same(
            "accounts",
            {key: self._told_lead(one) for key, one in living.items()},
            {key: self._lead_in_close(one) for key, one in self.world.close.leads.items()},
        )
        users = [one for one in self.world.hull.users.values() if not one.get("traits_closeio/deleted_at")]
        assert_same(
            "users",
            {one["traits_closeio/id"]: self._told_contact(one) for one in users},
            {key: self._contact_in_close(one) for key, one in self.world.close.contacts.items()},
        )
        assert len(living) == len([one for one in accounts if not one.get("closeio/deleted_at")]), "twins"
        homes = {one["traits_closeio/id"]: self._home(one["id"]) for one in users}
        assert_same(
            "people's accounts",
            homes,
            {key: one["lead_id"] for key, one in self.world.close.contacts.items()},
        )
        self._check_once()

    def _is_bare(self, account: dict[str, Any]) -> bool:
        """Whether Hull knows only the id, as of a lead that was deleted before it was told of, but after its people were."""
        if "closeio/id" in account:
            return False
        named = {one.removeprefix("closeio:") for one in account["anonymous_ids"]}
        assert not named & set(self.world.close.leads), "a living lead was never told"
        return True

    def _check_once(self) -> None:
        """Nothing is told twice, but for what a death, a refusal or a merge makes uncertain."""
        last: dict[tuple[Any, str], Any] = {}
        repeated = []
        for message in self.world.hull.firehose_messages:
            if message["type"] != "traits":
                continue
            claims = message["asUser"] if message["subject"] == "user" else message["asAccount"]
            who = (claims or {}).get("anonymous_id")
            for name, value in message["body"].items():
                if (who, name) in last and last[who, name] == value:
                    repeated.append((who, name, value))
                last[who, name] = value
        if not (self.kills or self.refusals or self.merges):
            assert repeated == [], "told twice"
        most = 60 * (self.kills + self.refusals) + 12 * self.merges
        assert len(repeated) <= most, "told again and again"

    def _home(self, user_id: str) -> Any:
        account_id = self.world.hull.store.entities[user_id].account_id
        return self.world.hull.accounts[account_id].get("closeio/id") if account_id else None

    def _lead_in_close(self, lead: dict[str, Any]) -> dict[str, Any]:
        labels = {one["id"]: one["label"] for one in self.world.close.store.statuses}
        return {
            "name": lead["name"], "url": lead["url"], "description": lead["description"] or None,
            "status": labels[lead["status_id"]], "status_id": lead["status_id"],
        }  # fmt: skip

    def _told_lead(self, account: dict[str, Any]) -> dict[str, Any]:
        names = ("name", "url", "description", "status", "status_id")
        return {name: account.get(f"closeio/{name}") for name in names}

    def _contact_in_close(self, contact: dict[str, Any]) -> dict[str, Any]:
        emails = [one["email"] for one in contact["emails"]]
        return {
            "name": contact["name"], "title": contact["title"] or None, "lead_id": contact["lead_id"],
            "emails": emails or None, "email_office": emails[0] if emails else None,
        }  # fmt: skip

    def _told_contact(self, user: dict[str, Any]) -> dict[str, Any]:
        names = ("name", "title", "lead_id", "emails", "email_office")
        return {name: user.get(f"traits_closeio/{name}") for name in names}


def assert_same(what: str, in_hull: dict[Any, Any], in_close: dict[Any, Any]) -> None:
    """Compare two sides record by record, and show only those that differ."""
    differing = {
        key: {"Hull": in_hull.get(key), "Close": in_close.get(key)}
        for key in {*in_hull, *in_close}
        if in_hull.get(key) != in_close.get(key)
    }
    assert not differing, f"{what}: {differing}"
