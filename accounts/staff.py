"""What every screen of the staff shares: lists that count nothing, deeds with a question before them, the record.

Django's permissions say who sees and changes what kind of thing; `accounts.services.privileges` says to whom.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial, update_wrapper
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import unquote
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models, transaction
from django.forms.models import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import conf
from accounts.clients import Client, Dialect
from accounts.errors import DomainError
from accounts.models import Event, User
from accounts.services import credentials, events

PAGES_AHEAD = 4


def actor(request: HttpRequest) -> str:
    """How events name the member of staff."""
    return f"staff:{request.user.pk}"


def client(request: HttpRequest) -> Client:
    """Who is calling; `accounts.middleware.TrustedProxies` has already put the right address there."""
    return Client.seen(address=request.META.get("REMOTE_ADDR", ""), agent=request.headers.get("User-Agent", ""))


def caller(request: HttpRequest) -> User:
    """The member of staff; the admin lets nobody else come so far."""
    assert isinstance(request.user, User)
    return request.user


def facts(request: HttpRequest) -> dict[str, Any]:
    """Who does it, and from where, as the services ask for it."""
    return {"actor": actor(request), "client": client(request)}


def moment(name: str, description: Any) -> Any:
    """A column with the moment in the field `name`, to the second, in UTC, as logs and commands write it."""

    @admin.display(description=description)
    def shown(thing: Any) -> str:
        value = getattr(thing, name)
        return f"{value:%Y-%m-%d %H:%M:%S}" if value else "-"

    shown.__name__ = f"{name}_moment"
    return shown


class OpenPaginator(Paginator):
    """Looks a few pages ahead instead of counting: COUNT(*) on a million rows costs more than the page it is about.

    `count` is exact when `is_open` is false; else there are that many, and more.
    """

    def __init__(self, *args: Any, page: int = 1, **kwargs: Any) -> None:
        self.start = (page - 1) * args[1]
        super().__init__(*args, **kwargs)

    @cached_property
    def count(self) -> int:
        rows = cast("models.QuerySet[Any]", self.object_list).values_list("pk", flat=True)
        seen = len(rows[self.start : self.start + self._ahead])
        # A page beyond the last one is told that the last one is where it begins, and is refused.
        return self.start + seen

    @property
    def is_open(self) -> bool:
        return self.count == self.start + self._ahead

    @property
    def _ahead(self) -> int:
        return PAGES_AHEAD * self.per_page + 1


@dataclass(frozen=True, slots=True)
class Deed:
    """Something staff do to one thing, by a button on its page, or to many, by an action of its list.

    `permission` is Django's (`app.codename`); `run` takes the request and the thing, and says False where there was
    nothing to do.
    """

    name: str
    label: Any
    question: Any
    done: Any
    permission: str
    run: Callable[[HttpRequest, Any], Any]
    # Whether the page of a thing offers it, where it may be pointless.
    applies: Callable[[Any], bool] = lambda thing: True


class StaffAdmin(admin.ModelAdmin):
    """A list that counts nothing, and changes that go through the services with the record of who made them."""

    paginator = OpenPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 100
    list_max_show_all = 0
    sortable_by: ClassVar[Any] = ()
    change_form_template = "admin/staff_change_form.html"
    change_list_template = "admin/staff_change_list.html"
    deeds: ClassVar[tuple[Deed, ...]] = ()
    # What an address may ask of a list beside its filters, for the links that lead there.
    lookups: ClassVar[tuple[str, ...]] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        # Django lets every column be asked, by any comparison: that tells a password's hash a character at a time.
        filters = [one if isinstance(one, str) else getattr(one, "parameter_name", "") for one in self.list_filter]
        return lookup in self.lookups or lookup.partition("__")[0] in filters

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        page = request.GET.get("p") or request.GET.get("page") or "1"
        # What is no number is refused by the list itself.
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1
        return OpenPaginator(*args, page=max(1, number), **kwargs)

    def may(self, request: HttpRequest, permission: str, thing: Any = None) -> bool:
        """Whether the caller has `permission`, and may use it on `thing`."""
        return request.user.has_perm(permission)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_deed"
        view = self.admin_site.admin_view(self.deed_view)
        return [path("<path:object_id>/do/<slug:deed>/", view, name=name), *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as error:
            # The form was good and the house says no all the same: somebody was faster, or it is the last superuser.
            messages.error(request, str(error.text))
            return HttpResponseRedirect(request.get_full_path())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        shown = {"links": partial(self._links, request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            messages.error(request, str(error.text))
            return HttpResponseRedirect(request.get_full_path())

    def links(self, request: HttpRequest, thing: Any) -> list[tuple[str, Any]]:
        """What the page of `thing` offers: address and words."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_deed"
        return [
            (reverse(name, args=(thing.pk, deed.name)), deed.label)
            for deed in self.deeds
            if deed.applies(thing) and self.may(request, deed.permission, thing)
        ]

    def list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """What the list offers: address and words."""
        return []

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"links": self.list_links(request), **(extra_context or {})})

    def deed_view(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponseBase:
        """Ask before a deed is done to one thing, then do it."""
        found = next((one for one in self.deeds if one.name == deed), None)
        thing = self.get_object(request, unquote(object_id))
        if found is None or thing is None:
            raise Http404
        if not self.has_view_permission(request, thing) or not self.may(request, found.permission, thing):
            raise PermissionDenied
        if request.method == "POST":
            return self.do(request, found, thing) or HttpResponseRedirect(self._page_of(thing))
        return self.asked(request, found.label, found.question, thing)

    def asked(self, request: HttpRequest, title: Any, question: Any, thing: Any = None) -> HttpResponse:
        """The page with a question; the answer is a POST to where it stands."""
        opts = self.opts
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "question": question,
            "thing": thing,
            "opts": opts,
            "back": self._page_of(thing) if thing else reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/staff_question.html", context)

    def do(self, request: HttpRequest, deed: Deed, thing: Any) -> HttpResponse | None:
        """Do `deed` to `thing`, tell the caller; an answer of its own, where it has one."""
        try:
            answer = self._done(request, deed, thing)
        except DomainError as error:
            messages.error(request, f"“{thing}”: {error.text}")
            return None
        if isinstance(answer, HttpResponse):
            return answer
        if answer is False:
            messages.info(request, _("“%(thing)s”: there was nothing to do.") % {"thing": thing})
        else:
            messages.success(request, f"“{thing}”: {deed.done}")
        return None

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        for deed in self.deeds:
            if IS_POPUP_VAR not in request.GET and self.may(request, deed.permission):
                actions[deed.name] = (cast("Any", partial(_in_bulk, deed)), deed.name, deed.label)
        return actions

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        # An action is about what is ticked on the page before one: a list that is not counted cannot say how many
        # "all of them" would be.
        chosen: Any = request.POST.copy()
        chosen.pop("select_across", None)
        request.POST = chosen
        try:
            return super().response_action(request, queryset, *args, **kwargs)
        except DomainError as error:
            messages.error(request, str(error.text))
            return HttpResponseRedirect(request.get_full_path())

    def in_bulk(self, request: HttpRequest, deed: Deed, things: Any) -> None:
        """Do `deed` to every one of `things`, each by itself, and tell how many there were."""
        done = idle = denied = 0
        for thing in things:
            if not self.may(request, deed.permission, thing):
                denied += 1
                continue
            try:
                if self._done(request, deed, thing) is False:
                    idle += 1
                else:
                    done += 1
            except DomainError as error:
                messages.error(request, f"“{thing}”: {error.text}")
        if done:
            text = ngettext("%(label)s: done for %(count)d.", "%(label)s: done for %(count)d.", done)
            messages.success(request, text % {"label": deed.label, "count": done})
        if idle:
            messages.info(request, _("There was nothing to do for %(count)d.") % {"count": idle})
        if denied:
            messages.warning(request, _("You may not do this to %(count)d of those chosen.") % {"count": denied})

    def _done(self, request: HttpRequest, deed: Deed, thing: Any) -> Any:
        with transaction.atomic():
            answer = deed.run(request, thing)
            if answer is not False:
                self.log_change(request, thing, str(deed.label))
        return answer

    def _links(self, request: HttpRequest, object_id: str) -> list[tuple[str, Any]]:
        thing = self.get_object(request, unquote(object_id))
        return self.links(request, thing) if thing else []

    def _page_of(self, thing: models.Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(thing.pk,))


class ReadOnlyAdmin(StaffAdmin):
    """Something that staff look at; what may be done to it are its deeds."""

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewestFormSet(BaseInlineFormSet):
    """The first ten rows, and no look at how many there are."""

    def get_queryset(self) -> Any:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:10]
        return self._queryset


