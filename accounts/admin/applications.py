"""Applications on the staff's screens; a token is shown once, when it is made."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.forms import GrantingForm
from accounts.errors import InvalidInput
from accounts.models import Application
from accounts.services import applications, catalogue
from accounts.staff import Deed, StaffAdmin, facts, moment

LAST_USED = moment("last_used", gettext_lazy("last used"))


class ApplicationForm(GrantingForm):
    """A site that shares our accounts."""

    url = forms.URLField(label=gettext_lazy("Address"), max_length=255, assume_scheme="https")

    class Meta:
        model = Application
        fields = ("url", "name", "is_super", "is_active", "roles")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                applications.check(url=cleaned["url"], name=cleaned["name"])
            except InvalidInput as error:
                self.add_error(error.field, str(error.text))
        return cleaned


@admin.register(Application)
class ApplicationAdmin(StaffAdmin):
    """Applications. One that is super may change accounts and roles: only a superuser makes or equips it."""

    form = ApplicationForm
    list_display = ("url", "name", "is_super", "is_active", LAST_USED)
    list_filter = ("is_super", "is_active")
    sortable_by = ("url",)
    search_fields = ("url__startswith", "name__startswith")
    autocomplete_fields = ("roles",)
    fields = ("url", "name", "is_super", "is_active", "roles", "tokens", "created_at", "last_used")
    readonly_fields = ("tokens", "created_at", "last_used")

    deeds = (
        Deed(
            "new-token",
            gettext_lazy("New token"),
            gettext_lazy("The application gets a new token, shown once. The present one stays good until the next."),
            "",
            "accounts.change_application",
            lambda request, application: shown(
                request, application, applications.rotate_token(application, **facts(request))
            ),
        ),
        Deed(
            "replace-token",
            gettext_lazy("Replace the token at once"),
            gettext_lazy("For a token that has leaked: the application gets a new one, and no older one works."),
            "",
            "accounts.change_application",
            lambda request, application: shown(
                request, application, applications.rotate_token(application, at_once=True, **facts(request))
            ),
        ),
        Deed(
            "end-previous-token",
            gettext_lazy("End the previous token"),
            gettext_lazy("The application has been given its new token, and the one before stops working."),
            gettext_lazy("the previous token no longer works."),
            "accounts.change_application",
            lambda request, application: applications.end_previous_token(application, **facts(request)),
        ),
    )

    def get_actions(self, request: HttpRequest) -> Any:
        # A token is shown on a page of its own: one application at a time.
        return {name: action for name, action in super().get_actions(request).items() if not name.endswith("token")}

    def may(self, request: HttpRequest, permission: str, thing: Any = None) -> bool:
        return super().may(request, permission) and self._within_reach(request, thing)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._within_reach(request, obj)

    @staticmethod
    def _within_reach(request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.is_super or request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        rights = () if request.user.is_superuser else ("is_super",)
        return (*super().get_readonly_fields(request, obj), *rights)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"caller": request.user})

    @admin.display(description=gettext_lazy("tokens"))
    def tokens(self, application: Application) -> str:
        if application.token_digest is None:
            return _("none")
        return _("one, and the one before it") if application.previous_token_digest else _("one")

    def save_model(self, request: HttpRequest, obj: Application, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        names = [role.name for role in form.cleaned_data["roles"]]
        made, request.token = applications.create(  # type: ignore[attr-defined]
            obj.url, obj.name, is_super=obj.is_super, role_names=names, **facts(request)
        )
        if not obj.is_active:
            made.is_active = False
            made.save(update_fields=["is_active"])
        obj.__dict__.update(made.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if change:
            super().save_related(request, form, formsets, change)
            catalogue.changed(form.instance, "edited", fields=form.changed_data, **facts(request))

    def response_add(self, request: HttpRequest, obj: Application, post_url_continue: Any = None) -> HttpResponse:
        return shown(request, obj, request.token)  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Application) -> None:
        catalogue.delete([obj], **facts(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        catalogue.delete(queryset, **facts(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django's own lists what the application keeps about every account.
        things = list(objs)
        denied = {str(thing) for thing in things if not self.has_delete_permission(request, thing)}
        lines = [_("%(url)s, with everything it keeps about accounts") % {"url": thing.url} for thing in things]
        return lines, {self.opts.verbose_name_plural: len(things)}, denied, []


def shown(request: HttpRequest, application: Application, token: str) -> HttpResponse:
    """The page that shows a token, once."""
    context = {
        **admin.site.each_context(request),
        "title": _("The token of %(name)s") % {"name": application.name},
        "opts": Application._meta,
        "thing": application,
        "token": token,
        "back": reverse("admin:accounts_application_change", args=(application.pk,)),
    }
    return TemplateResponse(request, "admin/staff_token.html", context, headers={"Cache-Control": "no-store"})
