"""Bad combinations of settings, told at start-up."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.files.storage import InvalidStorageError, storages

from accounts.checks import SETTINGS


@register(Tags.files, SETTINGS)
def check_media_storage(**_: Any) -> list[CheckMessage]:
    """The storage of the avatars can be made, of the options it is given."""
    try:
        storages["default"]
    except (InvalidStorageError, TypeError, ValueError) as error:
        return [Error(f"MEDIA_STORAGE and MEDIA_STORAGE_OPTIONS make no storage: {error}", id="profiles.E001")]
    return []
