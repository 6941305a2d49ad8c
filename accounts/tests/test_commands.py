"""The operator's commands about accounts: what they do, what they print, and how they refuse."""

import io
import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
    get_commands,
    load_command_class,
)
from django.db import connection
from django.utils import timezone

from accounts.clients import Dialect
from accounts.errors import InvalidCredentials
from accounts.management.commands.show_config import redacted
from accounts.models import Event, Role, User
from accounts.operators import OperatorCommand
from accounts.services import accounts, credentials, roles
from accounts.tests.factories import HERE, PASSWORD, make_user
from authsite.tests.live import Database
from tokens.models import SignIn
from tokens.services import ledger

ROOT = Path(__file__).resolve().parents[2]
NEW = "Another-horse2"
OURS = [
    "create_user",
    "set_password",
    "deactivate_user",
    "activate_user",
    "show_user",
    "assign_role",
    "events",
    "show_config",
    "list_tokens",
    "revoke_tokens",
    "purge",
    "seed_demo",
    "create_app",
    "rotate_app_token",
    "rotate_key",
]


@pytest.fixture
def typed(monkeypatch):
    """Put a text on standard input."""

    def type_in(text):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return type_in


def run(*arguments, **options):
    """The lines that a command prints."""
    output = io.StringIO()
    call_command(*map(str, arguments), stdout=output, **options)
    return output.getvalue().splitlines()


def told(*arguments):
    """The JSON objects that a command prints."""
    return [json.loads(line) for line in run(*arguments, "--json")]


def refused(*arguments):
    """The sentence with which a command refuses."""
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 1
    return str(caught.value)


def everything():
    return (
        list(User.objects.order_by("pk").values()),
        list(User.roles.through.objects.values_list("user_id", "role__name")),
        list(Role.objects.values_list("name", flat=True)),
        list(SignIn.objects.values()),
        Event.objects.count(),
    )


# create_user and set_password


@pytest.mark.django_db
def test_an_account_is_made_and_its_password_read_from_standard_input(typed):
    typed(f"{NEW}\nanother line\n")
    arguments = ["ivan", "--email", "Ivan@Example.com", "--phone", "8 999 123-45-67", "--role", "author", "--role", "b"]
    (facts,) = told("create_user", *arguments, "--first-name", "Иван")
    user = User.objects.get()
    assert facts == {"id": user.pk, "username": "ivan", "email": "Ivan@Example.com", "phone": "+79991234567"}
    assert credentials.opens(user, NEW)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert [role.name for role in user.roles.all()] == ["author", "b"]
    assert user.profile.first_name == "Иван"
    assert set(Event.objects.values_list("kind", "actor", "user_ref")) == {
        ("registered", "command", user.pk),
        ("roles_changed", "command", user.pk),
    }


@pytest.mark.django_db
def test_an_account_without_a_username_or_a_password(typed):
    assert run("create_user", "--email", "x@example.com", "--no-password")[0].startswith("Account ")
    user = User.objects.get()
    assert user.username.startswith("user_")
    assert not user.has_usable_password()


@pytest.mark.django_db
def test_the_first_superuser_comes_from_a_command(typed, client):
    assert not User.objects.exists()
    typed(f"{NEW}\n")
    run("create_user", "root", "--superuser")
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert Event.objects.latest("id").details == {
        "changed": ["is_staff", "is_superuser"],
        "is_staff": True,
        "is_superuser": True,
    }
    response = client.post("/admin/login/", {"username": "root", "password": NEW})
    assert response.status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "password", "sentence"),
    [
        (["taken"], NEW, "This user name is already registered."),
        (["x", "--email", "TAKEN@example.com"], NEW, "This e-mail address is already registered."),
        (["x", "--email", "nonsense"], NEW, "email: This is not a valid e-mail address."),
        (["a b"], NEW, "username: This is not a valid user name."),
        (["x", "--phone", "12"], NEW, "phone: This is not a valid phone number."),
        (["x"], "", "No password was given; nothing was changed."),
        (["x"], "a" * 257, "password: A password has between 6 and 256 characters."),
        (["x"], "12345", "password: A password has between 6 and 256 characters."),
        (["x", "--first-name", "I\x1b[31m"], NEW, "first_name: A name is one line of 256 characters at most"),
        (["x", "--last-name", "x" * 257], NEW, "last_name: A name is one line of 256 characters at most"),
        (["x", "--staff"], "1234567", "password: This password is too short."),
    ],
)
def test_an_account_that_breaks_a_rule_is_not_made(typed, arguments, password, sentence):
    make_user("taken", email="taken@example.com")
    typed(f"{password}\n")
    before = everything()
    assert refused("create_user", *arguments, "--role", "author").startswith(sentence)
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["ivan", "IVAN@example.com", "8 (999) 123-45-67", "id/{}"])
def test_a_password_is_set_and_every_sign_in_ends(typed, name):
    user = make_user("ivan", email="ivan@example.com", phone="+79991234567")
    ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    typed(f"{NEW}\r\n")
    run("set_password", name.format(user.pk))
    assert credentials.opens(User.objects.get(), NEW)
    assert not SignIn.objects.working().exists()
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.user) == ("password_changed", "command", user)


