"""Paths about signing in and everything a token does."""

from accounts.dialects.paths import both
from tokens.views import cabinet

urlpatterns = [
    *both("account/login", cabinet.LoginView),
]
