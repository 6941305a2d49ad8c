"""Staff see which provider's accounts open an account; they change nothing, and there is no token to see."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from accounts.errors import DomainError
from accounts.services import accounts
from accounts.staff import ReadOnlyAdmin
from oauth_providers.models import LinkedIdentity


@admin.register(LinkedIdentity)
class LinkedIdentityAdmin(ReadOnlyAdmin):
    """An identity is tied by its owner, and untied by them (`services.linking`)."""

    list_display = ("created_at", "provider", "uid", "user")
    list_filter = ("provider", "created_at")
    list_select_related = ("user",)
    ordering = ("-id",)
    fields = ("provider", "uid", "user", "created_at")
    search_fields = ("uid",)
    search_help_text = gettext_lazy(
        "The provider's user id, or the user name, e-mail, phone or account id it belongs to."
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        found = queryset.filter(uid=text)
        try:
            return found | queryset.filter(user=accounts.look_up(text)), False
        except DomainError:
            return found, False