@pytest.mark.django_db
def test_what_is_no_password_is_not_set(typed):
    user = make_user("ivan")
    member = make_user("helper")
    accounts.edit(member, actor="command", is_staff=True)
    before = everything()
    for name, text in (
        (user.username, ""),
        (user.username, "\n"),
        (user.username, "a\x00bcde\n"),
        ("ivan", "12345\n"),
        ("helper", "1234567\n"),
    ):
        typed(text)
        refused("set_password", name)
    typed(f"{NEW}\n")
    assert refused("set_password", "nobody") == "nobody: There is no such user."
    assert everything() == before


@pytest.mark.parametrize("name", ["create_user", "set_password"])
def test_a_password_is_no_argument(name, capsys):
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", name, "x", "--password", "y"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --password y" in capsys.readouterr().err


# deactivate_user, activate_user, show_user, assign_role


@pytest.mark.django_db
def test_accounts_are_deactivated_and_activated():
    ivan, anna = make_user("ivan"), make_user("anna")
    grant = ledger.open_sign_in(ivan, dialect=Dialect.CABINET, client=HERE)
    assert run("deactivate_user", "ivan", anna.pk) == ["ivan is deactivated.", "anna is deactivated."]
    assert not User.objects.filter(is_active=True).exists()
    assert run("deactivate_user", "ivan") == ["ivan was not active."]
    assert run("activate_user", "ivan", "anna") == ["ivan is active.", "anna is active."]
    assert run("activate_user", "ivan") == ["ivan was active already."]
    assert not SignIn.objects.working().filter(pk=grant.sign_in.pk).exists()
    assert Event.objects.filter(kind="account_changed", actor="command").count() == 4


@pytest.mark.django_db
def test_of_several_accounts_an_unknown_one_spares_all():
    make_user("ivan")
    before = everything()
    assert refused("deactivate_user", "ivan", "nobody") == "nobody: There is no such user."
    assert everything() == before


@pytest.mark.django_db
def test_the_last_superuser_is_not_deactivated():
    accounts.edit(make_user("root"), actor="command", is_staff=True, is_superuser=True)
    before = everything()
    assert refused("deactivate_user", "root") == "This is the last active superuser. Make another one first."
    assert everything() == before


@pytest.mark.django_db
def test_digits_that_mean_two_accounts_are_refused():
    user = make_user("ivan")
    make_user(str(user.pk))
    before = everything()
    assert "user name of one account and the id of another" in refused("deactivate_user", str(user.pk))
    assert everything() == before


@pytest.mark.django_db
def test_an_account_is_shown_without_a_secret():
    user = make_user("ivan", email="ivan@example.com")
    roles.grant(user, ["author"], actor="command")
    grant = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    user.refresh_from_db()
    (facts,) = told("show_user", "ivan")
    assert facts == {
        "id": user.pk,
        "username": "ivan",
        "email": "ivan@example.com",
        "phone": None,
        "first_name": "",
        "last_name": "",
        "middle_name": "",
        "is_active": True,
        "is_staff": False,
        "is_superuser": False,
        "has_password": True,
        "created_at": user.created_at.isoformat(),
        "roles": ["author"],
        "groups": [],
        "permissions": [],
        "working_sign_ins": 1,
        "newest_sign_in": grant.sign_in.started.isoformat(),
    }
    lines = run("show_user", "ivan")
    assert "email             ivan@example.com" in lines
    assert "roles             author" in lines
    for secret in (grant.secret, user.password, user.credentials_stamp):
        assert secret not in "\n".join(lines)


