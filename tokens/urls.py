"""Paths about signing in and everything a token does."""

from accounts.dialects.paths import both
from tokens.views import cabinet, gigachat, goncord, registration

urlpatterns = [
    *both("account/login", cabinet.LoginView),
    *both("authorization/login/email", registration.EmailLoginView),
    *both("authorization/login/phone/number", registration.PhoneLoginView),
    *both("validate/jwt/refresh", registration.RefreshView),
    *both("validate/jwt/access", registration.AccessView),
    *both("api/v0/tokens", goncord.TokensView),
    *both("api/v0/tokens/validate", goncord.ValidateView),
    *both("v0/tokens/validate", goncord.ValidateView),
    *both("auth", gigachat.AuthView),
    *both("control/tokens", gigachat.ControlView),
    *both("control/tokens/get", gigachat.VerifyView),
]
