"""The ledger on the staff's screens."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from accounts.clients import Dialect
from accounts.models import Event
from accounts.services import accounts, credentials
from accounts.tests.factories import HERE, make_user
from tokens.models import SignIn
from tokens.services import ledger

pytestmark = pytest.mark.django_db
PAGE = "/admin/tokens/signin/"


def browser_of(username, *codenames, superuser=False):
    user = make_user(username)
    accounts.edit(user, actor="command", is_staff=True, is_superuser=superuser)
    accounts.set_permissions(user, Permission.objects.filter(codename__in=codenames), actor="command")
    browser = Browser(REMOTE_ADDR="192.0.2.7")
    browser.force_login(user)
    return browser


@pytest.fixture
def admin():
    return browser_of("root", superuser=True)


def test_sign_ins_are_listed_without_their_secrets(admin):
    user = make_user("ivan")
    grant = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    make_user("anna")
    for path in (PAGE, f"{PAGE}?q=IVAN", f"{PAGE}?state=working", f"{PAGE}?user__id__exact={user.pk}"):
        response = admin.get(path)
        assert [row.pk for row in response.context["cl"].result_list] == [grant.sign_in.pk], path
        assert "Test 1.0" in response.content.decode()
    for path in (f"{PAGE}?q=anna", f"{PAGE}?q=nobody"):
        assert not admin.get(path).context["cl"].result_list
    page = admin.get(f"{PAGE}{grant.sign_in.pk}/change/").content.decode()
    row = SignIn.objects.get()
    for secret in (grant.secret, bytes(row.digest or b"").hex(), row.stamp, str(row.uuid)):
        assert secret not in page


@pytest.mark.parametrize("state", ["working", "ended", "expired", "account deactivated", "ended with the password"])
def test_the_state_of_a_sign_in_is_told(admin, state):
    user = make_user("ivan")
    row = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE).sign_in
    if state == "ended":
        admin.post(f"{PAGE}{row.pk}/do/end/")
    elif state == "expired":
        SignIn.objects.update(expires=row.started - timedelta(seconds=1))
    elif state == "account deactivated":
        accounts.deactivate(user, actor="command")
    elif state == "ended with the password":
        credentials.replace_password(user, "Another-horse2")
    listed = admin.get(PAGE)
    assert f'<td class="field-state">{state}</td>' in listed.content.decode()
    working = admin.get(f"{PAGE}?state=working").context["cl"].result_list
    assert len(working) == (1 if state == "working" else 0)


def test_a_sign_in_is_ended_once_by_its_page_or_by_the_list(admin):
    user = make_user("ivan")
    grants = [ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE) for _ in range(3)]
    first = grants[0].sign_in
    assert admin.get(f"{PAGE}{first.pk}/do/end/").status_code == 200
    assert SignIn.objects.working().count() == 3
    response = admin.post(f"{PAGE}{first.pk}/do/end/", follow=True)
    assert [str(message) for message in response.context["messages"]] == [f"“{first}”: ended."]
    data = {"action": "end", "_selected_action": [grant.sign_in.pk for grant in grants]}
    response = admin.post(PAGE, data, follow=True)
    texts = [str(message) for message in response.context["messages"]]
    assert texts == ["End: done for 2.", "There was nothing to do for 1."]
    assert not SignIn.objects.working().exists()
    ended = Event.objects.filter(kind="sign_in_ended")
    assert [(event.user, event.ip, event.details) for event in ended] == [(user, "192.0.2.7", {"count": 1})] * 3


def test_nobody_edits_deletes_or_adds_a_sign_in(admin):
    row = ledger.open_sign_in(make_user("ivan"), dialect=Dialect.CABINET, client=HERE).sign_in
    before = SignIn.objects.values().get()
    assert admin.post(f"{PAGE}{row.pk}/change/", {"agent": "x"}).status_code == 403
    assert admin.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.post(f"{PAGE}add/", {"agent": "x"}).status_code == 403
    admin.post(PAGE, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert SignIn.objects.values().get() == before


def test_ending_follows_permissions_and_spares_superusers():
    boss = make_user("boss")
    accounts.edit(boss, actor="command", is_staff=True, is_superuser=True)
    rows = [
        ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE).sign_in for user in (boss, make_user("ivan"))
    ]
    viewer = browser_of("viewer", "view_signin")
    assert viewer.get(PAGE).status_code == 200
    assert viewer.post(f"{PAGE}{rows[1].pk}/do/end/").status_code == 403
    viewer.post(PAGE, {"action": "end", "_selected_action": [rows[1].pk]})
    keeper = browser_of("keeper", "view_signin", "change_signin")
    assert keeper.post(f"{PAGE}{rows[0].pk}/do/end/").status_code == 403
    keeper.post(PAGE, {"action": "end", "_selected_action": [rows[0].pk]})
    assert SignIn.objects.working().count() == 2
    assert keeper.post(f"{PAGE}{rows[1].pk}/do/end/").status_code == 302
    assert [row.user for row in SignIn.objects.working()] == [boss]


def test_a_superuser_ends_everything_and_stays(admin):
    rows = [ledger.open_sign_in(make_user(name), dialect=Dialect.CABINET, client=HERE) for name in ("ivan", "anna")]
    other = browser_of("other", superuser=True)
    assert "End all sign-ins of everybody" in admin.get(PAGE).content.decode()
    assert admin.get(f"{PAGE}everybody/").status_code == 200
    assert SignIn.objects.working().count() == 2
    response = admin.post(f"{PAGE}everybody/", follow=True)
    assert [str(message) for message in response.context["messages"]] == ["2 sign-ins ended."]
    assert not SignIn.objects.working().exists()
    assert other.get("/admin/").status_code == 302
    assert admin.get(f"{PAGE}{rows[0].sign_in.pk}/change/").status_code == 200
    assert '<td class="field-state">ended</td>' in admin.get(PAGE).content.decode()


def test_nobody_else_ends_everything():
    ledger.open_sign_in(make_user("ivan"), dialect=Dialect.CABINET, client=HERE)
    keeper = browser_of("keeper", "view_signin", "change_signin")
    assert "everybody" not in keeper.get(PAGE).content.decode()
    assert keeper.post(f"{PAGE}everybody/").status_code == 403
    assert SignIn.objects.working().exists()
