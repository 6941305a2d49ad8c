"""What `services.authorization` keeps, and for how long."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.services import purging
from accounts.tests.factories import HERE
from oauth_providers.errors import AttemptRefused, CodeRefused, ProviderTokenRefused
from oauth_providers.models import AuthorizationAttempt
from oauth_providers.services import authorization
from oauth_providers.tests import flows

pytestmark = pytest.mark.django_db


def test_a_token_is_remembered_as_long_as_the_provider_lets_it_live(fake):
    access_token = flows.token("vk")
    with time_machine.travel(timezone.now() + timedelta(seconds=3590)):
        assert authorization.identify("vk", access_token, client=HERE).uid == "1001"
    with time_machine.travel(timezone.now() + timedelta(seconds=3610)), pytest.raises(ProviderTokenRefused):
        authorization.identify("vk", access_token, client=HERE)


def test_a_token_without_a_lifetime_is_remembered_for_a_day(fake):
    fake.expires_in = None
    access_token = flows.token("vk")
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        assert authorization.identify("vk", access_token, client=HERE).uid == "1001"
    with time_machine.travel(timezone.now() + timedelta(hours=25)), pytest.raises(ProviderTokenRefused):
        authorization.identify("vk", access_token, client=HERE)


def test_nothing_sealed_is_left_of_a_used_attempt(fake):
    flows.token("vk")
    assert bytes(AuthorizationAttempt.objects.get().sealed) == b""


def test_a_new_secret_key_opens_what_the_one_before_sealed(fake, settings):
    brought = flows.begun("vk")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [django_settings.SECRET_KEY], "n" * 60
    assert authorization.exchange("vk", **brought, client=HERE).access_token
    brought = flows.begun("vk")
    settings.SECRET_KEY = "m" * 60
    with pytest.raises(AttemptRefused):
        authorization.exchange("vk", **brought, client=HERE)


def test_a_refused_exchange_hands_nothing_out(fake):
    brought = flows.begun("vk")
    with pytest.raises(CodeRefused):
        authorization.exchange("vk", **{**brought, "device_id": "another"}, client=HERE)
    attempt = AuthorizationAttempt.objects.get()
    assert (attempt.token_digest, attempt.token_expires) == (None, None)
    assert attempt.used is not None, "used up all the same: the provider has seen its code"


def test_purging_keeps_what_may_still_matter(fake):
    old = timezone.now() - timedelta(days=1)
    handed_out, begun = flows.token("vk"), flows.begun("vk")
    for _ in range(5):
        flows.begun("vk")
    kept = list(AuthorizationAttempt.objects.order_by("pk")[:2].values_list("pk", flat=True))
    AuthorizationAttempt.objects.exclude(pk__in=kept).update(started=old)
    AuthorizationAttempt.objects.filter(pk=kept[0]).update(started=old)
    assert list(purging.in_batches(authorization.over(), oldest_first="started")) == [5]
    assert list(AuthorizationAttempt.objects.order_by("pk").values_list("pk", flat=True)) == kept
    assert authorization.identify("vk", handed_out, client=HERE).uid == "1001"
    assert authorization.exchange("vk", **begun, client=HERE).access_token
    AuthorizationAttempt.objects.update(started=old, token_expires=old)
    assert authorization.over().count() == 2
