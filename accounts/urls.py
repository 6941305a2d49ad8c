"""Paths about making an account and who it is."""

from accounts.dialects.paths import both
from accounts.views import cabinet, gigachat, goncord, registration

urlpatterns = [
    *both("account/registration", cabinet.RegistrationView),
    *both("account/login/check", cabinet.LoginCheckView),
    *both("authorization/registration", registration.RegisterView),
    *both("api/v0/users", goncord.UsersView),
    *both("register", gigachat.RegisterView),
    *both("api/v0/users/change_password", goncord.ChangePasswordView),
    *both("api/v0/roles", goncord.RolesView),
]
