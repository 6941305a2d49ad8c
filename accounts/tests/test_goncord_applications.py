"""goncord: what an application may do to the user whose token comes along, and what nobody may without one."""

import json
from datetime import date, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.digests import digest
from accounts.models import Application, Event, Role, User
from accounts.services import applications, roles
from accounts.tests.factories import make_application, make_user
from accounts.tests.goncord import DMITRY_SHOWN, Goncord
from profiles.models import ApplicationPayload, Profile
from tokens.models import SignIn

pytestmark = pytest.mark.django_db

USERS = "/api/v0/users"
ROLES = "/api/v0/roles"
SELF = "/api/v0/resource/self_update"
UPDATE = "/api/v0/resource/update"
FORBIDDEN = {"error": "This call needs the token of an application that may make it."}
UNAUTHORIZED = {"error": "The token is missing or no longer works."}
# Every call that an application's token opens, with a body that would change something.
ACTS = [
    pytest.param(
        "PATCH", USERS, {"first_name": "Пётр", "roles": ["a"], "apps": {"https://site.example": {}}}, id="users"
    ),
    pytest.param("POST", ROLES, {"roles": ["a"]}, id="grant"),
    pytest.param("DELETE", ROLES, {"roles": ["held"]}, id="withdraw"),
    pytest.param("PATCH", SELF, {"a": 1}, id="self_update"),
    pytest.param("PATCH", UPDATE, {"https://site.example": {"a": 1}}, id="update"),
]


@pytest.fixture
def site():
    return make_application()


@pytest.fixture
def top():
    return make_application("https://top.example", is_super=True)


@pytest.fixture
def goncord(client, site, top):
    """The seed's user, registered and signed in with one role, beside a super application's token."""
    goncord = Goncord(client)
    goncord.register()
    goncord.sign_in(login="test", password="password")
    roles.grant(User.objects.get(), ["held"], actor="test")
    goncord.application = top[1]
    return goncord


def state():
    """Everything that these calls could change."""
    return (
        list(Role.objects.values_list("name", flat=True)),
        list(User.roles.through.objects.values_list("user", "role__name")),
        list(ApplicationPayload.objects.values_list("user", "application", "payload")),
        list(Profile.objects.values()),
        list(User.objects.values("username", "is_staff", "is_superuser", "password")),
    )


# Who may.


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
def test_no_application_is_a_403(goncord, method, path, body):
    before = state()
    for token in (None, "", " ", "null", "undefined", "x" * 10_000, "3333cd49-ee9e-4ece-aa4f-345d236a7416", "\u044f"):
        extra = {} if token is None else {"HTTP_X_APP_TOKEN": token.encode().decode("latin-1")}
        response = goncord.client.generic(
            method,
            path,
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {goncord.jwt}"},
            **extra,
        )
        assert (response.status_code, response.json()) == (403, FORBIDDEN), token
    assert state() == before


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
def test_an_application_may_what_its_status_says(goncord, site, top, method, path, body):
    before = state()
    goncord.application = site[1]
    allowed = goncord.call(method, path, body)
    if path == SELF:
        assert allowed.status_code == 200
        assert state() != before
    else:
        assert (allowed.status_code, allowed.json()) == (403, FORBIDDEN)
        assert state() == before
    goncord.application = top[1]
    assert goncord.call(method, path, body).status_code in (200, 204)
    assert state() != before


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
@pytest.mark.parametrize("change", [{"is_super": False}, {"is_active": False}, {"token_digest": digest("other")}, None])
def test_what_the_operator_takes_away_is_gone_at_once(goncord, top, method, path, body, change):
    if path == SELF and change == {"is_super": False}:
        pytest.skip("needs no such status")
    assert goncord.changed().status_code == 200
    if change is None:
        top[0].delete()
    else:
        Application.objects.filter(pk=top[0].pk).update(**change)
    before = state()
    response = goncord.call(method, path, body)
    assert (response.status_code, response.json()) == (403, FORBIDDEN)
    assert state() == before


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
@pytest.mark.parametrize("jwt", ["", "nonsense", "a.b.c"])
def test_an_application_without_a_user_changes_nobody(goncord, method, path, body, jwt):
    before = state()
    goncord.jwt = jwt
    response = goncord.call(method, path, body)
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)
    goncord.application = "nonsense"
    assert goncord.call(method, path, body).status_code == 401
    assert state() == before
    assert not Event.objects.filter(kind=Event.Kind.APPLICATION_USED).exists()


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
def test_the_token_of_a_user_who_is_gone_is_a_401(goncord, method, path, body):
    User.objects.update(is_active=False)
    before = state()
    assert goncord.call(method, path, body).status_code == 401
    assert state() == before


