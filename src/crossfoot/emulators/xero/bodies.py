"""Request bodies: JSON or XML, one object or a wrapped list, and the part of a path that asks about a record's
surroundings (XERO 3.1)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero.errors import bad_data, no_data, too_large
from crossfoot.emulators.xero.formats import parse_json
from crossfoot.emulators.xero.kinds import Call, Kind, Record
from crossfoot.emulators.xero.xml_format import is_xml, parse_xml

BODY_BYTES_MAX = 10_000_000
FORM_TYPE, FORM_FIELD = "application/x-www-form-urlencoded", b"xml="  # how older clients wrap XML (XERO 3.1)

Payload = Record | Response | None  # what an answer wraps, a finished answer, or nothing (204)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about one record beyond the record itself: ``rest`` is the path behind the resource's name."""

    method: str
    rest: tuple[str, ...]
    body: bytes


Nested = Callable[[Call, Kind, Record, Asked], Payload]


def read_body(call: Call, singular: str, body: bytes) -> Any:
    """The value of a body; refuses one that is too large, empty or cannot be parsed."""
    if len(body) > BODY_BYTES_MAX:
        raise too_large()
    content_type = call.headers.get("content-type", "")
    in_form = content_type.partition(";")[0].strip().lower() == FORM_TYPE and body.startswith(FORM_FIELD)
    if in_form:
        body = unquote_to_bytes(body.removeprefix(FORM_FIELD).replace(b"+", b" "))
    if not body.strip():
        raise no_data(singular)
    parse = parse_xml if in_form or is_xml(content_type) else parse_json
    try:
        return parse(body.removeprefix(BOM_UTF8))
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise bad_data(str(error)) from None


def read_rows(call: Call, plural: str, singular: str, body: bytes) -> list[Any]:
    """The elements of a body about a record's surroundings: wrapped in the plural, or one bare object."""
    sent = read_body(call, singular, body)
    if isinstance(sent, dict):
        sent = next((value for name, value in sent.items() if name.lower() == plural.lower()), sent)
    found = sent if isinstance(sent, list) else [sent]
    if not found:
        raise no_data(singular)
    return found
