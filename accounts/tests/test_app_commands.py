"""`create_app` and `rotate_app_token`: what an operator types, sees, and can pipe on."""

import io
import json

import pytest
from django.core.management import call_command, execute_from_command_line
from django.core.management.base import CommandError

from accounts.digests import digest
from accounts.models import Application, CatalogueVersion, Event, Role
from accounts.services import applications
from accounts.tests.factories import make_application

pytestmark = pytest.mark.django_db

URL = "https://site.example"
OWN = "3333cd49-ee9e-4ece-aa4f-345d236a7416"
PREVIOUS = "11111111-ee9e-4ece-aa4f-345d236a7416"


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def good_tokens():
    application = Application.objects.get()
    return [bytes(kept) for kept in (application.token_digest, application.previous_token_digest) if kept]


def test_the_token_stands_alone_on_the_last_line():
    printed = run("create_app", URL, "Сайт", "--super", "--role", "b", "--role", "a", "--role", "b")
    token = printed.splitlines()[-1]
    assert printed == f"Application {URL}. Its token is shown only now:\n{token}\n"
    assert len(token) == 43
    assert good_tokens() == [digest(token)]
    application = Application.objects.get()
    assert (application.url, application.name, application.is_super, application.is_active) == (URL, "Сайт", True, True)
    assert list(application.roles.values_list("name", flat=True)) == ["a", "b"]
    event = Event.objects.get()
    assert (event.kind, event.actor) == (Event.Kind.APPLICATION_CHANGED, "command")
    assert event.details == {"change": "created", "application": URL, "is_super": True}
    assert CatalogueVersion.objects.get().version == 1


def test_without_options_it_is_an_ordinary_application():
    run("create_app", URL, "Site")
    assert not Application.objects.get().is_super
    assert not Role.objects.exists()


def test_json_says_everything():
    made = json.loads(run("create_app", URL, "Сайт", "--role", "a", "--json"))
    assert made == {
        "id": Application.objects.get().pk,
        "url": URL,
        "name": "Сайт",
        "is_super": False,
        "roles": ["a"],
        "token": made["token"],
    }
    assert good_tokens() == [digest(made["token"])]


def test_an_operators_own_token_is_kept(monkeypatch):
    assert run("create_app", URL, "Site", "--token", OWN).splitlines()[-1] == OWN
    assert good_tokens() == [digest(OWN)]
    monkeypatch.setattr("sys.stdin", io.StringIO("a-token-that-no-process-list-shows\n"))
    run("rotate_app_token", URL, "--token", "-")
    assert good_tokens() == [digest("a-token-that-no-process-list-shows"), digest(OWN)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["not-an-address", "Site"], "http", id="no-address"),
        pytest.param(["ftp://site.example", "Site"], "http", id="another-scheme"),
        pytest.param([f"https://site.example/{'x' * 250}", "Site"], "255", id="long-address"),
        pytest.param([f"https://site.example/{'x' * 3000}", "Site"], "at most 255", id="longer-address"),
        pytest.param(["https://user:pw@site.example", "Site"], "no user and no password", id="user-in-the-address"),
        pytest.param(["https://site.example/\x1b", "Site"], "url: .* control", id="control-in-the-address"),
        pytest.param([URL, ""], "blank", id="no-name"),
        pytest.param([URL, "a\x1b[31m"], "name: .* control", id="control-in-the-name"),
        pytest.param([URL, "x" * 151], "150", id="long-name"),
        pytest.param([URL, "Site", "--token", "short"], "32 to 255", id="short-token"),
        pytest.param([URL, "Site", "--token", "a b" * 20], "32 to 255", id="token-with-blanks"),
        pytest.param([URL, "Site", "--token", "ы" * 40], "32 to 255", id="token-not-ascii"),
        pytest.param([URL, "Site", "--role", " "], "role", id="role-blank"),
        pytest.param([URL, "Site", "--role", "x" * 151], "role", id="role-long"),
        pytest.param(["https://other.example", "Site"], "already exists", id="address-taken"),
        pytest.param([URL, "Site", "--token", OWN], "already exists", id="token-taken"),
        pytest.param([URL, "Site", "--token", PREVIOUS], "already exists", id="previous-token-taken"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(arguments, words):
    other, _ = make_application("https://other.example", token=PREVIOUS)
    applications.rotate_token(other, token=OWN, actor="test")
    before = list(Application.objects.values()), list(Role.objects.values()), Event.objects.count()
    with pytest.raises(CommandError, match=words) as refused:
        run("create_app", *arguments)
    assert refused.value.returncode == 1
    assert (list(Application.objects.values()), list(Role.objects.values()), Event.objects.count()) == before


def test_a_rotation_keeps_the_present_token_until_it_is_finished():
    _, first = make_application(URL)
    second = run("rotate_app_token", URL).splitlines()[-1]
    assert good_tokens() == [digest(second), digest(first)]
    third = json.loads(run("rotate_app_token", URL, "--json"))
    assert third == {"id": Application.objects.get().pk, "url": URL, "valid_tokens": 2, "token": third["token"]}
    assert good_tokens() == [digest(third["token"]), digest(second)]
    assert run("rotate_app_token", URL, "--finish") == "The token before the last rotation has ended.\n"
    assert good_tokens() == [digest(third["token"])]
    fourth = run("rotate_app_token", URL, "--now").splitlines()[-1]
    assert good_tokens() == [digest(fourth)]
    finished = json.loads(run("rotate_app_token", URL, "--finish", "--json"))
    assert finished == {"id": Application.objects.get().pk, "url": URL, "valid_tokens": 1}
    changes = Event.objects.filter(actor="command").order_by("id").values_list("details__change", flat=True)
    assert list(changes) == [
        "token rotated",
        "token rotated",
        "previous token ended",
        "token replaced",
        "previous token ended",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["https://unknown.example"], "no application", id="unknown"),
        pytest.param([URL, "--now", "--finish"], "not allowed with", id="both-ways"),
        pytest.param([URL, "--finish", "--token", OWN], "makes no token", id="finish-with-a-token"),
        pytest.param([URL, "--token", "short"], "32 to 255", id="short"),
        pytest.param([URL, "--token", OWN], "in use", id="another-ones"),
        pytest.param([URL, "--token", "the-present-one-of-this-application"], "present token", id="the-present-one"),
    ],
)
def test_a_rotation_that_cannot_be_changes_nothing(arguments, words):
    make_application(URL, token="the-present-one-of-this-application")
    other, _ = make_application("https://other.example", token=OWN)
    # What is the previous token of another application is in use too.
    run("rotate_app_token", other.url)
    before = list(Application.objects.values())
    with pytest.raises(CommandError, match=words):
        run("rotate_app_token", *arguments)
    assert list(Application.objects.values()) == before


@pytest.mark.parametrize("command", ["create_app", "rotate_app_token", "rotate_key"])
def test_help_and_exit_codes(command, capsys):
    def typed(*arguments):
        with pytest.raises(SystemExit) as ended:
            execute_from_command_line(["manage.py", command, *arguments])
        return ended.value.code, *capsys.readouterr()

    code, printed, complained = typed("--help")
    assert (code, complained) == (0, "")
    assert "--json" in printed
    code, printed, complained = typed()
    assert (code, printed) == (2, "")
    assert complained.startswith("usage: ")
