"""Tell about an account."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from accounts.operators import OperatorCommand, account, add_json, add_user
from profiles.services import cards
from tokens.models import SignIn


class Command(OperatorCommand):
    """`show_user USER`: identifiers, rights, roles, sign-ins; no secret."""

    help = "Tell what is known about an account: identifiers, state, rights, roles, groups, permissions and sign-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser)
        add_json(parser)

    def run(self, **options: Any) -> None:
        user = account(options["user"])
        card = cards.card(user)
        newest = SignIn.objects.filter(user=user).order_by("-pk").first()
        facts = {
            "id": user.pk,
            "username": user.username,
            "email": user.email,
            "phone": user.phone,
            "first_name": card.profile.first_name,
            "last_name": card.profile.last_name,
            "middle_name": card.profile.middle_name,
            "is_active": user.is_active,
            "is_staff": user.is_staff,
            "is_superuser": user.is_superuser,
            "has_password": user.has_usable_password(),
            "created_at": user.created_at,
            "roles": [name for _, name in card.roles],
            "groups": [name for _, name in card.groups],
            "permissions": cards.permissions(user),
            "working_sign_ins": SignIn.objects.working().filter(user=user).count(),
            "newest_sign_in": newest and newest.started,
        }
        if options["json"]:
            self.tell(facts)
            return
        width = max(map(len, facts))
        for name, value in facts.items():
            self.say(f"{name:<{width}}  {_readable(value)}".rstrip())


def _readable(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return ", ".join(value) if isinstance(value, list) else str(value)
