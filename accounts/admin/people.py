"""People who sign in: for superusers. Owners invite members instead."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Membership, User

admin.site.unregister(Group)  # roles say who may do what; Django's groups would be a second, silent answer


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    fields = ("agency", "organization", "role")
    verbose_name_plural = _("Memberships")


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    fieldsets = (
        (None, {"fields": ("username", "email", "password", "first_name", "last_name")}),
        (
            _("What this person may do"),
            {
                "description": _(
                    "Staff may open this admin and see what their memberships allow. Superusers see everything."
                ),
                "fields": ("is_active", "is_staff", "is_superuser"),
            },
        ),
        (_("When"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "is_staff", "password1", "password2")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
