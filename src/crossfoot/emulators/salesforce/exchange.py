"""One data API request as its resource sees it, and what the resource answers (SF 2.1, 2.3)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.errors import ILLEGAL_CODES, ApiError
from crossfoot.emulators.salesforce.multipart import Part
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.values import from_json
from crossfoot.emulators.salesforce.world import World

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it becomes bytes. No payload means an empty body; bytes are sent as they are."""

    status: int
    payload: Any = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request below ``/services/data/vXX.X``. Sub-requests of a composite share ``tx`` and ``complaints``."""

    tx: Transaction
    version: int
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    payload: Any
    dispatch: Callable[[Ask], Reply]
    tooling: bool = False
    complaints: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.tx.world

    @property
    def seen(self) -> World:
        """The org as the caller sees it."""
        return permissions.seen(self.tx.world, self.tx.caller)

    @property
    def base(self) -> str:
        """What the addresses in an answer begin with: those of the Tooling API lead back to it (SF 8.5)."""
        return f"/services/data/v{self.version}.0{'/tooling' * self.tooling}"

    def object(self, name: str) -> SObject:
        """The object of that name as the caller sees it, or 404. Tooling objects show only there, and to a person."""
        found = self.seen.schema.object(name)
        if found is None or (found.tooling and not (self.tooling or self.tx.caller.person)):
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def fields(self) -> dict[str, Any]:
        """The body as one record: JSON, or a form of which one part is JSON and the others are files (SF 0.4)."""
        if isinstance(self.payload, list) and all(isinstance(each, Part) for each in self.payload):
            return _of_parts(self.payload)
        if not isinstance(self.payload, dict):
            raise ApiError(
                "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body."
            )
        return self.payload

    def complain(self, error: ApiError) -> None:
        """Remember what a careful client would never have sent, for the request log."""
        if error.code in ILLEGAL_CODES:
            self.complaints.append(str(error))


def _of_parts(parts: list[Part]) -> dict[str, Any]:
    """A record of a form's parts: the first of JSON or without a file's name has its fields, whatever it is called."""
    first = next((each for each in parts if each.filename is None or each.content_type == "application/json"), None)
    fields = None if first is None else from_json(first.body)
    if not isinstance(fields, dict):
        raise ApiError("JSON_PARSER_ERROR", "Multipart message must include a non-binary part")
    return fields | {each.name: b64encode(each.body).decode() for each in parts if each is not first}


def member(body: Mapping[str, Any], name: str, kind: type[Value]) -> Value | None:
    """A member of a body, if it is of this kind: a value of another JSON type spoils the whole body (SF 2.3)."""
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise ApiError("JSON_PARSER_ERROR", f"Cannot deserialize instance of {kind.__name__} from the value of {name}")
    return value


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    """A member of a body that is a list of texts; none are given where it is absent."""
    values = member(body, name, list) or []
    return [member({name: each}, name, str) or "" for each in values]


def flag(body: Mapping[str, Any], name: str) -> bool:
    """Whether a member of a body is true, which may be written as a text."""
    return str(body.get(name)).lower() == "true"


def error_reply(error: ApiError) -> Reply:
    return Reply(error.status, [error.as_error()], error.headers)
