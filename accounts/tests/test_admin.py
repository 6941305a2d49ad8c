"""The staff's screens, as superuser and as limited staff, through Django's test client."""

import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client as Browser
from django.urls import reverse
from PIL import Image

from accounts.clients import Dialect
from accounts.errors import ApplicationNotAllowed
from accounts.models import Application, CatalogueVersion, Event, Role, User
from accounts.services import accounts, applications, credentials, roles
from accounts.tests.factories import HERE, PASSWORD, make_user
from profiles.models import ApplicationPayload, Profile
from profiles.services import avatars, cards
from tokens.models import SignIn
from tokens.services import ledger

pytestmark = pytest.mark.django_db
BY = "command"
USERS = "/admin/accounts/user/"


def staff(username, *permissions, superuser=False):
    user = make_user(username)
    accounts.edit(user, actor=BY, is_staff=True, is_superuser=superuser)
    names = [permission.partition(".") for permission in permissions]
    held = [Permission.objects.get(content_type__app_label=app, codename=codename) for app, _, codename in names]
    accounts.set_permissions(user, held, actor=BY)
    return user


def browser_of(user):
    browser = Browser(REMOTE_ADDR="192.0.2.7", headers={"user-agent": "Staff browser"})
    browser.force_login(user)
    return browser


@pytest.fixture
def root():
    return staff("root", superuser=True)


@pytest.fixture
def admin(root):
    return browser_of(root)


@pytest.fixture
def helper():
    return staff("helper", "accounts.view_user", "accounts.change_user", "accounts.delete_user", "accounts.view_role")


@pytest.fixture
def desk(helper):
    return browser_of(helper)


def everything():
    return {
        "users": list(User.objects.order_by("pk").values()),
        "roles": list(User.roles.through.objects.values_list("user_id", "role__name")),
        "groups": list(User.groups.through.objects.values_list("user_id", "group__name")),
        "permissions": list(User.user_permissions.through.objects.values_list("user_id", "permission_id")),
        "catalogue": list(Role.permissions.through.objects.values_list("role__name", "permission_id")),
        "applications": list(Application.objects.values()),
        "profiles": list(Profile.objects.values()),
        "events": Event.objects.count(),
    }


def page_of(user, what="change"):
    return f"{USERS}{user.pk}/{what}/"


def form_of(browser, path, **changes):
    """What a browser would send from the form at `path`, with `changes`; None unticks or empties."""
    form = browser.get(path).context["adminform"].form
    formsets = browser.get(path).context["inline_admin_formsets"]
    data: dict[str, Any] = {}
    for one in [form, *(f for s in formsets for f in (s.formset.management_form, *s.formset.forms))]:
        for name in one.fields:
            value = one[name].value()
            if value is True:
                data[one.add_prefix(name)] = "on"
            elif isinstance(value, (list, tuple)):
                data[one.add_prefix(name)] = [getattr(item, "pk", item) for item in value]
            elif value is not None and value is not False:
                data[one.add_prefix(name)] = value
    data.update(changes)
    return {name: value for name, value in data.items() if value is not None}


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


# Signing in


def sign_in(username, password=PASSWORD):
    browser = Browser(REMOTE_ADDR="192.0.2.7", headers={"user-agent": "Staff browser"})
    return browser, browser.post("/admin/login/?next=/admin/", {"username": username, "password": password})


@pytest.mark.parametrize("name", ["root", "ROOT", "root@example.com", "8 999 123-45-67"])
def test_staff_sign_in_by_any_identifier(root, name):
    accounts.edit(root, actor=BY, email="root@example.com", phone="+79991234567")
    browser, response = sign_in(name)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert browser.get("/admin/").status_code == 200
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.dialect, event.ip) == ("signed_in", root, "site", "192.0.2.7")
    browser.post("/admin/logout/")
    assert Event.objects.latest("id").kind == "sign_in_ended"
    assert browser.get("/admin/").status_code == 302


