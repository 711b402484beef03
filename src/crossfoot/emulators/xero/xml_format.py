"""XML, the API's default representation, at its edge: bodies become JSON values, JSON answers become XML (XERO 3.1).

One rule serves every resource: a list is an element named by the plural that holds elements named by the singular.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, XMLParser, tostring

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero.formats import EPOCH, parse_json

DEPTH_MAX = 30
XML_TYPE = ("Content-Type", "text/xml; charset=utf-8")
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_SINGULARS: Mapping[str, str] = {"Tracking": "TrackingCategory", "Elements": "DataContractBase"}
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("s", ""))
_DATE = re.compile(r"/Date\((-?\d+)(\+0000)?\)/")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_xml(content_type: str) -> bool:
    """Whether a body of this Content-Type is XML."""
    return content_type.partition(";")[0].strip().lower() in {"application/xml", "text/xml"}


def wants_xml(accept: str) -> bool:
    """Whether an answer is wanted in XML: JSON must be asked for by name (XERO 3.1)."""
    asked = (part.partition(";")[0] for part in accept.lower().split(","))
    return "json" not in next((part for part in asked if "json" in part or "xml" in part), "xml")


class _Builder(TreeBuilder):
    """Builds a plain tree: no document type, so no entities of its own, and a bounded depth."""

    depth = 0

    def start(self, tag: str, attributes: dict[Any, Any], /) -> Element:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise ValueError(f"The XML is nested more than {DEPTH_MAX} deep.")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)

    def doctype(self, _name: str, _public_id: str | None, _system: str | None) -> None:
        raise ValueError("For security reasons DTD is prohibited in this XML document.")


def parse_xml(body: bytes) -> Any:
    """A body as the JSON value that would say the same; raises ``ValueError`` with the parser's text."""
    parser = XMLParser(target=_Builder())  # noqa: S314 - the builder refuses what makes XML dangerous
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from None
    value = _value(root)
    if isinstance(value, list):
        return {_local(root): value}
    return value if isinstance(value, dict) else {}


def _value(element: Element) -> Any:
    if element.get(_NIL) == "true":
        return None
    children = list(element)
    if not children:
        return (element.text or "").strip()
    single = _singular(_local(element)).lower()
    if all(_local(child).lower() == single for child in children):
        return [_value(child) for child in children]
    return {_local(child): _value(child) for child in children}


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _singular(plural: str) -> str:
    if plural in _SINGULARS:
        return _SINGULARS[plural]
    for ending, single in _ENDINGS:
        if plural.endswith(ending):
            return plural[: -len(ending)] + single
    return plural


def answer_in_xml(response: Response, singular: str) -> Response:
    """The same answer in XML; ``singular`` names the elements of an error. Answers of the gateway (401, 403) stay JSON
    and texts stay texts."""
    types = [value for name, value in response.headers if name == "Content-Type"]
    if response.status not in {200, 400} or not types[0].startswith("application/json"):
        return response
    payload = parse_json(response.body)
    root = Element("ApiException" if response.status == 400 else "Response")
    _fill(root, payload)
    for refused in root.iterfind("Elements/DataContractBase"):
        refused.set(_TYPE, singular)
    others = tuple(header for header in response.headers if header[0] != "Content-Type")
    body = tostring(root, encoding="utf-8", xml_declaration=True)
    return replace(response, headers=(XML_TYPE, *others), body=body)


def _fill(element: Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            if not (name.endswith("String") and name.removesuffix("String") in value):  # JSON's companions of dates
                _fill(SubElement(element, name), member)
    elif isinstance(value, list):
        for member in value:
            _fill(SubElement(element, _singular(element.tag)), member)
    elif value is not None:
        element.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and (match := _DATE.fullmatch(value)):
        with suppress(OverflowError):  # a text that only looks like one of our dates stays text
            instant = EPOCH.replace(tzinfo=None) + timedelta(milliseconds=int(match[1]))
            return instant.isoformat(timespec="milliseconds" if instant.microsecond else "seconds") + (
                "" if match[2] else "Z"
            )
    return _NOT_XML.sub("", str(value))
