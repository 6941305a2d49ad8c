"""Accounts on the staff's screens."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import identifiers
from accounts.admin.forms import AccountForm, NewAccountForm, NewPasswordForm, ProfileForm
from accounts.errors import DomainError, InvalidIdentifier
from accounts.identifiers import Kind
from accounts.models import Event, User
from accounts.services import accounts, credentials, events, privileges, roles
from accounts.staff import Deed, ReadOnlyInline, StaffAdmin, caller, facts, moment
from oauth_providers.models import LinkedIdentity
from profiles.models import ApplicationPayload, Profile
from profiles.services import avatars, editing
from tokens.models import SignIn
from tokens.services import revocation

SIGN_IN_MOMENTS = (
    moment("last_used", gettext_lazy("last used")),
    moment("expires", gettext_lazy("expires")),
    moment("revoked", gettext_lazy("revoked")),
)
CREATED = moment("created_at", gettext_lazy("created"))
LAST_LOGIN = moment("last_login", gettext_lazy("last login"))


class ProfileInline(admin.StackedInline):
    """What is told about the person. The avatar is shown, not taken: a picture goes through `profiles`' own door."""

    model = Profile
    form = ProfileForm
    can_delete = False
    fields = ("last_name", "first_name", "middle_name", "birthdate", "description", "background_color", "avatar")
    readonly_fields = ("avatar",)


class SignInInline(ReadOnlyInline):
    """The newest sign-ins, without their secrets."""

    model = SignIn
    ordering = ("-id",)
    # Dialect and start stand in the line above each.
    fields = readonly_fields = ("agent", "ip", *SIGN_IN_MOMENTS)
    verbose_name_plural = gettext_lazy("newest sign-ins")


class PayloadInline(ReadOnlyInline):
    """What applications keep about the account."""

    model = ApplicationPayload
    fields = readonly_fields = ("application", "payload")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("application")


class IdentityInline(ReadOnlyInline):
    """The providers' accounts that open the account."""

    model = LinkedIdentity
    ordering = ("-id",)
    fields = readonly_fields = ("provider", "uid", "created_at")


class EventInline(ReadOnlyInline):
    """The newest events about the account."""

    model = Event
    ordering = ("-id",)
    # The moment stands in the line above each.
    fields = readonly_fields = ("kind", "succeeded", "dialect", "ip", "actor", "details")
    verbose_name_plural = gettext_lazy("newest security events")


