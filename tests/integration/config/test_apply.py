"""A file becomes rows: whole or not at all, once or again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.serializers import serialize

from accounts.models import Agency, Organization
from sync.models import CloseField, Connector, Mapping
from tests.integration.config.conftest import FILE, Config


def everything() -> list[str]:
    """Return all that the command may change, as text."""
    return [
        serialize("json", model._base_manager.order_by("pk"))
        for model in (Agency, Organization, Connector, Mapping)
    ]


def the_connector() -> Connector:
    return Connector.objects.get(slug="acme-close")


def refusal(config: Config, text: str, *options: str) -> str:
    """Apply a file that must be refused; return the message after checking that nothing changed."""
    before = everything()
    with pytest.raises(CommandError) as refused:
        config.apply(text, *options)
    assert refused.value.returncode == 2
    assert everything() == before
    return str(refused.value)


def test_a_file_creates_everything_it_names(config: Config) -> None:
    assert config.apply().splitlines()[-1] == "11 changes made"
    connector = the_connector()
    assert connector.organization.agency.slug == "northwind"
    assert connector.organization.hull_domain == "acme.hullapp.io"
    assert (connector.hull_secret.reveal(), connector.close_api_key.reveal()) == (
        "hush-hull",
        "api_hush.close",
    )
    assert (connector.lead_status, connector.version, connector.home) == ("Potential", 1, "HERE")
    assert [str(row) for row in connector.mappings.all()] == [
        "(standard name) ← emails",
        "(standard name) ← phones",
        "email → emails.office",
        "closeio/description ← description",
        "(standard name) ← addresses",
        "(standard name) ← status_id",
        "description → description",
        "industry → custom.cf_9kQ",
    ]


def test_applying_twice_changes_nothing(config: Config) -> None:
    config.apply()
    before = everything()
    assert config.apply() == "nothing to change\n"
    assert everything() == before


def test_a_plan_tells_everything_and_writes_nothing(config: Config) -> None:
    before = everything()
    planned = config.apply(FILE, "--plan").splitlines()
    assert everything() == before
    assert planned[:4] == [
        "agency northwind: create",
        "organization acme: create",
        "connector acme-close: create",
        "mapping acme-close: create lead.outbound description → description",
    ]
    assert planned[-1] == "11 changes; nothing was written"
    assert config.apply().splitlines()[:-1] == planned[:-1]
    assert config.apply(FILE, "--plan") == "nothing to change\n"
    assert json.loads(config.apply(FILE, "--plan", "--json")) == {"changes": []}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("lead_status: Potential", "lead_status: Qualifiziert für", 'lead_status "Potential" → "Qualifiziert für"'),
        ("              lead_status: Potential\n", "", 'lead_status "Potential" → ""'),
        ("enabled: true", "enabled: false", "enabled true → false"),
        ("user_segments: []", "user_segments: [b, a]", 'user_segments [] → ["b", "a"]'),
        ("hull: domain", "hull: external_id", 'identity_hull "domain" → "external_id"'),
        ("9001/api/v1", "9003/api/v1", 'close_api_url "http://127.0.0.1:9001/api/v1" → "http://127.0.0.1:9003/api/v1"'),
        ("{env: MY_CLOSE_KEY}", "api_other.literal", "close_api_key changed"),
    ],
)  # fmt: skip
def test_one_changed_setting_is_one_line_and_one_version(
    config: Config, old: str, new: str, line: str
) -> None:
    config.apply()
    edited = config.edit((old, new))
    before = everything()
    planned = edited("--plan").splitlines()
    assert everything() == before
    assert f"connector acme-close: {line}" in planned
    assert edited().splitlines()[:-1] == planned[:-1]
    assert the_connector().version == 2
    assert edited() == "nothing to change\n"
    assert the_connector().version == 2


def test_many_changes_of_a_connector_are_one_version(config: Config) -> None:
    config.apply()
    edited = config.edit(
        ("Potential", "Qualified"), ("close: phones", "close: urls"), ("acme.hullapp.io", "new.hullapp.io")
    )
    assert edited().splitlines() == [
        'organization acme: hull_domain "acme.hullapp.io" → "new.hullapp.io"',
        'connector acme-close: lead_status "Potential" → "Qualified"',
        "mapping acme-close: delete contact.inbound (standard name) ← phones",
        "mapping acme-close: create contact.inbound (standard name) ← urls",
        "4 changes made",
    ]
    assert the_connector().version == 2


def test_changes_as_json(config: Config) -> None:
    config.apply()
    edited = config.edit(("if_empty", "on_create"), ("name: Northwind Growth", "name: Nordwind"), ("MY_CLOSE_KEY", "ACME_HULL_SECRET"))  # fmt: skip
    changes: list[dict[str, Any]] = json.loads(edited("--plan", "--json"))["changes"]
    row = "industry → custom.cf_9kQ"
    assert [tuple(change.values()) for change in changes] == [
        ("update", "agency", "northwind", "name", "Northwind Growth", "Nordwind"),
        ("update", "connector", "acme-close", "close_api_key_ref", {"env": "MY_CLOSE_KEY"}, {"env": "ACME_HULL_SECRET"}),
        ("update", "connector", "acme-close", "close_api_key", None, "changed"),
        ("update", "mapping", "acme-close", "lead.outbound", f"{row} (if_empty)", f"{row} (on_create)"),
    ]  # fmt: skip
    assert changes[0].keys() == {"action", "kind", "slug", "field", "old", "new"}
    assert json.loads(edited("--json"))["changes"] == changes


def test_a_list_of_rows_replaces_that_list_and_keeps_what_stays(config: Config) -> None:
    config.apply()
    kept = {row.close: row.pk for row in Mapping.objects.filter(object_type="LEAD", direction="INBOUND")}
    edited = config.edit(("                  - {close: addresses}\n                  - {close: status_id}\n",
                          "                  - {close: status_id}\n                  - {close: url}\n"))  # fmt: skip
    edited()
    rows = Mapping.objects.filter(object_type="LEAD", direction="INBOUND")
    assert [row.close for row in rows] == ["description", "status_id", "url"]
    assert {row.close: row.pk for row in rows if row.close in kept} == {
        name: kept[name] for name in ("description", "status_id")
    }


def test_another_order_is_told_and_kept(config: Config) -> None:
    config.apply()
    edited = config.edit(("{close: addresses}", "X"), ("{close: status_id}", "{close: addresses}"), ("X", "{close: status_id}"))  # fmt: skip
    assert (
        edited()
        .splitlines()[0]
        .startswith("mapping acme-close: update lead.inbound order closeio/description")
    )
    assert edited() == "nothing to change\n"


def test_absent_mappings_and_an_absent_key_stay_as_they_are(config: Config) -> None:
    config.apply()
    without = FILE[: FILE.index("            mappings:")].replace(
        "              api_key: {env: MY_CLOSE_KEY}\n", ""
    )
    assert config.apply(without) == "nothing to change\n"
    assert the_connector().mappings.count() == 8
    assert the_connector().close_api_key.reveal() == "api_hush.close"


def test_a_connector_may_have_no_close_key(config: Config) -> None:
    config.edit(("              api_key: {env: MY_CLOSE_KEY}\n", ""))()
    assert not the_connector().close_api_key
    assert "api_key" not in config.export()


def test_what_the_file_does_not_name_stays_untouched(config: Config) -> None:
    config.apply()
    config.edit(("acme-close", "other-close"), ("5a43", "6a43"))()
    assert the_connector().version == 1
    assert Connector.objects.count() == 2


def test_another_hull_domain_concerns_the_connectors_that_the_file_leaves_out(config: Config) -> None:
    config.apply()
    config.edit(("acme-close", "other-close"), ("5a43", "6a43"), ("acme.hullapp.io", "new.hullapp.io"))()
    assert the_connector().version == 2


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────


def test_the_same_secret_is_not_encrypted_again(config: Config) -> None:
    config.apply()
    token = the_connector().close_api_key.token
    config.edit(("Potential", "Qualified"))()
    assert the_connector().close_api_key.token == token


def test_another_value_of_the_same_variable_is_a_change(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.apply()
    monkeypatch.setenv("MY_CLOSE_KEY", "api_rolled.over")
    assert config.apply().splitlines()[0] == "connector acme-close: close_api_key changed"
    assert the_connector().close_api_key.reveal() == "api_rolled.over"
    assert "{env: MY_CLOSE_KEY}" in config.export()


def test_a_literal_is_taken_with_a_warning(config: Config) -> None:
    output = config.edit(("{env: ACME_HULL_SECRET}", "hush-literal"))("--json")
    assert "line 14" in config.warnings
    assert "hull.secret is written in the file itself" in config.warnings
    assert "hush" not in config.warnings + output
    assert the_connector().hull_secret.reveal() == "hush-literal"


def test_a_secret_that_cannot_be_decrypted_is_replaced(config: Config) -> None:
    config.apply()
    Connector.objects.update(close_api_key=the_connector().hull_secret.__class__("gAAAA-not-ours"))
    assert config.apply().splitlines()[0] == "connector acme-close: close_api_key changed"
    assert the_connector().close_api_key.reveal() == "api_hush.close"


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────


def test_a_bad_file_is_refused_whole_with_every_mistake(config: Config) -> None:
    config.apply()
    text = FILE.replace("name: Northwind Growth", "name: Changed").replace("Potential", "[]")
    text = text.replace("if_empty", "sometimes").replace("MY_CLOSE_KEY", "NOT_SET")
    place = "agencies[0].organizations[0].connectors[0]"
    for options in ((), ("--plan",)):
        assert refusal(config, text, *options).splitlines() == [
            f"{config.path} has 3 mistakes; nothing was changed.",
            f"  line 17: {place}.close.api_key names the environment variable NOT_SET, which is not set.",
            f"  line 22: {place}.outbound.lead_status must be a text.",
            f"  line 30: {place}.mappings.lead.outbound[1].mode is sometimes; it must be one of always, if_empty, on_create.",
        ]  # fmt: skip


def test_a_slug_of_another_organization(config: Config) -> None:
    config.apply()
    message = refusal(config, FILE.replace("- slug: acme\n", "- slug: other\n").replace("Potential", "[]"))
    assert (
        "line 9: the slug acme-close belongs to a connector of Acmé 🚀 (northwind/acme) already." in message
    )
    assert "line 22" in message


def test_a_hull_connector_of_another_connector(config: Config) -> None:
    config.apply()
    message = refusal(config, FILE.replace("slug: acme-close", "slug: twin"))
    assert (
        "line 13: hull.connector_id 5a43ce781f6d9f471d005d44 belongs to the connector acme-close already."
        in message
    )


def test_a_literal_secret_is_not_in_a_refusal(config: Config) -> None:
    text = FILE.replace("{env: ACME_HULL_SECRET}", "hush-literal").replace("Potential", "[]")
    assert "hush" not in refusal(config, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("agencies: [", "line 1"), ("\n\nagencies: [}", "line 3"), ("a: b: c", "line 1"), ("", "line 1")],
)
def test_what_is_no_yaml(config: Config, text: str, expected: str) -> None:
    assert expected in refusal(config, text)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read(config: Config, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be read") as refused:
        call_command("config", "apply", str(config.path.parent / name))
    assert refused.value.returncode == 2


def test_a_connector_that_hull_configures_is_warned_about(config: Config) -> None:
    config.apply()
    Connector.objects.update(home="HULL")
    config.apply()
    assert "line 9: acme-close takes its settings from Hull's dashboard" in config.warnings


def test_applying_a_row_whose_field_was_retyped_accepts_the_new_type(config: Config) -> None:
    config.apply(FILE)
    connector = the_connector()
    CloseField.objects.create(
        connector=connector,
        object_type="LEAD",
        close_id="cf_9kQ",
        label="Industry",
        attribute="industry",
        type="number",
    )
    Mapping.objects.filter(close="custom.cf_9kQ").update(close_type="text")

    (step,) = [line for line in config.apply(FILE, "--plan").splitlines() if "industry" in line]
    assert "of type text → number" in step
    config.apply(FILE)

    assert Mapping.objects.get(close="custom.cf_9kQ").close_type == "number"
    assert "industry" not in config.apply(FILE, "--plan")