def test_both_tokens_are_good_while_a_site_is_redeployed(goncord, site):
    application, first = site
    second = applications.rotate_token(application, actor="test")
    for token in (first, second):
        goncord.application = token
        assert goncord.call("PATCH", SELF, {"by": token}).status_code == 200
    third = applications.rotate_token(application, actor="test")
    works = []
    for token in (first, second, third):
        goncord.application = token
        works.append(goncord.call("PATCH", SELF, {}).status_code)
    assert works == [403, 200, 200]
    applications.end_previous_token(application, actor="test")
    goncord.application = second
    assert goncord.call("PATCH", SELF, {}).status_code == 403
    fourth = applications.rotate_token(application, at_once=True, actor="test")
    goncord.application = third
    assert goncord.call("PATCH", SELF, {}).status_code == 403
    goncord.application = fourth
    assert goncord.call("PATCH", SELF, {}).status_code == 200


def test_a_token_is_kept_as_a_digest_only(site):
    application, token = site
    assert len(token) == 43
    stored = Application.objects.filter(pk=application.pk).values().get()
    assert bytes(stored["token_digest"]) == digest(token)
    assert token not in str(stored)
    assert token not in str(list(Event.objects.values()))


def test_use_is_recorded_once_a_minute(goncord, top):
    for _ in range(3):
        assert goncord.changed().status_code == 200
    used = Event.objects.get(kind=Event.Kind.APPLICATION_USED)
    user = User.objects.get()
    assert (used.user, used.dialect, used.actor) == (user, "goncord", "app:https://top.example")
    assert used.details == {"application": "https://top.example"}
    first = Application.objects.get(pk=top[0].pk).last_used
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        goncord.changed()
        goncord.changed()
    assert Event.objects.filter(kind=Event.Kind.APPLICATION_USED).count() == 2
    assert Application.objects.get(pk=top[0].pk).last_used > first


# PATCH /api/v0/users.


@pytest.mark.parametrize("path", [USERS, f"{USERS}/"])
def test_the_user_is_changed_as_the_seed_prints_it(goncord, path):
    body = {
        "first_name": "Пётр",
        "last_name": "Л",
        "second_name": "И",
        "birthday": "2001-02-03",
        "roles": [],
        "apps": {},
    }
    response = goncord.call("PATCH", path, body)
    changed = {**DMITRY_SHOWN, "first_name": "Пётр", "last_name": "Л", "second_name": "И", "birthday": "2001-02-03"}
    assert (response.status_code, response.json()) == (200, changed)
    assert goncord.validate().json() == changed
    event = Event.objects.get(kind=Event.Kind.ACCOUNT_CHANGED)
    assert event.actor == "app:https://top.example"
    assert event.details["fields"] == ["apps", "birthdate", "first_name", "last_name", "middle_name", "roles"]


def test_what_is_absent_stays_and_null_clears(goncord):
    held = {**DMITRY_SHOWN, "roles": [{"name": "held"}]}
    for absent in ({}, {"first_name": "", "birthday": "", "roles": "", "apps": ""}, {"roles": None, "apps": None}):
        assert goncord.changed(**absent).json() == held
    cleared = goncord.changed(first_name=None, last_name=None, second_name=None, birthday=None).json()
    assert cleared == {**held, "first_name": None, "last_name": None, "second_name": None, "birthday": None}
    profile = Profile.objects.get()
    assert (profile.first_name, profile.birthdate) == ("", None)


