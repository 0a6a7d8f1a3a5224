"""Hull's own miniature platform on one side, the simulated Close on the other, and the product between them.

minihull cannot sign what it sends and checks nothing that it gets, so the tokens of what it got are verified here.
"""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography.fernet import Fernet

from tests.interop.environments import home
from tests.interop.remotes import ROOT, Remotes, end, free_port, sandbox, settings, wait_for
from tests.interop.running import command, need, surroundings

ORGANIZATION, CONNECTOR_ID, SECRET = "acme.hullapp.io", "5a43ce781f6d9f471d005d44", "minihull-secret"
SEGMENT = {"id": "59f09bc7f9c5a94af600076d", "name": "Targets"}
ACCOUNT = {"id": "5a0000000000000000000001", "domain": "acme.example", "name": "Acme", "external_id": "acme-1", "industry": "Rockets"}  # fmt: skip
USER = {
    "id": "5b0000000000000000000001",
    "email": "ada@acme.example",
    "name": "Ada Lovelace",
    "traits_title": "Founder",
}
KNOWN = {"name": "Known already", "url": "https://known.example", "contacts": [{"name": "Kay", "emails": [{"email": "kay@known.example"}]}]}  # fmt: skip


@dataclass(frozen=True)
class MiniHull:
    """The miniature platform in its own process."""

    process: subprocess.Popen[str]
    port: int

    def tell(self, name: str, **given: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"command": name, **given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert not (isinstance(answer, dict) and "failed" in answer), answer
        return answer

    def notify(self, site: str, channel: str, message: dict[str, Any]) -> Any:
        return self.tell("notify", connector=CONNECTOR, url=f"{site}/smart-notifier", channel=channel, messages=[message], segments=[SEGMENT])  # fmt: skip

    def messages(self) -> list[dict[str, Any]]:
        """Return what came by the firehose, each message with its verified claims."""
        batches = [one for one in self.tell("recorded") if one["method"] == "POST" and one["url"].startswith("/api/v1/firehose")]  # fmt: skip
        assert all(one["headers"]["hull-access-token"] == SECRET for one in batches)
        assert all(len(one["body"]["batch"]) <= 50 for one in batches)
        return [message | {"claims": verified(message["headers"]["Hull-Access-Token"])} for one in batches for message in one["body"]["batch"]]  # fmt: skip


CONNECTOR = {"id": CONNECTOR_ID, "name": "Close", "private_settings": {}}


def verified(token: str) -> dict[str, Any]:
    """Return the claims of a token that the connector's secret signed."""
    signed, _, signature = token.rpartition(".")
    expected = hmac.digest(SECRET.encode(), signed.encode(), "sha256")
    assert hmac.compare_digest(base64.urlsafe_b64encode(expected).rstrip(b"=").decode(), signature)
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    assert header == {"typ": "JWT", "alg": "HS256"}
    assert payload["iss"] == CONNECTOR_ID and isinstance(payload["iat"], int)
    return payload


@pytest.fixture(scope="module")
def minihull() -> Iterator[MiniHull]:
    need("minihull")
    process = subprocess.Popen(
        command("minihull", "run_minihull.js"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=home("minihull"),
        env=surroundings(NODE_PATH=str(home("minihull") / "node_modules")),
    )  # fmt: skip
    running = MiniHull(process, free_port())
    try:
        running.tell("start", port=running.port, secret=SECRET, organization=ORGANIZATION, connector=CONNECTOR, usersSegments=[SEGMENT], accountsSegments=[SEGMENT])  # fmt: skip
        yield running
        running.tell("stop")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def remotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remotes]:
    data = tmp_path_factory.mktemp("sandbox") / "data.json"
    data.write_text(json.dumps({"leads": [KNOWN]}))
    with sandbox("--data", str(data)) as running:
        yield running


@pytest.fixture(scope="module")
def site(minihull: MiniHull, remotes: Remotes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The product as a customer runs it, set up from a file; yields its address."""
    folder, config = tmp_path_factory.mktemp("product"), configuration(minihull.port, remotes)
    with product(folder, config, remotes.close_api_key) as address:
        yield address


def configuration(port: int, remotes: Remotes) -> dict[str, Any]:
    outbound = {
        "lead": [{"hull": "name", "close": "name", "mode": "always"}],
        "contact": [{"hull": "name", "close": "name"}, {"hull": "title", "close": "title"}, {"hull": "email", "close": "emails.office"}],
    }  # fmt: skip
    inbound = {
        "lead": [{"close": "url"}, {"close": "status_id"}],
        "contact": [{"close": "title"}, {"close": "emails"}],
    }
    connector = {
        "slug": "interop", "name": "Interop", "enabled": True,
        "hull": {"connector_id": CONNECTOR_ID, "secret": {"env": "INTEROP_HULL_SECRET"}, "api_url": f"http://localhost:{port}/api/v1", "firehose_url": f"http://localhost:{port}/api/v1/firehose"},
        "close": {"api_key": {"env": "INTEROP_CLOSE_API_KEY"}, "api_url": f"{remotes.close}/api/v1"},
        "outbound": {"account_segments": [SEGMENT["id"]], "user_segments": [], "lead_status": "Potential"},
        "identity": {"hull": "domain", "close": "url"},
        "mappings": {kind: {"outbound": outbound[kind], "inbound": inbound[kind]} for kind in outbound},
    }  # fmt: skip
    organization = {"slug": "acme", "name": "Acme", "hull_domain": ORGANIZATION, "connectors": [connector]}
    return {"agencies": [{"slug": "interop", "name": "Interop", "organizations": [organization]}]}


@contextmanager
def product(folder: Path, config: dict[str, Any], close_api_key: str) -> Iterator[str]:
    port = free_port()
    surrounding = settings(
        DATABASE_URL=f"sqlite:///{folder / 'db.sqlite3'}", PORT=str(port), DEBUG="true", ALLOW_INSECURE_REMOTES="true",
        FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode(), CELERY_BROKER_URL="", CACHE_URL="",
        INTEROP_HULL_SECRET=SECRET, INTEROP_CLOSE_API_KEY=close_api_key,
    )  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for arguments in (["migrate", "--verbosity", "0"], ["config", "apply", str(folder / "config.yaml")]):
        made = subprocess.run([sys.executable, "manage.py", *arguments], check=False, cwd=ROOT, env=surrounding, capture_output=True, text=True)  # fmt: skip
        assert made.returncode == 0, made.stderr
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=surrounding, stdout=log, stderr=log, text=True)  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for("the web server", lambda: _answers(f"{address}/health/live"))
            yield address
        except BaseException:
            sys.stderr.write((folder / "serve.log").read_text()[-6000:])
            raise
        finally:
            end(process)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def account_told(minihull: MiniHull, remotes: Remotes, site: str) -> Any:
    """Hull tells of an account that entered a segment; returns the lead that Close holds then."""
    message = {
        "account": ACCOUNT, "account_segments": [SEGMENT], "message_id": "m-1",
        "changes": {"is_new": False, "account": {"name": [None, "Acme"]}, "account_segments": {"entered": [SEGMENT]}},
    }  # fmt: skip
    answer = minihull.notify(site, "account:update", message)
    assert (answer["status"], answer["body"]["flow_control"]["type"]) == (200, "next"), answer
    return wait_for("the lead", lambda: _named(remotes.in_close()["leads"], "Acme"))


@pytest.fixture(scope="module")
def user_told(minihull: MiniHull, remotes: Remotes, site: str, account_told: Any) -> Any:
    """Hull tells of a person of that account; returns the contact that Close holds then."""
    message = {
        "user": USER, "account": ACCOUNT | {"closeio/id": account_told["id"]}, "segments": [], "account_segments": [SEGMENT],
        "changes": {"is_new": True, "user": {}, "segments": {}}, "events": [], "message_id": "m-2",
    }  # fmt: skip
    answer = minihull.notify(site, "user:update", message)
    assert (answer["status"], answer["body"]["flow_control"]["type"]) == (200, "next"), answer
    return wait_for("the contact", lambda: _named(remotes.in_close()["contacts"], "Ada Lovelace"))


def test_an_account_becomes_a_lead(account_told: Any) -> None:
    assert (account_told["name"], account_told["status_label"]) == ("Acme", "Potential")
    assert account_told["url"] and "acme.example" in account_told["url"]


def test_a_user_becomes_a_contact_of_that_lead(account_told: Any, user_told: Any) -> None:
    assert user_told["lead_id"] == account_told["id"] and user_told["title"] == "Founder"
    assert [(one["email"], one["type"]) for one in user_told["emails"]] == [("ada@acme.example", "office")]


def test_hull_is_told_who_they_are_in_close(minihull: MiniHull, account_told: Any, user_told: Any) -> None:
    account = wait_for("the account's id", lambda: _about(minihull, "closeio/id", account_told["id"]))
    user = wait_for("the user's id", lambda: _about(minihull, "closeio/id", user_told["id"]))

    assert account["claims"]["io.hull.subjectType"] == "account"
    assert _claims(account, "account")["id"] == ACCOUNT["id"]
    assert user["claims"]["io.hull.subjectType"] == "user"
    assert _claims(user, "user")["id"] == USER["id"]


def test_what_close_had_already_arrives_in_hull(minihull: MiniHull, remotes: Remotes, site: str) -> None:
    lead = _named(remotes.in_close()["leads"], "Known already")
    answer = minihull.tell("schedule", connector=CONNECTOR, url=f"{site}/fetch")  # as Hull's scheduler does
    assert (answer["status"], answer["body"]["ok"]) == (200, True), answer
    account = wait_for("the account", lambda: _about(minihull, "closeio/id", lead["id"]))
    user = wait_for("the user", lambda: _about(minihull, "closeio/id", lead["contacts"][0]["id"]))

    assert account["body"]["closeio/url"] in (lead["url"], {"operation": "set", "value": lead["url"]})
    assert _claims(account, "account").items() >= {"domain": "known.example", "anonymous_id": f"closeio:{lead['id']}"}.items()  # fmt: skip
    assert _claims(user, "user").items() >= {"email": "kay@known.example", "anonymous_id": f"closeio:{lead['contacts'][0]['id']}"}.items()  # fmt: skip


def test_nothing_was_made_twice(remotes: Remotes, user_told: Any) -> None:
    held = remotes.in_close()

    assert sorted(one["name"] for one in held["leads"].values()) == ["Acme", "Known already"]
    assert sorted(one["name"] for one in held["contacts"].values()) == ["Ada Lovelace", "Kay"]


def test_the_connector_is_installed_from_its_manifest(minihull: MiniHull, site: str) -> None:
    answer = minihull.tell("install", connector=CONNECTOR, url=site)
    manifest = answer["manifest"]

    assert (answer["status"], answer["body"]["flow_control"]["type"]) == (200, "next"), answer
    names = {setting["name"] for setting in manifest["private_settings"]}
    assert names >= {"api_key", "synchronized_account_segments", "lead_status", "lead_attributes_outbound", "contact_attributes_inbound"}  # fmt: skip
    assert {"batch", "batch-accounts"} <= set(manifest["tags"])


def test_every_call_that_the_manifest_announces_is_answered(minihull: MiniHull, site: str) -> None:
    manifest = minihull.tell("install", connector=CONNECTOR, url=site)["manifest"]
    for call in (*manifest["schedules"], *manifest["statuses"]):
        answer = minihull.tell("schedule", connector=CONNECTOR, url=f"{site}{call['url']}")
        assert answer["status"] == 200, (call, answer)
    told = [one["body"] for one in minihull.tell("recorded") if one["method"] == "PUT"]
    assert told and told[-1]["status"] in ("ok", "warning"), told


@pytest.mark.parametrize(
    ("path", "kind", "row", "name"),
    [
        ("/batch-accounts", "account_report", {"id": "5a0000000000000000000009", "name": "Pushed", "domain": "pushed.example"}, "Pushed"),
        ("/batch", "user_report", {"id": "5b0000000000000000000009", "name": "Pat Pushed", "email": "pat@acme.example", "account": ACCOUNT}, "Pat Pushed"),
    ],
)  # fmt: skip
def test_what_an_operator_pushes_goes_to_close_whatever_the_whitelist_says(
    minihull: MiniHull,
    remotes: Remotes,
    site: str,
    user_told: Any,
    path: str,
    kind: str,
    row: dict[str, Any],
    name: str,
) -> None:
    query = f"?ship={CONNECTOR_ID}&organization={ORGANIZATION}&secret={SECRET}"
    answer = minihull.tell("batch", url=f"{site}{path}{query}", rows=[row], port=minihull.port, kind=kind)

    assert answer == {"status": 200, "text": "ok"}
    held = "leads" if kind == "account_report" else "contacts"
    assert wait_for("the pushed record", lambda: _named(remotes.in_close()[held], name))


def _named(records: dict[str, Any], name: str) -> Any:
    return next((one for one in records.values() if one["name"] == name), None)


def _about(minihull: MiniHull, name: str, value: str) -> Any:
    wanted = (value, {"operation": "set", "value": value})
    return next(
        (one for one in minihull.messages() if one["type"] == "traits" and one["body"].get(name) in wanted),
        None,
    )


def _claims(message: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return whom a message names, with the subject if it stands alone."""
    claims = message["claims"]
    named = claims.get(f"io.hull.as{kind.capitalize()}") or {}
    return ({"id": claims["sub"]} if "sub" in claims else {}) | named
