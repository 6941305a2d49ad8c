"""The ledger on the staff's screens: who is signed in and where from, without a secret, and a way to end it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import DomainError, TokenNotWorking
from accounts.services import accounts, privileges
from accounts.staff import Deed, ReadOnlyAdmin, caller, facts, moment
from tokens.models import LedgerClosing, SignIn
from tokens.services import revocation

STARTED = moment("started", gettext_lazy("started"))
LAST_USED = moment("last_used", gettext_lazy("last used"))
EXPIRES = moment("expires", gettext_lazy("expires"))


class StateFilter(admin.SimpleListFilter):
    """Working sign-ins, or all."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("working", _("working"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.working() if self.value() == "working" else queryset


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    """Sign-ins, newest first."""

    list_display = (STARTED, "user", "state", "dialect", "agent", "ip", LAST_USED, EXPIRES)
    list_filter = (StateFilter, "dialect", "started")
    lookups = ("user__id__exact",)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("user",)
    search_help_text = gettext_lazy("A user name, an e-mail, a phone or an account id.")
    fields = ("user", "dialect", "agent", "ip", "started", "last_used", "expires", "revoked", "state")
    deeds = (
        Deed(
            "end",
            gettext_lazy("End"),
            gettext_lazy("Its token stops working at once."),
            gettext_lazy("ended."),
            "tokens.change_signin",
            lambda request, sign_in: end(request, sign_in),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SignIn]:
        return super().get_queryset(request).select_related("user").annotate(closed=LedgerClosing.objects.upto())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.everybody_view)
        return [path("everybody/", view, name="tokens_signin_everybody"), *super().get_urls()]

    def list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        if not request.user.is_superuser:
            return []
        return [(reverse("admin:tokens_signin_everybody"), _("End all sign-ins of everybody"))]

    def everybody_view(self, request: HttpRequest) -> HttpResponseBase:
        """Ask, then end every sign-in of everybody; the session of the caller stays."""
        if not request.user.is_superuser:
            raise PermissionDenied
        if request.method != "POST":
            question = _("Every token stops working at once, in every dialect, and so do all sessions here but yours.")
            return self.asked(request, _("End all sign-ins of everybody"), question)
        count = revocation.revoke_everybody(**facts(request))
        user = caller(request)
        user.refresh_from_db(fields=["credentials_stamp"])
        update_session_auth_hash(request, user)
        messages.success(request, _("%(count)d sign-ins ended.") % {"count": count})
        return HttpResponseRedirect(reverse("admin:tokens_signin_changelist"))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(user=accounts.look_up(search_term.strip())), False
        except DomainError:
            return queryset.none(), False

    def may(self, request: HttpRequest, permission: str, thing: Any = None) -> bool:
        allowed = super().may(request, permission)
        return allowed and (thing is None or privileges.may_act_on(caller(request), thing.user))

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: SignIn) -> str:
        if row.revoked or row.pk <= row.closed:  # type: ignore[attr-defined]
            return _("ended")
        if row.expires <= timezone.now():
            return _("expired")
        if not row.user.is_active:
            return _("account deactivated")
        if row.stamp != row.user.credentials_stamp:
            return _("ended with the password")
        return _("working")


def end(request: HttpRequest, sign_in: SignIn) -> bool:
    """End one sign-in; False when it was over already."""
    try:
        revocation.revoke(sign_in, **facts(request))
    except TokenNotWorking:
        return False
    return True
