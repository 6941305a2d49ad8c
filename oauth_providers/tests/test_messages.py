"""Every sentence of this app speaks Russian, and the compiled catalogue is the one that is read."""

import io
import re
from pathlib import Path

import pytest
from babel.messages import mofile, pofile
from django.conf import settings
from django.utils import translation

from oauth_providers import errors

FOLDER = Path(errors.__file__).parent / "locale" / "ru" / "LC_MESSAGES"


def catalogue() -> dict[str, str]:
    with (FOLDER / "django.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in pofile.read_po(file) if message.id}


def test_the_compiled_catalogue_is_of_today():
    compiled = mofile.read_mo(io.BytesIO((FOLDER / "django.mo").read_bytes()))
    assert {message.id: message.string for message in compiled if message.id} == catalogue()


@pytest.mark.parametrize("error", [value for value in vars(errors).values() if isinstance(value, type)])
def test_every_refusal_speaks_russian(error):
    with translation.override("ru"):
        assert re.search("[а-я]", str(error.text))


def test_every_sentence_of_the_pages_is_translated():
    known = catalogue()
    for template in (settings.BASE_DIR / "templates" / "oauth_providers").glob("*.html"):
        text = template.read_text()
        sentences = re.findall(r'{% translate "([^"]*)" %}', text)
        sentences += [
            re.sub(r"{{ (\w+) }}", r"%(\1)s", block)
            for block in re.findall(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", text)
        ]
        assert sentences
        assert [sentence for sentence in sentences if not known.get(sentence)] == []
