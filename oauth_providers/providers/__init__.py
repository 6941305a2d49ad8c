"""The providers, by the first segment of their paths."""

from oauth_providers import conf
from oauth_providers.providers.base import Identity, Provider, Tokens
from oauth_providers.providers.mail_ru import MailRu
from oauth_providers.providers.vk import VK
from oauth_providers.providers.yandex import Yandex
from oauth_providers.strategy import Strategy

__all__ = ["CLASSES", "Identity", "Provider", "Tokens", "backend"]

CLASSES: dict[str, type[Provider]] = {provider.name: provider for provider in (VK, MailRu, Yandex)}


def backend(key: str) -> Provider:
    """The provider `key` (`vk`, `mail.ru`, `yandex`) with its settings as they are now; KeyError for another."""
    return CLASSES[key](Strategy(), conf.provider(key))