class ReadOnlyInline(admin.TabularInline):
    """The newest few of what belongs to the thing of the page."""

    extra = max_num = 0
    can_delete = False
    show_change_link = True
    formset = NewestFormSet

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StaffAuthenticationForm(AdminAuthenticationForm):
    """The admin's sign-in. Who may not enter is told what a wrong password is told, and both go on record."""

    def confirm_login_allowed(self, user: Any) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            assert self.request is not None
            facts = {"reason": "not staff", "client": client(self.request)}
            events.record_refusal(Event.Kind.SIGN_IN_REFUSED, user, dialect=Dialect.SITE, **facts)
            raise


class OwnPasswordForm(PasswordChangeForm):
    """A new password of one's own; the present one is asked for, and counted like a sign-in when it is wrong."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        kind, here = Event.Kind.PASSWORD_CHANGED, client(self.request)
        try:
            credentials.confirm(self.user, old, kind=kind, dialect=Dialect.SITE, client=here)
        except DomainError as error:
            raise ValidationError(str(error.text)) from error
        return old

    def save(self, commit: bool = True) -> User:
        new = self.cleaned_data["new_password1"]
        credentials.replace_password(self.user, new, dialect=Dialect.SITE, client=client(self.request))
        return self.user


class StaffSite(admin.AdminSite):
    """The admin: for the networks the operator lets in, with every sign-in on record."""

    site_header = site_title = "authsite"
    index_title = gettext_lazy("Accounts, tokens and what happened")
    login_form = StaffAuthenticationForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def outer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _with_origin(inner(request, *args, **kwargs))

        return update_wrapper(outer, view)

    def has_permission(self, request: HttpRequest) -> bool:
        return _is_let_in(request) and super().has_permission(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not _is_let_in(request):
            raise PermissionDenied
        response = super().login(request, extra_context)
        if request.method == "POST" and isinstance(response, HttpResponseRedirect):
            assert isinstance(request.user, User)
            events.record(Event.Kind.SIGNED_IN, request.user, dialect=Dialect.SITE, client=client(request))
        return _with_origin(response)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "POST" and isinstance(request.user, User):
            events.record(Event.Kind.SIGN_IN_ENDED, request.user, dialect=Dialect.SITE, client=client(request))
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        # Django's own would save the account around our services.
        form = type("OwnPasswordForm", (OwnPasswordForm,), {"request": request})
        view = PasswordChangeView.as_view(
            form_class=form,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)


def _with_origin(response: Any) -> Any:
    # Under `no-referrer`, which the APIs answer with, a browser's form says `Origin: null`, and Django refuses it.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response


def _is_let_in(request: HttpRequest) -> bool:
    networks = conf.staff_networks()
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _in_bulk(deed: Deed, model_admin: StaffAdmin, request: HttpRequest, queryset: Any) -> None:
    model_admin.in_bulk(request, deed, queryset)