@admin.register(User)
class UserAdmin(StaffAdmin):
    """Accounts."""

    form = AccountForm
    add_form = NewAccountForm
    list_display = ("username", "email", "phone", "is_active", "is_staff", "is_superuser", CREATED)
    list_filter = ("is_active", "is_staff", "is_superuser")
    # The pages of a role, a group and a permission lead here.
    lookups = ("roles__id__exact", "groups__id__exact", "user_permissions__id__exact")
    ordering = ("-id",)
    sortable_by = ("username",)
    search_fields = ("username_canonical",)
    search_help_text = gettext_lazy("The beginning of a user name, an e-mail or a phone, or an account id.")
    autocomplete_fields = ("roles", "groups", "user_permissions")
    readonly_fields = ("id", "password_state", CREATED, LAST_LOGIN)
    inlines = (ProfileInline, SignInInline, IdentityInline, PayloadInline, EventInline)
    fieldsets = (
        (
            None,
            {"fields": ("id", "username", "email", "phone", "password_state", CREATED, LAST_LOGIN)},
        ),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (gettext_lazy("Roles, groups and permissions"), {"fields": ("roles", "groups", "user_permissions")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("username", "email", "phone", "usable_password", "password1", "password2"),
                "classes": ("wide",),
            },
        ),
    )
    deeds = (
        Deed(
            "deactivate",
            gettext_lazy("Deactivate"),
            gettext_lazy("The account is signed out everywhere, and no door lets it in until it is activated again."),
            gettext_lazy("deactivated."),
            "accounts.change_user",
            lambda request, user: accounts.deactivate(user, **facts(request)),
            applies=lambda user: user.is_active,
        ),
        Deed(
            "activate",
            gettext_lazy("Activate"),
            gettext_lazy("The account may sign in again, with the password it had."),
            gettext_lazy("activated."),
            "accounts.change_user",
            lambda request, user: accounts.activate(user, **facts(request)),
            applies=lambda user: not user.is_active,
        ),
        Deed(
            "end-sign-ins",
            gettext_lazy("End all sign-ins"),
            gettext_lazy(
                "Every token of the account stops working at once, in every dialect, and so does its session here."
            ),
            gettext_lazy("signed out everywhere."),
            "tokens.change_signin",
            lambda request, user: revocation.end_everything(user, **facts(request)),
        ),
        Deed(
            "remove-avatar",
            gettext_lazy("Remove the avatar"),
            gettext_lazy("The picture is deleted; the person may choose another."),
            gettext_lazy("the avatar is gone."),
            "profiles.change_profile",
            lambda request, user: remove_avatar(request, user),
        ),
        Deed(
            "require-new-password",
            gettext_lazy("Require a new password"),
            gettext_lazy(
                "The present password stops working and every sign-in ends. Until you set a new one here, only a "
                "linked provider opens the account."
            ),
            gettext_lazy("the password no longer works."),
            "accounts.change_user",
            lambda request, user: accounts.require_new_password(user, **facts(request)),
        ),
    )

    # Whom, and with which rights

    def may(self, request: HttpRequest, permission: str, thing: Any = None) -> bool:
        return super().may(request, permission) and (thing is None or privileges.may_act_on(caller(request), thing))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._within_reach(request, obj)

    @staticmethod
    def _within_reach(request: HttpRequest, obj: Any) -> bool:
        return obj is None or privileges.may_act_on(caller(request), obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        rights = () if request.user.is_superuser else ("is_staff", "is_superuser")
        return (*super().get_readonly_fields(request, obj), *rights)

    # The list

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.strip()
        return (queryset.filter(beginning_with(text)) if text else queryset), False

    # The page

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.add_fieldsets if obj is None else self.fieldsets

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if obj is None else self.inlines

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return super().get_form(request, obj, change, **{**kwargs, "form": self.add_form})
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"caller": request.user})

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=gettext_lazy("password"))
    def password_state(self, user: User) -> str:
        return _("set") if user.has_usable_password() else _("none: only a provider opens this account")

    def links(self, request: HttpRequest, thing: User) -> list[tuple[str, Any]]:
        found = super().links(request, thing)
        if self.has_change_permission(request, thing):
            found.insert(0, (reverse("admin:accounts_user_password", args=(thing.pk,)), _("New password")))
        if request.user.has_perm("tokens.view_signin"):
            page = reverse("admin:tokens_signin_changelist")
            found.append((f"{page}?user__id__exact={thing.pk}", _("All sign-ins")))
        if request.user.has_perm("accounts.view_event"):
            found.append((f"{reverse('admin:accounts_event_changelist')}?user_ref={thing.pk}", _("All events")))
        return found

    # Changes

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: Any = None) -> HttpResponse:
        # The form for a new account is the shorter half of it: names and roles come on the page it leads to.
        if "_addanother" not in request.POST and IS_POPUP_VAR not in request.POST:
            sent: Any = request.POST.copy()
            sent["_continue"] = "1"
            request.POST = sent
        return super().response_add(request, obj, post_url_continue)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.password_view)
        return [path("<path:object_id>/password/", view, name="accounts_user_password"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if request.method == "POST" and self.has_add_permission(request):
            # Hashed here, before the admin opens its transaction around the form and the record.
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                try:
                    request.candidate = form.candidate()  # type: ignore[attr-defined]
                except DomainError as error:
                    messages.error(request, str(error.text))
                    return HttpResponseRedirect(request.get_full_path())
        return super().add_view(request, form_url, extra_context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return super().save_form(request, form, change) if change else form.instance

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            made = accounts.create(request.candidate, **facts(request))  # type: ignore[attr-defined]
            obj.__dict__.update(made.__dict__)
            return
        names = [name for name in form.changed_data if name in (*Kind, *accounts.RIGHTS)]
        accounts.edit(obj, **{name: form.cleaned_data[name] for name in names}, **facts(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        user, chosen = form.instance, form.cleaned_data
        if change and "roles" in form.changed_data:
            roles.replace(user, [role.name for role in chosen["roles"]], **facts(request))
        if change and "groups" in form.changed_data:
            accounts.set_groups(user, chosen["groups"], **facts(request))
        if change and "user_permissions" in form.changed_data:
            accounts.set_permissions(user, chosen["user_permissions"], **facts(request))
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is not Profile:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        for one in formset.forms:
            if one.has_changed():
                editing.edit(form.instance, **{name: one.cleaned_data[name] for name in one.changed_data})
                names = sorted(one.changed_data)
                events.record(Event.Kind.ACCOUNT_CHANGED, form.instance, changed=names, **facts(request))
                formset.changed_objects.append((one.instance, one.changed_data))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        with transaction.atomic():
            for user in queryset:
                # Its files go when the deletion is committed, and not before.
                avatars.remove(user)
                accounts.delete(user, **facts(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django's own lists every row that goes with the account: there may be a million sign-ins.
        users = list(objs)
        denied = {str(user) for user in users if not self.has_delete_permission(request, user)}
        lines = [_("%(user)s, with all its sign-ins, its profile and its data") % {"user": user} for user in users]
        return lines, {User._meta.verbose_name_plural: len(users)}, denied, []

    def password_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Set a new password, or none, for somebody else; one's own is changed where the present one is asked for."""
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user.pk == request.user.pk:
            return HttpResponseRedirect(reverse("admin:password_change"))
        form = NewPasswordForm(user, request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._set_password(request, user, form)
        fields = [(None, {"fields": list(form.base_fields)})]
        context = {
            **self.admin_site.each_context(request),
            "title": _("New password: %(user)s") % {"user": user},
            "adminForm": AdminForm(cast("Any", form), fields, {}),
            "form": form,
            "add": True,
            "opts": self.opts,
            "original": user,
        }
        return TemplateResponse(request, "admin/auth/user/change_password.html", context)

    def _set_password(self, request: HttpRequest, user: User, form: NewPasswordForm) -> HttpResponseBase:
        try:
            if form.cleaned_data["set_usable_password"]:
                credentials.replace_password(user, form.cleaned_data["password1"], **facts(request))
            else:
                accounts.require_new_password(user, **facts(request))
        except DomainError as error:
            messages.error(request, str(error.text))
        else:
            self.log_change(request, user, [{"changed": {"fields": [_("password")]}}])
            messages.success(request, _("The password was changed, and every sign-in of the account has ended."))
        return HttpResponseRedirect(self._page_of(user))


def beginning_with(text: str) -> Q:
    """The accounts whose username, e-mail or phone begins with `text` in its canonical spelling, or whose id it is."""
    wanted = Q(username_canonical__startswith=identifiers.folded(text)) | Q(email_canonical__startswith=text.lower())
    try:
        phone = identifiers.expect(Kind.PHONE, text).canonical
    except InvalidIdentifier:
        digits = "".join(character for character in text if character.isdecimal())
        phone = f"+{digits}" if text.startswith("+") and digits else ""
    if phone:
        wanted |= Q(phone__startswith=phone)
    if number := identifiers.account_id(text):
        wanted |= Q(pk=number)
    return wanted


def remove_avatar(request: HttpRequest, user: User) -> bool:
    """Leave `user` without an avatar; False when there was none."""
    if not editing.of(user).avatar:
        return False
    avatars.remove(user)
    events.record(Event.Kind.ACCOUNT_CHANGED, user, changed=["avatar"], **facts(request))
    return True
