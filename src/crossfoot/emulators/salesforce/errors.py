"""Salesforce's own words for a refusal, in the shapes that the platform uses (SF 2.3).

::

    Exception
    +-- ApiError      an array of {message, errorCode, fields}; the same error inside a collection is an item error
    +-- OAuthError    one object {error, error_description}, of the token and authorize endpoints
    +-- IdentityError one word as the whole body, of userinfo and the identity URL
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What a careful client never provokes: the request log marks these as illegal attempts.
ILLEGAL_CODES = frozenset(
    {
        "BAD_REQUEST",
        "INVALID_BATCH_SIZE",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_QUERY_FILTER_OPERATOR",
        "INVALID_TYPE",
        "JSON_PARSER_ERROR",
        "MALFORMED_ID",
        "MALFORMED_QUERY",
        "METHOD_NOT_ALLOWED",
        "STRING_TOO_LONG",
        "URI_TOO_LONG",
    }
)


class ApiError(Exception):
    """A refusal by a data API resource."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Sequence[str] | None = None,
        details: Mapping[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else list(fields)
        self.details = dict(details or {})
        self.headers = headers

    def as_error(self) -> dict[str, Any]:
        """The error as an element of a response body (SF 2.3)."""
        error: dict[str, Any] = {**self.details, "message": self.message, "errorCode": self.code}
        parsed = self.fields is not None and self.code != "JSON_PARSER_ERROR"  # the parser knows no fields
        return error | {"fields": self.fields} if parsed else error

    def as_item(self) -> dict[str, Any]:
        """The error of one record of a collection (SF 2.7)."""
        return {**self.details, "statusCode": self.code, "message": self.message, "fields": self.fields or []}


class OAuthError(Exception):
    """A refusal by an OAuth endpoint (SF 1.3)."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


class IdentityError(Exception):
    """A refusal by userinfo or the identity URL: 403 and a word, where everything else answers 401 (SF 1.5)."""


def method_not_allowed(method: str, allowed: Sequence[str]) -> ApiError:
    """405, which names the methods that a resource has: HEAD wherever there is GET (SF 2.3)."""
    names = ",".join(("HEAD", *allowed) if "GET" in allowed else allowed)
    message = f"HTTP Method '{method}' not allowed. Allowed are {names}"
    return ApiError("METHOD_NOT_ALLOWED", message, status=405, headers=(("Allow", names),))


def field_error(code: str, message: str, *fields: str) -> ApiError:
    """A refusal of a save that names the fields at fault."""
    return ApiError(code, message, fields=fields)
