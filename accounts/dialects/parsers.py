"""How bodies are read: strictly, in UTF-8, within a size, into a plain dictionary; every failure is a 4xx."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request

MAX_DEPTH = 64


class JSONAlways(BaseContentNegotiation):
    """Answers JSON whatever `Accept` says, as these APIs always have; reads the body by its content type."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJSONParser(JSONParser):
    """JSON (RFC 8259) in UTF-8; no NaN, no lone surrogate, no number of thousands of digits, no deep nesting."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return read_json(stream.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ParseError from error


class StrictFormParser(FormParser):
    """A form as a dictionary; of a repeated field the last counts."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return QueryDict(stream.read().decode("utf-8"), encoding="utf-8").dict()
        except (UnicodeDecodeError, SuspiciousOperation) as error:
            raise ParseError from error


class StrictMultiPartParser(MultiPartParser):
    """A multipart body as a dictionary of its fields and files; of a repeated name the last counts."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            parts = super().parse(stream, media_type, parser_context)
        except (SuspiciousOperation, UnicodeError, LookupError) as error:
            raise ParseError from error
        return {**parts.data.dict(), **parts.files.dict()}


def read_json(text: str) -> Any:
    """What `text` says in JSON. Raises ParseError."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ParseError from error
    if not carriable(value):
        raise ParseError
    return value


def carriable(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether UTF-8 can carry every text in `value`, and it is nested no deeper than `depth`."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value) if not value.isascii() else True
    if isinstance(value, Mapping):
        return depth > 0 and all(carriable(key) and carriable(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return depth > 0 and all(carriable(item, depth - 1) for item in value)
    return True


def refuse_foreign_charset(request: Request) -> None:
    """Bodies are UTF-8 and not compressed. Raises UnsupportedMediaType before anything is decoded otherwise."""
    charset = request._request.content_params.get("charset", "utf-8") if request._request.content_params else "utf-8"
    # Django would decode body and query with whatever codec the header names, `bz2_codec` included. To name another
    # encoding, also the one there is, has it parse the query for nothing.
    if request._request.encoding is not None:
        request._request.encoding = "utf-8"
    if charset.strip("\"'").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(request.content_type)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(request.headers["Content-Encoding"])


def _finite(text: str) -> float:
    # A number beyond the range becomes infinity, which is no JSON: neither an answer nor a database could hold it.
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
