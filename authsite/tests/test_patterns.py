"""No pattern takes long over any text: a field looks at the length first, and the others go over a text once."""

import ast
from re import _constants, _parser

import pytest
from django.urls import get_resolver
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.serializers.fields import Text
from authsite.tests.test_sql import calls

# Dots stand between its parts, and in none of them.
ONCE_ALL_THE_SAME = {r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"}
# Of settings that an operator has written.
NOT_OF_CALLERS = {r"(?<=://)([^/@\s]*:)[^@\s]*(?=@)|(?<=[?&])(password=)[^&]*"}


class NeverAsked:
    def fullmatch(self, text):
        raise AssertionError("a pattern was tried on a text that is too long")


def test_a_text_that_is_too_long_meets_no_pattern():
    field = Text(pattern="(a+)+", max_length=254)
    field.pattern = NeverAsked()
    with pytest.raises(ValidationError) as caught:
        field.run_validation("a" * 100_000)
    assert caught.value.get_codes() == ["max_length"]


def test_every_field_with_a_pattern_has_a_greatest_length():
    # What imports every door imports every shape.
    assert get_resolver().url_patterns
    found, classes = 0, [serializers.Serializer]
    while classes:
        shape = classes.pop()
        classes += shape.__subclasses__()
        for name, field in getattr(shape, "_declared_fields", {}).items():
            if isinstance(field, Text) and field.pattern is not None:
                found += 1
                assert field.max_length, (shape, name)
    assert found > 10


def unbounded(parsed):
    """How many times a pattern repeats something without end, at its deepest and in all."""
    deepest = count = 0
    for operation, argument in parsed:
        inside = [part for part in _parts(argument) if isinstance(part, _parser.SubPattern)]
        below = [unbounded(part) for part in inside]
        endless = operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[1] == _constants.MAXREPEAT
        deepest = max(deepest, endless + max((deep for deep, _ in below), default=0))
        count += endless + sum(many for _, many in below)
    return deepest, count


def _parts(argument):
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    return [part for each in argument for part in _parts(each)] if isinstance(argument, list | tuple) else []


def test_the_other_patterns_repeat_without_end_once_at_most():
    found = set()
    for _, name, node in calls():
        is_of_re = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        if is_of_re and node.func.value.id == "re" and name != "escape" and isinstance(node.args[0], ast.Constant):
            found.add(node.args[0].value)
    assert len(found) > 10
    for pattern in found - ONCE_ALL_THE_SAME - NOT_OF_CALLERS:
        deepest, count = unbounded(_parser.parse(pattern))
        assert (deepest, count) <= (1, 1), pattern
    assert unbounded(_parser.parse("(a+)+")) == (2, 2)
    assert found >= ONCE_ALL_THE_SAME | NOT_OF_CALLERS