def test_a_sign_in_leads_to_no_address_of_others(root):
    response = Browser().post("/admin/login/?next=//evil.example", {"username": "root", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_who_may_not_enter_is_told_what_a_wrong_password_is_told(root):
    make_user("ivan")
    inactive = staff("former", superuser=True)
    accounts.deactivate(inactive, actor=BY)
    answers = {
        sign_in(name, password)[1].context["form"].errors.as_text()
        for name, password in (
            ("root", "wrong"),
            ("nobody", PASSWORD),
            ("ivan", PASSWORD),
            ("former", PASSWORD),
            ("", ""),
        )
        if name
    }
    assert len(answers) == 1
    assert "Please enter the correct user name and password for a staff account" in answers.pop()
    refused = Event.objects.filter(kind="sign_in_refused").order_by("id")
    assert [(event.user_ref, event.details.get("reason")) for event in refused][2:] == [
        (User.objects.get(username="ivan").pk, "not staff"),
        (inactive.pk, "inactive"),
    ]


def test_the_operator_may_let_in_some_networks_only(root, settings):
    settings.ACCOUNTS_STAFF_NETWORKS = ["10.0.0.0/8", "2001:db8::/32"]
    browser, response = sign_in("root")
    assert response.status_code == 403
    assert "_auth_user_id" not in browser.session
    browser.force_login(root)
    assert browser.get("/admin/").status_code == 302
    assert browser.get("/admin/", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert browser.get("/admin/", REMOTE_ADDR="2001:db8::1").status_code == 200


def test_staff_change_their_own_password_through_the_services(root):
    browser = browser_of(root)
    grant = ledger.open_sign_in(root, dialect=Dialect.CABINET, client=HERE)
    wrong = {"old_password": "wrong", "new_password1": "A-new-Horse7", "new_password2": "A-new-Horse7"}
    response = browser.post("/admin/password_change/", wrong)
    assert "old_password" in response.context["form"].errors
    assert credentials.opens(User.objects.get(), PASSWORD)
    response = browser.post("/admin/password_change/", {**wrong, "old_password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/admin/password_change/done/")
    assert credentials.opens(User.objects.get(), "A-new-Horse7")
    assert browser.get("/admin/").status_code == 200
    assert not type(grant.sign_in).objects.working().exists()
    assert Event.objects.filter(kind="password_changed", succeeded=True).get().user == root


# Accounts


def test_every_page_of_the_superuser_is_there(admin, root):
    user = make_user("ivan", email="ivan@example.com")
    ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    application, _ = applications.create("https://site.example", "Site", role_names=["author"], actor=BY)
    ApplicationPayload.objects.create(user=user, application=application, payload={"a": 1})
    Profile.objects.create(user=user, first_name="Иван")
    paths = ["/admin/", page_of(user), page_of(user, "password"), page_of(user, "history"), page_of(user, "delete")]
    for model in (User, Role, Group, Permission, Application, Event):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths.append(reverse(f"{name}_changelist"))
        Group.objects.get_or_create(name="readers")
        paths.append(reverse(f"{name}_change", args=(model.objects.earliest("pk").pk,)))
        if model is not Event:
            paths.append(reverse(f"{name}_add"))
    for path in paths:
        assert admin.get(path).status_code == 200, path
    body = admin.get(page_of(user)).content.decode()
    for shown in ("Test 1.0", "https://site.example" and "Site", "{&quot;a&quot;: 1}", "Иван", "account registered"):
        assert shown in body
    assert user.password not in body
    assert user.credentials_stamp not in body


@pytest.mark.parametrize(
    "text", ["iva", "IVA", "ivan@ex", "IVAN@EX", "+7999", "8 (999) 123-45-67", "89991234567", "{id}"]
)
def test_accounts_are_found_by_the_beginning_of_any_identifier(admin, text):
    user = make_user("ivan", email="ivan@example.com", phone="+79991234567")
    for number in range(9):
        make_user(f"other{number}")
    found = admin.get(USERS, {"q": text.format(id=user.pk)}).context["cl"].result_list
    assert list(found) == [user]


@pytest.mark.parametrize("text", ["%", "_", "9" * 40, "а\ud800".encode("utf-8", "replace").decode(), "ё" * 300])
def test_nonsense_finds_nobody(admin, text):
    assert admin.get(USERS, {"q": "\x00"}).status_code == 200
    response = admin.get(USERS, {"q": text})
    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == []


def test_a_new_account_with_a_password(admin, root):
    data = {"username": "", "email": "Ivan@Example.com", "phone": "8 999 123-45-67", "usable_password": "true"}
    response = admin.post(f"{USERS}add/", {**data, "password1": "Correct-horse2", "password2": "Correct-horse2"})
    user = User.objects.get(email_canonical="ivan@example.com")
    assert (response.status_code, response["Location"]) == (302, page_of(user))
    assert user.username.startswith("user_")
    assert user.phone == "+79991234567"
    assert not user.is_staff
    assert credentials.opens(user, "Correct-horse2")
    event = Event.objects.get(kind="registered", user=user)
    assert (event.actor, event.ip, event.agent) == (f"staff:{root.pk}", "192.0.2.7", "Staff browser")
    assert LogEntry.objects.filter(object_id=str(user.pk), user=root).count() == 1


def test_a_new_account_without_a_password(admin):
    data = {"username": "ivan", "usable_password": "false", "password1": "", "password2": ""}
    assert admin.post(f"{USERS}add/", data).status_code == 302
    assert not User.objects.get(username="ivan").has_usable_password()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "ROOT"}, "username"),
        ({"username": "a@b.ru"}, "username"),
        ({"email": "nonsense"}, "email"),
        ({"phone": "nonsense"}, "phone"),
        ({"password1": "12345678", "password2": "12345678"}, "password2"),
        ({"password2": "Another-horse2"}, "password2"),
        ({"password1": "Ab1-" * 65, "password2": "Ab1-" * 65}, "password2"),
    ],
)
def test_a_new_account_that_breaks_a_rule_is_refused(admin, changes, field):
    data = {"username": "ivan", "usable_password": "true", "password1": "Correct-horse2", "password2": "Correct-horse2"}
    before = everything()
    response = admin.post(f"{USERS}add/", {**data, **changes})
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert everything() == before


