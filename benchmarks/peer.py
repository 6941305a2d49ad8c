"""The directory as it is usually written with Django REST framework: a `ListAPIView` and nested serializers.

It prefetches what it shows, so that it is a fair peer: four queries, whatever the number of accounts.
"""

from typing import Any

from django.contrib.auth.models import Group
from django.urls import include, path
from rest_framework import generics, serializers

from accounts.models import Role, User


class GroupSerializer(serializers.ModelSerializer[Group]):
    """A group."""

    class Meta:
        model = Group
        fields = ("id", "name")


class RoleSerializer(serializers.ModelSerializer[Role]):
    """A role."""

    class Meta:
        model = Role
        fields = ("id", "name")


class UserSerializer(serializers.ModelSerializer[User]):
    """An account with its profile's values, its groups and roles."""

    login = serializers.CharField(source="username")
    first_name = serializers.CharField(source="profile.first_name", default="")
    last_name = serializers.CharField(source="profile.last_name", default="")
    patronymic = serializers.CharField(source="profile.middle_name", default="")
    birthday = serializers.DateField(source="profile.birthdate", default=None)
    description = serializers.CharField(source="profile.description", default="")
    background_color = serializers.CharField(source="profile.background_color", default="")
    avatar = serializers.CharField(source="profile.avatar", default="")
    groups = GroupSerializer(many=True)
    roles = RoleSerializer(many=True)

    class Meta:
        model = User
        fields = (
            *("id", "login", "email", "first_name", "last_name", "created_at", "description", "background_color"),
            *("birthday", "patronymic", "avatar", "groups", "roles"),
        )


class UserList(generics.ListAPIView[User]):
    """GET /peer: every active account."""

    queryset = (
        User.objects.filter(is_active=True).select_related("profile").prefetch_related("groups", "roles").order_by("id")
    )
    serializer_class: Any = UserSerializer


urlpatterns = [path("peer", UserList.as_view()), path("", include("authsite.urls"))]