def test_roles_are_replaced_and_missing_ones_made(goncord):
    Role.objects.create(name="known")
    response = goncord.changed(roles=["new", {"name": "known"}, "new", {"name": "new", "id": 5}])
    assert response.json()["roles"] == [{"name": "known"}, {"name": "new"}]
    assert goncord.changed(roles=[]).json()["roles"] == []
    assert list(Role.objects.values_list("name", flat=True)) == ["held", "known", "new"]
    events = Event.objects.filter(kind=Event.Kind.ROLES_CHANGED, actor="app:https://top.example").order_by("id")
    assert [event.details for event in events] == [
        {"added": ["known", "new"], "removed": ["held"]},
        {"added": [], "removed": ["known", "new"]},
    ]


def test_payloads_are_replaced_one_by_one_and_null_removes(goncord, site, top):
    assert goncord.changed(apps={"https://site.example": {"a": {"b": [1]}}}).json()["apps"] == {
        "https://site.example": {"a": {"b": [1]}}
    }
    both = {"https://site.example": {"a": {"b": [1]}}, "https://top.example": {"c": None}}
    assert goncord.changed(apps={"https://top.example": {"c": None}}).json()["apps"] == both
    assert goncord.changed(apps={"https://site.example": {}}).json()["apps"] == {**both, "https://site.example": {}}
    assert goncord.changed(apps={"https://site.example": None}).json()["apps"] == {"https://top.example": {"c": None}}


def test_rights_never_come_from_a_role_or_a_body(goncord):
    admin = Role.objects.create(name="admin")
    admin.permissions.set(Permission.objects.all())
    Group.objects.create(name="admin")
    keys = {"is_staff": True, "is_superuser": True, "is_active": False, "id": 7, "groups": ["admin"]}
    response = goncord.changed(
        roles=["admin", "superuser", "staff"], login="other", email="o@x.ru", password="1", **keys
    )
    assert response.status_code == 200
    assert (response.json()["login"], response.json()["email"]) == ("test", "test@gmail.com")
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert not user.groups.exists()
    assert not user.has_perm("accounts.change_user")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"first_name": 5}, "first_name", id="name-a-number"),
        pytest.param({"first_name": "x" * 257}, "first_name", id="long-name"),
        pytest.param({"first_name": "a\r\nb"}, "first_name", id="name-of-two-lines"),
        pytest.param({"last_name": "a\U0001ffff"}, "last_name", id="name-no-character"),
        pytest.param({"second_name": "a\x00"}, "second_name", id="name-nul"),
        pytest.param({"birthday": "yesterday"}, "birthday", id="birthday-spelling"),
        pytest.param({"birthday": "1899-12-31"}, "birthday", id="too-old"),
        pytest.param({"roles": "held"}, "roles", id="roles-a-string"),
        pytest.param({"roles": {"name": "held"}}, "roles", id="roles-an-object"),
        pytest.param({"roles": [1]}, "roles", id="role-a-number"),
        pytest.param({"roles": [None]}, "roles", id="role-null"),
        pytest.param({"roles": [["a"]]}, "roles", id="role-a-list"),
        pytest.param({"roles": [{}]}, "roles", id="role-without-name"),
        pytest.param({"roles": [{"name": 1}]}, "roles", id="role-named-by-a-number"),
        pytest.param({"roles": [""]}, "roles", id="role-empty"),
        pytest.param({"roles": [" a"]}, "roles", id="role-blank-edge"),
        pytest.param({"roles": ["a\x00"]}, "roles", id="role-nul"),
        pytest.param({"roles": ["x" * 151]}, "roles", id="role-long"),
        pytest.param({"roles": [str(n) for n in range(201)]}, "roles", id="too-many-roles"),
        pytest.param({"apps": []}, "apps", id="apps-a-list"),
        pytest.param({"apps": {"https://unknown.example": {}}}, "https://unknown.example", id="app-unknown"),
        pytest.param({"apps": {"https://unknown.example": None}}, "https://unknown.example", id="unknown-removed"),
        pytest.param({"apps": {"https://site.example": []}}, "https://site.example", id="payload-a-list"),
        pytest.param({"apps": {"https://site.example": "x"}}, "https://site.example", id="payload-a-string"),
        pytest.param({"apps": {"https://site.example": {"a": "\x00"}}}, "https://site.example", id="payload-nul"),
        pytest.param({"apps": {"\x00": {}}}, "\x00", id="app-nul"),
    ],
)
def test_one_wrong_field_changes_nothing(goncord, changes, field):
    before = state()
    response = goncord.changed(**{"last_name": "Другая", "roles": ["new"], **changes})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]
    assert state() == before
    assert not Event.objects.filter(kind=Event.Kind.ACCOUNT_CHANGED).exists()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=B"])
