"""Paths of the three providers, as the registration dialect prints them."""

from django.urls import URLPattern

from accounts.dialects.paths import both
from oauth_providers.conf import PREFIXES
from oauth_providers.views import pages, registration


def paths_of(provider: str) -> list[URLPattern]:
    """The paths of one provider; their first segment is its name."""
    get_token = registration.DeviceGetTokenView if provider == "vk" else registration.GetTokenView
    return [
        *both(f"{provider}/link", registration.LinkView, provider=provider),
        *both(f"{provider}/get/token", get_token, provider=provider),
        *both(f"{provider}/registration", registration.RegistrationView, provider=provider),
        *both(f"{provider}/login", registration.LoginView, provider=provider),
        *both(f"{provider}/enter", pages.EnterView, provider=provider),
        *both(f"{provider}/callback", pages.CallbackView, provider=provider),
    ]


urlpatterns = [pattern for provider in PREFIXES for pattern in paths_of(provider)]
