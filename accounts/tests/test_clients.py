"""accounts/clients.py: who is calling, as far as trusted proxies vouch for it."""

import pytest

from accounts.clients import Client, nearest_untrusted, parse_ip


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        pytest.param("203.0.113.9", "1.1.1.1", [], "203.0.113.9", id="nobody-trusted"),
        pytest.param("10.0.0.1", "198.51.100.7", ["10.0.0.0/8"], "198.51.100.7", id="one-proxy"),
        pytest.param("10.0.0.1", "1.1.1.1, 198.51.100.7", ["10.0.0.0/8"], "198.51.100.7", id="invented-entry-before"),
        pytest.param("10.0.0.1", "198.51.100.7, 10.0.0.2", ["10.0.0.0/8"], "198.51.100.7", id="two-proxies"),
        pytest.param("10.0.0.1", "nonsense", ["10.0.0.0/8"], "10.0.0.1", id="unreadable"),
        pytest.param("10.0.0.1", "1.1.1.1, nonsense, 10.0.0.2", ["10.0.0.0/8"], "10.0.0.2", id="unreadable-between"),
        pytest.param("10.0.0.1", "", ["10.0.0.0/8"], "10.0.0.1", id="no-header"),
        pytest.param("203.0.113.9", "1.1.1.1", ["10.0.0.0/8"], "203.0.113.9", id="peer-not-trusted"),
        pytest.param("::1", "2001:db8::1", ["::1/128"], "2001:db8::1", id="ipv6"),
    ],
)
def test_forwarded_addresses_count_only_as_far_as_proxies_are_trusted(peer, forwarded, trusted, address):
    assert nearest_untrusted(peer, forwarded, trusted) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" 127.0.0.1 ", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("x", None),
        ("", None),
    ],
)
def test_an_address_has_one_spelling(text, address):
    assert parse_ip(text) == address


def test_an_agent_is_cut_and_loses_what_no_database_holds():
    assert Client.seen(address="", agent="a\x00b\ud800" + "c" * 300).agent == ("ab?" + "c" * 300)[:255]