def test_identifiers_rights_and_memberships_are_changed_through_the_services(admin, root):
    user = make_user("ivan")
    role, group = Role.objects.create(name="author"), Group.objects.create(name="readers")
    permission = Permission.objects.get(codename="view_event")
    card = cards.card(user)
    data = form_of(
        admin,
        page_of(user),
        username="pyotr",
        email="p@example.com",
        is_staff="on",
        roles=[role.pk],
        groups=[group.pk],
        user_permissions=[permission.pk],
        **{"profile-0-first_name": "Пётр", "profile-0-birthdate": "2001-02-03"},
    )
    response = admin.post(page_of(user), data)
    assert response.status_code == 302, [f.formset.errors for f in response.context["inline_admin_formsets"]]
    stored = User.objects.get(pk=user.pk)
    assert (stored.username, stored.email, stored.is_staff, stored.is_active) == ("pyotr", "p@example.com", True, True)
    assert stored.card_version > user.card_version
    assert cards.permissions(stored) == ["accounts.view_event"]
    now = cards.card(stored)
    assert (now.roles, now.groups) == ([(role.pk, "author")], [(group.pk, "readers")])
    assert (now.profile.first_name, str(now.profile.birthdate)) == ("Пётр", "2001-02-03")
    assert card.profile.first_name == ""
    written = Event.objects.filter(user=user, actor=f"staff:{root.pk}").order_by("id")
    assert [(event.kind, event.details) for event in written] == [
        ("account_changed", {"changed": ["email", "is_staff", "username"], "is_staff": True}),
        ("roles_changed", {"added": ["author"], "removed": []}),
        ("account_changed", {"changed": ["groups"], "added": ["readers"], "removed": []}),
        ("account_changed", {"changed": ["user_permissions"], "added": [str(permission)], "removed": []}),
        ("account_changed", {"changed": ["birthdate", "first_name"]}),
    ]
    assert {event.ip for event in written} == {"192.0.2.7"}


def test_saving_without_a_change_changes_nothing(admin):
    user = make_user("ivan", email="ivan@example.com")
    Profile.objects.create(user=user, first_name="Иван")
    before = everything()
    assert admin.post(page_of(user), form_of(admin, page_of(user))).status_code == 302
    assert everything() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "root"},
        {"username": ""},
        {"email": "nonsense"},
        {"phone": "123"},
        {"profile-0-birthdate": "1899-12-31"},
        {"profile-0-background_color": "red"},
    ],
)
def test_a_change_that_breaks_a_rule_is_refused_beside_its_field(admin, changes):
    user = make_user("ivan")
    before = everything()
    response = admin.post(page_of(user), form_of(admin, page_of(user), **changes))
    assert response.status_code == 200
    assert response.context["errors"]
    assert everything() == before


@pytest.mark.parametrize("changes", [{"is_active": None}, {"is_staff": None}, {"is_superuser": None}])
def test_the_last_superuser_cannot_demote_itself(admin, root, changes):
    before = everything()
    response = admin.post(page_of(root), form_of(admin, page_of(root), **changes), follow=True)
    assert messages_of(response) == ["This is the last active superuser. Make another one first."]
    assert everything() == before


@pytest.mark.parametrize("deed", ["deactivate", "require-new-password"])
def test_the_last_superuser_cannot_be_put_out_by_a_deed(admin, root, deed):
    before = everything()
    response = admin.post(page_of(root, f"do/{deed}"), follow=True)
    assert messages_of(response) == ["“root”: This is the last active superuser. Make another one first."]
    response = admin.post(USERS, {"action": deed, "_selected_action": [root.pk]}, follow=True)
    assert messages_of(response) == ["“root”: This is the last active superuser. Make another one first."]
    assert everything() == before


def test_the_last_superuser_cannot_be_deleted(admin, root):
    user = make_user("ivan")
    before = everything()
    response = admin.post(page_of(root, "delete"), {"post": "yes"}, follow=True)
    assert messages_of(response) == ["This is the last active superuser. Make another one first."]
    data = {"action": "delete_selected", "_selected_action": [root.pk, user.pk], "post": "yes"}
    response = admin.post(USERS, data, follow=True)
    assert messages_of(response) == ["This is the last active superuser. Make another one first."]
    assert everything() == before


