"""accounts/identifiers.py: which kind a text is, and the one spelling that makes it unique."""

import re

import pytest

from accounts import identifiers
from accounts.errors import InvalidIdentifier
from accounts.identifiers import Kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("ivan", Kind.USERNAME, id="word"),
        pytest.param("123456789", Kind.USERNAME, id="nine-digits"),
        pytest.param("1234567890", Kind.PHONE, id="ten-digits"),
        pytest.param("8 (999) 123-45-67", Kind.PHONE, id="marks"),
        pytest.param("+7", Kind.PHONE, id="plus"),
        pytest.param("+ivan", Kind.PHONE, id="plus-word"),
        pytest.param("８９９９１２３４５６７", Kind.PHONE, id="fullwidth-digits"),
        pytest.param("1234567890_", Kind.USERNAME, id="other-mark"),
        pytest.param("ivan@", Kind.EMAIL, id="at"),
        pytest.param("ivan＠x.ru", Kind.EMAIL, id="fullwidth-at"),
        pytest.param("+7@x.ru", Kind.EMAIL, id="at-before-plus"),
        pytest.param("", Kind.USERNAME, id="empty"),
    ],
)
def test_kind_is_decided_by_spelling(text, kind):
    assert identifiers.kind(text) == kind


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Ivan", "iVAN", id="case"),
        pytest.param("ＩＶＡＮ", "ivan", id="fullwidth"),
        pytest.param("ПЁТР", "пётр", id="cyrillic"),
        pytest.param("пётр", "пётр", id="nfd"),
        pytest.param("Straße", "STRASSE", id="sharp-s"),
        pytest.param("ΣΊΣΥΦΟΣ", "σίσυφος", id="final-sigma"),
    ],
)
def test_usernames_that_look_alike_are_one(one, other):
    assert identifiers.parse(one).canonical == identifiers.parse(other).canonical


def test_a_username_keeps_the_case_typed():
    assert identifiers.parse("Ivan").value == "Ivan"


@pytest.mark.parametrize(
    "text",
    [
        *[pytest.param(f"iv{mark}an", id=f"U+{ord(mark):04X}") for mark in "/\\?#% \t\n\r\x00\x7f"],
        *[
            pytest.param(f"iv{mark}an", id=f"U+{ord(mark):04X}")
            for mark in "\u00a0\u00ad\u034f\u115f\u180e\u200b\u200d\u202e\u2028\u2066\u3164\ufe0f\ufeff\ufffe\ud800"
        ],
        pytest.param("ivan ", id="trailing-blank"),
        pytest.param("", id="empty"),
        pytest.param("a" * 65, id="long"),
        pytest.param("ﷺ" * 10, id="long-after-nfkc"),
        pytest.param("a" * 100_000, id="huge"),
    ],
)
def test_what_no_username_holds(text):
    with pytest.raises(InvalidIdentifier) as caught:
        identifiers.expect(Kind.USERNAME, text)
    assert caught.value.field == "username"


@pytest.mark.parametrize("text", ["victim@x.ru", "+79991234567", "89991234567"])
def test_a_username_cannot_be_spelled_like_another_kind(text):
    with pytest.raises(InvalidIdentifier):
        identifiers.expect(Kind.USERNAME, text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("Danila@Example.COM", "danila@example.com", id="case"),
        pytest.param("d@ПРИМЕР.рф", "d@xn--e1afmkfd.xn--p1ai", id="idna"),
        pytest.param("d@straße.de", "d@xn--strae-oqa.de", id="sharp-s-stays"),
        pytest.param("d@strasse.de", "d@strasse.de", id="double-s"),
        pytest.param("o'neil+tag@x.ru", "o'neil+tag@x.ru", id="marks"),
    ],
)
def test_email_is_unique_with_its_local_part_lowered_and_its_domain_in_idna(text, canonical):
    assert identifiers.expect(Kind.EMAIL, text).canonical == canonical


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("straße@x.ru", id="non-ascii-local-part"),
        pytest.param("a@", id="no-domain"),
        pytest.param("@x.ru", id="no-local-part"),
        pytest.param("a@b", id="no-dot"),
        pytest.param("a@x.ru\r\nBcc: b@x.ru", id="crlf"),
        pytest.param("a@x.ru\x00", id="nul"),
        pytest.param("a" * 64 + "@" + "b" * 200 + ".ru", id="long"),
        pytest.param("a@" + "a." * 50_000 + "ru", id="adversarial"),
        pytest.param("a@-x-.ru", id="hyphens"),
    ],
)
def test_what_is_no_email(text):
    with pytest.raises(InvalidIdentifier):
        identifiers.expect(Kind.EMAIL, text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("8 (999) 123-45-67", "+79991234567", id="trunk-8"),
        pytest.param("+7 999 123 45 67", "+79991234567", id="international"),
        pytest.param("79991234567", "+79991234567", id="country-code-without-plus"),
        pytest.param("9991234567", "+79991234567", id="national"),
        pytest.param("+٧٩٩٩١٢٣٤٥٦٧", "+79991234567", id="arabic-digits"),
        pytest.param("+44 20 7946 0958", "+442079460958", id="another-country"),
    ],
)
def test_phones_in_any_spelling_are_one(text, canonical):
    found = identifiers.expect(Kind.PHONE, text)
    assert (found.value, found.canonical) == (canonical, canonical)


@pytest.mark.parametrize(
    "text", ["+", "+7", "+1-800-FLOWERS", "+79991234567 ext. 5", "+" + "9" * 200, "+7999123456\n7"]
)
def test_what_is_no_phone(text):
    with pytest.raises(InvalidIdentifier):
        identifiers.expect(Kind.PHONE, text)


def test_a_phone_without_plus_is_of_the_region_set(settings):
    settings.ACCOUNTS_PHONE_REGION = "GB"
    assert identifiers.expect(Kind.PHONE, "020 7946 0958").canonical == "+442079460958"


def test_generated_usernames_are_usernames():
    made = {identifiers.generated_username() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"user_[a-z0-9]{12}", name) for name in made)
    assert all(identifiers.parse(name).kind == Kind.USERNAME for name in made)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), (str(2**63 - 1), 2**63 - 1), ("8 999", None), (str(2**63), None), ("9" * 5000, None)]
    + [(text, None) for text in ("", "0", "007", "-1", "+1", "1.0", " 1", "1_0", "²", "١", "x")],
)
def test_account_ids_in_digits(text, number):
    assert identifiers.account_id(text) == number
