"""Reading the configuration file: values, and mistakes with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from sync.records import Conflict, Direction, MappingRow, Mode, ObjectType, OnNull
from sync.services.config_file import ConfigFile, GivenConnector, read_file, read_text
from sync.services.config_secrets import placeholder
from sync.services.config_yaml import ConfigFileError

HEAD = """\
agencies:
  - slug: northwind
    name: Northwind
    organizations:
      - slug: acme
        name: Acme
        hull_domain: acme.hullapp.io
        connectors:
          - slug: acme-close
            name: Acme to Close
            hull: {connector_id: 5a43ce781f6d9f471d005d44, secret: {env: HULL_SECRET}}
"""  # what a test adds begins on line 12


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULL_SECRET", "hush-hull")
    monkeypatch.setenv("CLOSE_KEY", "api_hush.close")


def read(rest: str = "", *, head: str = HEAD, directory: Path = Path()) -> ConfigFile:
    return read_text(head + "".join(f"            {line}\n" for line in rest.splitlines()), directory)


def mistakes(text: str) -> list[str]:
    try:
        return [str(mistake) for mistake in sorted(read_text(text, Path()).report.mistakes)]
    except ConfigFileError as error:
        return [str(mistake) for mistake in error.mistakes]


def connector_of(config: ConfigFile) -> GivenConnector:
    assert config.report.mistakes == []
    return config.agencies[0].organizations[0].connectors[0]


def test_defaults() -> None:
    connector = connector_of(read())
    assert connector.values == {
        "name": "Acme to Close",
        "enabled": True,
        "hull_connector_id": "5a43ce781f6d9f471d005d44",
        "hull_api_url": "",
        "hull_firehose_url": "",
        "close_api_url": "",
        "account_segments": [],
        "user_segments": [],
        "lead_status": "",
        "identity_hull": "domain",
        "identity_close": "url",
        "keeps_hull_id": False,
        "moves_contacts": True,
        "keeps_every_contact": False,
        "mark_status": "",
        "departures": {},
        "brake_creates": 1000,
        "brake_clears": 100,
        "brake_deletes": 10,
        "brake_share": 50,
        "backfill_by": "auto",
        "follows_renames": False,
        "reads_opportunities": False,
        "hull_events": [],
        "never_identities": [],
        "always_identities": [],
        "flip_limit": 5,
        "flip_minutes": 60,
        "rate_share_left": 10,
    }
    assert connector.rows == {}
    assert connector.secrets.keys() == {"hull_secret"}
    assert connector.secrets["hull_secret"].clear == "hush-hull"


@pytest.mark.parametrize(
    ("rest", "name", "expected"),
    [
        ("enabled: false", "enabled", False),
        ("enabled: No", "enabled", False),
        ("enabled: on", "enabled", True),
        ("outbound: {lead_status: Potential}", "lead_status", "Potential"),
        ("outbound: {lead_status: }", "lead_status", ""),
        ("outbound: {account_segments: [a, 123, a]}", "account_segments", ["a", "123"]),
        ("identity: {hull: external_id}", "identity_hull", "external_id"),
        ("identity: {close: custom.cf_9kQ}", "identity_close", "custom.cf_9kQ"),
        ("close: {api_url: https://close.example.com/api}", "close_api_url", "https://close.example.com/api"),
        ("close:", "close_api_url", ""),
        ("close: {share_left: 0}", "rate_share_left", 0),
        ("outbound: {keep_hull_id: true}", "keeps_hull_id", True),
        ("outbound: {mark_status: Gone}", "mark_status", "Gone"),
        ("outbound: {contacts: {move: false}}", "moves_contacts", False),
        ("outbound: {contacts: {every: true}}", "keeps_every_contact", True),
        ("outbound: {contacts: {every: true}}", "moves_contacts", True),
        ("outbound: {brake: {creates: 5}}", "brake_creates", 5),
        ("outbound: {brake: {creates: null}}", "brake_creates", None),
        ("outbound: {brake: {share: }}", "brake_share", None),
        ("outbound: {brake: {deletes: 0}}", "brake_deletes", 0),
        ("inbound: {backfill: export}", "backfill_by", "export"),
        ("inbound: {follow_renames: true}", "follows_renames", True),
        ("inbound: {opportunities: true}", "reads_opportunities", True),
        ("inbound: {events: [note, status_change]}", "hull_events", ["status_change", "note"]),
        ("identity: {never: [acme.com, info@b.com]}", "never_identities", ["acme.com", "info@b.com"]),
        ("identity: {always: [gmail.com]}", "always_identities", ["gmail.com"]),
        ("outbound: {brake: }", "brake_creates", 1000),
        ("outbound: {flips: {limit: 2}}", "flip_limit", 2),
        ("outbound: {flips: {minutes: 1}}", "flip_minutes", 1),
        ("outbound: {flips: {minutes: null}}", "flip_minutes", 60),
        (
            "outbound: {departures: {lead: {left_segment: mark}}}",
            "departures",
            {"LEAD": {"left_segment": "mark"}},
        ),
        (
            "outbound: {departures: {contact: {deleted_in_hull: delete}}}",
            "departures",
            {"CONTACT": {"deleted_in_hull": "delete"}},
        ),
        ("outbound: {departures: {lead: {left_segment: ignore}, contact: }}", "departures", {}),
    ],
)
def test_values(rest: str, name: str, expected: object) -> None:
    assert connector_of(read(rest)).values[name] == expected


def test_rows() -> None:
    rest = """mappings:
  lead:
    outbound:
      - {hull: industry, close: custom.cf_9kQ, mode: if_empty}
      - {hull: city, close: addresses.business.city, null: leave, conflict: hull, transform: title}
    inbound: []
  contact:
    inbound:
      - close: emails"""
    lead, contact = ObjectType.LEAD, ObjectType.CONTACT
    out, inbound = Direction.OUTBOUND, Direction.INBOUND
    assert connector_of(read(rest)).rows == {
        (lead, out): (
            MappingRow(lead, out, "industry", "custom.cf_9kQ", Mode.IF_EMPTY),
            MappingRow(
                lead,
                out,
                "city",
                "addresses.business.city",
                Mode.ALWAYS,
                OnNull.LEAVE,
                Conflict.HULL,
                "title",
            ),
        ),
        (lead, inbound): (),
        (contact, inbound): (MappingRow(contact, inbound, "", "emails"),),
    }


# ── Mistakes ─────────────────────────────────────────────────────────────────────────────────────

PLACE = "agencies[0].organizations[0].connectors[0]"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("enabeld: true", f"line 12: unknown key enabeld in {PLACE}; did you mean enabled?"),
        ("zzz: 1", f"line 12: unknown key zzz in {PLACE}."),
        ("enabled: maybe", f"line 12: {PLACE}.enabled must be true or false."),
        ("enabled: [true]", f"line 12: {PLACE}.enabled must be true or false."),
        ("name: Again", f"line 12: name is given twice in {PLACE}."),
        ("outbound: text", f"line 12: {PLACE}.outbound must have keys: account_segments, user_segments, lead_status, keep_hull_id, contacts, mark_status, departures, brake, flips."),
        (
            "outbound: {account_segments: a}",
            f"line 12: {PLACE}.outbound.account_segments must be a list; write [] for an empty one.",
        ),
        (
            "outbound:\n  user_segments:\n    - a\n    - {b: c}",
            f"line 15: {PLACE}.outbound.user_segments must hold texts only.",
        ),
        ("outbound: {lead_status: No}", f"line 12: {PLACE}.outbound.lead_status must be a text; put it in quotes."),
        ("outbound: {lead_status: 7}", f"line 12: {PLACE}.outbound.lead_status must be a text; put it in quotes."),
        ("outbound: {lead_status: []}", f"line 12: {PLACE}.outbound.lead_status must be a text."),
        ("outbound: {lead_status: ' '}", f"line 12: {PLACE}.outbound.lead_status is empty."),
        (f"outbound: {{lead_status: {'x' * 121}}}", f"line 12: {PLACE}.outbound.lead_status is longer than 120 characters."),
        ("outbound: {brake: {creates: many}}", f"line 12: {PLACE}.outbound.brake.creates must be a whole number from 0 to 2147483647, or null for no limit."),
        ("outbound: {brake: {creates: 1.5}}", f"line 12: {PLACE}.outbound.brake.creates must be a whole number from 0 to 2147483647, or null for no limit."),
        ("outbound: {brake: {share: 101}}", f"line 12: {PLACE}.outbound.brake.share must be a whole number from 0 to 100, or null for no limit."),
        ("inbound: {backfill: fast}", f"line 12: {PLACE}.inbound.backfill is fast; it must be one of auto, export, search, pages."),
        ("inbound: {events: [lunch]}", f"line 12: {PLACE}.inbound.events names lunch, which is none of status_change, opportunity, note, call, email, custom_activity."),
        ("outbound: {brake: {create: 1}}", f"line 12: unknown key create in {PLACE}.outbound.brake; did you mean creates?"),
        ("outbound: {flips: {limit: 1}}", f"line 12: {PLACE}.outbound.flips.limit must be a whole number from 2 to 32767."),
        ("outbound: {contacts: {move: 1}}", f"line 12: {PLACE}.outbound.contacts.move must be true or false."),
        ("outbound: {keep_hull_id: Hull ID}", f"line 12: {PLACE}.outbound.keep_hull_id must be true or false."),
        ("close: {share_left: 91}", f"line 12: {PLACE}.close.share_left must be a whole number from 0 to 90."),
        ("outbound:\n  departures:\n    lead: {left_segment: forward}", f"line 14: {PLACE}.outbound.departures.lead.left_segment is forward; it must be one of ignore, mark, unlink, delete."),
        ("outbound: {departures: {contact: {merged_in_close: ignore}}}", f"line 12: unknown key merged_in_close in {PLACE}.outbound.departures.contact; did you mean deleted_in_close?"),
        (
            "mappings: {lead: {outbound: [{hull: a, close: name, null: keep}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].null is keep; it must be one of clear, leave.",
        ),
        (
            "mappings: {lead: {outbound: [{hull: a, close: name, conflict: hul}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].conflict is hul; it must be one of newest, hull, close, hold; did you mean hull?",
        ),
        (
            "mappings: {lead: {outbound: [{hull: a, close: name, transform: lowr}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].transform is lowr; it must be one of text, number, date, datetime, yes_no, lower, upper, title, trim, host, email, phone, url, first, join, split, cents_to_units; did you mean lower?",
        ),
        (
            "mappings: {lead: {inbound: [{close: name, transform: lower}]}}",
            f"line 12: unknown key transform in {PLACE}.mappings.lead.inbound[0].",
        ),
        (
            "mappings: {lead: {outbound: [{hull: a, close: addresses.city}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].close cannot be used: addresses.city is not a field of a lead that can be written. "
            "Name an address's label and part, such as addresses.business.city; parts: address_1, address_2, city, state, zipcode, country.",
        ),
        (
            "identity: {never: [acme]}",
            f"line 12: {PLACE}.identity.never names acme, which is neither a domain nor an e-mail address.",
        ),
        (
            "identity: {hull: domian}",
            f"line 12: {PLACE}.identity.hull is domian; it must be one of domain, external_id; did you mean domain?",
        ),
        ("identity: {close: name}", f"line 12: {PLACE}.identity.close is name; it must be url or custom.cf_…."),
        (
            "close: {api_url: ftp://close.example.com}",
            f"line 12: {PLACE}.close.api_url must be a URL that starts with https:// or http://.",
        ),
        (
            "close: {api_url: 'https://close.example.com:99999'}",
            f"line 12: {PLACE}.close.api_url must be a URL that starts with https:// or http://.",
        ),
        ("close: {api_key: {env: NOT_SET}}", f"line 12: {PLACE}.close.api_key names the environment variable NOT_SET, which is not set."),
        ("close: {api_key: {env: api_x.y}}", f"line 12: {PLACE}.close.api_key names no environment variable: letters, digits and _ only."),
        ("close: {api_key: {file: /not/there}}", f"line 12: {PLACE}.close.api_key names the file /not/there, which cannot be read: No such file or directory."),
        ("close: {api_key: {env: A, file: B}}", f"line 12: {PLACE}.close.api_key must be {{env: NAME}} or {{file: PATH}}."),
        ("close: {api_key: {hush: }}", f"line 12: {PLACE}.close.api_key must be {{env: NAME}} or {{file: PATH}}."),
        ("close: {api_key: [hush]}", f"line 12: {PLACE}.close.api_key must be {{env: NAME}} or {{file: PATH}}."),
        ("mappings: {leads: {}}", f"line 12: unknown key leads in {PLACE}.mappings; did you mean lead?"),
        (
            "mappings: {lead: {outbound: }}",
            f"line 12: {PLACE}.mappings.lead.outbound must be a list; write [] for an empty one.",
        ),
        (
            "mappings: {lead: {outbound: [{close: name}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].hull is required.",
        ),
        (
            "mappings: {lead: {inbound: [{hull: x}]}}",
            f"line 12: {PLACE}.mappings.lead.inbound[0].close is required.",
        ),
        (
            "mappings: {lead: {outbound: [{hull: a, close: name, mode: allways}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].mode is allways; it must be one of always, if_empty, on_create; did you mean always?",
        ),
        (
            "mappings: {lead: {outbound: [{hull: a, close: title}]}}",
            f"line 12: {PLACE}.mappings.lead.outbound[0].close cannot be used: title is not a field of a lead that can be written. Choose another field.",
        ),
        (
            "mappings:\n  lead:\n    outbound:\n      - {hull: a, close: description}\n      - {hull: b, close: description}",
            f"line 16: {PLACE}.mappings.lead.outbound[1] writes description, like the row on line 15.",
        ),
        (
            "mappings: {lead: {inbound: [{close: status_id}, {close: url, hull: closeio/status}]}}",
            f"line 12: {PLACE}.mappings.lead.inbound[1] writes closeio/status, like the row on line 12.",
        ),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_message(rest: str, expected: str) -> None:
    report = read(rest).report
    assert [str(mistake) for mistake in report.mistakes] == [expected]


@pytest.mark.parametrize(
    "rest",
    [
        "mappings: {contact: {outbound: [{hull: a, close: emails.office}, {hull: b, close: emails.office}]}}",
        "mappings: {contact: {outbound: [{hull: a, close: emails.office}, {hull: a, close: emails.home}]}}",
        "mappings: {lead: {inbound: [{close: url}, {close: url, hull: website}]}}",
    ],
)
def test_two_rows_that_may_stand_together(rest: str) -> None:
    assert connector_of(read(rest))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: the file is empty; it must begin with agencies."),
        ("# nothing\n", "line 1: the file is empty; it must begin with agencies."),
        ("- a", "line 1: the file must have keys: agencies."),
        ("agencies:", "line 1: agencies must be a list; write [] for an empty one."),
        ("agencies: text", "line 1: agencies must be a list; write [] for an empty one."),
        ("{}", "line 1: agencies is required."),
        ("agencys: []", "line 1: unknown key agencys; did you mean agencies?"),
        ("agencies:\n- {slug: a, nmae: A}", "line 2: unknown key nmae in agencies[0]; did you mean name?"),
        ("agencies: [a]", "line 1: agencies[0] must have keys: slug, name, organizations."),
        ("agencies:\n  - slug: a b\n    name: A", "line 2: agencies[0].slug is a b; it must be letters, digits, - and _ only, 80 at most."),
        ("agencies:\n  - slug: a\n  # no name\n", "line 2: agencies[0].name is required."),
        ("agencies:\n- {slug: a, name: A}\n- {slug: a, name: B}", "line 3: agencies[1].slug is a, like the agency on line 2."),
        ("agencies:\n  - slug: 'a", "line 2: this is not YAML: found unexpected end of stream."),
        ("agencies: [\n}\n", "line 2: this is not YAML: expected the node content, but found '}'."),
        ("agencies: *a", "line 1: this is not YAML: found undefined alias 'a'."),
        ("a: 1\n---\nb: 1", "line 2: this is not YAML: but found another document."),
        ("agencies: []\n#\x07", "line 2: this is not YAML: a character that YAML forbids."),
        ("[" * 5000, "line 1: this is nested too deeply."),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_as_a_whole(text: str, expected: str) -> None:
    assert mistakes(text) == [expected]


def test_tabs_and_syntax_never_quote_the_file() -> None:
    (found,) = mistakes("secret: hush-hush\n\tx: [")
    assert found.startswith("line 2: this is not YAML")
    assert "hush" not in found


@pytest.mark.parametrize("port", ["9001", ""])
@pytest.mark.parametrize("host", ["http://127.0.0.1", "http://localhost", "https://[::1]", "http://close.example.com", "https://0.0.0.0"])  # fmt: skip
def test_insecure_remotes_need_the_permission(settings: Settings, host: str, port: str) -> None:
    rest = f"close: {{api_url: '{host}{':' + port if port else ''}/api'}}"
    assert connector_of(read(rest)).values["close_api_url"]
    settings.ALLOW_INSECURE_REMOTES = False
    (found,) = read(rest).report.mistakes
    assert found.line == 12
    assert "ALLOW_INSECURE_REMOTES permits it" in found.message


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_from_the_environment() -> None:
    secret = connector_of(read("close: {api_key: {env: CLOSE_KEY}}")).secrets["close_api_key"]
    assert (secret.clear, secret.reference) == ("api_hush.close", {"env": "CLOSE_KEY"})
    assert "hush" not in repr(secret)


def test_a_secret_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("api_hush.file\n")
    config = read("close: {api_key: {file: key}}", directory=tmp_path)
    secret = connector_of(config).secrets["close_api_key"]
    assert (secret.clear, secret.reference) == ("api_hush.file", {"file": "key"})


def test_a_literal_secret_is_taken_with_a_warning_that_does_not_show_it() -> None:
    config = read("close: {api_key: api_hush.literal}")
    secret = connector_of(config).secrets["close_api_key"]
    assert (secret.clear, secret.reference) == ("api_hush.literal", {})
    assert [str(warning) for warning in config.report.warnings] == [
        f"line 12: {PLACE}.close.api_key is written in the file itself; {{env: NAME}} keeps it out."
    ]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSE_KEY", " ")
    assert (
        "CLOSE_KEY, which is not set" in read("close: {api_key: {env: CLOSE_KEY}}").report.mistakes[0].message
    )


@pytest.mark.parametrize(
    ("slug", "expected"),
    [("acme-close", "ACME_CLOSE_HULL_SECRET"), ("3m", "_3M_HULL_SECRET"), ("a_b", "A_B_HULL_SECRET")],
)
def test_placeholder(slug: str, expected: str) -> None:
    assert placeholder(slug, "hull_secret") == {"env": expected}


# ── Everything at once ───────────────────────────────────────────────────────────────────────────

MANY_MISTAKES = """\
agencies:
  - slug: north wind
    name: Northwind
    organisations: []
    organizations:
      - slug: acme
        name: Acme
        hull_domain: https://acme.hullapp.io
        connectors:
          - slug: acme-close
            name: Acme
            enabled: sometimes
            hull:
              secret: {env: NOT_SET_ANYWHERE}
              api_url: acme.hullapp.io
            identity:
              hull: email
            mappings:
              lead:
                outbound:
                  - {hull: a, close: nonsense}
                  - {hull: b, close: name, mode: never}
          - slug: acme-close
            name: Twin
            hull: {connector_id: 5a43, secret: {env: HULL_SECRET}}
"""


def test_eleven_mistakes_give_eleven_messages_with_their_lines() -> None:
    found = read_text(MANY_MISTAKES, Path()).report.mistakes
    assert sorted(mistake.line for mistake in found) == [2, 4, 8, 12, 14, 14, 15, 17, 21, 22, 23]
    words = ("north wind", "organisations", "hull_domain", "enabled", "connector_id", "NOT_SET_ANYWHERE", "api_url",
             "identity.hull", "nonsense", "mode", "acme-close")  # fmt: skip
    assert all(any(word in mistake.message for mistake in found) for word in words)


@pytest.mark.parametrize("content", [b"agencies: []\n\xff", b"\xfe"])
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigFileError, match="this is not UTF-8 text"):
        read_file(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfagencies: []\n")
    assert read_file(path).report.mistakes == []
