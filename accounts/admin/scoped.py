"""Admin classes that show each person their own tenants only, whatever Django's model permissions say.

`ScopedAdmin` is for records of an organization: name the way to it in `organization_path`. Staff members need a
membership and no model permission. Custom permissions of actions work by name: `permissions=["run"]`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from accounts.access import Principal, agencies_where, may_anywhere, organizations_where, sees_all
from accounts.models import Agency, Organization
from accounts.permissions import Permission


class ScopedPermissions:
    """Permissions of one record by its tenant. `obj` may also be a primary key, as the theme's actions pass it."""

    model: type[Model]
    tenant: ClassVar[type[Model]] = Organization
    organization_path: ClassVar[str] = "organization"
    permission_to_view: ClassVar[Permission] = Permission.VIEW
    permission_to_add: ClassVar[Permission | None] = Permission.EDIT_CONFIGURATION
    permission_to_change: ClassVar[Permission | None] = Permission.EDIT_CONFIGURATION
    permission_to_delete: ClassVar[Permission | None] = Permission.EDIT_CONFIGURATION

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.permission_to_view, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.permission_to_add, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.permission_to_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.permission_to_delete, obj)

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.RUN, obj)

    def has_manage_credentials_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.MANAGE_CREDENTIALS, obj)

    def allows(self, request: HttpRequest, permission: Permission | None, obj: Any = None) -> bool:
        """Whether the user has a permission on a record, or on any at all when none is given."""
        if permission is None or not request.user.is_active:
            return False
        if obj is None:
            return may_anywhere(principal_of(request), permission)
        tenant_pk = self._tenant_pk(obj)
        return sees_all(principal_of(request)) or tenant_pk in tenant_pks(request, self.tenant, permission)

    def _tenant_pk(self, obj: Any) -> Any:
        """Follow `organization_path` from a record, or from the record with this primary key."""
        if not isinstance(obj, Model):
            path = f"{self.organization_path}__pk".removeprefix("__")
            return self.model._default_manager.filter(pk=obj).values_list(path, flat=True).first()
        for name in filter(None, self.organization_path.split("__")):
            obj = getattr(obj, name)
        return obj.pk if obj else None


class ScopedAdmin(ScopedPermissions, ModelAdmin):
    """Records of an organization. An empty path says that the records are the organizations themselves.

    `credential_fields` can be edited by those who may manage credentials; the others see them read-only.
    """

    credential_fields: ClassVar[tuple[str, ...]] = ()
    compressed_fields = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.permission_to_add)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.scope(request, super().get_queryset(request), self.permission_to_view)

    def scope(self, request: HttpRequest, queryset: QuerySet[Any], permission: Permission) -> QuerySet[Any]:
        """Return those of the records on which the user has a permission. Actions begin with this."""
        if sees_all(principal_of(request)):
            return queryset
        lookup = f"{self.organization_path}__in".removeprefix("__") if self.organization_path else "pk__in"
        return queryset.filter(**{lookup: tenants_where(request, self.tenant, permission).values("pk")})

    def get_permitted(self, request: HttpRequest, object_id: Any, permission: Permission) -> Any:
        """Return one record for an action on it. Raises Http404 when unseen, PermissionDenied when only seen."""
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise Http404
        if not self.allows(request, permission, obj):
            raise PermissionDenied
        return obj

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        hidden = () if self.has_manage_credentials_permission(request, obj) else self.credential_fields
        return (*super().get_readonly_fields(request, obj), *hidden)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Let a filter on a relation offer only what occurs in the list, never other tenants' names."""
        return [self._scoped_filter(entry) for entry in super().get_list_filter(request)]

    def _scoped_filter(self, entry: Any) -> Any:
        plain_relation = isinstance(entry, str) and "__" not in entry and _is_relation(self.model, entry)
        return (entry, admin.RelatedOnlyFieldListFilter) if plain_relation else entry

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer, and accept, only what lies in tenants where the user may edit."""
        kwargs.setdefault("queryset", self.choosable(request, db_field))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def choosable(self, request: HttpRequest, db_field: ForeignKey[Any, Any]) -> QuerySet[Any]:
        """Return what a relation may be set to."""
        target = self.admin_site._registry.get(db_field.remote_field.model)
        queryset = db_field.remote_field.model._default_manager.all()
        permission = self.permission_to_change or self.permission_to_view
        return target.scope(request, queryset, permission) if isinstance(target, ScopedAdmin) else queryset


class ScopedHistoryAdmin(SimpleHistoryAdmin, ScopedAdmin):
    """Adds the history of a record, to look at. The library's form would let anyone who may view write it back."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self.get_permitted(request, object_id, self.permission_to_view)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        self.get_permitted(request, object_id, self.permission_to_view)
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return super().history_form_view(request, object_id, version_id, extra_context)

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


class AgencyScopedAdmin(ScopedAdmin):
    """Records of an agency as a whole; `organization_path` leads to the agency."""

    tenant = Agency
    organization_path = "agency"
    permission_to_add: ClassVar[Permission | None] = Permission.MANAGE_MEMBERS
    permission_to_change: ClassVar[Permission | None] = Permission.MANAGE_MEMBERS
    permission_to_delete: ClassVar[Permission | None] = Permission.MANAGE_MEMBERS


class ReadOnlyMixin:
    """What happened is looked at, not edited."""

    permission_to_add = permission_to_change = permission_to_delete = None


class ScopedTabularInline(ScopedPermissions, TabularInline):
    """Rows of a record. The permissions are the record's own: `organization_path` starts there."""

    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Name each input for those who do not see its column's title."""
        formset = super().get_formset(request, obj, **kwargs)
        for name, field in formset.form.base_fields.items():
            field.widget.attrs.setdefault("aria-label", str(field.label or name))
        return formset


class ScopedStackedInline(ScopedPermissions, StackedInline):
    """As `ScopedTabularInline`, one form below the other."""

    extra = 0


def principal_of(request: HttpRequest) -> Principal:
    return request.user


def tenants_where(request: HttpRequest, tenant: type[Model], permission: Permission) -> QuerySet[Any]:
    """Return the organizations or agencies in which the user has a permission."""
    where = organizations_where if tenant is Organization else agencies_where
    return where(principal_of(request), permission)


def tenant_pks(request: HttpRequest, tenant: type[Model], permission: Permission) -> frozenset[Any]:
    """Return their primary keys, asked once a request."""
    known: dict[Any, frozenset[Any]] = request.__dict__.setdefault("_tenant_pks", {})
    if (tenant, permission) not in known:
        known[tenant, permission] = frozenset(
            tenants_where(request, tenant, permission).values_list("pk", flat=True)
        )
    return known[tenant, permission]


def _is_relation(model: type[Model], name: str) -> bool:
    return any(field.name == name and field.is_relation for field in model._meta.get_fields())
