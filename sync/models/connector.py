"""One Hull connector paired with one Close organization."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from sync.models.encryption import EncryptedField

_SANDBOX_ORIGIN = re.compile(r"http://127\.0\.0\.1:\d{1,5}")


class ConnectorQuerySet(models.QuerySet["Connector"]):
    def active(self) -> ConnectorQuerySet:
        """Those whose lanes may run: enabled and not paused."""
        return self.filter(enabled=True, paused_at=None)


class Connector(models.Model):
    """Pairs a Hull connector with a Close organization, and holds how the two are kept in step."""

    class Home(models.TextChoices):
        HERE = "HERE", _("Here")
        HULL = "HULL", _("Hull's dashboard")

    class BackfillBy(models.TextChoices):
        AUTO = "auto", _("Whichever the key may use")
        EXPORT = "export", _("Export")
        SEARCH = "search", _("Search")
        PAGES = "pages", _("Pages")

    class IdentityHull(models.TextChoices):
        DOMAIN = "domain", _("Domain")
        EXTERNAL_ID = "external_id", _("External ID")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="connectors")
    slug = models.SlugField(
        unique=True,
        max_length=80,
        help_text=_("Names this connector in commands, for example acme-close."),
    )
    name = models.CharField(max_length=200)
    enabled = models.BooleanField(
        default=True,
        help_text=_("Switched off: nothing is read or sent; what Hull tells meanwhile waits."),
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=500, blank=True, editable=False)
    # Both remotes are simulated, by a process of this machine; see `sync.services.sandboxes`.
    is_sandbox = models.BooleanField(default=False, editable=False)
    home = models.CharField(max_length=4, choices=Home.choices, default=Home.HERE)

    hull_connector_id = models.CharField(
        _("Hull connector id"), max_length=64, validators=[RegexValidator(r"^[0-9A-Za-z_-]+$", "Letters and digits only.")],
        help_text=_("24 characters, shown in Hull under the connector's settings."),
    )  # fmt: skip
    hull_secret = EncryptedField(_("Hull secret"), blank=True, default="")
    hull_secret_ref = models.JSONField(default=dict, blank=True, editable=False)
    hull_api_url = models.URLField(
        _("Hull API URL"),
        blank=True,
        help_text=_("Only to override what the organization's Hull domain implies."),
    )
    hull_firehose_url = models.URLField(_("Hull firehose URL"), blank=True)

    close_api_key = EncryptedField(_("Close API key"), blank=True, default="")
    close_api_key_ref = models.JSONField(default=dict, blank=True, editable=False)
    close_api_url = models.URLField(_("Close API URL"), blank=True, help_text=_("Empty: Close's own."))
    close_organization_id = models.CharField(max_length=80, blank=True, editable=False)
    close_organization_name = models.CharField(max_length=200, blank=True, editable=False)
    webhook_id = models.CharField(max_length=80, blank=True, editable=False)
    webhook_signature_key = EncryptedField(blank=True, default="", editable=False)

    account_segments = models.JSONField(
        default=list, blank=True,
        help_text=_("Hull account segments whose accounts are sent to Close. None named: no account is sent."),
    )  # fmt: skip
    user_segments = models.JSONField(
        default=list, blank=True,
        help_text=_("Hull user segments whose users are sent. None named: contacts follow their account's segments."),
    )  # fmt: skip
    lead_status = models.CharField(
        max_length=120,
        blank=True,
        help_text=_("Label or id of the status a new lead gets. Empty: Close's own default."),
    )
    identity_hull = models.CharField(
        _("identifier in Hull"),
        max_length=20,
        choices=IdentityHull.choices,
        default=IdentityHull.DOMAIN,
    )
    identity_close = models.CharField(
        _("identifier in Close"), max_length=120, default="url",
        validators=[RegexValidator(r"^(url|custom\.\w+)$", "Either url or custom.cf_… of a lead.")],
        help_text=_("The lead's field that holds the identifier: url, or custom.cf_…"),
    )  # fmt: skip
    asks_hull = models.BooleanField(
        _("ask Hull for changes"),
        default=False,
        help_text=_(
            "For a Hull organization that cannot send notifications here: accounts and users of the named segments "
            "are looked for in Hull instead, as often as Close is read."
        ),
    )
    never_identities = models.JSONField(
        _("never identities"), default=list, blank=True,
        help_text=_("Domains that name no company and e-mail addresses that name no person, such as a supplier's or a shared "
        "mailbox: they come in as attributes only. Free mail, social networks and the likes of info@ are left out by themselves."),
    )  # fmt: skip
    always_identities = models.JSONField(
        _("identities all the same"), default=list, blank=True,
        help_text=_("Domains and e-mail addresses that do name a company or a person, although they look like free mail "
        "or a shared mailbox."),
    )  # fmt: skip
    keeps_hull_id = models.BooleanField(
        _("keep the Hull id in Close"),
        default=False,
        help_text=_(
            "Writes each record's Hull id into a hidden custom field of Close, which is made if it is not there. "
            "A record is recognised by it even when everything else about it was changed."
        ),
    )
    lead_hull_id_field = models.CharField(max_length=120, blank=True, editable=False)
    contact_hull_id_field = models.CharField(max_length=120, blank=True, editable=False)
    moves_contacts = models.BooleanField(
        _("move contacts"),
        default=True,
        help_text=_(
            "A user who changes account takes the contact along to the other lead. Off: the contact stays where it "
            "is, and the user gets a new one."
        ),
    )
    keeps_every_contact = models.BooleanField(
        _("keep every contact of a user in step"),
        default=False,
        help_text=_(
            "A person who is a contact of several leads, under the same e-mail address. Off: only the contact in "
            "the lead of the user's account is kept in step."
        ),
    )
    departures = models.JSONField(
        default=dict,
        blank=True,
        help_text=_(
            "What follows when a record leaves a segment, is deleted or is merged. What is not named has its safe default."
        ),
    )
    mark_status = models.CharField(
        max_length=120,
        blank=True,
        help_text=_("Label or id of the lead status that marks a lead whose account has left."),
    )
    brake_creates = models.PositiveIntegerField(
        _("new records"), null=True, blank=True, default=1000,
        help_text=_("More new records than this within an hour wait for approval. Empty: no limit."),
    )  # fmt: skip
    brake_clears = models.PositiveIntegerField(
        _("emptied fields"), null=True, blank=True, default=100,
        help_text=_("More records with a field to be emptied than this within an hour wait for approval. Empty: no limit."),
    )  # fmt: skip
    brake_deletes = models.PositiveIntegerField(
        _("deletions"), null=True, blank=True, default=10,
        help_text=_("More deletions in Close than this within an hour wait for approval. Empty: no limit."),
    )  # fmt: skip
    brake_share = models.PositiveSmallIntegerField(
        _("share of what is linked, in %"), null=True, blank=True, default=50, validators=[MaxValueValidator(100)],
        help_text=_("The same, as a share of the records that are linked, once there are a hundred. Empty: no limit."),
    )  # fmt: skip
    rate_share_left = models.PositiveSmallIntegerField(
        _("share left to others, in %"), default=10, validators=[MaxValueValidator(90)],
        help_text=_("How much of Close's rate limit is left to the other tools of the organization."),
    )  # fmt: skip
    flip_limit = models.PositiveSmallIntegerField(
        _("flips"), default=5, validators=[MinValueValidator(2)],
        help_text=_("A field of one record that goes back to an earlier value more often than this is paused."),
    )  # fmt: skip
    flip_minutes = models.PositiveSmallIntegerField(
        _("within minutes"), default=60, validators=[MinValueValidator(1)]
    )  # fmt: skip
    backfill_by = models.CharField(
        _("everything is read by"), max_length=8, choices=BackfillBy.choices, default=BackfillBy.AUTO,
        help_text=_("How all leads are read at first, and again when the event log does not reach back far enough."),
    )  # fmt: skip
    follows_renames = models.BooleanField(
        _("attributes follow renamed fields"),
        default=False,
        help_text=_(
            "A custom field that is renamed in Close gets a new attribute in Hull, and the old one is emptied. "
            "Off: the attribute keeps the name that it came in by first."
        ),
    )
    reads_opportunities = models.BooleanField(
        _("opportunities"),
        default=False,
        help_text=_(
            "Adds up each lead's opportunities as attributes of its account: how many, open and won value, when the "
            "last one was won, when the next one should close."
        ),
    )
    hull_events = models.JSONField(
        _("events in Hull"), default=list, blank=True,
        help_text=_("What happens in Close and is told to Hull as events of the account or user."),
    )  # fmt: skip
    pull_interval_seconds = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(10)],
        help_text=_("How often Close's event log is read."),
    )

    backfilled_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What happened before these events were switched on is not told.
    hull_events_since = models.DateTimeField(null=True, blank=True, editable=False)
    opportunities_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    webhook_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    webhook_problem = models.CharField(max_length=500, blank=True, editable=False)
    schema_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    hull_schema_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    problems = models.JSONField(default=list, blank=True, editable=False)
    # What Hull's dashboard held when it was last heard of, without any credential.
    hull_settings = models.JSONField(default=dict, blank=True, editable=False)
    hull_settings_digest = models.CharField(max_length=64, blank=True, editable=False)
    hull_settings_stamp = models.CharField(max_length=40, blank=True, editable=False)
    hull_settings_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = ConnectorQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "hull_connector_id"],
                name="one_connector_per_hull_connector",
            ),
            models.CheckConstraint(
                condition=models.Q(home__in=["HERE", "HULL"]),
                name="connector_home_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"

    @property
    def is_active(self) -> bool:
        return self.enabled and self.paused_at is None

    @property
    def hull_organization(self) -> str:
        return self.organization.hull_domain

    def is_in_own_sandbox(self, url: str) -> bool:
        """Whether an address leads to one of the two simulated remotes of this very connector."""
        origin = _origin(url)
        own = (_origin(self.close_api_url), _origin(self.hull_api_url))
        return self.is_sandbox and origin in own and bool(_SANDBOX_ORIGIN.fullmatch(origin))

    def pause(self, reason: str, *, now: datetime) -> None:
        """Stop both lanes and say why; what waits is kept."""
        self.paused_at, self.pause_reason = now, reason[:500]
        self.save(update_fields=["paused_at", "pause_reason", "updated_at"])

    def resume(self) -> None:
        self.paused_at, self.pause_reason = None, ""
        self.save(update_fields=["paused_at", "pause_reason", "updated_at"])

    def get_absolute_url(self) -> str:
        return reverse("admin:sync_connector_change", args=[self.pk])


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
