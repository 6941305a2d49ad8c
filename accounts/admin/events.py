"""Security events on the staff's screens: read only, newest first."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy

from accounts import identifiers
from accounts.errors import DomainError
from accounts.models import Event
from accounts.services import accounts
from accounts.staff import ReadOnlyAdmin, moment


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, to whom, by whom."""

    list_display = (moment("time", gettext_lazy("time")), "kind", "succeeded", "whom", "dialect", "ip", "actor", "what")
    list_filter = ("kind", "succeeded", "dialect", "time")
    lookups = ("user_ref",)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("user_ref",)
    search_help_text = gettext_lazy(
        "A user name, an e-mail, a phone or an account id, also of an account that is gone."
    )
    fields = ("time", "kind", "succeeded", "user", "user_ref", "dialect", "ip", "agent", "actor", "details")

    @admin.display(description=gettext_lazy("user"))
    def whom(self, event: Event) -> str:
        # Of an account that is gone the number is left.
        return str(event.user or event.user_ref or "-")

    @admin.display(description=gettext_lazy("details"))
    def what(self, event: Event) -> str:
        text = ", ".join(f"{name}: {value}" for name, value in event.details.items())
        return Truncator(text).chars(120) or "-"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        try:
            wanted = accounts.look_up(text).pk
        except DomainError:
            wanted = identifiers.account_id(text) or 0
        return queryset.filter(user_ref=wanted), False
