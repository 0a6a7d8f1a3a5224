"""Hull's own client and SDK for Node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.interop.remotes import Remotes, sandbox


@pytest.fixture(scope="module", params=["hull-client", "hull"])
def used(request: pytest.FixtureRequest, driven: Any) -> Iterator[tuple[Remotes, Any, Any]]:
    """A fresh sandbox, what the client got, and what Hull holds."""
    with sandbox() as remotes:
        got = driven(request.param, "use_hull_client.js", remotes.hull_login | {"package": request.param})
        yield remotes, got, remotes.in_hull()


def test_every_message_is_taken(used: Any) -> None:
    _, got, _ = used

    assert got["told"] == ["ok"] * 130


def test_attributes_and_operations(used: Any) -> None:
    _, _, held = used
    account = _only(held["accounts"], "domain", "acme.example")

    assert account.items() >= {"name": "Acme", "external_id": "acme-1", "industry": "Rockets", "closeio/id": "lead_acme", "closeio/score": 7, "closeio/tags": ["c"], "closeio/linked": True}.items()  # fmt: skip
    assert account["anonymous_ids"] == ["closeio:lead_acme"]
    user = _only(held["users"], "email", "ada@acme.example")
    assert user.items() >= {"first_name": "Ada", "traits_closeio/id": "cont_ada", "traits_calls": 2}.items()
    assert user.get("traits_closeio/title") is None


def test_links_and_aliases(used: Any) -> None:
    _, _, held = used
    account, user = (
        _only(held["accounts"], "domain", "acme.example"),
        _only(held["users"], "email", "ada@acme.example"),
    )

    assert user["account_id"] == account["id"]
    assert sorted(user["anonymous_ids"]) == ["closeio:cont_ada", "visitor-1"]


def test_who_is_not_to_be_created_is_not(used: Any) -> None:
    _, _, held = used

    assert not [one for one in held["users"].values() if one.get("email") == "nobody@acme.example"]


def test_a_hundred_and_twenty_messages_come_in_batches_of_fifty(used: Any) -> None:
    _, _, held = used
    numbers = {one["email"]: one["traits_closeio/number"] for one in held["users"].values() if str(one.get("email")).endswith("@batch.example")}  # fmt: skip

    assert numbers == {f"p{number}@batch.example": number for number in range(120)}


def test_settings_are_merged_and_kept(used: Any) -> None:
    remotes, got, _ = used
    connector = _rest(remotes, "/app")

    assert got["connector"]["id"] == got["connectorById"]["id"] == remotes.connector_id
    assert got["updated"]["private_settings"].items() >= {"interop/one": 1, "keep": "this"}.items()
    assert got["updated"]["private_settings"].items() >= got["connector"]["private_settings"].items()
    assert got["updatedAgain"]["private_settings"] == got["updated"]["private_settings"] | {"interop/one": 2}
    assert connector["private_settings"] == got["updatedAgain"]["private_settings"]
    assert connector["status"].items() >= {"status": "warning", "messages": ["Look here."]}.items()


def test_segments_schemas_and_searches(used: Any) -> None:
    _, got, held = used
    listed = {one["id"]: one["name"] for one in [*got["usersSegments"], *got["accountsSegments"]]}

    assert listed == {one["id"]: one["name"] for one in held["segments"]}
    assert {one["type"] for one in got["usersSegments"]} <= {"users_segment"}
    assert {one["type"] for one in got["accountsSegments"]} == {"accounts_segment"}
    assert "traits_closeio/number" in _leaves(got["usersTree"]["tree"]) and "email" in _leaves(
        got["usersTree"]["tree"]
    )
    assert "closeio/score" in _leaves(got["accountsTree"]["tree"])
    assert {"key", "type"} <= got["usersSchema"][0].keys()
    assert got["found"]["pagination"]["total"] == 1
    assert got["found"]["data"][0]["id"] == _only(held["accounts"], "domain", "acme.example")["id"]


def test_who_does_not_belong_is_refused(used: Any) -> None:
    _, got, _ = used

    assert got["refused"]["wrongId"] == 404 and got["refused"]["nothingThere"] == 404
    assert got["refused"]["wrongSecret"] in (401, 404)


def test_the_sdk_takes_and_verifies_notifications(remotes: Remotes, driven: Any) -> None:
    held = remotes.in_hull()
    account = next(one for one in held["accounts"].values() if one.get("segment_ids"))
    user = next(one for one in held["users"].values() if one["account_id"] == account["id"])
    changes = [
        [f"account/{account['id']}", {"name": "Renamed"}],
        [f"user/{user['id']}", {"title": "Promoted"}],
    ]
    given = remotes.hull_login | {"hull": remotes.hull, "changes": changes, "wanted": [[account["id"], "Renamed"], [user["id"], "Promoted"]], "seconds": 60}  # fmt: skip
    got = driven("hull", "receive_with_hull.js", given)
    messages = [
        message | {"channel": one["channel"]} for one in got["notifications"] for message in one["messages"]
    ]
    of_account = [
        one
        for one in messages
        if one["channel"] == "account:update" and one["account"]["id"] == account["id"]
    ]
    of_user = [one for one in messages if one["channel"] == "user:update" and one["user"]["id"] == user["id"]]

    assert got["refused"] == []
    assert {one["ship"] for one in got["notifications"]} == {remotes.connector_id}
    assert of_account and of_account[-1]["account"]["name"] == "Renamed"
    assert {one["id"] for one in of_account[-1]["account_segments"]} == set(account["segment_ids"])
    assert of_user and of_user[-1]["account"]["id"] == account["id"]
    assert of_user[-1]["user"].get("traits_title", of_user[-1]["user"].get("title")) == "Promoted"
    sizes = [len(one["messages"]) for one in got["notifications"]]
    assert max(sizes[1:], default=0) <= 3, "it asked for three at a time"


def _only(entities: dict[str, Any], name: str, value: Any) -> Any:
    (found,) = (one for one in entities.values() if one.get(name) == value)
    return found


def _leaves(tree: list[Any]) -> set[str]:
    return {one["id"] for one in tree if "id" in one} | {
        name for one in tree for name in _leaves(one.get("children", []))
    }


def _rest(remotes: Remotes, path: str) -> Any:
    headers = {"Hull-App-Id": remotes.connector_id, "Hull-Access-Token": remotes.secret, "Hull-Organization": remotes.hull.removeprefix("http://")}  # fmt: skip
    answer = requests.get(f"{remotes.hull}/api/v1{path}", headers=headers, timeout=30)
    assert answer.ok, answer.text
    return answer.json()
