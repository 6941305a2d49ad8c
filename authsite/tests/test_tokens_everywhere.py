"""Every type of token on every call that takes one: what opens, what does not, and from when on."""

from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.dialects.base import DialectView
from accounts.models import User
from accounts.services import credentials
from accounts.tests.factories import make_user
from authsite.tests.doors import (
    CALLS,
    FRONT_DOORS,
    ISSUED,
    PASSWORD,
    PROVIDER_SETTINGS,
    send,
    sign_in_everywhere,
    super_application,
)
from authsite.tests.undoing import undone
from tokens import conf
from tokens.models import SignIn

EVERY_CALL = pytest.mark.parametrize("call", CALLS, ids=str)
# What is written about a refusal.
RECORDS = ("Event", "AttemptCounter")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _providers_on_and_nothing_counted(settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    for name, value in PROVIDER_SETTINGS.items():
        setattr(settings, name, value)


@pytest.fixture
def user():
    user = make_user("ivan", email="ivan@example.org", phone="+79991234567")
    super_application()
    return user


@pytest.fixture
def tokens(client, user):
    return sign_in_everywhere(client, user)


def everything():
    """All that is stored, but for the records of refusals."""
    models = [model for model in apps.get_models(include_auto_created=True) if model.__name__ not in RECORDS]
    return {model.__name__: sorted(map(repr, model.objects.values_list())) for model in models}


@EVERY_CALL
def test_a_call_opens_to_its_own_types_only(client, user, tokens, call):
    before = everything()
    for token_type in ISSUED:
        with undone():
            response = call(client, tokens[token_type], user)
            if token_type in call.opens:
                assert call.opened(response), (token_type, response.content)
            else:
                assert call.refuses(response), (token_type, response.content)
                assert everything() == before, token_type


@EVERY_CALL
def test_what_is_no_token_opens_nothing(client, user, call):
    before = everything()
    # What is absent altogether may be told apart from what is wrong.
    assert not call.opened(call(client, "", user))
    for token in ("x", "user.1.x", "a.b.c", "0" * 64, "п", "null", "Bearer", "[]", "\ud800", "\x00", "x" * 5_000):
        response = call(client, token, user)
        assert call.refuses(response), (token, response.content)
    assert everything() == before


def revoke(user):
    SignIn.objects.filter(user=user).update(revoked=timezone.now())


def deactivate(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user):
    User.objects.get(pk=user.pk).delete()


def change_password(user):
    credentials.replace_password(User.objects.get(pk=user.pk), "Another-horse2")


@EVERY_CALL
def test_the_very_next_call_after_the_end_is_refused(client, user, tokens, call):
    token_types = sorted(call.opens & set(ISSUED))
    for ending in (revoke, deactivate, delete, change_password):
        with undone():
            for token_type in token_types:
                if not call.is_final:
                    assert call.opened(call(client, tokens[token_type], user)), (ending, token_type)
            ending(user)
            before = everything()
            for token_type in token_types:
                response = call(client, tokens[token_type], user)
                assert call.refuses(response), (ending, token_type, response.content)
            assert everything() == before, ending


@EVERY_CALL
def test_a_token_ends_with_its_row(client, user, call):
    for token_type in sorted(call.opens & set(ISSUED)):
        with time_machine.travel("2026-01-02 03:04:05+00:00", tick=False) as clock:
            token = sign_in_everywhere(client, user)[token_type]
            row = SignIn.objects.filter(dialect=token_type.split("-")[0]).latest("id")
            life = conf.access_lifetime() if token_type == "registration-access" else conf.lifetime(row.dialect)
            clock.move_to(row.started + life)
            assert call.refuses(call(client, token, user))
            clock.move_to(row.started + life - timedelta(seconds=1))
            assert call.opened(call(client, token, user))
        SignIn.objects.all().delete()
        User.objects.filter(pk=user.pk).update(password=user.password)


@pytest.mark.parametrize("call", [call for call in CALLS if call.is_final], ids=str)
def test_a_call_that_ends_the_sign_in_ends_it_for_every_dialect(client, user, tokens, call):
    first = sorted(call.opens & set(ISSUED))[0]
    assert call.opened(call(client, tokens[first], user))
    ended = set(ISSUED) if call.path == "/control/tokens" else {first}
    if call.path.endswith("change_password"):
        ended = set(ISSUED) - {first}
    for other in CALLS:
        for token_type in sorted(other.opens & ended):
            assert other.refuses(other(client, tokens[token_type], user)), (str(other), token_type)
        for token_type in sorted(other.opens & (set(ISSUED) - ended)):
            if not other.is_final and other.method == "GET":
                assert other.opened(other(client, tokens[token_type], user)), (str(other), token_type)


@pytest.mark.parametrize("door", FRONT_DOORS, ids=str)
def test_a_call_that_needs_no_token_ignores_every_token(client, user, tokens, door):
    """Neither a working token of somebody else nor a bad one changes what a sign-in answers."""
    for presented in (*tokens.values(), "rubbish", "\xd0\xbf"):
        client.cookies["jwt"] = client.cookies["access"] = client.cookies["refresh"] = presented
        response = door(client, "ivan", PASSWORD, authorization=f"Bearer {presented}")
        assert response.status_code == door.status
        response = door(client, "ivan", "wrong" + PASSWORD, authorization=f"Bearer {presented}")
        assert response.status_code == door.refused[0]


def test_a_cookie_opens_only_what_reads_cookies(client, user, tokens):
    for name in ("jwt", "access", "refresh", "token", "Authorization", "sessionid"):
        for token in tokens.values():
            client.cookies.clear()
            client.cookies[name] = token
            for path in ("/account/me", "/control/tokens", "/control/tokens/get"):
                response = send(client, "GET", path, query={"id": str(user.pk)})
                assert response.status_code in (403, 404, 406), (path, name, response.content)


def views():
    """Every view of a dialect in the URLconf, with its route."""

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                view = getattr(pattern.callback, "view_class", None)
                if view is not None and issubclass(view, DialectView):
                    yield route, view

    return list(walk(get_resolver().url_patterns, "/"))


def test_every_call_that_asks_for_a_token_is_tried_above():
    """A path that refuses a caller without a token, or opens to one, and has no row in `doors.CALLS` fails here."""
    tried = {(call.method, call.path) for call in CALLS}
    untried = []
    for route, view in views():
        asks = set()
        for method in ("GET", "POST", "PATCH", "DELETE"):
            if not hasattr(view, method.lower()):
                continue
            instance = view()
            instance.request = type("Asked", (), {"method": method})()
            if instance.get_authenticators():
                asks.add(method)
        for method in asks:
            path = route.removesuffix("/").replace("/vk/", "/yandex/").replace("/mail.ru/", "/yandex/")
            if (method, path) not in tried:
                untried.append((method, path))
    assert not untried