def test_accounts_are_deleted_with_what_is_theirs(admin, root):
    users = [make_user(name) for name in ("ivan", "anna", "pyotr")]
    for user in users:
        ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    page = admin.get(page_of(users[0], "delete")).content.decode()
    assert "ivan, with all its sign-ins, its profile and its data" in page
    assert admin.post(page_of(users[0], "delete"), {"post": "yes"}).status_code == 302
    ids = [user.pk for user in users[1:]]
    data = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    assert admin.post(USERS, data).status_code == 302
    assert list(User.objects.all()) == [root]
    assert Event.objects.filter(details__change="deleted", actor=f"staff:{root.pk}").count() == 3


def test_deeds_are_done_to_one_after_a_question_and_to_many_at_once(admin, root):
    user, other = make_user("ivan"), make_user("anna")
    question = admin.get(page_of(user, "do/deactivate"))
    assert "no door lets it in" in question.content.decode()
    assert User.objects.get(pk=user.pk).is_active
    response = admin.post(page_of(user, "do/deactivate"), follow=True)
    assert messages_of(response) == ["“ivan”: deactivated."]
    assert response.redirect_chain == [(page_of(user), 302)]
    assert not User.objects.get(pk=user.pk).is_active
    both = {"action": "deactivate", "_selected_action": [user.pk, other.pk], "select_across": "1"}
    response = admin.post(USERS, both, follow=True)
    assert messages_of(response) == ["Deactivate: done for 1.", "There was nothing to do for 1."]
    assert set(User.objects.filter(is_active=True)) == {root}
    admin.post(USERS, {"action": "activate", "_selected_action": [user.pk, other.pk]})
    assert User.objects.filter(is_active=True).count() == 3
    admin.post(page_of(user, "do/require-new-password"))
    assert not User.objects.get(pk=user.pk).has_usable_password()
    assert [entry.change_message for entry in LogEntry.objects.filter(object_id=str(user.pk)).order_by("pk")] == [
        "Deactivate",
        "Activate",
        "Require a new password",
    ]
    assert admin.get(page_of(user, "do/nonsense")).status_code == 404
    assert admin.get(f"{USERS}999/do/deactivate/").status_code == 404


def test_a_new_password_ends_every_sign_in_also_of_the_admin(admin):
    other = staff("other", superuser=True)
    session = browser_of(other)
    assert session.get("/admin/").status_code == 200
    data = {"usable_password": "true", "password1": "Correct-horse2", "password2": "Correct-horse2"}
    response = admin.post(page_of(other, "password"), {**data, "set-password": "1"})
    assert (response.status_code, response["Location"]) == (302, page_of(other))
    assert credentials.opens(User.objects.get(pk=other.pk), "Correct-horse2")
    assert session.get("/admin/").status_code == 302
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.actor.partition(":")[0]) == ("password_changed", other, "staff")
    response = admin.post(page_of(other, "password"), {"usable_password": "false", "unset-password": "1"})
    assert not User.objects.get(pk=other.pk).has_usable_password()


def test_ones_own_password_is_changed_where_the_present_one_is_asked_for(admin, root):
    before = everything()
    data = {"usable_password": "true", "password1": "Correct-horse2", "password2": "Correct-horse2"}
    for response in (admin.get(page_of(root, "password")), admin.post(page_of(root, "password"), data)):
        assert (response.status_code, response["Location"]) == (302, "/admin/password_change/")
    assert everything() == before


def test_a_new_password_is_asked_for_in_the_language_asked_for(admin):
    response = admin.get(page_of(make_user("ivan"), "password"), headers={"accept-language": "ru"})
    text = response.content.decode().partition('<ul id="id_unusable_warning"')[2].partition("</ul>")[0]
    assert "нынешний пароль этого пользователя будет потерян" in text


def test_a_password_against_the_rules_is_refused(admin):
    user = make_user("ivan")
    before = everything()
    for password in ("123", "password", "ё" * 257):
        data = {"usable_password": "true", "password1": password, "password2": password, "set-password": "1"}
        response = admin.post(page_of(user, "password"), data)
        assert response.status_code == 200
        assert response.context["form"].errors
    assert everything() == before


def test_an_avatar_is_removed_by_a_deed_and_with_its_account(
    admin, django_capture_on_commit_callbacks, settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    picture = io.BytesIO()
    Image.new("RGB", (300, 300)).save(picture, "PNG")
    user = make_user("ivan")
    for removal, data in (("do/remove-avatar", {}), ("delete", {"post": "yes"})):
        with django_capture_on_commit_callbacks(execute=True):
            avatars.replace(user, picture.getvalue())
        assert [path for path in tmp_path.rglob("*") if path.is_file()]
        with django_capture_on_commit_callbacks(execute=True):
            assert admin.post(page_of(user, removal), data).status_code == 302
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert Event.objects.filter(user_ref=user.pk, details__changed=["avatar"]).count() == 1


def test_a_deactivated_member_of_staff_is_out_at_once(admin):
    other = staff("other", superuser=True)
    session = browser_of(other)
    admin.post(page_of(other, "do/deactivate"))
    assert session.get("/admin/").status_code == 302


def test_all_sign_ins_of_an_account_end_also_the_session_here(admin, root):
    other = staff("other", superuser=True)
    session = browser_of(other)
    grant = ledger.open_sign_in(other, dialect=Dialect.CABINET, client=HERE)
    assert session.get("/account/me", headers={"authorization": grant.secret}).status_code == 200
    response = admin.post(page_of(other, "do/end-sign-ins"), follow=True)
    assert messages_of(response) == ["“other”: signed out everywhere."]
    assert session.get("/account/me", headers={"authorization": grant.secret}).status_code == 403
    assert session.get("/admin/").status_code == 302
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.details) == ("sign_in_ended", other, {"count": 1})
    assert (event.actor, event.ip) == (f"staff:{root.pk}", "192.0.2.7")
    assert credentials.opens(User.objects.get(pk=other.pk), PASSWORD)


