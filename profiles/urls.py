"""Paths about what is told of a person."""

from django.urls import path

from accounts.dialects.paths import both
from profiles.views import cabinet, goncord, media

urlpatterns = [
    *both("account/me", cabinet.MeView),
    *both("account/edit/info", cabinet.EditInfoView),
    *both("account/edit/avatar", cabinet.AvatarView),
    path("media/<path:name>", media.MediaView.as_view()),
    *both("info/users/", cabinet.DirectoryView),
    *both("info/users/search-<str:name>", cabinet.SearchView),
    *both("api/v0/menu", goncord.MenuView),
    *both("api/v0/resource/self_update", goncord.SelfUpdateView),
    *both("api/v0/resource/update", goncord.UpdateView),
]
