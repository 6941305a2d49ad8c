"""Roles, groups and permissions on the staff's screens."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.forms import GrantingForm
from accounts.models import Role, User
from accounts.services import catalogue, privileges
from accounts.staff import StaffAdmin, caller, facts

MEMBERS_SHOWN = 20
AUTOCOMPLETED = ("roles", "groups", "user_permissions", "permissions")

# Imported so that Django's own screen for groups is there to make room for ours.
assert issubclass(DjangosGroupAdmin, admin.ModelAdmin)
admin.site.unregister(Group)


class CatalogueAdmin(StaffAdmin):
    """Something that is handed out. Whoever picks among such things sees those they may hand out themselves."""

    list_per_page = 50
    membership = ""

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if request.GET.get("field_name") in AUTOCOMPLETED and not request.user.is_superuser:
            mine = privileges.grantable(caller(request), self.model).values("pk")
            found = found.filter(pk__in=mine)
        return found, may_repeat

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"caller": request.user})

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "permissions":
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Deleting it takes it from everybody.
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not privileges.not_grantable(caller(request), self.model, [obj]))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        catalogue.changed(form.instance, "edited" if change else "created", fields=form.changed_data, **facts(request))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        catalogue.delete([obj], **facts(request))

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Model]) -> None:
        catalogue.delete(queryset, **facts(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django's own lists every membership that goes with it: there may be a million.
        things = list(objs)
        denied = {str(thing) for thing in things if not self.has_delete_permission(request, thing)}
        lines = [_("%(thing)s, and whoever has it has it no longer") % {"thing": thing} for thing in things]
        return lines, {self.opts.verbose_name_plural: len(things)}, denied, []

    @admin.display(description=gettext_lazy("members"))
    def members_shown(self, thing: Any) -> SafeString | str:
        if thing.pk is None:
            return "-"
        everyone: QuerySet[User] = User.objects.filter(**{self.membership: thing}).order_by("-pk")
        some = list(everyone.values_list("pk", "username")[: MEMBERS_SHOWN + 1])
        page = reverse("admin:accounts_user_changelist")
        links = [(reverse("admin:accounts_user_change", args=(pk,)), name) for pk, name in some[:MEMBERS_SHOWN]]
        names = format_html_join(", ", '<a href="{}">{}</a>', links)
        more = "…" if len(some) > MEMBERS_SHOWN else ""
        everybody = format_html(
            '<a href="{}?{}__id__exact={}">{}</a>', page, self.membership, thing.pk, _("all of them")
        )
        return format_html("{}{} ({})", names, more, everybody) if some else _("nobody")


class NamedForm(GrantingForm):
    """A role or a group. Renaming one that exists gives its members another: only a superuser may."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk and "name" in self.changed_data and not self.caller.is_superuser:
            self.add_error("name", _("Only a superuser may rename it: the sites know it by its name."))
        return cleaned


@admin.register(Role)
class RoleAdmin(CatalogueAdmin):
    """Roles, with the permissions they carry for the sites."""

    form = NamedForm
    membership = "roles"
    list_display = ("name",)
    sortable_by = ("name",)
    search_fields = ("name__istartswith",)
    autocomplete_fields = ("permissions",)
    fields = ("name", "permissions", "members_shown")
    readonly_fields = ("members_shown",)


@admin.register(Group)
class GroupAdmin(CatalogueAdmin):
    """Groups, with the permissions they give here and at the sites."""

    form = NamedForm
    membership = "groups"
    list_display = ("name",)
    ordering = ("name",)
    sortable_by = ("name",)
    search_fields = ("name__istartswith",)
    autocomplete_fields = ("permissions",)
    fields = ("name", "permissions", "members_shown")
    readonly_fields = ("members_shown",)


@admin.register(Permission)
class PermissionAdmin(CatalogueAdmin):
    """Permissions: Django's own, which nobody edits, and those the staff have added."""

    membership = "user_permissions"
    list_display = ("spelled", "name")
    list_select_related = ("content_type",)
    ordering = ("content_type__app_label", "codename")
    search_fields = ("codename", "name")
    fields = ("content_type", "codename", "name", "members_shown")
    readonly_fields = ("members_shown",)

    @admin.display(description=gettext_lazy("permission"))
    def spelled(self, permission: Permission) -> str:
        return f"{permission.content_type.app_label}.{permission.codename}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Permission]:
        return super().get_queryset(request).select_related("content_type")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who holds it holds it by this spelling: another one would be another permission.
        spelling = ("content_type", "codename") if obj else ()
        return (*super().get_readonly_fields(request, obj), *spelling)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = ContentType.objects.order_by("app_label", "model")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_djangos_own(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_djangos_own(obj)


def _is_djangos_own(permission: Permission | None) -> bool:
    if permission is None:
        return False
    model = permission.content_type.model_class()
    if model is None:
        return False
    verbs = [f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions]
    return permission.codename in (*verbs, *(codename for codename, _ in model._meta.permissions))
