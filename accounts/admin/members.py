"""Memberships: who has which role where. Owners invite by e-mail and set roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget

from accounts.access import agencies_where, organizations_where, sees_all
from accounts.admin.scoped import ScopedAdmin, principal_of
from accounts.models import Membership, User
from accounts.permissions import Permission
from accounts.services import find_or_invite


class InvitationForm(forms.ModelForm):  # not a generic at run time
    """A new membership, of a person named by e-mail."""

    email = forms.EmailField(
        widget=UnfoldAdminEmailInputWidget,
        help_text=_(
            "Someone who is new here gets an account, and you get a link for them to choose a password."
        ),
    )
    manageable: QuerySet[Membership]
    by_superuser: bool

    class Meta:
        model = Membership
        fields = ("email", "agency", "organization", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agency"].required = False
        self.fields["agency"].help_text = gettext("Only needed for a role in the whole agency.")

    def clean(self) -> dict[str, Any]:
        """Fill in the agency of an organization; refuse people of other tenants and a second role."""
        data = super().clean() or {}
        if organization := data.get("organization"):
            data["agency"] = organization.agency
        if not data.get("agency"):
            raise ValidationError(gettext("Choose an organization, or the agency for a role in all of it."))
        self._check_person(data)
        return data

    def _check_person(self, data: dict[str, Any]) -> None:
        person = User.objects.filter(email__iexact=data.get("email", "")).first()
        if person is None:
            return
        if not self.by_superuser and person.memberships.exclude(pk__in=self.manageable.values("pk")).exists():
            self.add_error(
                "email", gettext("This person belongs to other tenants too. Ask a superuser to add them.")
            )
        if person.memberships.filter(agency=data["agency"], organization=data.get("organization")).exists():
            self.add_error("email", gettext("This person has a role there already."))

    def save(self, commit: bool = True) -> Membership:
        self.instance.user = find_or_invite(self.cleaned_data["email"])
        return super().save(commit)


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    permission_to_add = permission_to_change = permission_to_delete = Permission.MANAGE_MEMBERS
    list_display = ("user", "role", "agency", "organization", "created_at")
    list_filter = ("role", "agency", "organization")
    list_select_related = ("user", "agency", "organization__agency")
    search_fields = ("user__username", "user__email")
    ordering = ("agency__name", "user__username")
    actions = ("show_sign_in_links",)

    def scope(self, request: HttpRequest, queryset: QuerySet[Any], permission: Permission) -> QuerySet[Any]:
        """Return the memberships within the organizations and the whole agencies of the user."""
        agencies = agencies_where(principal_of(request), permission).values("pk")
        organizations = organizations_where(principal_of(request), permission).values("pk")
        return queryset.filter(Q(agency__in=agencies) | Q(organization__in=organizations))

    def allows(self, request: HttpRequest, permission: Permission | None, obj: Any = None) -> bool:
        if permission is None or not isinstance(obj, Membership):
            return super().allows(request, permission)
        return self.scope(request, Membership.objects.filter(pk=obj.pk), permission).exists()

    def has_manage_members_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.MANAGE_MEMBERS, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "organization", "agency", "role", "created_at") if obj else InvitationForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return ("user", "organization", "agency", "created_at") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        form = super().get_form(request, obj, change, form=InvitationForm, **kwargs)
        form.manageable = self.manageable(request)
        form.by_superuser = sees_all(principal_of(request))
        return form

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            self.show_sign_in_links(request, Membership.objects.filter(pk=obj.pk))

    @action(description=_("Show a link to choose a password"), permissions=["manage_members"])
    def show_sign_in_links(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Show a link for each of those who never had a password and belong to nobody else."""
        invited = [
            row.user for row in queryset.select_related("user") if self._may_be_invited(request, row.user)
        ]
        for user in invited:
            self.message_user(
                request,
                gettext("Send {email} this link to choose a password: {value}").format(
                    email=user.email, value=_link(request, user)
                ),
            )
        if not invited:
            self.message_user(request, gettext("No link needed: they can sign in already."), messages.INFO)

    def manageable(self, request: HttpRequest) -> QuerySet[Membership]:
        return self.scope(request, Membership.objects.all(), Permission.MANAGE_MEMBERS)

    def _may_be_invited(self, request: HttpRequest, user: User) -> bool:
        elsewhere = user.memberships.exclude(pk__in=self.manageable(request).values("pk")).exists()
        return not (user.has_usable_password() or user.is_superuser or elsewhere)


def _link(request: HttpRequest, user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    address = reverse("welcome", args=[uid, default_token_generator.make_token(user)])
    return request.build_absolute_uri(address)
