"""How the connector introduces itself to Hull: its settings, and what it wants to be sent and asked.

The names of settings and routes are those under which connectors are installed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

VERSION = "1.0.0"
SOURCE = "closeio"  # the group under which Close's attributes are in Hull: `closeio/…`
# Hull's list of channels has user:delete; account:delete is understood, but not asked for, since no list has it.
CHANNELS = (
    "user:update", "user:delete", "account:update", "ship:update", "users_segment:update", "accounts_segment:update",
)  # fmt: skip

Setting = dict[str, Any]


def manifest(public_url: str = "") -> dict[str, Any]:
    """Return the manifest as Hull reads it. `public_url`, if known, makes the pictures absolute."""
    base = f"{public_url.rstrip('/')}/" if public_url else ""
    return {
        "name": "Close",
        "description": "Keeps accounts and users in Hull and leads and contacts in Close in step, both ways.",
        "source": SOURCE,
        "logo": f"{base}logo.png",
        "picture": f"{base}logo.png",
        "version": VERSION,
        "tags": ["incoming", "outgoing", "batch", "batch-accounts", "kraken", "kraken-exports", "oneColumn"],
        "readme": "readme",
        "admin": "admin-panel",
        "ui": False,
        "settings": [],
        "private_settings": [*_connection(), *_leads(), *_contacts()],
        "settings_sections": _sections(),
        "subscriptions": [{"url": "/smart-notifier", "conditions": {"channels": {"only": list(CHANNELS)}}}],
        "batches": [
            {"url": "/batch", "channels": [{"channel": "user:update"}]},
            {"url": "/batch-accounts", "channels": [{"channel": "account:update"}]},
        ],
        "schedules": [
            {"url": "/fetch", "type": "cron", "value": "*/5 * * * *"},
            {"url": "/status", "type": "cron", "value": "*/30 * * * *"},
        ],
        "statuses": [{"url": "/status", "type": "interval", "value": "30"}],
        "status": {"initial_value": "setupRequired", "url": "/status", "type": "interval", "value": "30"},
    }


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────


def _connection() -> list[Setting]:
    return [
        {
            "name": "api_key",
            "title": "Close API key",
            "description": "In Close: Settings, Developer, API Keys. The key of an administrator sees everything.",
            "type": "string",
            "format": "password",
        },
        {
            "name": "synchronized_account_segments",
            "title": "Send accounts in these segments to Close as leads",
            "description": "Without a segment here, no account is sent.",
            "type": "array",
            "format": "accountSegment",
            "default": [],
        },
        {
            "name": "synchronized_user_segments",
            "title": "Send users in these segments to Close as contacts",
            "description": "Without a segment here, a user goes wherever its account goes.",
            "type": "array",
            "format": "segment",
            "default": [],
        },
    ]


def _leads() -> list[Setting]:
    return [
        _select("lead_status", "Status of new leads", "/leadstatuses", "hull-default"),
        _select("lead_identifier_hull", "What identifies an account", "/fields-account-ident", "domain"),
        _select("lead_identifier_service", "What identifies a lead", "/fields-lead-out", "url"),
        _outbound(
            "lead_attributes_outbound", "Account attributes to send", "accountTrait", "/fields-lead-out"
        ),
        _inbound("lead_attributes_inbound", "Lead fields to fetch", "/fields-lead-in"),
    ]


def _contacts() -> list[Setting]:
    return [
        _outbound("contact_attributes_outbound", "User attributes to send", "trait", "/fields-contact-out"),
        _inbound("contact_attributes_inbound", "Contact fields to fetch", "/fields-contact-in"),
    ]


def _select(name: str, title: str, options_url: str, default: str) -> Setting:
    options = {"loadOptions": options_url}
    return {
        "name": name, "title": title, "type": "string", "format": "select", "default": default, "options": options,
    }  # fmt: skip


def _outbound(name: str, title: str, attribute_format: str, options_url: str) -> Setting:
    columns = {
        "hull_field_name": {"type": "string", "format": attribute_format, "title": "Hull attribute"},
        "closeio_field_name": {
            "type": "string", "format": "select", "title": "Close field", "options": {"loadOptions": options_url},
        },
    }  # fmt: skip
    return {
        "name": name,
        "title": title,
        "description": "The name goes out without being listed here.",
        "type": "array",
        "format": "table",
        "default": [{"hull_field_name": "name", "closeio_field_name": "name"}],
        "items": {"type": "object", "properties": columns, "required": list(columns)},
    }


def _inbound(name: str, title: str, options_url: str) -> Setting:
    options = {"loadOptions": options_url}
    return {
        "name": name,
        "title": title,
        "type": "array",
        "format": "select",
        "default": [],
        "options": options,
    }


def _sections() -> list[dict[str, Any]]:
    return [
        _section(
            "Close", "Which Close organization this is, and who goes there.", _connection(), "credentials"
        ),
        _section("Leads", "Accounts in Hull are leads in Close.", _leads()),
        _section("Contacts", "Users in Hull are contacts in Close.", _contacts()),
    ]


def _section(
    title: str, description: str, settings: Sequence[Setting], step: str | None = None
) -> dict[str, Any]:
    properties = [f"private_settings.{setting['name']}" for setting in settings]
    section: dict[str, Any] = {"title": title, "description": description, "properties": properties}
    return section | ({"step": step} if step else {})
