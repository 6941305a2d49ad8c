"""Paths about what is told of a person."""

from accounts.dialects.paths import both
from profiles.views import cabinet

urlpatterns = [
    *both("account/me", cabinet.MeView),
    *both("account/edit/info", cabinet.EditInfoView),
    *both("info/users/", cabinet.DirectoryView),
    *both("info/users/search-<str:name>", cabinet.SearchView),
]
