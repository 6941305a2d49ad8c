"""What we compare with: the calls as one writes them first with Django REST framework and simplejwt.

The directory is a `ListAPIView` with nested serializers that prefetches what it shows: four queries, whatever the
number of accounts. `/users/me/` is djoser's: a JWT, the account it names, and a model serializer over that.
"""

from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework_simplejwt.views import TokenObtainPairView

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
    """GET /users/: every active account, or the one with an `id`."""

    queryset = (
        User.objects.filter(is_active=True).select_related("profile").prefetch_related("groups", "roles").order_by("id")
    )
    serializer_class: Any = UserSerializer

    def filter_queryset(self, queryset: Any) -> Any:
        number = self.request.query_params.get("id")
        return queryset if number is None else queryset.filter(pk=number)


class OwnUserSerializer(serializers.ModelSerializer[User]):
    """An account as djoser shows it to its owner."""

    class Meta:
        model = User
        fields = ("id", "email", "username")


class Me(generics.RetrieveAPIView[User]):
    """GET /users/me/: the account whose JWT is presented."""

    permission_classes = (IsAuthenticated,)
    serializer_class: Any = OwnUserSerializer

    def get_object(self) -> Any:
        return self.request.user


def healthz(request: HttpRequest) -> HttpResponse:
    """GET /healthz: it runs."""
    return HttpResponse()


urlpatterns = [
    path("healthz", healthz),
    path("jwt/create/", TokenObtainPairView.as_view()),
    path("users/", UserList.as_view()),
    path("users/me/", Me.as_view()),
]
