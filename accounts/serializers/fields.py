"""Field types the dialects share: text that is text, and nothing trimmed or guessed."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts import identifiers
from accounts.errors import InvalidIdentifier
from accounts.identifiers import Kind


class Text(serializers.CharField):
    """A string as it was sent; a number or a boolean is not a string.

    `pattern` must match the whole text; it is tried only on a text that is not too long.
    """

    default_error_messages = {"pattern": _("This value does not have the required form.")}

    def __init__(self, *, pattern: str | None = None, trimmed: bool = False, **kwargs: Any) -> None:
        self.pattern = re.compile(pattern) if pattern else None
        super().__init__(trim_whitespace=trimmed, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        if self.max_length is not None and len(text) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        if self.pattern is not None and not self.pattern.fullmatch(text):
            self.fail("pattern")
        return text


class RawText(Text):
    """Whatever text was sent, judged by nobody here: what cannot be right meets the answer to what is wrong."""

    def run_validators(self, value: Any) -> None:
        return None


class IdentifierText(Text):
    """An identifier of one kind, as it was sent; another kind, or a malformed one, is refused."""

    default_error_messages = {"identifier": "{text}"}

    def __init__(self, kind: Kind, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            identifiers.expect(self.kind, text)
        except InvalidIdentifier as error:
            self.fail("identifier", text=error.text)
        return text


class Whole(serializers.IntegerField):
    """A whole number in ASCII digits; int() would also read `+7`, `1_0` and the digits of other scripts."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and not re.fullmatch(r"[0-9]+", data):
            self.fail("invalid")
        return super().to_internal_value(data)


class ISODate(serializers.DateField):
    """`YYYY-MM-DD`, written exactly so."""

    default_error_messages = {"invalid": _("Write the date as YYYY-MM-DD.")}

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)