@pytest.mark.django_db
def test_roles_are_given_taken_and_replaced():
    user = make_user("ivan")
    before = everything()
    assert refused("assign_role", "ivan", "author") == "There is no role author. Say --create to make it."
    assert everything() == before
    assert told("assign_role", "ivan", "author", "editor", "--create") == [
        {"id": user.pk, "username": "ivan", "roles": ["author", "editor"]}
    ]
    assert run("assign_role", "ivan", "author", "--remove") == ["ivan has the roles: editor."]
    assert run("assign_role", "ivan", "author", "--only") == ["ivan has the roles: author."]
    assert run("assign_role", "ivan", "author", "--remove") == ["ivan has the roles: none."]
    assert Event.objects.filter(kind="roles_changed", actor="command").count() == 4


# events


@pytest.mark.django_db
def test_events_are_listed_newest_first_and_narrowed():
    ivan, anna = make_user("ivan"), make_user("anna")
    accounts.deactivate(ivan, actor="command")
    with pytest.raises(InvalidCredentials):
        credentials.authenticate("anna", "wrong", dialect=Dialect.GONCORD, client=HERE)
    Event.objects.filter(user=ivan, kind="registered").update(time=timezone.now() - timedelta(days=3))

    def kinds(*arguments):
        return [event["kind"] for event in told("events", *arguments)]

    assert kinds() == ["sign_in_refused", "account_changed", "registered", "registered"]
    assert kinds("--user", "ivan") == ["account_changed", "registered"]
    assert kinds("--kind", "registered", "--kind", "sign_in_refused") == ["sign_in_refused", "registered", "registered"]
    assert kinds("--refused") == kinds("--dialect", "goncord") == ["sign_in_refused"]
    assert kinds("--actor", "command") == ["account_changed"]
    assert kinds("--ip", "192.0.2.1", "--limit", "1") == ["sign_in_refused"]
    day = (timezone.now() - timedelta(days=1)).date().isoformat()
    assert kinds("--until", day) == ["registered"]
    assert kinds("--since", day, "--user", "ivan") == ["account_changed"]
    assert kinds("--limit", "0", "--user", anna.pk) == ["sign_in_refused", "registered"]
    pk = anna.pk
    accounts.delete(anna, actor="command")
    assert kinds("--user", f"id/{pk}") == ["account_changed", "sign_in_refused", "registered"]
    line = run("events", "--refused")[0]
    assert f"sign_in_refused      refused user={pk} goncord 192.0.2.1" in line
    assert refused("events", "--user", "nobody") == "nobody: There is no such user."


@pytest.mark.django_db
def test_no_event_writes_two_lines_or_commands_to_a_terminal():
    make_user("ivan")
    Event.objects.update(details={"agent": "a\nb\x1b[31m\u2028c\u202ed"}, actor="x\ny")
    (line,) = run("events")
    assert line.isprintable()
    assert "\\n" in line
    assert len(told("events")) == 1


# show_config