# Limited staff


def test_limited_staff_see_and_reach_what_their_permissions_say(desk):
    user = make_user("ivan")
    application, _ = applications.create("https://site.example", "Site", actor=BY)
    assert desk.get(USERS).status_code == 200
    assert desk.get(page_of(user)).status_code == 200
    forbidden = [
        "/admin/accounts/application/",
        f"/admin/accounts/application/{application.pk}/do/new-token/",
        "/admin/accounts/event/",
        "/admin/auth/group/",
        "/admin/auth/permission/",
        "/admin/accounts/role/add/",
        f"{USERS}add/",
    ]
    for path in forbidden:
        assert desk.get(path).status_code == 403, path
        assert desk.post(path).status_code == 403, path
    body = desk.get(page_of(user)).content.decode()
    for unseen in ("newest sign-ins", "newest security events", "profile-0-first_name", "Application data"):
        assert unseen not in body
    assert "is_superuser" not in desk.get(page_of(user)).context["adminform"].form.fields


def test_actions_follow_permissions():
    viewer = staff("viewer", "accounts.view_user")
    user = make_user("ivan")
    browser = browser_of(viewer)
    before = everything()
    assert "deactivate" not in browser.get(USERS).content.decode()
    browser.post(USERS, {"action": "deactivate", "_selected_action": [user.pk]})
    for what in ("do/deactivate", "do/end-sign-ins", "do/require-new-password", "password", "delete"):
        assert browser.post(page_of(user, what), {"post": "yes"}).status_code == 403, what
    assert browser.post(page_of(user), {"username": "pyotr"}).status_code == 403
    assert everything() == before


def superiors():
    other = staff("auditor", "accounts.view_event")
    return [User.objects.get(username="root"), other]


