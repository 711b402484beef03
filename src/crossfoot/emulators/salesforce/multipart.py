"""Bodies of several parts, as deployments and uploads send them (SF 4.1, 8.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crossfoot.emulators.salesforce.errors import ApiError

PARTS_MAX = 20
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its form name, its content type in lower case, its file name if it has one, and its bytes."""

    name: str
    content_type: str
    filename: str | None
    body: bytes


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a ``multipart/form-data`` body, byte for byte."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise ApiError("BAD_REQUEST", "multipart/form-data needs a boundary")
    mark = b"--" + match.group(1).strip().encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)[1:]
    if not pieces or not pieces[-1].startswith(b"--") or len(pieces) > PARTS_MAX + 1:
        raise ApiError("BAD_REQUEST", "the multipart body does not end with its boundary")
    return [_part(each.lstrip(b" \t").removeprefix(b"\r\n")) for each in pieces[:-1]]


def _part(text: bytes) -> Part:
    head, blank, body = text.partition(b"\r\n\r\n")
    if not blank:
        raise ApiError("BAD_REQUEST", "a part of the multipart body has no empty line after its headers")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    named = {name.lower(): value for name, value in _PARAMETER.findall(headers.get("content-disposition", ""))}
    kind = headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    return Part(named.get("name", ""), kind, named.get("filename"), body)
