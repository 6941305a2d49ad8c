"""POST and DELETE /account/edit/avatar, the files behind them, and the addresses they are served at."""

import io
import os
import re
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from PIL import Image

from accounts.errors import NotFound, TokenNotWorking, Unavailable
from accounts.models import User
from profiles import images
from profiles.models import Profile
from profiles.services import avatars, editing
from profiles.tests.cabinet import entry, make_person, refused
from profiles.tests.pictures import bomb, encoded, gif, gradient

PATH = "/account/edit/avatar"
PNG, JPEG = encoded(gradient(), "PNG"), encoded(gradient(), "JPEG")
ADDRESS = re.compile(r"http://127\.0\.0\.1:8000/media/avatars/([0-9a-f]{2})/\1[0-9a-f]{30}-512\.webp")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def files(media: Path) -> list[str]:
    return sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())


def upload(client, person, data: bytes = PNG, name: str = "me.png", content_type: str = "image/png"):
    picture = SimpleUploadedFile(name, data, content_type=content_type)
    return client.post(PATH, {"avatar": picture}, headers=person.headers)


def served(client, address: str, **options):
    return client.get(urlsplit(address).path, **options)


def test_a_picture_becomes_an_address_that_serves_it(client, media):
    person = make_person()
    response = upload(client, person)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert list(response.json()) == ["avatar"]
    address = response.json()["avatar"]
    assert ADDRESS.fullmatch(address)
    for side, url in ((512, address), (96, address.replace("-512.", "-96."))):
        answer = served(client, url)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/webp"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, max-age=86400, immutable"
        body = b"".join(answer)
        assert answer["Content-Length"] == str(len(body))
        assert Image.open(io.BytesIO(body)).size == (side, side)
    assert len(files(media)) == 2
    assert User.objects.get().card_version == person.user.card_version + 1


def test_it_is_told_wherever_the_account_is(client):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    shown = entry(person.user, avatar=address)
    assert client.get("/account/me", headers=person.headers).json() == {
        **shown,
        "permissions": [],
        "token": person.token,
    }
    assert client.get("/info/users/?limit=1").json() == [shown]
    assert client.get("/info/users/search-ivan").json() == shown