def test_a_form_says_roles_and_apps_in_json(goncord, content_type):
    fields = {"first_name": "Пётр", "roles": '["a", {"name": "b"}]', "apps": '{"https://site.example": {"n": 1}}'}
    body = "&".join(f"{name}={text}" for name, text in fields.items())
    if content_type.startswith("multipart"):
        part = '--B\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        body = "".join(part.format(*field) for field in fields.items()) + "--B--\r\n"
    headers = {"Authorization": f"Bearer {goncord.jwt}", "x-app-token": goncord.application}
    response = goncord.client.generic("PATCH", USERS, body.encode(), content_type=content_type, headers=headers)
    assert response.status_code == 200
    assert response.json()["first_name"] == "Пётр"
    assert response.json()["roles"] == [{"name": "a"}, {"name": "b"}]
    assert response.json()["apps"] == {"https://site.example": {"n": 1}}


def test_a_form_that_says_roles_otherwise_is_unreadable(goncord):
    before = state()
    headers = {"Authorization": f"Bearer {goncord.jwt}", "x-app-token": goncord.application}
    form = "application/x-www-form-urlencoded"
    response = goncord.client.generic("PATCH", USERS, b"roles=a", content_type=form, headers=headers)
    assert response.status_code == 400
    assert state() == before


# /api/v0/roles.


def test_roles_are_granted_in_the_order_asked_for(goncord):
    response = goncord.call("POST", ROLES, {"roles": ["b", "held", "a", "b"]})
    assert (response.status_code, response.json()) == (200, [{"name": "b"}, {"name": "held"}, {"name": "a"}])
    assert goncord.validate().json()["roles"] == [{"name": "a"}, {"name": "b"}, {"name": "held"}]
    again = goncord.call("POST", f"{ROLES}/", {"roles": ["b"]})
    assert (again.status_code, again.json()) == (200, [{"name": "b"}])
    assert goncord.call("POST", ROLES, {"roles": []}).json() == []


def test_roles_are_withdrawn(goncord):
    goncord.call("POST", ROLES, {"roles": ["a", "b"]})
    response = goncord.call("DELETE", ROLES, {"roles": ["a", "never", "held"]})
    assert (response.status_code, response.content) == (204, b"")
    assert goncord.validate().json()["roles"] == [{"name": "b"}]
    assert goncord.call("DELETE", ROLES, {"roles": ["a"]}).status_code == 204
    assert not Role.objects.filter(name="never").exists()


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("body", [{}, {"roles": "a"}, {"roles": {"a": 1}}, {"roles": [5]}, {"roles": ["x" * 151]}, ""])
def test_roles_are_a_list_of_names(goncord, method, body):
    before = state()
    response = goncord.call(method, ROLES, body)
    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["roles"]
    assert state() == before


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("body", ["[]", "null", "{", '"roles"'])
def test_roles_in_no_object_are_a_400(goncord, method, body):
    before = state()
    assert goncord.call(method, ROLES, body).status_code == 400
    assert state() == before


def test_only_the_user_of_the_token_is_touched(goncord):
    other = make_user("other", email="other@x.ru")
    roles.grant(other, ["held"], actor="test")
    before = list(User.objects.filter(pk=other.pk).values())
    goncord.changed(login="other", email="other@x.ru", id=other.pk, first_name="Чужой", roles=[])
    goncord.call("DELETE", ROLES, {"roles": ["held"], "login": "other", "user": other.pk})
    assert list(other.roles.values_list("name", flat=True)) == ["held"]
    assert not Profile.objects.filter(user=other).exists()
    assert list(User.objects.filter(pk=other.pk).values()) == before


