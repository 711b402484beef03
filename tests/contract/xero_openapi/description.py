"""Xero's OpenAPI files as judges of an exchange: its path, method, parameters, status and both bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from ruamel.yaml import YAML

from crossfoot.emulators.wire import Request, Response

from .schemas import Checker, Fault, Schema, Schemas, faults_of

JSON = "application/json"
BASE = ["api.xro", "2.0"]
TOKENS = "/connect/token"
# Statuses that any operation may answer with (XERO 3.11); the file has 200, 204 and 400 only.
STATUSES = frozenset({200, 204, 400, 401, 403, 404, 405, 412, 413, 429, 500, 501, 503})
OUR_CLIENT = "Crossfoot"  # what our own client calls itself in User-Agent
_TEXT: Schema = {"type": "string"}
_GUID: Schema = {"type": "string", "format": "uuid"}
# What every JSON answer of the accounting API begins with (XERO 3.1); no schema of the file has it.
ENVELOPE: Schema = {
    "properties": {
        "Id": _GUID,
        "Status": {"type": "string", "enum": ["OK"]},
        "ProviderName": _TEXT,
        "DateTimeUTC": {"type": "string", "x-is-msdate-time": True},
    },
    "required": ["Id", "Status", "ProviderName", "DateTimeUTC"],
}
# 401 and 403 (XERO 3.5), which the file does not describe, and the emulator's own 501; Type is null beside these.
PROBLEM: Schema = {
    "properties": {
        "Title": _TEXT,
        "Status": {"type": "integer"},
        "Detail": _TEXT,
        "Instance": _GUID,
        "Extensions": {"type": "object"},
    },
    "required": ["Title", "Status", "Detail", "Instance", "Extensions"],
}
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True)
class Operation:
    """One method of one path of the file."""

    name: str
    template: tuple[str, ...]
    declared: Mapping[str, Any]
    parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    components: Mapping[str, Any]
    answered: Schemas
    sent: Schemas

    @cached_property
    def answers(self) -> Mapping[int, tuple[str, Checker]]:
        """For each status that the file has: the kind of content and what judges it."""
        found = {}
        for status, response in self.declared["responses"].items():
            named = self.components["responses"].get(response.get("$ref", "").rsplit("/", 1)[-1], response)
            for content, media in named.get("content", {}).items():
                found[int(status)] = (content, self.answered.checker(media.get("schema", {}), self.name))
        return found

    @cached_property
    def echo(self) -> Checker | None:
        """What judges an element of a refusal: the resource that the call was about, as far as it was understood."""
        content = self.declared["responses"].get("200", {}).get("content", {}).get(JSON, {})
        plural = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        resource = self.answered.named.get(plural, {}).get("properties", {}).get(self.name.split("/")[1], {})
        return self.answered.checker(resource["items"], plural, echo=True) if "items" in resource else None

    @cached_property
    def body(self) -> Checker | None:
        """What judges a JSON body that is sent."""
        asked = self.declared.get("requestBody", {})
        asked = self.components["requestBodies"].get(asked.get("$ref", "").rsplit("/", 1)[-1], asked)
        schema = asked.get("content", {}).get(JSON, {}).get("schema")
        return self.sent.checker(schema, self.name) if schema else None

    def takes(self, segments: Sequence[str]) -> bool:
        """Whether a path has these segments, whatever its parameters hold. Paths ignore case (XERO 3.1)."""
        pairs = zip(self.template, segments, strict=True)
        return all(part.startswith("{") or part.lower() == segment.lower() for part, segment in pairs)

    def strays(self, segments: Sequence[str]) -> list[Fault]:
        """Parameters in a path that are not of the declared form."""
        found: list[Fault] = []
        for part, segment in zip(self.template, segments, strict=True):
            if part.startswith("{"):
                schema = self.parameters[("path", part.strip("{}"))]["schema"]
                check_parameter(self.sent.checker(schema, self.name), schema, segment.lower(), found)
        return found


class Description:
    """The accounting API's file, with the identity API's where it lies beside it."""

    def __init__(self, path: Path) -> None:
        loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        self.schemas: Mapping[str, Schema] = loaded["components"]["schemas"]
        self.answered, self.sent = Schemas(self.schemas), Schemas(self.schemas, sent=True)
        self.operations: dict[tuple[str, int], list[Operation]] = {}
        for operation in self._operations(loaded):
            key = (operation.name.partition(" ")[0], len(operation.template))
            self.operations.setdefault(key, []).append(operation)
        self.resources = {path.split("/")[1].lower() for path in loaded["paths"]}
        identity = path.with_name("xero-identity.yaml")
        named = (
            YAML(typ="safe").load(identity.read_text(encoding="utf-8"))["components"]["schemas"]
            if (identity.exists())
            else {}
        )
        self.identity = Schemas(named)
        self._envelope = self.answered.checker(ENVELOPE, "Envelope")
        self._problem = self.answered.checker(PROBLEM, "Problem")

    def _operations(self, loaded: Mapping[str, Any]) -> Iterator[Operation]:
        components = loaded["components"]
        for path, item in loaded["paths"].items():
            for method in item.keys() & {"get", "put", "post", "delete"}:
                listed = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                whole = [components["parameters"].get(one.get("$ref", "").rsplit("/", 1)[-1], one) for one in listed]
                yield Operation(
                    f"{method.upper()} {path}",
                    tuple(path.strip("/").split("/")),
                    item[method],
                    {(one["in"], one["name"]): one for one in whole},
                    components,
                    self.answered,
                    self.sent,
                )

    def judge(self, request: Request, response: Response) -> list[Fault]:
        """What contradicts the files in one exchange."""
        path = request.path.rstrip("/").lower()
        if path == TOKENS:
            return self._identity("AccessToken", [response.body]) if response.status == 200 else []
        if path.startswith("/connections"):
            return self._connections(request, response)
        segments = [unquote(part) for part in request.path.split("/") if part]
        if [part.lower() for part in segments[: len(BASE)]] == BASE:
            segments = segments[len(BASE) :]
        elif segments[:1] == [] or segments[0].lower() not in self.resources:
            return []  # sign-in pages and the control plane are no part of the file
        operation = self.find(request.method, segments)
        if operation is None:
            return self._unknown(request, response, segments)
        found = self._answer(operation, response)
        if response.status < 300:
            found += operation.strays(segments)
        if request.headers.get("user-agent") == OUR_CLIENT:
            found += self._sent(operation, request)
        return found

    def find(self, method: str, segments: Sequence[str]) -> Operation | None:
        """The operation of a path: literal segments before parameters, parameters of the right form before others."""
        found = [one for one in self.operations.get((method, len(segments)), ()) if one.takes(segments)]
        return min(
            found,
            key=lambda one: (sum(part.startswith("{") for part in one.template), len(one.strays(segments))),
            default=None,
        )

    def _unknown(self, request: Request, response: Response, segments: Sequence[str]) -> list[Fault]:
        """A path or method that the file lacks may only be refused."""
        if response.status >= 400:
            return self._refusal(response, None, "a refusal")
        known = any(self.find(method, segments) for method in ("GET", "PUT", "POST", "DELETE"))
        shown = [segments[0], *("{...}" if place % 2 else part for place, part in enumerate(segments[1:], 1))]
        return [Fault(f"{request.method} /{'/'.join(shown)}", "method" if known else "path", request.path)]

    def _answer(self, operation: Operation, response: Response) -> list[Fault]:
        if response.status not in STATUSES:
            return [Fault(operation.name, "status", response.status)]
        if response.status >= 400:
            return self._refusal(response, operation.echo, operation.name)
        content, check = operation.answers.get(response.status, ("", None))
        if response.status == 204 and not response.body and "204" in operation.declared["responses"]:
            return []
        if check is None:
            return [Fault(operation.name, "status", response.status)]
        if content_type(response).startswith("text/xml"):
            return []  # the file describes JSON only; XML is asked for by Accept (XERO 3.1)
        if not content_type(response).startswith(content) and content == JSON:
            return [Fault(operation.name, "content", content_type(response))]
        if content != JSON:
            return []
        body = _decode(response.body)
        if not isinstance(body, dict):
            return [Fault(operation.name, "type", body)]
        envelope = {name: value for name, value in body.items() if name in ENVELOPE["properties"]}
        found = faults_of(self._envelope, envelope)
        check({name: value for name, value in body.items() if name not in envelope}, found)
        return found

    def _refusal(self, response: Response, echo: Checker | None, place: str) -> list[Fault]:
        """400 is the file's Error with the echoed elements, 401, 403 and 501 a problem, all others text or nothing."""
        if response.status not in {400, 401, 403, 501}:
            plain = content_type(response).startswith("text/plain") or not response.body
            return [] if plain else [Fault(place, "content", content_type(response))]
        if content_type(response).startswith("text/xml"):
            return []
        body = _decode(response.body)
        if not isinstance(body, dict):
            return [Fault(place, "content", response.body)]
        if response.status != 400:
            return faults_of(self._problem, {name: value for name, value in body.items() if name != "Type"})
        elements = body.pop("Elements", [])
        found = faults_of(self.answered.checker({"$ref": "#/Error"}, "Error"), body)
        for element in elements:
            if echo is not None:
                echo(element, found)
        return found

    def _connections(self, request: Request, response: Response) -> list[Fault]:
        if response.status >= 400:
            return self._refusal(response, None, "/connections")
        if request.method == "DELETE":
            return [] if response.status == 204 else [Fault("DELETE /Connections/{id}", "status", response.status)]
        return self._identity("Connection", [msgspec.json.encode(one) for one in _decode(response.body)])

    def _identity(self, name: str, bodies: Sequence[bytes]) -> list[Fault]:
        if name not in self.identity.named:
            return []
        check = self.identity.checker({"$ref": name}, name)
        return [fault for body in bodies for fault in faults_of(check, _decode(body))]

    def _sent(self, operation: Operation, request: Request) -> list[Fault]:
        """What our own client sends: parameters by their exact names, and a body that the file would take."""
        found: list[Fault] = []
        known = {"if-modified-since": "If-Modified-Since", "idempotency-key": "Idempotency-Key"}
        told = [("query", name, value) for name, value in parse_qsl(request.query, keep_blank_values=True)]
        told += [("header", known[name], value) for name, value in request.headers.items() if name in known]
        for place, name, value in told:
            declared = operation.parameters.get((place, name))
            if declared is None:
                found.append(Fault(f"{operation.name}?{name}", "parameter", value))
            else:
                check = self.sent.checker(declared["schema"], f"{operation.name}?{name}")
                check_parameter(check, declared["schema"], value, found)
        if request.body and operation.body is not None:
            operation.body(_decode(request.body), found)
        return found


def check_parameter(check: Checker, schema: Schema, text: str, found: list[Fault]) -> None:
    """Judge the text of a parameter as the type that it is declared with; lists are separated by commas."""
    value: Any = text
    if schema.get("type") == "integer" and text.lstrip("-").isdecimal():
        value = int(text)
    elif schema.get("type") == "boolean" and text in {"true", "false"}:
        value = text == "true"
    elif schema.get("type") == "array":
        value = text.split(",")
    check(value, found)


def content_type(response: Response) -> str:
    return next((value for name, value in response.headers if name.lower() == "content-type"), "")


def _decode(body: bytes) -> Any:
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        return body
