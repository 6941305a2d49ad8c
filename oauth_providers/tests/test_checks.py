"""What is told at start-up about the providers' settings."""

import pytest

from oauth_providers import checks

GOOD = {"OAUTH_VK_CLIENT_ID": "1", "OAUTH_YANDEX_CLIENT_ID": "2", "OAUTH_YANDEX_CLIENT_SECRET": "s"}


def found(settings, **changes) -> list[str | None]:
    for name, value in {**GOOD, **changes}.items():
        setattr(settings, name, value)
    return [message.id for check in (checks.check_addresses, checks.check_secrets) for message in check()]


def test_the_defaults_are_fine(settings):
    assert found(settings) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"OAUTH_VK_TOKEN_URL": "http://id.vk.com/oauth2/auth"}, "oauth_providers.E002"),
        ({"OAUTH_YANDEX_USERINFO_URL": "http://localhost.example/info"}, "oauth_providers.E002"),
        ({"OAUTH_VK_TOKEN_URL": "id.vk.com/oauth2/auth"}, "oauth_providers.E001"),
        ({"OAUTH_VK_TOKEN_URL": "https://[::1/"}, "oauth_providers.E001"),
        ({"OAUTH_VK_REDIRECT_URI": "/vk/callback"}, "oauth_providers.E001"),
        ({"OAUTH_VK_FRONTEND_URL": "javascript:alert(1)"}, "oauth_providers.E001"),
        ({"OAUTH_YANDEX_CLIENT_SECRET": ""}, "oauth_providers.E003"),
    ],
)
def test_what_cannot_work_is_an_error(settings, changes, expected):
    assert found(settings, **changes) == [expected]


@pytest.mark.parametrize(
    "changes",
    [
        {"OAUTH_VK_TOKEN_URL": "http://127.0.0.1:8090/vk/token"},
        {"OAUTH_VK_TOKEN_URL": "http://[::1]:8090/vk/token"},
        {"OAUTH_VK_FRONTEND_URL": "http://localhost:5173/"},
        {"OAUTH_VK_CLIENT_ID": "", "OAUTH_VK_TOKEN_URL": "nonsense"},
    ],
)
def test_this_machine_needs_no_tls_and_a_provider_that_is_off_nothing(settings, changes):
    assert found(settings, **changes) == []


def test_stalled_providers_leave_a_thread(settings):
    settings.OAUTH_VK_CLIENT_ID = "1"
    settings.BLOCKING_THREADS, settings.OAUTH_PROVIDERS_CALLS_AT_ONCE = 4, 3
    assert checks.check_room() == []
    settings.OAUTH_PROVIDERS_CALLS_AT_ONCE = 4
    assert [message.id for message in checks.check_room()] == ["oauth_providers.W001"]
