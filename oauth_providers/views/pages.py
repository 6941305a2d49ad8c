"""Pages for people: where a provider sends the browser back to, and a sign-in of our own. In two languages."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.clients import Dialect
from accounts.dialects import registration
from oauth_providers import conf
from oauth_providers.errors import ConsentRefused
from oauth_providers.models import ProviderKey
from oauth_providers.serializers.registration import CallbackArguments
from oauth_providers.services import authorization, linking
from oauth_providers.services.authorization import Arrival

BROWSER_COOKIE = "oauth_browser"


class PageEnvelope(registration.RegistrationEnvelope):
    """Refusals as a readable page: whoever stands here is a person with a browser, not a program."""

    def __call__(self, error: BaseException, context: Mapping[str, Any]) -> Any:
        answered = super().__call__(error, context)
        is_unreadable = answered.status_code == 422
        facts = {
            "provider": ProviderKey(context["view"].provider).label,
            "text": self.texts[400] if is_unreadable else answered.data["message"],
            "declined": isinstance(error, ConsentRefused),
            "began_here": context["view"].began_here,
        }
        # A page is for a person: what a program would be told as 401, 409 or 422 is one kind of failure here.
        status = answered.status_code if answered.status_code in (403, 405, 429) or answered.status_code >= 500 else 400
        page = render(context["request"]._request, "oauth_providers/refused.html", facts, status=status)
        for name in ("Retry-After", "Allow"):
            if name in answered:
                page[name] = answered[name]
        return page


class ProviderPage(registration.RegistrationView):
    """A page about one provider; 503 while that provider is switched off."""

    dialect = Dialect.SITE
    envelope = PageEnvelope()
    provider: str = ""
    writes_on_get: ClassVar[bool] = True

    @property
    def began_here(self) -> bool:
        """Whether this is about a sign-in to this site, as far as the browser remembers; else an application's."""
        return BROWSER_COOKIE in self.request.COOKIES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        authorization.on(self.provider)
        super().initial(request, *args, **kwargs)

    def page(self, name: str, **facts: Any) -> HttpResponse:
        """One of `templates/oauth_providers/`."""
        facts["provider"] = ProviderKey(self.provider).label
        return render(self.request._request, f"oauth_providers/{name}.html", facts)


class EnterView(ProviderPage):
    """GET /{provider}/enter: a sign-in to this site itself. Only the browser that begins it can finish it."""

    began_here = True

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        browser = secrets.token_urlsafe(32)
        response = HttpResponseRedirect(authorization.begin(self.provider, browser=browser))
        # Lax, since the provider's redirect is a navigation from another site.
        response.set_cookie(
            BROWSER_COOKIE,
            browser,
            max_age=conf.attempt_seconds(),
            path=f"/{self.provider}/callback",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response


class CallbackView(ProviderPage):
    """GET /{provider}/callback: take the state and remember the code; then say how to go on, or go on."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        form = self.read(CallbackArguments)
        code = "" if form["error"] else form["code"]
        browser = request.COOKIES.get(BROWSER_COOKIE, "")
        arrival = authorization.arrive(
            self.provider, state=form["state"], code=code, browser=browser, client=self.client
        )
        return self.entered(arrival, form) if arrival.is_ours else self.returned(form)

    def returned(self, form: dict[str, str]) -> HttpResponse:
        """The attempt of an application: on to its front end if the operator named one, else a page."""
        brought = {name: form[name] for name in ("code", "device_id", "state") if form[name]}
        frontend_url = conf.provider(self.provider).frontend_url
        if not frontend_url:
            return self.page("returned", path=f"/{self.provider}/get/token", brought=brought)
        separator = "&" if "?" in frontend_url else "?"
        return HttpResponseRedirect(f"{frontend_url}{separator}{urlencode(brought, quote_via=quote)}")

    def entered(self, arrival: Arrival, form: dict[str, str]) -> HttpResponse:
        """The attempt of our own page: finished here."""
        tokens = authorization.finish(arrival, code=form["code"], device_id=form["device_id"], client=self.client)
        identity = authorization.identify(self.provider, tokens.access_token, client=self.client)
        user = linking.enter(identity, client=self.client)
        login(self.request._request, user, backend="accounts.backends.AccountBackend")
        response = self.page("entered", user=user)
        response.delete_cookie(BROWSER_COOKIE, path=f"/{self.provider}/callback", samesite="Lax")
        return response