# The cookie alone.


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        *ACTS,
        pytest.param(
            "POST",
            "/api/v0/users/change_password",
            {"old_password": "password", "new_password": "evil-one"},
            id="password",
        ),
    ],
)
def test_a_foreign_page_cannot_act_with_the_cookie(goncord, method, path, body):
    goncord.client.cookies["jwt"], goncord.jwt = goncord.jwt, ""
    before = state()
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        response = goncord.call(method, path, body, **headers)
        assert (response.status_code, response.json()) == (
            403,
            {"error": "A page of another site cannot do this with a cookie. Send the token in `Authorization`."},
        ), headers
    assert state() == before
    assert goncord.validate().status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://testserver"},
        {"Origin": "http://public.example:8443"},
        {"Origin": "https://front.example"},
        {"Origin": "https://any.front.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_ours_or_an_allowed_one_can(goncord, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.PUBLIC_URL = "http://public.example:8443"
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    settings.CORS_ALLOWED_ORIGIN_REGEXES = [r"^https://[a-z]+\.front\.example$"]
    goncord.client.cookies["jwt"], goncord.jwt = goncord.jwt, ""
    response = goncord.call("POST", ROLES, {"roles": ["a"]}, **headers)
    assert (response.status_code, response.json()) == (200, [{"name": "a"}])


def test_a_header_however_bad_beats_the_cookie(goncord):
    goncord.client.cookies["jwt"], goncord.jwt = goncord.jwt, ""
    before = state()
    for header in ("", "Bearer", "Bearer nonsense"):
        for method, path, body in [param.values for param in ACTS]:
            response = goncord.client.generic(
                method,
                path,
                json.dumps(body),
                content_type="application/json",
                headers={"x-app-token": goncord.application, "Origin": "http://testserver"},
                HTTP_AUTHORIZATION=header,
            )
            assert (response.status_code, response.json()) == (401, UNAUTHORIZED)
    assert state() == before


def test_a_bad_cookie_is_a_401_before_it_is_a_403(goncord):
    goncord.client.cookies["jwt"], goncord.jwt = "nonsense", ""
    assert goncord.call("POST", ROLES, {"roles": ["a"]}, Origin="https://evil.example").status_code == 401


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_cross_site_form_changes_nothing(goncord, content_type):
    goncord.client.cookies["jwt"] = goncord.jwt
    before = state()
    response = goncord.client.generic(
        "POST",
        "/api/v0/users/change_password",
        b'{"old_password": "password", "new_password": "evil-one"}',
        content_type=content_type,
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert response.status_code in (403, 415)
    assert state() == before


# Methods.


@pytest.mark.parametrize("override", [{"X-HTTP-Method-Override": "PATCH"}, {"X-HTTP-Method-Override": "DELETE"}])
def test_no_header_or_field_changes_the_method(goncord, override):
    before = state()
    assert goncord.call("GET", USERS, **override).status_code in (401, 405)
    assert goncord.call("POST", USERS, {"_method": "PATCH", "first_name": "Х"}, **override).status_code == 422
    assert goncord.call("POST", "/api/v0/tokens", {"_method": "DELETE"}, **override).status_code == 422
    assert state() == before
    assert goncord.validate().status_code == 200


@pytest.mark.parametrize("path", [USERS, "/api/v0/tokens", ROLES, SELF, UPDATE, "/api/v0/users/change_password"])
def test_other_methods_are_a_405(goncord, path):
    before = state()
    for method in ("HEAD", "GET", "OPTIONS", "TRACE", "PUT", "PROPFIND", "Patch", "delete"):
        response = goncord.call(method, path, {"roles": ["held"], "first_name": "X", "a": 1})
        assert response.status_code == 405, method
    assert state() == before
    assert SignIn.objects.filter(revoked__isnull=True).count() == 1


def test_the_date_of_today_is_a_birthday(goncord):
    today = timezone.now().date()
    assert goncord.changed(birthday=today.isoformat()).json()["birthday"] == today.isoformat()
    assert goncord.changed(birthday=(today + timedelta(days=1)).isoformat()).status_code == 422
    assert Profile.objects.get().birthdate == today
    assert date(1900, 1, 1) < today