def test_settings_are_told_without_secrets():
    environment = {
        "DATABASE_URL": "postgresql://user:hunter2@db.example/accounts?password=hunter3&sslmode=require",
        "REDIS_URL": "redis://:hunter4@cache.example:6379/0",
        "SECRET_KEY": "hunter5" * 10,
        "SECRET_KEY_FALLBACKS": "hunter6,hunter7",
        "KEY_ENCRYPTION_KEY": "hunter8",
        "PASSWORD_POLICY": "strict",
        "OPAQUE_TOKEN_SECONDS": "60",
    }
    answer = subprocess.run(
        [sys.executable, "manage.py", "show_config", "--json"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hunter" not in answer.stdout + answer.stderr
    found = json.loads(answer.stdout)
    url = "postgresql://user:********@db.example/accounts?password=********&sslmode=require"
    assert found["DATABASE_URL"] == {"value": url, "origin": "environment"}
    assert found["REDIS_URL"]["value"] == "redis://:********@cache.example:6379/0"
    assert found["SECRET_KEY"] == {"value": "********", "origin": "environment"}
    assert found["SECRET_KEY_FALLBACKS"]["value"] == ["********", "********"]
    assert found["PASSWORD_POLICY"] == {"value": "strict", "origin": "environment"}
    assert found["OPAQUE_TOKEN_SECONDS"] == {"value": 60, "origin": "environment"}
    assert found["WORKERS"]["origin"] in ("default", "environment")
    named = set((ROOT / ".env.example").read_text().replace("=", " ").split())
    named.add("IS_SERVING")  # The server says it of itself.
    assert {name for name in found if name not in named} == set()


@pytest.mark.parametrize("name", ["VK_CLIENT_SECRET", "SECRET_KEY", "A_PASSWORD", "signing_key"])
def test_what_is_named_like_a_secret_is_hidden(name):
    assert redacted(name, "x") == "********"
    assert redacted(name, "") == ""
    assert redacted("outer", {name: ["x"]}) == {name: ["********"]}


def test_an_unknown_setting_is_refused():
    assert refused("show_config", "NONSENSE") == "There is no setting NONSENSE."


# What holds for all


@pytest.mark.parametrize("name", OURS)
def test_every_command_says_what_it_does_and_what_each_argument_is(name):
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, OperatorCommand)
    assert len(command.help) > 30
    parser = command.create_parser("manage.py", name)
    own = [action for action in parser._actions if action.option_strings != ["-h", "--help"]]
    assert all(action.help for action in own), [action.dest for action in own if not action.help]


def manage(*arguments, text=None, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        input=text,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def database(migrated_database, tmp_path):
    database = Database(tmp_path, migrated_database)
    yield database
    database.drop()


@pytest.fixture
def shell(database):
    """Run a command as an operator does, over a database of its own."""
    return lambda *arguments, text="": manage(*arguments, text=text, DATABASE_URL=database.url)


def test_exit_codes_and_both_outputs_as_a_shell_sees_them(shell):
    made = shell("create_user", "ivan", "--json", text=f"{NEW}\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert json.loads(made.stdout)["username"] == "ivan"
    again = shell("create_user", "ivan", text=f"{NEW}\n")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "CommandError: This user name is already registered.\n"
    moment = shell("events", "--since", "yesterday")
    assert (moment.returncode, moment.stdout) == (2, "")
    assert "write a moment as 2026-01-31" in moment.stderr


def test_a_database_that_is_away_is_an_error_of_one_line():
    answer = manage("show_user", "ivan", DATABASE_URL="sqlite:////nonexistent/db.sqlite3")
    assert answer.returncode == 1
    assert answer.stderr.startswith("CommandError: The database does not answer: ")
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.django_db
def test_so_is_a_table_that_is_missing():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_usernameclaim RENAME TO elsewhere")
    text = refused("seed_demo", "--users", "1", "--force")
    assert text.startswith("The database does not answer: ")
    assert "accounts_usernameclaim" in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "--limit", "-1"),
        ("list_tokens", "--limit", "-1"),
        ("seed_demo", "--users", "0"),
        ("seed_demo", "--users", "-1"),
    ],
)
def test_a_number_below_the_least_is_refused(arguments):
    with pytest.raises(CommandError, match=r"it must be [01] or more"):
        run(*arguments)


def test_a_terminal_is_asked_twice_and_shows_no_password(shell, database):
    shell("create_user", "ivan", "--no-password")

    def answered(first, second):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "manage.py", "set_password", "ivan"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database.url},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        assert process.stdout is not None
        output = ""
        for line in (first, second):
            # What is typed before the prompt is thrown away with it.
            while not output.endswith(": "):
                output += process.stdout.read(1)
            os.write(ours, f"{line}\n".encode())
            output += process.stdout.read(1)
        output += process.stdout.read()
        process.stdout.close()
        process.wait(timeout=60)
        os.close(theirs)
        os.close(ours)
        return process.returncode, output

    code, output = answered(NEW, "Something-else3")
    assert code == 1
    assert "The two were not the same; nothing was changed." in output
    code, output = answered(NEW, NEW)
    assert code == 0
    assert "ivan has a new password" in output
    # By the second try alone.
    (event,) = shell("events", "--kind", "password_changed", "--json").stdout.splitlines()
    assert json.loads(event)["actor"] == "command"


def test_a_reader_who_has_seen_enough_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as closed:
        command = [sys.executable, "manage.py", "show_config"]
        environment = os.environ | {"PYTHONUNBUFFERED": ""}
        answer = subprocess.run(command, cwd=ROOT, env=environment, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.django_db
def test_djangos_own_createsuperuser_refuses_in_words_too(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--username", "root", stdout=io.StringIO())
    assert User.objects.get().is_superuser
    with pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", "--username", "a b", stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", "--username", "ROOT", stdout=io.StringIO())
    assert User.objects.count() == 1