def test_its_address_comes_from_a_setting_and_never_from_the_host(client, settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://accounts.example.org", ["*"]
    person = make_person()
    headers = {**person.headers, "host": "evil.example", "x-forwarded-host": "evil.example"}
    response = client.post(PATH, {"avatar": SimpleUploadedFile("a.png", PNG)}, headers=headers)
    assert response.json()["avatar"].startswith("https://accounts.example.org/media/avatars/")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_type_and_name_that_the_client_claims_decide_nothing(client, format, path, media):
    person = make_person()
    picture = SimpleUploadedFile("../../../etc/cron.d/x.php", encoded(gradient(), format), content_type="text/html")
    response = client.post(path, {"avatar": picture}, headers=person.headers)
    assert response.status_code == 200
    assert served(client, response.json()["avatar"])["Content-Type"] == "image/webp"
    assert [name for name in files(media) if "x" in Path(name).stem] == []


def test_a_new_picture_takes_the_place_of_the_old_one(client, media):
    person = make_person()
    first = upload(client, person).json()["avatar"]
    second = upload(client, person, JPEG).json()["avatar"]
    assert first != second
    assert len(files(media)) == 2
    for address in (first, first.replace("-512.", "-96.")):
        assert served(client, address).status_code == 404
    assert served(client, second).status_code == 200


def test_delete_takes_it_away_again_and_again(client, media):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    version = User.objects.get().card_version
    for path in (PATH, PATH + "/", PATH):
        response = client.delete(path, headers=person.headers)
        assert (response.status_code, response.json()) == (200, {"avatar": ""})
    assert files(media) == []
    assert User.objects.get().card_version == version + 1
    for url in (address, address.replace("-512.", "-96.")):
        answer = served(client, url)
        assert (answer.status_code, answer["Cache-Control"]) == (404, "no-store")
        assert answer.json() == {"message": "There is nothing here by that name."}
    assert client.get("/account/me", headers=person.headers).json()["avatar"] == ""


def test_delete_without_an_avatar_makes_nothing(client):
    person = make_person()
    assert client.delete(PATH, headers=person.headers).json() == {"avatar": ""}
    assert not Profile.objects.exists()


def test_what_else_is_told_stays(client):
    person = make_person(first_name="Иван")
    upload(client, person)
    client.delete(PATH, headers=person.headers)
    assert Profile.objects.get().first_name == "Иван"


REFUSED = {
    "empty": b"",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "polyglot": PNG + b"<?php phpinfo(); ?>",
    "truncated": PNG[:-100],
    "50 000 px": bomb(),
    "10 000 frames": gif(10_000),
    "5 MiB": PNG + bytes(images.MAX_BYTES),
    "11 MB": PNG + bytes(11_000_000),
    "40 MB": PNG + bytes(40_000_000),
}


def test_anything_else_is_400_and_nothing_changes(client, media):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    before, version = files(media), User.objects.get().card_version
    for what, data in REFUSED.items():
        answer = upload(client, person, data)
        assert answer.status_code == 400, what
        refused(answer, 400)
        assert files(media) == before, what
        assert User.objects.get().card_version == version, what
    assert served(client, address).status_code == 200


def test_a_body_without_a_file_is_400(client, media):
    person = make_person()
    for body, options in (
        ({}, {}),
        ({"avatar": "me.png"}, {}),
        ({"picture": io.BytesIO(PNG)}, {}),
        ('{"avatar": "me.png"}', {"content_type": "application/json"}),
        ('{"avatar": {"file": "me.png"}}', {"content_type": "application/json"}),
        ("avatar=me.png", {"content_type": "application/x-www-form-urlencoded"}),
        (b"--x\r\nrubbish", {"content_type": "multipart/form-data; boundary=x"}),
        (b"rubbish", {"content_type": "multipart/form-data"}),
    ):
        answer = client.post(PATH, body, headers=person.headers, **options)
        assert answer.status_code == 400, (body, options)
        refused(answer, 400)
        assert files(media) == [], (body, options)
    assert not Profile.objects.exists()


def test_a_bare_file_is_415(client, media):
    person = make_person()
    refused(client.post(PATH, PNG, content_type="image/png", headers=person.headers), 415)
    assert files(media) == []


def test_without_a_token_nothing_is_read_or_stored(client, media, monkeypatch):
    monkeypatch.setattr(images, "renditions", lambda data: pytest.fail("decoded"))
    make_person()
    refused(client.post(PATH, {"avatar": SimpleUploadedFile("me.png", PNG)}), 403)
    assert files(media) == []


@pytest.mark.parametrize("method", ["get", "patch"])
def test_another_method_is_405(client, method):
    person = make_person()
    refused(getattr(client, method)(PATH, headers=person.headers), 405)


def test_the_picture_is_made_outside_the_transaction(client, monkeypatch):
    made = images.renditions

    def watched(data: bytes) -> dict[int, bytes]:
        assert not connection.in_atomic_block
        return made(data)

    monkeypatch.setattr(images, "renditions", watched)
    person = make_person()
    assert upload(client, person).status_code == 200


def test_a_transaction_that_fails_leaves_the_old_picture_and_no_new_file(client, media, monkeypatch):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    before = files(media)
    client.raise_request_exception = False

    def broken(users):
        raise DatabaseError("no")

    monkeypatch.setattr(avatars, "cards_changed", broken)
    for response in (upload(client, person, JPEG), client.delete(PATH, headers=person.headers)):
        assert response.status_code == 500
        assert list(response.json()) == ["errorMessage"]
    assert files(media) == before
    assert served(client, address).status_code == 200


def test_an_account_that_is_gone_meanwhile_leaves_no_file(media):
    person = make_person()
    User.objects.all().delete()
    with pytest.raises(TokenNotWorking):
        avatars.replace(person.user, PNG)
    with pytest.raises(TokenNotWorking):
        editing.edit(person.user, first_name="Иван")
    assert files(media) == []
    assert not Profile.objects.exists()


class StuckStorage(FileSystemStorage):
    """A storage that keeps what it has."""

    def delete(self, name: str) -> None:
        raise OSError("read-only")


def test_what_cannot_be_deleted_is_not_served_either(client, settings, media):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{__name__}.StuckStorage"}}
    assert client.delete(PATH, headers=person.headers).json() == {"avatar": ""}
    assert len(files(media)) == 2
    assert served(client, address).status_code == 404


class ElsewhereStorage(FileSystemStorage):
    """A storage with addresses of its own."""

    def url(self, name: str | None) -> str:
        return f"https://pictures.example.org/{name}"


def test_a_storage_elsewhere_names_its_own_addresses(client, settings):
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{__name__}.ElsewhereStorage"}}
    person = make_person()
    assert upload(client, person).json()["avatar"].startswith("https://pictures.example.org/avatars/")


def test_an_account_that_is_gone_shows_nothing(client):
    person = make_person()
    address = upload(client, person).json()["avatar"]
    User.objects.update(is_active=False)
    assert served(client, address).status_code == 404
    User.objects.update(is_active=True)
    assert served(client, address).status_code == 200
    User.objects.all().delete()
    assert served(client, address).status_code == 404


def test_nothing_else_is_served_from_there(client, media):
    (media / "other.txt").write_text("secret")
    upload(client, make_person())
    for name in (
        *("", "avatars/", "avatars", "../manage.py", "..%2f..%2fmanage.py", "avatars/../../secret_key", "%00"),
        *("avatars/ab/ab-512.webp", "avatars/ab/" + "ab" * 16 + "-512.webp", "avatars/ab/" + "ab" * 16 + "-1.webp"),
        "other.txt",
    ):
        response = client.get(f"/media/{name}")
        assert response.status_code == 404, name
        assert list(response.json()) == ["message"]


def test_serving_takes_one_query(client, django_assert_num_queries):
    address = upload(client, make_person()).json()["avatar"]
    with django_assert_num_queries(1):
        served(client, address)
    with django_assert_num_queries(0):
        client.get("/media/avatars/other.webp")
    assert client.post(urlsplit(address).path).status_code == 405
    assert client.head(urlsplit(address).path).status_code == 200


def test_of_uploads_at_once_one_is_shown_and_its_files_are_the_only_ones(media):
    person = make_person()
    start, found = threading.Barrier(4), []

    def run() -> None:
        client = Client()
        start.wait()
        found.append(upload(client, person).json()["avatar"])
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = Profile.objects.get().avatar.name
    assert len(set(found)) == 4
    assert files(media) == sorted([shown, shown.replace("-512.", "-96.")])


def test_only_so_many_pictures_are_read_at_once(monkeypatch):
    person = make_person()
    monkeypatch.setattr(avatars, "_SECONDS_TO_WAIT", 0.01)
    with avatars._taken_slot():
        with pytest.raises(Unavailable):
            avatars.replace(person.user, PNG)
        response = upload(Client(), person)
        refused(response, 503)
        assert response["Retry-After"] == "1"
    assert upload(Client(), person).status_code == 200


def purge(*arguments: str) -> str:
    output = io.StringIO()
    call_command("purge_avatars", *arguments, stdout=output)
    return output.getvalue()


def test_orphans_are_removed_when_they_are_an_hour_old(client, media, django_assert_max_num_queries):
    person, gone = make_person("ivan"), make_person("petr")
    upload(client, person)
    upload(client, gone)
    shown = files(media)
    gone.user.delete()
    kept = Profile.objects.get().avatar.name
    orphaned = sorted(set(shown) - {kept, kept.replace("-512.", "-96.")})
    assert purge() == "0 files deleted.\n"
    long_ago = time.time() - avatars.ORPHAN_AGE / timedelta(seconds=1) - 1
    for name in shown:
        os.utime(media / name, (long_ago, long_ago))
    assert purge("--dry-run") == "".join(f"{name}\n" for name in orphaned) + "2 files would be deleted.\n"
    assert files(media) == shown
    with django_assert_max_num_queries(2):
        assert purge() == "2 files deleted.\n"
    assert files(media) == sorted(set(shown) - set(orphaned))
    assert purge() == "0 files deleted.\n"


def test_where_nothing_was_ever_stored_there_are_no_orphans(media):
    (media / "unrelated").mkdir()
    assert purge() == "0 files deleted.\n"


def test_a_file_that_is_lost_is_404(client, media):
    address = upload(client, make_person()).json()["avatar"]
    for name in files(media):
        default_storage.delete(name)
    assert served(client, address).status_code == 404
    with pytest.raises(NotFound):
        avatars.opened(Profile.objects.get().avatar.name)
