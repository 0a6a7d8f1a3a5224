"""People, the tenants they belong to, and the tokens that act for a tenant."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.roles import Role

ROLES = [(role.value, role.value.capitalize()) for role in Role]
HOST = RegexValidator(
    r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", "A host name in lower case, for example acme.hullapp.io."
)


class User(AbstractUser):
    """Someone who signs in."""

    email = models.EmailField(_("e-mail address"))

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"), name="email_once", violation_error_message="This e-mail address is taken."
            )
        ]


class Agency(models.Model):
    """A company that looks after connectors for its customers: the outermost fence between tenants."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = _("agencies")

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"


class Organization(models.Model):
    """A customer of an agency: one Hull organization and its connectors."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="organizations")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    hull_domain = models.CharField(
        _("Hull domain"),
        max_length=253,
        validators=[HOST],
        help_text=_("Host of the Hull organization, for example acme.hullapp.io."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agency", "slug"], name="organization_slug_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.agency.slug}/{self.slug})"


class Membership(models.Model):
    """A person's role in an agency, or in one organization of it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", null=True, blank=True,
        help_text=_("None chosen: the whole agency."),
    )  # fmt: skip
    role = models.CharField(max_length=8, choices=ROLES, default=Role.VIEWER.value)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "organization"], name="one_role_per_organization"),
            models.UniqueConstraint(
                fields=["user", "agency"], condition=Q(organization=None), name="one_role_per_agency"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role.lower()} of {self.organization or self.agency}"

    def clean(self) -> None:
        """Raise ValidationError when the organization is another agency's."""
        if self.organization and self.organization.agency_id != self.agency_id:
            raise ValidationError({"organization": "This organization belongs to another agency."})


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(self, *, created_by: User | None = None, **fields: Any) -> tuple[ApiToken, str]:
        """Make a token with these fields; return its row and the clear text, which is stored nowhere."""
        token = ApiToken(**fields)
        clear = token.issue(created_by=created_by)
        token.save()
        return token, clear

    def find_valid(self, clear: str, now: datetime) -> ApiToken | None:
        """Return the token with this clear text if it is neither revoked nor expired."""
        valid = self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
        return valid.select_related("agency").filter(digest=digest_of(clear)).first()


class ApiToken(models.Model):
    """Lets a program act for an agency, in one role. Only a hash of it is kept."""

    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=120, blank=True, help_text=_("What it is for."))
    role = models.CharField(max_length=8, choices=ROLES, default=Role.VIEWER.value)
    prefix = models.CharField(
        max_length=16, unique=True, editable=False, help_text=_("How it begins: enough to recognise it.")
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    history = HistoricalRecords(excluded_fields=["digest", "last_used_at"])

    objects: ClassVar[ApiTokenManager] = ApiTokenManager()

    class Meta:
        verbose_name = _("API token")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="token_role_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name or 'API token'} ({self.prefix}…)"

    def issue(self, *, created_by: User | None = None) -> str:
        """Give an unsaved token its secret; return the clear text, which is stored nowhere."""
        self.prefix = f"cc_{secrets.token_hex(4)}"
        clear = f"{self.prefix}_{secrets.token_urlsafe(32)}"
        self.digest, self.created_by = digest_of(clear), created_by
        return clear

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def revoke(self, *, now: datetime) -> None:
        """End it for good. Revoking twice keeps the first time."""
        if self.revoked_at is None:
            self.revoked_at = now
            self.save(update_fields=["revoked_at"])


def digest_of(clear: str) -> str:
    """Return what is stored of a token. It is long and random, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(clear.encode()).hexdigest()
