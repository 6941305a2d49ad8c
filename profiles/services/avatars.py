"""Avatars: two files under a random name in Django's storage, and the one column that says which are shown."""

import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts.errors import NotFound, TokenNotWorking, Unavailable
from accounts.models import User
from accounts.services.versions import cards_changed
from profiles import conf, images
from profiles.models import Profile

logger = logging.getLogger(__name__)

FOLDER = "avatars"
# An upload has written its files before its row names them: what is younger may still be on its way.
ORPHAN_AGE = timedelta(hours=1)
BATCH = 500

_LARGE, _SMALL = images.SIDES
_NAME = re.compile(rf"{FOLDER}/[0-9a-f]{{2}}/[0-9a-f]{{32}}-({_LARGE}|{_SMALL})\.webp")
# One picture at a time in each process: the largest takes some 270 MB while it is decoded.
_slot = threading.BoundedSemaphore()
_SECONDS_TO_WAIT = 3


def replace(user: User, picture: bytes) -> str:
    """Make `picture` the avatar of `user`; return the name of its larger file. The former one is gone after the commit.

    Raises AvatarRefused, Unavailable while other pictures are being read, TokenNotWorking when the account is gone.
    """
    with _taken_slot():
        files = images.renditions(picture)
    name = _new_name()
    try:
        for side, content in files.items():
            default_storage.save(_sibling(name, side), ContentFile(content))
        _show(user, name)
    except BaseException:
        _discard(name)
        raise
    return name


def remove(user: User) -> None:
    """Leave `user` without an avatar; nothing happens when there is none."""
    _show(user, "")


def address(name: str) -> str:
    """Where the stored file `name` can be seen: absolute, from a setting or the storage itself; "" for none."""
    if not name:
        return ""
    url = default_storage.url(name)
    return url if "://" in url else conf.public_url() + url


def opened(name: str) -> Any:
    """The file `name`, open for reading, while it is part of the avatar of an active account. Raises NotFound.

    The row decides, not the file: what could not be deleted is not shown either. One query.
    """
    if not _NAME.fullmatch(name):
        raise NotFound
    if not Profile.objects.filter(avatar=_sibling(name, _LARGE), user__is_active=True).exists():
        raise NotFound
    try:
        return default_storage.open(name)
    except FileNotFoundError as error:
        raise NotFound from error


def orphans() -> Iterator[str]:
    """The names of stored files that no account shows, an hour old or more; one query for each five hundred files."""
    old = timezone.now() - ORPHAN_AGE
    for folder in _listed(FOLDER)[0]:
        names = [f"{FOLDER}/{folder}/{file}" for file in sorted(_listed(f"{FOLDER}/{folder}")[1])]
        for start in range(0, len(names), BATCH):
            avatars = {name: _sibling(name, _LARGE) for name in names[start : start + BATCH]}
            shown = set(Profile.objects.filter(avatar__in=avatars.values()).values_list("avatar", flat=True))
            for name, avatar in avatars.items():
                if avatar not in shown and default_storage.get_modified_time(name) < old:
                    yield name


def delete_orphan(name: str) -> None:
    """Delete a file that `orphans` named."""
    default_storage.delete(name)


def _show(user: User, name: str) -> None:
    """Write the column. Raises TokenNotWorking when the account is gone."""
    row = Profile.objects.filter(user=user)
    with transaction.atomic():
        if not name and not row.exclude(avatar="").exists():
            return
        # The account's row is locked by this UPDATE: of two uploads at once the later one sees the earlier one's files.
        if not cards_changed([user]):
            raise TokenNotWorking
        if name:
            Profile.objects.bulk_create([Profile(user_id=user.pk)], ignore_conflicts=True)
        former = row.values_list("avatar", flat=True).first()
        row.update(avatar=name)
        if former:
            transaction.on_commit(partial(_discard, former), robust=True)


def _discard(name: str) -> None:
    for side in images.SIDES:
        try:
            default_storage.delete(_sibling(name, side))
        except OSError:
            # Nobody is shown it any more, and `purge_avatars` tries again.
            logger.warning("an avatar's file could not be deleted: %s", _sibling(name, side))


def _new_name() -> str:
    """A name of 128 random bits, in one of 256 folders."""
    stem = secrets.token_hex(16)
    return f"{FOLDER}/{stem[:2]}/{stem}-{_LARGE}.webp"


def _sibling(name: str, side: int) -> str:
    """The name of the file of that `side` beside `name`."""
    return f"{name.rpartition('-')[0]}-{side}.webp"


def _listed(path: str) -> tuple[list[str], list[str]]:
    """The folders and files at `path`; none where nothing was ever stored."""
    try:
        return default_storage.listdir(path)
    except FileNotFoundError:
        return [], []


@contextmanager
def _taken_slot() -> Iterator[None]:
    if not _slot.acquire(timeout=_SECONDS_TO_WAIT):
        raise Unavailable
    try:
        yield
    finally:
        _slot.release()