def test_limited_staff_do_not_touch_superusers_nor_staff_with_other_rights(desk, root):
    for target in superiors():
        before = everything()
        for what in ("do/deactivate", "do/activate", "do/require-new-password", "password", "delete"):
            assert desk.get(page_of(target, what)).status_code == 403, what
            assert desk.post(page_of(target, what), {"post": "yes"}).status_code == 403, what
        assert desk.post(page_of(target), {"username": "mine", "email": "mine@example.com"}).status_code == 403
        response = desk.post(USERS, {"action": "deactivate", "_selected_action": [target.pk]}, follow=True)
        assert messages_of(response) == ["You may not do this to 1 of those chosen."]
        desk.post(USERS, {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"})
        assert everything() == before


def test_limited_staff_act_on_ordinary_accounts(desk):
    user = make_user("ivan")
    data = form_of(desk, page_of(user), username="pyotr")
    assert desk.post(page_of(user), data).status_code == 302
    assert User.objects.get(pk=user.pk).username == "pyotr"
    assert desk.post(page_of(user, "do/deactivate")).status_code == 302
    assert not User.objects.get(pk=user.pk).is_active


def test_nobody_grants_what_they_do_not_hold(desk, helper):
    user = make_user("ivan")
    role, group = Role.objects.create(name="admin"), Group.objects.create(name="chiefs")
    permission = Permission.objects.get(codename="delete_role")
    for target in (user, helper):
        for changes in (
            {"roles": [role.pk]},
            {"groups": [group.pk]},
            {"user_permissions": [permission.pk]},
            {"is_superuser": "on"},
            {"is_staff": "on"},
        ):
            before = everything()
            response = desk.post(page_of(target), form_of(desk, page_of(target), **changes))
            if next(iter(changes)).startswith("is_"):
                # No field of this form: what is sent is not looked at.
                assert response.status_code == 302
            else:
                assert response.status_code == 200
                assert "only what you hold yourself" in str(response.context["errors"])
            assert everything() == before


def test_what_somebody_holds_they_may_hand_out_and_what_others_gave_stays(desk, helper):
    user = make_user("ivan")
    roles.replace(helper, ["author"], actor=BY)
    roles.replace(user, ["admin"], actor=BY)
    author = Role.objects.get(name="author")
    admin_role = Role.objects.get(name="admin")
    permission = Permission.objects.get(codename="view_user")
    data = form_of(desk, page_of(user), roles=[admin_role.pk, author.pk], user_permissions=[permission.pk])
    assert desk.post(page_of(user), data).status_code == 302
    assert {role.name for role in user.roles.all()} == {"admin", "author"}
    assert list(user.user_permissions.all()) == [permission]
    before = everything()
    response = desk.post(page_of(user), form_of(desk, page_of(user), roles=[author.pk]))
    assert "only what you hold yourself: admin" in str(response.context["errors"])
    assert everything() == before


def test_a_pick_list_offers_limited_staff_what_they_may_hand_out(desk, helper, admin):
    roles.replace(helper, ["author"], actor=BY)
    Role.objects.create(name="admin")
    query = {"app_label": "accounts", "model_name": "user", "field_name": "roles", "term": "a"}
    offered = [item["text"] for item in desk.get("/admin/autocomplete/", query).json()["results"]]
    assert offered == ["author"]
    assert len(admin.get("/admin/autocomplete/", query).json()["results"]) == 2


# Roles, groups, permissions


def test_every_edit_of_the_catalogue_makes_cards_old_and_is_recorded(admin, root):
    def version():
        return CatalogueVersion.objects.values_list("version", flat=True).first() or 0

    permission = Permission.objects.get(codename="view_event")
    for model, path in ((Role, "/admin/accounts/role/"), (Group, "/admin/auth/group/")):
        steps = [
            (f"{path}add/", {"name": "editors", "permissions": []}),
            (f"{path}{{pk}}/change/", {"name": "authors", "permissions": [permission.pk]}),
            (f"{path}{{pk}}/delete/", {"post": "yes"}),
        ]
        for step, data in steps:
            before, events = version(), Event.objects.count()
            thing = model.objects.first()
            assert admin.post(step.format(pk=thing and thing.pk), data).status_code == 302, step
            assert version() > before
            assert Event.objects.count() == events + 1
            assert Event.objects.latest("id").actor == f"staff:{root.pk}"
        assert not model.objects.exists()


def test_staff_add_a_permission_of_their_own_and_it_shows(admin):
    user = make_user("ivan")
    kind = Permission.objects.get(codename="view_user").content_type
    data = {"content_type": kind.pk, "codename": "publish", "name": "May publish"}
    assert admin.post("/admin/auth/permission/add/", data).status_code == 302
    permission = Permission.objects.get(codename="publish")
    data = form_of(admin, page_of(user), user_permissions=[permission.pk])
    assert admin.post(page_of(user), data).status_code == 302
    assert cards.permissions(user) == ["accounts.publish"]
    path = f"/admin/auth/permission/{permission.pk}/"
    admin.post(f"{path}change/", {"codename": "delete_user", "name": "May print"})
    permission.refresh_from_db()
    assert (permission.codename, permission.name) == ("publish", "May print")
    assert admin.post(f"{path}delete/", {"post": "yes"}).status_code == 302
    assert cards.permissions(user) == []


def test_nobody_edits_a_permission_of_djangos(admin):
    permission = Permission.objects.get(codename="delete_user")
    path = f"/admin/auth/permission/{permission.pk}/"
    assert admin.post(f"{path}change/", {"name": "x"}).status_code == 403
    assert admin.post(f"{path}delete/", {"post": "yes"}).status_code == 403


def test_limited_staff_do_not_put_into_a_role_or_a_group_what_they_do_not_hold():
    clerk = staff(
        "clerk",
        "accounts.change_role",
        "accounts.delete_role",
        "accounts.add_role",
        "auth.change_group",
        "auth.delete_group",
        "accounts.view_user",
    )
    browser = browser_of(clerk)
    foreign, own = Permission.objects.get(codename="delete_user"), Permission.objects.get(codename="view_user")
    for thing in (Role.objects.create(name="editors"), Group.objects.create(name="editors")):
        path = f"/admin/{thing._meta.app_label}/{thing._meta.model_name}/{thing.pk}"
        before = everything()
        for data in ({"name": "editors", "permissions": [foreign.pk]}, {"name": "admin", "permissions": []}):
            assert browser.post(f"{path}/change/", data).status_code == 200
        assert browser.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
        assert everything() == before
        assert list(thing.permissions.all()) == []
        assert browser.post(f"{path}/change/", {"name": "editors", "permissions": [own.pk]}).status_code == 302
        assert list(thing.permissions.all()) == [own]


def test_a_role_shows_its_members(admin):
    roles.replace(make_user("ivan"), ["author"], actor=BY)
    role = Role.objects.get()
    body = admin.get(f"/admin/accounts/role/{role.pk}/change/").content.decode()
    assert ">ivan</a>" in body
    listed = admin.get(USERS, {"roles__id__exact": role.pk}).context["cl"].result_list
    assert [user.username for user in listed] == ["ivan"]


# Applications


def token_in(response):
    assert "no-store" in response["Cache-Control"]
    return response.content.decode().partition('<code id="token">')[2].partition("</code>")[0]


def test_an_application_gets_tokens_that_are_shown_once(admin, root):
    user = make_user("ivan")
    role = Role.objects.create(name="author")
    data = {"url": "https://site.example", "name": "Site", "is_active": "on", "is_super": "on", "roles": [role.pk]}
    first = token_in(admin.post("/admin/accounts/application/add/", data))
    application = Application.objects.get()
    assert (application.is_super, application.is_active, list(application.roles.all())) == (True, True, [role])

    def works(token):
        try:
            return applications.authenticate(token, needs_super=True, user=user, client=HERE) == application
        except ApplicationNotAllowed:
            return False

    path = f"/admin/accounts/application/{application.pk}"
    second = token_in(admin.post(f"{path}/do/new-token/"))
    assert len({first, second}) == 2
    assert works(first)
    assert works(second)
    admin.post(f"{path}/do/end-previous-token/")
    assert not works(first)
    third = token_in(admin.post(f"{path}/do/replace-token/"))
    assert (works(second), works(third)) == (False, True)
    for page in (f"{path}/change/", f"{path}/history/", "/admin/accounts/application/", "/admin/accounts/event/"):
        body = admin.get(page).content.decode()
        assert not any(token in body for token in (first, second, third))
    written = Event.objects.filter(kind="application_changed").order_by("id")
    assert [event.details["change"] for event in written] == [
        "created",
        "token rotated",
        "previous token ended",
        "token replaced",
    ]
    assert {(event.actor, event.ip) for event in written} == {(f"staff:{root.pk}", "192.0.2.7")}
    response = admin.post(f"{path}/change/", {**data, "is_super": "", "roles": []})
    assert response.status_code == 302
    assert not works(third)


def test_limited_staff_keep_off_super_applications():
    clerk = staff("clerk", "accounts.add_application", "accounts.change_application", "accounts.delete_application")
    browser = browser_of(clerk)
    ruler, _ = applications.create("https://super.example", "Super", is_super=True, actor=BY)
    plain, _ = applications.create("https://site.example", "Site", actor=BY)
    path = "/admin/accounts/application/"
    before = everything()
    for what in ("do/new-token", "do/replace-token", "do/end-previous-token", "delete"):
        assert browser.post(f"{path}{ruler.pk}/{what}/", {"post": "yes"}).status_code == 403, what
    assert browser.post(f"{path}{ruler.pk}/change/", {"url": "https://x.example"}).status_code == 403
    assert everything() == before
    data = {"url": "https://site.example", "name": "Site", "is_active": "on", "is_super": "on"}
    assert browser.post(f"{path}{plain.pk}/change/", data).status_code == 302
    assert not Application.objects.get(pk=plain.pk).is_super
    assert token_in(browser.post(f"{path}{plain.pk}/do/new-token/"))
    token_in(browser.post(f"{path}add/", {**data, "url": "https://new.example"}))
    assert not Application.objects.get(url="https://new.example").is_super


# Events


def test_events_are_read_and_never_written(admin):
    user = make_user("ivan")
    event = Event.objects.latest("id")
    path = f"/admin/accounts/event/{event.pk}"
    before = everything()
    assert admin.get(f"{path}/change/").status_code == 200
    assert admin.post(f"{path}/change/", {"kind": "signed_in"}).status_code == 403
    assert admin.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert admin.post("/admin/accounts/event/add/", {"kind": "signed_in"}).status_code == 403
    admin.post("/admin/accounts/event/", {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert everything() == before
    listed = admin.get("/admin/accounts/event/", {"q": "IVAN"}).context["cl"].result_list
    assert {one.user for one in listed} == {user}


def test_what_people_wrote_is_shown_as_text(admin):
    user = make_user("<script>x", email="x@example.com")
    Profile.objects.create(user=user, first_name="<b>bold", description="=cmd()")
    for path in (USERS, page_of(user), page_of(user, "delete"), page_of(user, "do/deactivate")):
        body = admin.get(path).content.decode()
        assert "<script>x" not in body
        assert "<b>bold" not in body


@pytest.mark.parametrize(
    ("path", "lookup"),
    [
        (USERS, "password__startswith=argon2"),
        (USERS, "password__regex=."),
        (USERS, "credentials_stamp__gt=0"),
        ("/admin/accounts/application/", "token_digest__isnull=False"),
        ("/admin/tokens/signin/", "digest__isnull=True"),
        ("/admin/tokens/signin/", "user__password__startswith=argon2"),
        ("/admin/accounts/event/", "user__password__startswith=argon2"),
        ("/admin/auth/group/", "user__password__startswith=argon2"),
    ],
)
def test_no_list_can_be_asked_about_a_secret(admin, path, lookup):
    response = admin.get(f"{path}?{lookup}")
    assert response.status_code == 400
    assert "root" not in response.content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        f"{USERS}?is_staff__exact=1&is_active__exact=1",
        f"{USERS}?groups__id__exact=1",
        "/admin/tokens/signin/?state=working&dialect__exact=cabinet&started__gte=2026-01-01T00:00Z",
        "/admin/tokens/signin/?user__id__exact=1",
        "/admin/accounts/event/?user_ref=1&kind__exact=registered&time__gte=2026-01-01T00:00Z",
        "/admin/oauth_providers/linkedidentity/?provider__exact=vk",
    ],
)
def test_the_filters_and_links_of_the_lists_are_answered(admin, asked):
    assert admin.get(asked).status_code == 200


# Queries


# Whose page is asked for, of each kind.
SHOWN: list[tuple[Any, dict[str, str]]] = [
    (User, {"username": "ivan"}),
    (Role, {"name": "filler0"}),
    (Group, {"name": "filler0"}),
    (Permission, {"codename": "filler0"}),
    (Application, {"name": "filler0"}),
    (Event, {"user__username": "ivan"}),
    (SignIn, {"user__username": "ivan"}),
]


def queries_of(browser, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(1000) as captured:
        assert browser.get(path).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def fill(user, number):
    """`number` of everything that a page may show."""
    names = [f"filler{index}" for index in range(number)]
    User.objects.bulk_create(
        User(username=name, username_canonical=name, password="!", email=f"{name}@x.ru", email_canonical=f"{name}@x.ru")
        for name in names
    )
    Role.objects.bulk_create(Role(name=name) for name in names)
    Group.objects.bulk_create(Group(name=name) for name in names)
    Application.objects.bulk_create(Application(url=f"https://{name}.example", name=name) for name in names)
    kind = Permission.objects.get(codename="view_user").content_type
    Permission.objects.bulk_create(Permission(codename=name, name=name, content_type=kind) for name in names)
    Event.objects.bulk_create(Event(kind="signed_in", user=user, user_ref=user.pk) for _ in names)
    fillers = User.objects.filter(username__startswith="filler")
    role, group = Role.objects.get(name="filler0"), Group.objects.get(name="filler0")
    User.roles.through.objects.bulk_create(User.roles.through(user=one, role=role) for one in fillers)
    User.groups.through.objects.bulk_create(User.groups.through(user=one, group=group) for one in fillers)
    now = user.created_at
    user.sign_ins.bulk_create(
        SignIn(user=user, dialect="cabinet", agent="x", agent_folded="x", last_used=now, expires=now, stamp="x")
        for _ in names
    )
    some = list(Application.objects.filter(url__contains="filler")[:10])
    ApplicationPayload.objects.bulk_create(ApplicationPayload(user=user, application=one, payload={}) for one in some)


@pytest.mark.parametrize("limited", [False, True], ids=["superuser", "limited"])
def test_pages_ask_as_often_at_hundreds_of_rows_as_at_ten_and_never_count(django_assert_max_num_queries, limited):
    codenames = [
        f"{app}.view_{model}"
        for app, model in (
            ("accounts", "user"),
            ("accounts", "role"),
            ("auth", "group"),
            ("auth", "permission"),
            ("accounts", "application"),
            ("accounts", "event"),
            ("tokens", "signin"),
            ("profiles", "applicationpayload"),
        )
    ]
    browser = browser_of(staff("keeper", *codenames, "accounts.change_user", superuser=not limited))
    user = make_user("ivan")

    def asked():
        found = {}
        for model, wanted in SHOWN:
            path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            thing = model._default_manager.filter(**wanted).earliest("pk")
            for one in ("", "?q=filler1", "?p=1&o=1", f"{thing.pk}/change/"):
                name = path + one.replace(f"{thing.pk}/", "ID/")
                found[name] = queries_of(browser, path + one, django_assert_max_num_queries)
        return found

    fill(user, 10)
    asked()  # Content types are remembered from the first request on.
    few = asked()
    User.objects.filter(username__startswith="filler").delete()
    for model in (Role, Group, Application):
        model.objects.all().delete()
    Permission.objects.filter(codename__startswith="filler").delete()
    Event.objects.all().delete()
    user.sign_ins.all().delete()
    fill(user, 300)
    many = asked()
    for path, queries in many.items():
        assert len(queries) == len(few[path]), (path, few[path], queries)
        assert len(queries) <= 25, path
        assert not [sql for sql in queries if "COUNT(" in sql.upper()], path


def test_a_long_list_says_that_there_is_more_and_has_a_last_page(admin):
    User.objects.bulk_create(
        User(username=f"filler{n}", username_canonical=f"filler{n}", password="!") for n in range(650)
    )
    page = admin.get(USERS)
    assert "users: more than 401" in page.content.decode().lower()
    last = admin.get(USERS, {"p": 7})
    assert len(last.context["cl"].result_list) == 51
    assert "651" in last.content.decode()
    assert admin.get(USERS, {"p": 8})["Location"].endswith("?e=1")
    for nonsense in ("x", "0", "-1", "9" * 30):
        assert admin.get(USERS, {"p": nonsense}).status_code in (200, 302)
